//! Descriptors of which the runtime tells when there is something to read or room to write.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the runtime watch a descriptor for as long as what is returned is kept.
pub fn watched<T>(descriptor: T, interest: Interest) -> io::Result<AsyncFd<T>>
where
    T: AsRawFd + Into<OwnedFd>,
{
    #[expect(
        deprecated,
        reason = "an owned descriptor stays open while registered, which is all the unsafe \
                  replacement asks for"
    )]
    AsyncFd::with_interest(descriptor, interest)
}
