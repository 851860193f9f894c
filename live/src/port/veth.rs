//! A port whose other end is an adapter of this machine's kernel, as a veth pair.

use std::os::fd::{AsFd, BorrowedFd};

use super::link::Link;
use super::raw::Raw;
use crate::LiveError;
use crate::namespace::{End, Namespace};

/// What the far end is called where nobody else looks.
const FAR: &str = "far";

/// The far end of a veth pair, in a namespace that nothing but this port holds.
pub struct Veth {
    raw: Raw,
    link: Link,
    namespace: Namespace,
}

impl Veth {
    /// Makes the adapter `name` in the calling thread's namespace; it is gone with this end.
    ///
    /// Its kernel cuts segments before they leave, as for a TAP device; sums it leaves out are
    /// computed on arrival.
    pub fn create(name: &str, mtu: u16) -> Result<Self, LiveError> {
        let namespace = Namespace::new("far end")?;
        let here = Namespace::current()?;
        here.veth(name, End { namespace: &namespace, name: FAR }, mtu)?;
        here.cut_segments(name)?;
        let (raw, link) =
            namespace.run(|| Ok::<_, LiveError>((Raw::open(FAR)?, Link::open(FAR)?)))?;
        Ok(Self { raw, link, namespace })
    }

    /// The packet socket on the far end.
    pub fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Shows or hides carrier to the adapter.
    pub fn set_carrier(&mut self, up: bool) -> Result<(), LiveError> {
        self.link.set_up(up)
    }

    /// Opens the far end once more, to show or hide carrier from elsewhere.
    pub fn far_link(&self) -> Result<Link, LiveError> {
        self.namespace.run(|| Link::open(FAR))
    }
}

impl AsFd for Veth {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }
}
