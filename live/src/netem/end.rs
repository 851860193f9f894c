//! What the engine asks of a port.

use std::io;
#[cfg(unix)]
use std::os::fd::BorrowedFd;

use node::{Duration, Frame};

/// A port whose frames an emulator carries; it never blocks.
pub trait End: Send {
    /// Returns what to poll for frames to read.
    #[cfg(unix)]
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Has it note when frames arrive, where it can.
    fn note_arrivals(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Takes a frame that has arrived, if there is one.
    ///
    /// An error means that nothing will ever come again.
    fn receive(&mut self) -> io::Result<Option<Frame>>;

    /// Returns how long the frame received last had been there; zero where nobody noted.
    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    /// Sends a frame; an error means that it was not taken, not that the port is of no more use.
    fn send(&mut self, frame: &[u8]) -> io::Result<()>;
}
