//! Ethernet ports of this machine: TAP devices and raw network ports, frame by frame.
//!
//! | file | holds |
//! |---|---|
//! | `tap` | a port whose other end is this machine's kernel |
//! | `veth` | the same where there are no TAP devices, or where frames' times are wanted |
//! | `raw` | a port whose other end is a cable or a veth peer |
//! | `switch` | an adapter's carrier, while somebody else has the port |
//! | `link` | its carrier, name, addresses and length limit, by netlink |
//! | `intake` | what arrives, frame by frame |
//! | `arrival` | when it arrived |
//! | `vlan` | the tags a packet socket sees beside frames |
//! | `offload` | frames as on a wire, out of what the kernel hands over |
//! | `adapters` | what ports there are |
//! | `fitness` | which of them are no place for a car |
//!
//! A port belongs to the network namespace of the thread that opens it, and may be used from any
//! other thread afterwards.

mod adapters;
mod arrival;
mod descriptor;
mod fitness;
mod intake;
pub(crate) mod link;
mod offload;
mod raw;
mod switch;
pub(crate) mod tap;
#[cfg(test)]
mod tests;
mod veth;
mod vlan;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use node::{Duration, Frame, PortInput};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub use self::adapters::{Adapter, Kind, adapters};
pub use self::fitness::{fit, fit_beside};
use self::intake::Intake;
use self::link::Link;
use self::raw::Raw;
pub use self::switch::Switch;
use self::tap::Tap;
use self::veth::Veth;
use crate::LiveError;
use crate::netem::End;
use crate::watched::watched;

/// Bytes of an Ethernet header with one VLAN tag.
const HEADER: usize = 18;
/// Bytes of one without.
const ETHERNET: usize = 14;
/// Frames swallowed in one go before the task lets the runtime look around.
const SWALLOWED_PER_POLL: u32 = 256;

/// One Ethernet port.
pub struct Port {
    frames: Option<AsyncFd<OwnedFd>>,
    changes: Option<AsyncFd<OwnedFd>>,
    io: Io,
    link: Link,
    told: Option<bool>,
    /// Whether a network port was on before it was opened.
    found_up: bool,
    off: Off,
    intake: Intake,
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

/// Whether the port was told to show no carrier, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Off {
    No,
    Switched,
    Silent,
}

enum Io {
    Tap(Tap),
    Raw(Raw),
    Veth(Veth),
}

impl Port {
    /// Makes an adapter of this machine's kernel, up and without an address, whose other end is the
    /// port; it is gone when the port is dropped.
    ///
    /// `mtu` is the largest IP packet in bytes. The adapter is a TAP device; where there are none, it
    /// is an end of a veth pair.
    pub fn tap(name: &str, mtu: u16) -> Result<Self, LiveError> {
        Self::adapter(name, mtu, None)
    }

    /// The same, with a hardware address of one's choice.
    pub fn tap_with(name: &str, mtu: u16, mac: [u8; 6]) -> Result<Self, LiveError> {
        Self::adapter(name, mtu, Some(mac))
    }

    /// Makes an adapter as [`Port::tap`] does, an end of a veth pair even where there are TAP
    /// devices: its kernel knows when a frame arrived. Where there are no veth pairs it is a TAP
    /// device all the same, and a frame arrives when it is read.
    pub fn pair(name: &str, mtu: u16) -> Result<Self, LiveError> {
        Self::veth(name, mtu, None).or_else(|error| {
            tracing::info!(%error, name, "a TAP device in place of a veth pair");
            Self::tap(name, mtu)
        })
    }

    fn adapter(name: &str, mtu: u16, mac: Option<[u8; 6]>) -> Result<Self, LiveError> {
        let tap = match Tap::create(name) {
            Ok(tap) => tap,
            Err(error) if tap::are_there().is_err() => {
                tracing::info!(name, "an end of a veth pair in place of a TAP device");
                return Self::veth(name, mtu, mac).map_err(|instead| {
                    tracing::debug!(%instead, name, "no veth pair in place of a TAP device");
                    error
                });
            }
            Err(error) => return Err(error),
        };
        let mut link = Link::open(tap.name())?;
        link.set_mtu(mtu)?;
        if let Some(mac) = mac {
            link.set_mac(mac)?;
        }
        link.set_up(true)?;
        Ok(Self::over(Io::Tap(tap), link, true))
    }

    fn veth(name: &str, mtu: u16, mac: Option<[u8; 6]>) -> Result<Self, LiveError> {
        let veth = Veth::create(name, mtu)?;
        let mut link = Link::open(name)?;
        if let Some(mac) = mac {
            link.set_mac(mac)?;
        }
        Ok(Self::over(Io::Veth(veth), link, true))
    }

    /// Opens a network port, promiscuous, and switches it on; dropped, it is left as it was found.
    ///
    /// The kernel takes VLAN tags off before a packet socket sees a frame; they are put back.
    pub fn raw(interface: &str) -> Result<Self, LiveError> {
        let mut link = Link::open(interface)?;
        let raw = Raw::open(interface)?;
        let found_up = link.is_up();
        // One that is on already needs no right to be switched.
        if !found_up {
            link.set_up(true)?;
        }
        Ok(Self::over(Io::Raw(raw), link, found_up))
    }

