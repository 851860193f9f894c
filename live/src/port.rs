//! Ethernet ports of this machine: TAP devices and raw network ports, frame by frame.
//!
//! | file | holds |
//! |---|---|
//! | `tap` | a port whose other end is this machine's kernel |
//! | `raw` | a port whose other end is a cable or a veth peer |
//! | `link` | its carrier, name, addresses and length limit, by netlink |
//! | `adapters` | what ports there are |
//!
//! A port belongs to the network namespace of the thread that opens it, and may be used from any
//! other thread afterwards.

mod adapters;
mod descriptor;
pub(crate) mod link;
mod raw;
mod tap;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use node::{Frame, PortInput};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub use self::adapters::{Adapter, adapters};
use self::link::Link;
use self::raw::Raw;
use self::tap::Tap;
use crate::LiveError;
use crate::netem::End;

/// Bytes of an Ethernet header with one VLAN tag.
const HEADER: usize = 18;
/// The longest frame that can arrive, in bytes: a port with offloads shows what was never on a wire.
const LONGEST: usize = 65_600;

/// One Ethernet port.
pub struct Port {
    frames: Option<AsyncFd<OwnedFd>>,
    changes: Option<AsyncFd<OwnedFd>>,
    io: Io,
    link: Link,
    told: Option<bool>,
    switched_off: bool,
    buffer: Box<[u8]>,
    counts: Counts,
}

/// What became of frames that did not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent while the queue of the port was full, or the port off.
    pub not_sent: u64,
    /// Too long for the port, either way.
    pub too_long: u64,
}

/// What switching the carrier did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The other end sees it.
    Switched,
    /// The driver cannot; the port is silent instead, and the other end sees carrier all the time.
    Silent,
}

enum Io {
    Tap(Tap),
    Raw(Raw),
}

impl Port {
    /// Makes a TAP device, up and without an address; it is gone when the port is dropped.
    ///
    /// `mtu` is the largest IP packet in bytes.
    pub fn tap(name: &str, mtu: u16) -> Result<Self, LiveError> {
        let tap = Tap::create(name)?;
        let mut link = Link::open(tap.name())?;
        link.set_mtu(mtu)?;
        link.set_up(true)?;
        Ok(Self::over(Io::Tap(tap), link))
    }

    /// Opens a network port, promiscuous, and switches it on.
    pub fn raw(interface: &str) -> Result<Self, LiveError> {
        let mut link = Link::open(interface)?;
        let raw = Raw::open(interface)?;
        link.set_up(true)?;
        Ok(Self::over(Io::Raw(raw), link))
    }

    fn over(io: Io, link: Link) -> Self {
        Self {
            frames: None,
            changes: None,
            io,
            link,
            told: None,
            switched_off: false,
            buffer: vec![0; LONGEST].into(),
            counts: Counts::default(),
        }
    }

    /// Its name, such as `eth1`.
    pub fn name(&self) -> &str {
        self.link.name()
    }

    /// Its own hardware address.
    pub fn mac(&self) -> [u8; 6] {
        self.link.mac()
    }

    /// The largest IP packet it takes, in bytes.
    pub fn mtu(&self) -> u16 {
        self.link.mtu()
    }

