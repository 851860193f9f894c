//! Wakes the engine's thread out of its sleep.

#[cfg(target_os = "linux")]
pub use linux::Bell;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::Bell;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::sync::Arc;

    use nix::sys::eventfd::{EfdFlags, EventFd};

    /// An event descriptor: whoever polls it hears that it was rung.
    #[derive(Clone, Debug)]
    pub struct Bell(Arc<EventFd>);

    impl Bell {
        /// Makes a bell that was not rung.
        pub fn new() -> io::Result<Self> {
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            Ok(Self(Arc::new(EventFd::from_flags(flags)?)))
        }

        /// Rings; one that rings already goes on ringing.
        pub fn ring(&self) {
            let rung = self.0.write(1);
            debug_assert!(rung.is_ok(), "an event descriptor takes 2^64 rings: {rung:?}");
        }

        /// Stops ringing.
        pub fn hush(&self) {
            let rung = self.0.read();
            debug_assert!(rung.is_ok(), "only a bell that rings is hushed: {rung:?}");
        }
    }

    impl AsFd for Bell {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;

    /// No bell: there is no engine to wake.
    #[derive(Clone, Debug)]
    pub struct Bell;

    impl Bell {
        /// Fails, since no engine runs on this system.
        pub fn new() -> io::Result<Self> {
            let why = "the network emulator polls with epoll, which only Linux has: run it there";
            Err(io::Error::new(io::ErrorKind::Unsupported, why))
        }

        /// Never called, since there is no bell.
        pub fn ring(&self) {}
    }
}
