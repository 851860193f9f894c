//! Descriptors of objects that lend none.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// Returns another descriptor of what an object holds, so that it can be waited for elsewhere.
///
/// Some objects only tell the number of their descriptor; the kernel makes an owned one of it.
pub fn duplicate(of: &impl AsRawFd) -> io::Result<OwnedFd> {
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(this, of.as_raw_fd(), PidfdGetfdFlags::empty())?)
}
