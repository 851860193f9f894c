//! A port whose other end is an adapter of this machine's kernel.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::net::if_::if_nametoindex;
use tun::{AbstractDevice, Configuration, Device, Layer};

use super::descriptor::duplicate;
use crate::LiveError;

/// A TAP device.
pub struct Tap {
    device: Device,
    /// Another descriptor of the same device, to be waited for.
    waiting: OwnedFd,
    name: String,
}

impl Tap {
    /// Makes a device that is gone with its last descriptor.
    pub fn create(name: &str) -> Result<Self, LiveError> {
        let refused = |source: io::Error| LiveError::Tap {
            name: name.to_owned(),
            remedy: remedy(&source),
            source,
        };
        // The kernel would hand over a device that exists, with whatever hangs on it.
        if if_nametoindex(name).is_ok() {
            return Err(refused(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is an adapter of that name",
            )));
        }
        let mut wanted = Configuration::default();
        wanted.tun_name(name).layer(Layer::L2);
        // Address, length limit and state are set by netlink, which says what it refuses.
        wanted.platform_config(|platform| {
            platform.ensure_root_privileges(false);
        });
        let device = tun::create(&wanted).map_err(|error| refused(in_words(error)))?;
        device.set_nonblock().map_err(refused)?;
        let name = device.tun_name().map_err(|error| refused(in_words(error)))?;
        let waiting = duplicate(&device).map_err(refused)?;
        Ok(Self { device, waiting, name })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.device.recv(buffer)
    }

    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.device.send(frame).map(|_| ())
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waiting.as_fd()
    }
}

/// Fails where this user has no TAP devices at all, with what helps.
pub fn are_there() -> Result<(), (io::Error, &'static str)> {
    let opened = File::options().read(true).write(true).open(NODE);
    opened.map(drop).map_err(|error| {
        let helps = remedy(&error);
        (error, helps)
    })
}

/// What every TAP device is made by.
const NODE: &str = "/dev/net/tun";

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "Load the module (modprobe tun), or give the container the device (--device \
             /dev/net/tun)."
        }
        io::ErrorKind::PermissionDenied => {
            "Run as root; or let this user open the device (sudo chmod 0666 /dev/net/tun), which is \
             enough for `run --live`, and elsewhere give the program the right once: sudo setcap \
             cap_net_admin,cap_net_raw+ep $(command -v benchcar)"
        }
        _ => "Choose a name of at most 15 characters that no adapter has.",
    }
}

fn in_words(error: tun::Error) -> io::Error {
    match error {
        tun::Error::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidInput, other),
    }
}
