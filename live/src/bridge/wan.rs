//! The UDP socket towards the internet: batches in, batches out.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::debug;

use super::outbox::Outbox;
use crate::LiveError;
use crate::place::Transport;
use crate::watched::watched;

/// Messages taken from the kernel by one system call; each may hold many datagrams.
const MESSAGES: usize = 32;

/// Room for one message: the longest UDP payload, and some lines of cache more, so that the first
/// bytes of all messages do not compete for the same lines.
const MESSAGE: usize = 65_536 + 1_600;

/// What the kernel may queue in each direction, in bytes.
const KERNEL_BUFFER: usize = 4 << 20;

/// A UDP socket that sends and receives in batches.
///
/// It sends with "don't fragment": what is longer than the way allows is lost, not cut.
pub struct Wan {
    /// Watched for datagrams that arrive, and for nothing else: every datagram that leaves makes
    /// room, and to be woken for each would cost as much as to carry one.
    socket: AsyncFd<UdpSocket>,
    /// Watched for room while something waits for it.
    room: Option<AsyncFd<OwnedFd>>,
    state: UdpSocketState,
    outbox: Outbox,
    buffer: Box<[u8]>,
    counts: WanCounts,
    lost_source: Option<Ipv4Addr>,
}

/// What went through a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WanCounts {
    /// Datagrams received.
    pub received: u64,
    /// Bytes received, UDP payload alone.
    pub received_bytes: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Bytes sent, UDP payload alone.
    pub sent_bytes: u64,
    /// Datagrams the kernel refused or for which there was no room.
    pub unsent: u64,
}

/// One datagram that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Who sent it.
    pub peer: SocketAddrV4,
    /// Which of this machine's addresses it was sent to, where the kernel tells.
    pub at: Option<Ipv4Addr>,
    /// What it says.
    pub data: Bytes,
}

impl Wan {
    /// Binds a socket; port 0 for any.
    pub fn bind(at: SocketAddrV4) -> Result<Self, LiveError> {
        let (address, port) = (*at.ip(), at.port());
        let refused = |source| LiveError::port(Transport::Udp, address, port, source);
        let socket = open(at).map_err(refused)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).map_err(refused)?;
        let socket = watched(socket, Interest::READABLE).map_err(refused)?;
        let buffer = vec![0; MESSAGES * MESSAGE].into_boxed_slice();
        let counts = WanCounts::default();
        let outbox = Outbox::default();
        Ok(Self { socket, room: None, state, outbox, buffer, counts, lost_source: None })
    }

    /// Returns the port it is bound to.
    pub fn port(&self) -> u16 {
        self.socket.get_ref().local_addr().map_or(0, |address| address.port())
    }

    /// Returns what went through it.
    pub fn counts(&self) -> WanCounts {
        self.counts
    }

    /// Takes what the kernel has, up to one batch; errors of the network are nothing received.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>, into: &mut Vec<Arrival>) -> Poll<()> {
        loop {
            let mut guard = match ready!(self.socket.poll_read_ready(cx)) {
                Ok(guard) => guard,
                Err(error) => {
                    debug!(%error, "nothing received");
                    return Poll::Pending;
                }
            };
            let (state, buffer, counts) = (&self.state, &mut self.buffer, &mut self.counts);
            match receive(self.socket.get_ref(), state, buffer, counts, into) {
                Ok(messages) => {
                    // The kernel had no more: what comes from now on wakes the task.
                    if messages < MESSAGES {
                        guard.clear_ready();
                    }
                    if !into.is_empty() {
                        return Poll::Ready(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                // A router's word that a datagram of ours did not arrive.
                Err(error) => debug!(%error, "the way is reported broken"),
            }
        }
    }

    /// Queues a datagram; one for which there is no room is lost.
    pub fn send(&mut self, peer: SocketAddrV4, data: &[u8]) {
        self.send_from(None, peer, data);
    }

    /// Queues a datagram that comes from this address of this machine's, as long as it has it.
    pub fn send_from(&mut self, source: Option<Ipv4Addr>, peer: SocketAddrV4, data: &[u8]) {
        let source = source.filter(|source| self.lost_source != Some(*source));
        if !self.outbox.push(source, peer, data, self.state.max_gso_segments()) {
            self.counts.unsent += 1;
        }
    }

    /// Takes the address that was found not to be this machine's any more.
    pub fn take_lost_source(&mut self) -> Option<Ipv4Addr> {
        self.lost_source.take()
    }

    /// Gives the kernel what it takes of the queue; pending while something is left.
    pub fn flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(run) = self.outbox.front() {
            let source = run.source.filter(|source| self.lost_source != Some(*source));
            let (count, bytes) = (run.count().max(1) as u64, run.bytes.len() as u64);
            let transmit = Transmit {
                destination: SocketAddr::V4(run.peer),
                ecn: None,
                contents: &run.bytes,
                segment_size: (count > 1).then_some(run.segment),
                src_ip: source.map(IpAddr::V4),
            };
            let socket = UdpSockRef::from(self.socket.get_ref());
            match self.state.try_send(socket, &transmit) {
                Ok(()) => {
                    self.counts.sent += count;
                    self.counts.sent_bytes += bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_room(cx));
                    continue;
                }
                Err(error) if source.is_some_and(|source| !is_own(source)) => {
                    debug!(%error, ?source, "this machine has that address no more");
                    self.lost_source = source;
                    self.believe_again();
                    continue;
                }
                Err(error) => {
                    debug!(%error, peer = %run.peer, count, "datagrams are lost");
                    self.counts.unsent += count;
                }
            }
            self.outbox.pop();
        }
        self.room = None;
        Poll::Ready(())
    }

    /// Undoes what was concluded from a refusal: that segments are not cut here.
    fn believe_again(&mut self) {
        match UdpSocketState::new(UdpSockRef::from(self.socket.get_ref())) {
            Ok(state) => self.state = state,
            Err(error) => debug!(%error, "sent without segments from now on"),
        }
    }

    /// Waits for the kernel to have room; ready for another try.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.room.is_none() {
            let again = self.socket.get_ref().as_fd().try_clone_to_owned();
            match again.and_then(|socket| watched(socket, Interest::WRITABLE)) {
                Ok(room) => self.room = Some(room),
                Err(error) => debug!(%error, "sent when something else wakes the task"),
            }
        }
        match &self.room {
            Some(room) => match ready!(room.poll_write_ready(cx)) {
                Ok(mut guard) => {
                    guard.clear_ready();
                    Poll::Ready(())
                }
                Err(_) => Poll::Pending,
            },
            None => Poll::Pending,
        }
    }
}

