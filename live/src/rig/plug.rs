//! One end of a cable that this process holds: a network device of some namespace is the other,
//! or another plug of this process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::task::{Context, Poll, ready};

use node::{Duration, Frame, PortInput};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::LiveError;
use crate::namespace::Namespace;
use crate::netem::{End, Pace};
use crate::port::link::Link;
use crate::port::{Port, Switch};
use crate::watched::watched;

/// Longest frame of a cable within this process, headers and a VLAN tag included.
const FRAME_LIMIT: usize = 9018;

/// One end of a cable.
pub enum Plug {
    /// Our end of an adapter of the kernel's.
    Device(Box<Port>),
    /// One end of a cable within this process.
    Wire {
        /// The end.
        socket: UnixDatagram,
        /// The same, within a runtime.
        watched: Option<AsyncFd<OwnedFd>>,
    },
}

impl Plug {
    /// Makes the adapter `name` in a namespace, up; it goes with the plug.
    pub fn device(namespace: &Namespace, name: &str, mtu: u16) -> Result<Self, LiveError> {
        namespace.run(|| Port::tap(name, mtu)).map(|port| Self::Device(Box::new(port)))
    }

    /// The same for a frame's way into an emulator: where the pace asks for more than sleep gives,
    /// the adapter is one whose kernel knows when frames arrive.
    pub fn leg(namespace: &Namespace, name: &str, mtu: u16, pace: Pace) -> Result<Self, LiveError> {
        let make = match pace {
            Pace::Epoll => Port::tap,
            Pace::Hybrid | Pace::Spin => Port::pair,
        };
        namespace.run(|| make(name, mtu)).map(|port| Self::Device(Box::new(port)))
    }

    /// Makes an adapter, with what shows and hides its carrier once somebody else has the plug.
    pub fn switched_device(
        namespace: &Namespace,
        name: &str,
        mtu: u16,
    ) -> Result<(Self, Switch), LiveError> {
        namespace.run(|| {
            let port = Port::tap(name, mtu)?;
            let switch = port.switch()?;
            Ok((Self::Device(Box::new(port)), switch))
        })
    }

    /// Makes both ends of a cable within this process.
    pub fn wire() -> Result<(Self, Self), LiveError> {
        let pair = UnixDatagram::pair().and_then(|(one, other)| {
            one.set_nonblocking(true)?;
            other.set_nonblocking(true)?;
            Ok([one, other].map(|socket| Self::Wire { socket, watched: None }).into())
        });
        pair.map_err(|source| LiveError::System { what: "socket pair", source })
    }

    /// What the other end is, in a word or two.
    pub fn nature(&self) -> &'static str {
        match self {
            Self::Device(port) => port.nature(),
            Self::Wire { .. } => "cable",
        }
    }

    /// Takes the next frame, or the state the other end of a device was switched to.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<PortInput>> {
        match self {
            Self::Device(port) => port.poll(cx),
            Self::Wire { socket, watched } => {
                let watched = match watched {
                    Some(watched) => watched,
                    None => watched.insert(watch(socket.as_fd())?),
                };
                loop {
                    let mut guard = ready!(watched.poll_read_ready(cx))?;
                    match receive(socket)? {
                        Some(frame) => return Poll::Ready(Ok(PortInput::Frame(frame))),
                        None => guard.clear_ready(),
                    }
                }
            }
        }
    }

    /// Sends a frame; what the other end does not take is lost.
    pub fn put(&mut self, frame: &[u8]) {
        if let Err(error) = End::send(self, frame) {
            tracing::trace!(%error, "a frame is lost");
        }
    }

    /// Shows or hides carrier to the other end; a cable within this process has none to show.
    pub fn set_carrier(&mut self, up: bool) -> Result<(), LiveError> {
        match self {
            Self::Device(port) => port.set_carrier(up).map(drop),
            Self::Wire { .. } => Ok(()),
        }
    }
}

impl End for Plug {
    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Device(port) => port.as_fd(),
            Self::Wire { socket, .. } => socket.as_fd(),
        }
    }

    fn note_arrivals(&mut self) -> io::Result<()> {
        match self {
            Self::Device(port) => port.note_arrivals(),
            Self::Wire { .. } => Ok(()),
        }
    }

    fn receive(&mut self) -> io::Result<Option<Frame>> {
        match self {
            Self::Device(port) => port.try_recv(),
            Self::Wire { socket, .. } => receive(socket),
        }
    }

    fn waited(&self) -> Duration {
        match self {
            Self::Device(port) => port.waited(),
            Self::Wire { .. } => Duration::ZERO,
        }
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        match self {
            Self::Device(port) => port.send(frame),
            Self::Wire { socket, .. } => socket.send(frame).map(drop),
        }
    }
}

/// Tells when the carrier of a network device comes and goes.
pub struct CarrierWatch {
    link: Link,
    changes: AsyncFd<OwnedFd>,
    told: bool,
}

impl CarrierWatch {
    /// Watches a device of the namespace the calling thread is in; it is taken to have carrier.
    pub fn new(name: &str) -> Result<Self, LiveError> {
        let link = Link::open(name)?;
        let changes = watch(link.as_fd())
            .map_err(|source| LiveError::System { what: "watch on a link", source })?;
        Ok(Self { link, changes, told: true })
    }

    /// Takes a change.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            let up = self.link.has_carrier();
            if std::mem::replace(&mut self.told, up) != up {
                return Poll::Ready(Ok(up));
            }
            let mut guard = ready!(self.changes.poll_read_ready(cx))?;
            if !self.link.refresh()? {
                guard.clear_ready();
            }
        }
    }
}

fn watch(descriptor: BorrowedFd<'_>) -> io::Result<AsyncFd<OwnedFd>> {
    watched(descriptor.try_clone_to_owned()?, Interest::READABLE)
}

fn receive(socket: &UnixDatagram) -> io::Result<Option<Frame>> {
    let mut buffer = [0; FRAME_LIMIT];
    match socket.recv(&mut buffer) {
        Ok(length) => Ok(Some(Frame::copy_from_slice(&buffer[..length]))),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
