//! Proves to both ends that the other knows the passcode, and that nobody sits between them.
//!
//! ```text
//! technician → mechanic   share          33 bytes, SPAKE2 over Ed25519, side A
//! mechanic → technician   share          33 bytes, side B
//! technician → mechanic   program u64, confirmation 32 bytes
//! mechanic → technician   program u64, carry u8, confirmation 32 bytes
//! ```
//!
//! Who does not know the passcode can try one guess per run of this exchange and learns nothing
//! that could be tried offline. The confirmations cover the order, both shares and a value
//! exported from the TLS handshake: whoever ended that handshake with each side separately has two
//! different values, and both confirmations fail. The technician confirms first, so that a guess
//! is seen by the mechanic before the guesser knows.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use spake2::{Ed25519Group, Identity, Password, Spake2};

use crate::config::Carry;
use crate::message::{OrderNumber, Role};
use crate::secret::Source;
use crate::tunnel::chance::Earlier;

const SHARE: usize = 33;
const TAG: usize = 32;

/// What both ends know before they speak.
#[derive(Clone)]
pub struct Known {
    /// Which end this is.
    pub role: Role,
    /// The order.
    pub order: OrderNumber,
    /// Its passcode.
    pub passcode: String,
    /// Drawn once when the program started.
    pub program: u64,
    /// How frames ride, by this end's opinion.
    pub carry: Carry,
}

/// What one end has learnt of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Drawn once when that program started.
    pub program: u64,
    /// How frames ride: the mechanic's word.
    pub carry: Carry,
}

/// One run of the exchange, seen from one end.
pub struct Proof {
    known: Known,
    binding: [u8; 32],
    share: Vec<u8>,
    stage: Stage,
}

enum Stage {
    Sharing(Spake2<Ed25519Group>),
    Confirming { key: [u8; 32] },
    Over,
}

/// What follows from what the other end said.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Say this, and wait.
    Say(Vec<u8>),
    /// Say this; the other end is who it should be.
    Proven(Vec<u8>, Peer),
}

/// The other end does not know the passcode, or somebody sits in between.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong;

impl Proof {
    /// Begins; the technician's first words come with it, the mechanic has none.
    pub fn new(known: Known, binding: [u8; 32], source: &mut Source) -> (Self, Vec<u8>) {
        let password = Password::new(known.passcode.as_bytes());
        let technician = identity("technician", known.order);
        let mechanic = identity("mechanic", known.order);
        let chance = Earlier(source);
        let (spake, share) = match known.role {
            Role::Technician => Spake2::start_a_with_rng(&password, &technician, &mechanic, chance),
            Role::Mechanic => Spake2::start_b_with_rng(&password, &technician, &mechanic, chance),
        };
        let first = match known.role {
            Role::Technician => share.clone(),
            Role::Mechanic => Vec::new(),
        };
        (Self { known, binding, share, stage: Stage::Sharing(spake) }, first)
    }

    /// Returns how many bytes the other end says next.
    pub fn awaits(&self) -> usize {
        match (&self.stage, self.known.role) {
            (Stage::Sharing(_), _) => SHARE,
            (Stage::Confirming { .. }, Role::Mechanic) => 8 + TAG,
            (Stage::Confirming { .. }, Role::Technician) => 9 + TAG,
            (Stage::Over, _) => 0,
        }
    }

    /// Takes what the other end said, [`Proof::awaits`] bytes of it.
    pub fn take(&mut self, said: &[u8]) -> Result<Step, Wrong> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Sharing(spake) => {
                let shared = spake.finish(said).map_err(|_| Wrong)?;
                let key = self.key(&shared, said);
                self.stage = Stage::Confirming { key };
                Ok(Step::Say(match self.known.role {
                    Role::Technician => self.confirmation(&key),
                    Role::Mechanic => self.share.clone(),
                }))
            }
            Stage::Confirming { key } => {
                let (body, tag) = said.split_at_checked(said.len() - TAG).ok_or(Wrong)?;
                confirm(&key, self.known.role.other(), body)
                    .verify_slice(tag)
                    .map_err(|_| Wrong)?;
                let (program, rest) = body.split_first_chunk().ok_or(Wrong)?;
                let program = u64::from_be_bytes(*program);
                let carry = match rest {
                    [] => self.known.carry,
                    [0] => Carry::Datagram,
                    [1] => Carry::Stream,
                    _ => return Err(Wrong),
                };
                let last = match self.known.role {
                    Role::Technician => Vec::new(),
                    Role::Mechanic => self.confirmation(&key),
                };
                Ok(Step::Proven(last, Peer { program, carry }))
            }
            Stage::Over => Err(Wrong),
        }
    }

    fn key(&self, shared: &[u8], other: &[u8]) -> [u8; 32] {
        let (technician, mechanic) = match self.known.role {
            Role::Technician => (&self.share[..], other),
            Role::Mechanic => (other, &self.share[..]),
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(shared).expect("HMAC takes any key");
        mac.update(b"benchcar bridge proof 1");
        mac.update(&self.known.order.0.to_be_bytes());
        mac.update(&self.binding);
        mac.update(technician);
        mac.update(mechanic);
        mac.finalize().into_bytes().into()
    }

    fn confirmation(&self, key: &[u8; 32]) -> Vec<u8> {
        let mut said = self.known.program.to_be_bytes().to_vec();
        match (self.known.role, self.known.carry) {
            (Role::Technician, _) => {}
            (Role::Mechanic, Carry::Datagram) => said.push(0),
            (Role::Mechanic, Carry::Stream) => said.push(1),
        }
        let tag = confirm(key, self.known.role, &said).finalize().into_bytes();
        said.extend_from_slice(&tag);
        said
    }
}