/// Takes one batch of messages from the kernel; returns how many there were.
fn receive(
    socket: &UdpSocket,
    state: &UdpSocketState,
    buffer: &mut [u8],
    counts: &mut WanCounts,
    into: &mut Vec<Arrival>,
) -> io::Result<usize> {
    let mut metas = [RecvMeta::default(); MESSAGES];
    let mut chunks = buffer.chunks_mut(MESSAGE);
    let mut slices: [IoSliceMut<'_>; MESSAGES] = std::array::from_fn(|_| {
        IoSliceMut::new(chunks.next().expect("the buffer has room for every message"))
    });
    let messages = state.recv(UdpSockRef::from(socket), &mut slices, &mut metas)?;
    for (message, meta) in buffer.chunks(MESSAGE).zip(&metas[..messages]) {
        let SocketAddr::V4(peer) = meta.addr else { continue };
        let at = match meta.dst_ip {
            Some(IpAddr::V4(at)) => Some(at),
            Some(IpAddr::V6(_)) | None => None,
        };
        let message = Bytes::copy_from_slice(&message[..meta.len]);
        counts.received_bytes += meta.len as u64;
        let stride = meta.stride.max(1);
        for start in (0..meta.len).step_by(stride) {
            let datagram = message.slice(start..meta.len.min(start + stride));
            counts.received += 1;
            into.push(Arrival { peer, at, data: datagram });
        }
    }
    Ok(messages)
}

fn open(at: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // With privileges beyond what the system allows everyone, without them up to that.
    if setsockopt(&socket, sockopt::RcvBufForce, &KERNEL_BUFFER).is_err() {
        socket.set_recv_buffer_size(KERNEL_BUFFER)?;
    }
    if setsockopt(&socket, sockopt::SndBufForce, &KERNEL_BUFFER).is_err() {
        socket.set_send_buffer_size(KERNEL_BUFFER)?;
    }
    socket.bind(&at.into())?;
    Ok(socket.into())
}

/// Returns the address from which this machine speaks to `peer` now; `None` without a route.
pub fn address_towards(peer: SocketAddrV4) -> Option<Ipv4Addr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(peer).ok()?;
    match socket.local_addr().ok()? {
        SocketAddr::V4(own) => Some(*own.ip()),
        SocketAddr::V6(_) => None,
    }
}

/// Returns whether an address is this machine's own, and one host's alone.
pub fn is_own(address: Ipv4Addr) -> bool {
    // What every host hears can be bound to as well, but not connected to.
    let bound = std::net::UdpSocket::bind((address, 0));
    bound.is_ok_and(|socket| socket.connect((address, PROBED)).is_ok())
}