    fn over(io: Io, link: Link, found_up: bool) -> Self {
        Self {
            frames: None,
            changes: None,
            io,
            link,
            told: None,
            found_up,
            off: Off::No,
            intake: Intake::new(),
            counts: Counts::default(),
        }
    }

    /// Its name, such as `eth1`.
    pub fn name(&self) -> &str {
        self.link.name()
    }

    /// What its other end is, in a word or two.
    pub fn nature(&self) -> &'static str {
        match &self.io {
            Io::Tap(_) => "TAP device",
            Io::Raw(_) => "network port",
            Io::Veth(_) => "veth pair",
        }
    }

    /// Returns what switches the carrier that the other end sees, for when somebody else has the
    /// port; called in the namespace the port was opened in.
    pub fn switch(&self) -> Result<Switch, LiveError> {
        match &self.io {
            Io::Tap(_) | Io::Raw(_) => Link::open(self.name()).map(Switch::of_adapter),
            Io::Veth(veth) => veth.far_link().map(Switch::of_far_end),
        }
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
        let too_long = self.counts.too_long + self.intake.too_long;
        Counts { too_long, ..self.counts }
    }

    /// Waits for a frame or a change of carrier; the first is the carrier found.
    ///
    /// Has to be called inside a tokio runtime, always the same one.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<PortInput>> {
        if let Some(up) = self.poll_carrier(cx)? {
            return Poll::Ready(Ok(PortInput::Link(up)));
        }
        if let Some(frame) = self.intake.piece() {
            return Poll::Ready(Ok(PortInput::Frame(frame)));
        }
        let mtu = usize::from(self.mtu());
        for _ in 0..SWALLOWED_PER_POLL {
            let watched = registered(&mut self.frames, self.io.as_fd())?;
            let mut guard = ready!(watched.poll_read_ready(cx))?;
            match self.intake.receive(&self.io, mtu) {
                Ok(Some(frame)) if self.off != Off::Silent => {
                    return Poll::Ready(Ok(PortInput::Frame(frame)));
                }
                Ok(Some(_) | None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                // Told once after the port went off; what was on its way is lost.
                Err(error) if is_off(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes a frame that has arrived, without waiting.
    pub fn try_recv(&mut self) -> io::Result<Option<Frame>> {
        if let Some(frame) = self.intake.piece() {
            return Ok(Some(frame));
        }
        let mtu = usize::from(self.mtu());
        loop {
            match self.intake.receive(&self.io, mtu) {
                Ok(Some(frame)) if self.off != Off::Silent => return Ok(Some(frame)),
                Ok(Some(_) | None) => {}
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
        if self.off == Off::Silent {
            self.counts.not_sent += 1;
            return Ok(());
        }
        let sent = match &self.io {
            Io::Tap(tap) => tap.send(frame),
            Io::Raw(raw) => raw.send(frame),
            Io::Veth(veth) => veth.raw().send(frame),
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
    ///
    /// Where that cannot be done the port swallows frames, both ways, while it should be off.
    pub fn set_carrier(&mut self, up: bool) -> Result<Carrier, LiveError> {
        let switched = match &mut self.io {
            Io::Tap(_) => self.link.set_carrier(up)?,
            Io::Veth(veth) => veth.set_carrier(up).map(|()| Carrier::Switched)?,
            Io::Raw(_) => match self.link.set_up(up) {
                Ok(()) => Carrier::Switched,
                Err(LiveError::Adapter { source, .. }) if is_forbidden(&source) => Carrier::Silent,
                Err(error) => return Err(error),
            },
        };
        self.off = match (up, switched) {
            (true, _) => Off::No,
            (false, Carrier::Switched) => Off::Switched,
            (false, Carrier::Silent) => Off::Silent,
        };
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
        if self.link.is_gone() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it is gone"));
        }
        let up = match &self.io {
            Io::Tap(_) | Io::Veth(_) => self.link.is_up(),
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

    fn note_arrivals(&mut self) -> io::Result<()> {
        match &self.io {
            // The kernel has no word on when a frame came to a TAP device.
            Io::Tap(_) => Ok(()),
            Io::Raw(raw) => arrival::ask(raw),
            Io::Veth(veth) => arrival::ask(veth.raw()),
        }
    }

    fn receive(&mut self) -> io::Result<Option<Frame>> {
        self.try_recv()
    }

    fn waited(&self) -> Duration {
        self.intake.waited
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
            Self::Veth(veth) => veth.as_fd(),
        }
    }
}

impl Drop for Port {
    /// Leaves a network port as it was found, on or off.
    fn drop(&mut self) {
        let is_up = self.off != Off::Switched;
        if matches!(self.io, Io::Raw(_))
            && is_up != self.found_up
            && !self.link.is_gone()
            && let Err(error) = self.link.set_up(self.found_up)
        {
            tracing::warn!(%error, "{} is not left as it was found", self.link.name());
        }
    }
}

fn registered<'a>(
    registered: &'a mut Option<AsyncFd<OwnedFd>>,
    fd: BorrowedFd<'_>,
) -> io::Result<&'a mut AsyncFd<OwnedFd>> {
    match registered {
        Some(registered) => Ok(registered),
        None => Ok(registered.insert(watched(fd.try_clone_to_owned()?, Interest::READABLE)?)),
    }
}

fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
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
