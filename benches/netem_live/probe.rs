//! Sends frames that say when they left, and measures when the kernel saw them arrive.
//!
//! Both are programs of their own: the time of arrival is the kernel's, taken when the frame enters
//! the receiver's namespace, so that neither side's own waking up counts.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt};
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use nix::unistd::Pid;

/// The port the receiver listens on.
pub const PORT: u16 = 9000;

/// Time between two frames.
const PERIOD: Duration = Duration::from_millis(1);

/// Without a frame for so long, the sender is done.
const SILENCE: Duration = Duration::from_secs(1);

/// Frames at the beginning that do not count: address resolution, cold caches.
const WARM_UP: u64 = 200;

/// Sends `count` datagrams, one each millisecond or, when `uneven`, each half to one and a half.
pub fn send(target: SocketAddr, count: u64, uneven: bool) -> io::Result<()> {
    keep_to_first_processor()?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let mut next = Instant::now();
    let mut chance = node::Seed(1).stream("gaps");
    for number in 0..count + WARM_UP {
        sleep_until(next);
        let mut payload = [0; 200];
        payload[..8].copy_from_slice(&number.to_be_bytes());
        payload[8..16].copy_from_slice(&unix_nanos().to_be_bytes());
        // Address resolution fails until the far side is up: lost frames are seen by the receiver.
        if let Err(error) = socket.send_to(&payload, target)
            && number >= WARM_UP
        {
            return Err(error);
        }
        next += if uneven { chance.between(PERIOD / 2, PERIOD * 3 / 2) } else { PERIOD };
    }
    Ok(())
}

/// Receives until the sender is silent; prints the one-way delays in nanoseconds, ascending, one
/// line.
pub fn receive(count: u64) -> io::Result<()> {
    keep_to_first_processor()?;
    let socket = UdpSocket::bind(("0.0.0.0", PORT))?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    socket.set_read_timeout(Some(SILENCE * 10))?;
    println!("ready");
    let mut delays = Vec::new();
    while (delays.len() as u64) < count {
        let Some((number, sent, arrived)) = next_stamps(&socket)? else { break };
        if number == 0 {
            socket.set_read_timeout(Some(SILENCE))?;
        }
        if number >= WARM_UP {
            delays.push(arrived.saturating_sub(sent));
        }
    }
    delays.sort_unstable();
    println!("{}", delays.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));
    Ok(())
}

/// Number, time of sending and time of arrival of the next datagram; nothing after a silence.
fn next_stamps(socket: &UdpSocket) -> io::Result<Option<(u64, u64, u64)>> {
    let mut buffer = [0; 256];
    let mut space = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let flags = MsgFlags::empty();
    let message =
        match recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) {
            Ok(message) => message,
            Err(nix::errno::Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
    let arrived = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(time) => {
            Some(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
        }
        _ => None,
    });
    let arrived = arrived.ok_or_else(|| io::Error::other("the kernel gave no time of arrival"))?;
    let number = |from: usize| {
        let bytes = buffer[from..from + 8].try_into().expect("eight bytes");
        u64::from_be_bytes(bytes)
    };
    Ok(Some((number(0), number(8), arrived)))
}

fn keep_to_first_processor() -> io::Result<()> {
    let mut first = CpuSet::new();
    first.set(0)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &first)?)
}

fn sleep_until(at: Instant) {
    let mut left = at.saturating_duration_since(Instant::now());
    while !left.is_zero() {
        let flags = ClockNanosleepFlags::empty();
        // Interrupted or not, the clock says how much is left.
        let slept = clock_nanosleep(ClockId::CLOCK_MONOTONIC, flags, &left.into());
        debug_assert!(slept.is_ok(), "{slept:?}");
        left = at.saturating_duration_since(Instant::now());
    }
}

fn unix_nanos() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    now.as_nanos() as u64
}