/// The port in a question to the kernel about a way; nothing is sent there.
const PROBED: u16 = 9;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn wan() -> (Wan, SocketAddrV4) {
        let wan = Wan::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = SocketAddrV4::new(Ipv4Addr::LOCALHOST, wan.port());
        (wan, at)
    }

    async fn received(wan: &mut Wan, count: usize) -> Vec<Arrival> {
        let mut arrived = Vec::new();
        while arrived.len() < count {
            let mut batch = Vec::new();
            let receive = poll_fn(|cx| wan.poll_receive(cx, &mut batch));
            timeout(LIMIT, receive).await.expect("what was sent on loopback arrives");
            arrived.append(&mut batch);
        }
        arrived
    }

    #[tokio::test]
    async fn datagrams_keep_their_bounds_and_order() {
        let ((mut one, from), (mut other, to)) = (wan(), wan());
        let sent: Vec<Vec<u8>> =
            (0..100_u8).map(|number| vec![number; 1200 - usize::from(number % 3)]).collect();
        for datagram in &sent {
            one.send(to, datagram);
        }
        poll_fn(|cx| one.flush(cx)).await;
        let arrived = received(&mut other, sent.len()).await;
        assert!(arrived.iter().all(|arrival| arrival.peer == from));
        let arrived: Vec<Vec<u8>> = arrived.iter().map(|arrival| arrival.data.to_vec()).collect();
        assert_eq!(arrived, sent);
        assert_eq!(one.counts().sent, 100);
        assert_eq!(other.counts().received_bytes, one.counts().sent_bytes);
    }

    #[tokio::test]
    async fn what_has_no_way_is_lost_and_the_socket_lives() {
        let ((mut one, _), (mut other, to)) = (wan(), wan());
        // A socket on loopback has no way to an address elsewhere.
        one.send(SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 1), 9), b"lost");
        one.send(to, b"arrives");
        poll_fn(|cx| one.flush(cx)).await;
        assert_eq!(received(&mut other, 1).await[0].data, "arrives");
        assert_eq!((one.counts().sent, one.counts().unsent), (1, 1));
    }

    #[tokio::test]
    async fn more_than_the_kernel_has_room_for_leaves_all_the_same() {
        let ((mut one, _), (mut other, to)) = (wan(), wan());
        setsockopt(one.socket.get_ref(), sockopt::SndBuf, &4096).unwrap();
        let count = 1000;
        for number in 0..count {
            one.send(to, &vec![number as u8; 900 + number % 2]);
        }
        let (flushed, arrived) =
            tokio::join!(poll_fn(|cx| one.flush(cx)), received(&mut other, count));
        assert_eq!((flushed, arrived.len()), ((), count));
        assert_eq!((one.counts().sent, one.counts().unsent), (count as u64, 0));
    }

    #[tokio::test]
    async fn it_is_known_which_address_was_spoken_to_and_answered_from_there() {
        let spoken_to = Ipv4Addr::new(127, 0, 0, 2);
        let mut one = Wan::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let (mut other, peer) = wan();
        other.send(SocketAddrV4::new(spoken_to, one.port()), b"to the second address");
        poll_fn(|cx| other.flush(cx)).await;
        assert_eq!(received(&mut one, 1).await[0].at, Some(spoken_to));
        one.send_from(Some(spoken_to), peer, b"from there");
        poll_fn(|cx| one.flush(cx)).await;
        let answer = received(&mut other, 1).await.remove(0);
        assert_eq!(answer.peer, SocketAddrV4::new(spoken_to, one.port()));
    }

    #[tokio::test]
    async fn an_address_that_is_gone_is_told_and_costs_neither_datagrams_nor_segments() {
        let gone = Ipv4Addr::new(198, 51, 100, 1);
        let (mut one, _) = wan();
        let (mut other, to) = wan();
        let segments = one.state.max_gso_segments();
        for _ in 0..5 {
            one.send_from(Some(gone), to, b"arrives");
        }
        poll_fn(|cx| one.flush(cx)).await;
        assert_eq!(received(&mut other, 5).await.len(), 5);
        assert_eq!((one.counts().sent, one.counts().unsent), (5, 0));
        assert_eq!(one.take_lost_source(), Some(gone));
        assert_eq!(one.state.max_gso_segments(), segments);
    }

    #[test]
    fn only_an_address_of_this_machine_s_is_its_own() {
        let own = |address: [u8; 4]| is_own(address.into());
        assert!(own([127, 0, 0, 2]));
        assert!(!own([198, 51, 100, 1]) && !own([127, 255, 255, 255]) && !own([255; 4]));
    }

    #[test]
    fn the_address_towards_loopback_is_loopback() {
        let peer = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);
        assert_eq!(address_towards(peer), Some(Ipv4Addr::LOCALHOST));
    }
}