    /// What became of frames that did not pass.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Waits for a frame or a change of carrier; the first is the carrier found.
    ///
    /// Has to be called inside a tokio runtime, always the same one.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<PortInput>> {
        if let Some(up) = self.poll_carrier(cx)? {
            return Poll::Ready(Ok(PortInput::Link(up)));
        }
        let watched = registered(&mut self.frames, self.io.as_fd())?;
        // Another handle on the same port, so that the buffer can be written meanwhile.
        let mut guard = ready!(watched.poll_read_ready(cx))?;
        loop {
            match receive(&self.io, &mut self.buffer, &mut self.counts, &self.link) {
                Ok(frame) => return Poll::Ready(Ok(PortInput::Frame(frame))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    guard.clear_ready();
                    drop(guard);
                    let watched = registered(&mut self.frames, self.io.as_fd())?;
                    guard = ready!(watched.poll_read_ready(cx))?;
                }
                // Told once after the port went off; what was on its way is lost.
                Err(error) if is_off(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Takes a frame that has arrived, without waiting.
    pub fn try_recv(&mut self) -> io::Result<Option<Frame>> {
        loop {
            match receive(&self.io, &mut self.buffer, &mut self.counts, &self.link) {
                Ok(frame) => return Ok(Some(frame)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if is_off(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a frame; what a full queue or a port that is off does not take is lost and counted.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        if frame.len() > usize::from(self.mtu()) + HEADER {
            self.counts.too_long += 1;
            return Ok(());
        }
        let sent = match &self.io {
            Io::Tap(tap) => tap.send(frame),
            Io::Raw(raw) => raw.send(frame),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(error) if is_loss(&error) => {
                self.counts.not_sent += 1;
                Ok(())
            }
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EMSGSIZE as i32) => {
                self.counts.too_long += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Shows or hides carrier to the other end.
    pub fn set_carrier(&mut self, up: bool) -> Result<Carrier, LiveError> {
        let switched = match &self.io {
            Io::Tap(_) => self.link.set_carrier(up)?,
            Io::Raw(_) => {
                self.link.set_up(up)?;
                Carrier::Switched
            }
        };
        self.switched_off = !up && switched == Carrier::Switched;
        Ok(switched)
    }

    /// Tells a change of carrier, if there was one.
    fn poll_carrier(&mut self, cx: &mut Context<'_>) -> io::Result<Option<bool>> {
        while registered(&mut self.changes, self.link.as_fd())?.poll_read_ready(cx)?.is_ready() {
            if !self.link.refresh()? {
                let watched = registered(&mut self.changes, self.link.as_fd())?;
                if let Poll::Ready(guard) = watched.poll_read_ready(cx)? {
                    let mut guard = guard;
                    guard.clear_ready();
                }
            }
        }
        let up = match &self.io {
            Io::Tap(_) => self.link.is_up(),
            Io::Raw(_) => self.link.has_carrier(),
        };
        Ok((self.told.replace(up) != Some(up)).then_some(up))
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl End for Port {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }

    fn receive(&mut self) -> io::Result<Option<Frame>> {
        self.try_recv()
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let before = self.counts;
        Self::send(self, frame)?;
        if self.counts == before { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}

impl AsFd for Io {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tap(tap) => tap.as_fd(),
            Self::Raw(raw) => raw.as_fd(),
        }
    }
}

impl Drop for Port {
    /// Leaves a network port switched on, as it was found.
    fn drop(&mut self) {
        if self.switched_off
            && let Io::Raw(_) = self.io
            && let Err(error) = self.link.set_up(true)
        {
            tracing::warn!(%error, "{} stays off", self.link.name());
        }
    }
}

fn registered<'a>(
    watched: &'a mut Option<AsyncFd<OwnedFd>>,
    fd: BorrowedFd<'_>,
) -> io::Result<&'a mut AsyncFd<OwnedFd>> {
    if watched.is_none() {
        #[expect(deprecated, reason = "the descriptor is owned, so it outlives its registration")]
        let registered = AsyncFd::with_interest(fd.try_clone_to_owned()?, Interest::READABLE)?;
        *watched = Some(registered);
    }
    Ok(watched.as_mut().expect("it was just registered"))
}

/// Receives one frame; those too long for the port are counted and left out.
fn receive(io: &Io, buffer: &mut [u8], counts: &mut Counts, link: &Link) -> io::Result<Frame> {
    loop {
        let length = match io {
            Io::Tap(tap) => tap.receive(buffer)?,
            Io::Raw(raw) => raw.receive(buffer)?,
        };
        let frame = &buffer[..length];
        if length > usize::from(link.mtu()) + HEADER {
            counts.too_long += 1;
        } else if !is_own(io, frame, link) {
            return Ok(Bytes::copy_from_slice(frame));
        }
    }
}

/// Whether a frame was sent by this machine's own kernel on a port that is not its own: a raw port
/// shows those as well.
fn is_own(io: &Io, frame: &[u8], link: &Link) -> bool {
    matches!(io, Io::Raw(_)) && frame.get(6..12) == Some(&link.mac()[..])
}

fn is_off(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::ENETDOWN as i32)
}

/// Whether a frame was lost on its way out, as on a wire without carrier.
fn is_loss(error: &io::Error) -> bool {
    use nix::errno::Errno::{EIO, ENETDOWN, ENOBUFS, ENXIO};
    let lost = [EIO, ENETDOWN, ENOBUFS, ENXIO].map(|errno| Some(errno as i32));
    error.kind() == io::ErrorKind::WouldBlock || lost.contains(&error.raw_os_error())
}
