//! Keeps the way to the relay known while addresses change at either end.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use node::{Duration, Instant};
use tracing::debug;

use super::relay_name::RelayName;
use super::wan::address_towards;

/// Silence of the relay after which its name is asked about again.
const SILENCE: Duration = Duration::from_secs(10);

type Question = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddrV4>>>>>;

/// Where the relay is, and from where this machine speaks to it.
///
/// The endpoint knows the relay by the address it was first found at and keeps it; a relay that
/// moved is a matter of this side alone.
pub struct RelayWatch {
    name: RelayName,
    known_as: SocketAddrV4,
    now_at: SocketAddrV4,
    own: Option<Ipv4Addr>,
    heard: Instant,
    asked: Instant,
    question: Option<Question>,
}

impl RelayWatch {
    /// Starts with the addresses the name resolved to.
    pub fn new(name: RelayName, at: SocketAddrV4) -> Self {
        Self {
            name,
            known_as: at,
            now_at: at,
            own: address_towards(at),
            heard: Instant::ZERO,
            asked: Instant::ZERO,
            question: None,
        }
    }

    /// The address by which the endpoint knows the relay.
    pub fn known_as(&self) -> SocketAddrV4 {
        self.known_as
    }

    /// The address at which it is now.
    pub fn now_at(&self) -> SocketAddrV4 {
        self.now_at
    }

    /// The address from which this machine speaks to it.
    pub fn own(&self) -> Option<Ipv4Addr> {
        self.own
    }

    /// Notes that the relay was heard.
    pub fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Looks whether this machine speaks from another address than before; returns the new one.
    ///
    /// Without any way there is nothing to tell: what is sent is lost until there is one.
    pub fn look(&mut self, now: Instant) -> Option<Ipv4Addr> {
        let is_literal = self.name.host.parse::<Ipv4Addr>().is_ok();
        let silent = now.saturating_since(self.heard.max(self.asked)) >= SILENCE;
        if silent && !is_literal && self.question.is_none() {
            self.asked = now;
            let name = self.name.clone();
            self.question = Some(Box::pin(async move { name.resolve().await }));
        }
        let own = address_towards(self.now_at)?;
        let changed = self.own != Some(own);
        self.own = Some(own);
        changed.then_some(own)
    }

    /// Waits for an answer about the relay's name; ready when the relay is elsewhere now.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SocketAddrV4> {
        let Some(question) = &mut self.question else { return Poll::Pending };
        let answer = ready!(question.as_mut().poll(cx));
        self.question = None;
        match answer {
            Ok(addresses) => match next(&addresses, self.now_at) {
                Some(address) => {
                    self.now_at = address;
                    Poll::Ready(address)
                }
                None => Poll::Pending,
            },
            Err(error) => {
                debug!(%error, name = %self.name, "not resolved");
                Poll::Pending
            }
        }
    }
}

/// Returns the address after the present one, in turn; `None` when there is no other.
fn next(addresses: &[SocketAddrV4], present: SocketAddrV4) -> Option<SocketAddrV4> {
    let after = addresses.iter().position(|address| *address == present).map_or(0, |at| at + 1);
    let next = addresses.iter().cycle().nth(after).copied()?;
    (next != present).then_some(next)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use rstest::rstest;

    use super::*;

    fn at(last: u8) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, last), 1)
    }

    #[rstest]
    #[case::the_only_one(&[1], 1, None)]
    #[case::none(&[], 1, None)]
    #[case::moved(&[2], 1, Some(2))]
    #[case::the_other(&[1, 2], 1, Some(2))]
    #[case::round_again(&[1, 2], 2, Some(1))]
    fn the_next_address_is_tried(
        #[case] addresses: &[u8],
        #[case] present: u8,
        #[case] expected: Option<u8>,
    ) {
        let addresses: Vec<SocketAddrV4> = addresses.iter().map(|last| at(*last)).collect();
        assert_eq!(next(&addresses, at(present)), expected.map(at));
    }

    #[tokio::test]
    async fn a_silent_relay_is_asked_about_and_keeps_its_known_address() {
        let name: RelayName = "localhost:7000".parse().unwrap();
        let mut watch = RelayWatch::new(name, at(1));
        watch.look(Instant::from_secs(9));
        assert!(watch.question.is_none());
        watch.look(Instant::from_secs(10));
        let moved = poll_fn(|cx| watch.poll(cx)).await;
        assert_eq!(moved, "127.0.0.1:7000".parse().unwrap());
        assert_eq!((watch.known_as(), watch.now_at()), (at(1), moved));
    }

    #[test]
    fn a_relay_that_is_heard_is_not_asked_about() {
        let mut watch = RelayWatch::new("relay.example".parse().unwrap(), at(1));
        watch.hear(Instant::from_secs(95));
        watch.look(Instant::from_secs(100));
        assert!(watch.question.is_none());
    }
}
