//! Reads and writes packet captures of sessions.
//!
//! A capture is a pcapng file with one interface per tap point, in nanoseconds since the run
//! began: packet analysers show the beginning of the run as 1970-01-01 00:00:00 UTC.
//!
//! * [`writer`]: frames and comments in, bytes out.
//! * [`reader`]: the way back, for captures this crate wrote.

pub mod reader;
pub mod writer;

pub use reader::{Capture, CapturedFrame, ReadError};
pub use writer::{InterfaceId, WriteError, Writer};
