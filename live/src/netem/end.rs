//! What the engine asks of a port.

use std::io;
#[cfg(unix)]
use std::os::fd::BorrowedFd;

use node::Frame;

/// A port whose frames an emulator carries; it never blocks.
pub trait End: Send {
    /// Returns what to poll for frames to read.
    #[cfg(unix)]
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Takes a frame that has arrived, if there is one.
    ///
    /// An error means that nothing will ever come again.
    fn receive(&mut self) -> io::Result<Option<Frame>>;

    /// Sends a frame; an error means that it was not taken, not that the port is of no more use.
    fn send(&mut self, frame: &[u8]) -> io::Result<()>;
}
