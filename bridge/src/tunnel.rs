//! The seam through which every payload between the two endpoints passes.
//!
//! The relay sees only what [`Tunnel::seal`] made. [`Plain`] seals nothing; an encrypting tunnel
//! takes its place without any other module noticing.

use bytes::Bytes;

/// Makes payloads unreadable between the endpoints, and readable again.
pub trait Tunnel {
    /// Returns how many bytes sealing adds to a payload.
    fn overhead(&self) -> usize;

    /// Appends the sealed form of `head` followed by `body`.
    ///
    /// The payload comes in two pieces so that a frame is copied once, behind its header.
    fn seal(&mut self, head: &[u8], body: &[u8], out: &mut Vec<u8>);

    /// Returns the payload, or `None` when it was not sealed by the other end.
    fn open(&mut self, sealed: Bytes) -> Option<Bytes>;
}

/// Sends payloads as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Tunnel for Plain {
    fn overhead(&self) -> usize {
        0
    }

    fn seal(&mut self, head: &[u8], body: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(head);
        out.extend_from_slice(body);
    }

    fn open(&mut self, sealed: Bytes) -> Option<Bytes> {
        Some(sealed)
    }
}