fn confirm(key: &[u8; 32], role: Role, said: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(match role {
        Role::Technician => b"technician",
        Role::Mechanic => b"mechanic",
    });
    mac.update(said);
    mac
}

fn identity(name: &str, order: OrderNumber) -> Identity {
    Identity::new(format!("benchcar bridge {name} {}", order.0).as_bytes())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::secret::Secret;

    use super::*;

    fn begin(role: Role, order: u64, passcode: &str, binding: u8) -> (Proof, Vec<u8>) {
        let (program, passcode) = (7 + u64::from(role == Role::Mechanic), passcode.to_owned());
        let carry = if role == Role::Mechanic { Carry::Stream } else { Carry::Datagram };
        let known = Known { role, order: OrderNumber(order), passcode, program, carry };
        let mut source = Secret::from([role as u8; 32]).source("proof");
        Proof::new(known, [binding; 32], &mut source)
    }

    fn say(step: Step) -> Vec<u8> {
        let Step::Say(said) = step else { panic!("{step:?}") };
        said
    }

    #[test]
    fn two_ends_with_one_passcode_prove_each_other() {
        let (mut technician, share) = begin(Role::Technician, 1, "open sesame", 9);
        let (mut mechanic, _) = begin(Role::Mechanic, 1, "open sesame", 9);
        let share = say(mechanic.take(&share).unwrap());
        let confirmation = say(technician.take(&share).unwrap());
        assert_eq!(confirmation.len(), mechanic.awaits());
        let Ok(Step::Proven(last, peer)) = mechanic.take(&confirmation) else {
            panic!("the mechanic did not believe")
        };
        assert_eq!(peer.program, 7);
        assert_eq!(last.len(), technician.awaits());
        let peer = Peer { program: 8, carry: Carry::Stream };
        assert_eq!(technician.take(&last), Ok(Step::Proven(Vec::new(), peer)));
    }

    #[rstest]
    #[case::another_passcode(1, "open barley", 9)]
    #[case::another_order(2, "open sesame", 9)]
    #[case::somebody_in_between(1, "open sesame", 8)]
    fn the_mechanic_finds_out(#[case] order: u64, #[case] passcode: &str, #[case] binding: u8) {
        let (mut technician, share) = begin(Role::Technician, order, passcode, binding);
        let (mut mechanic, _) = begin(Role::Mechanic, 1, "open sesame", 9);
        let share = say(mechanic.take(&share).unwrap());
        let confirmation = say(technician.take(&share).unwrap());
        assert_eq!(mechanic.take(&confirmation), Err(Wrong));
    }

    #[test]
    fn the_technician_finds_a_mechanic_out_that_cannot_confirm() {
        let (mut technician, share) = begin(Role::Technician, 1, "open sesame", 9);
        let (mut mechanic, _) = begin(Role::Mechanic, 1, "open barley", 9);
        let share = say(mechanic.take(&share).unwrap());
        let confirmation = say(technician.take(&share).unwrap());
        assert_eq!(mechanic.take(&confirmation), Err(Wrong));
        assert_eq!(technician.take(&[0; 41]), Err(Wrong));
    }

    #[test]
    fn an_echoed_share_is_refused() {
        let (mut technician, share) = begin(Role::Technician, 1, "open sesame", 9);
        assert_eq!(technician.take(&share), Err(Wrong));
    }
}
