//! Which addresses are this machine's own, without asking the kernel for every datagram.

use std::net::Ipv4Addr;

use crate::bridge::wan::is_own;

/// Most answers that are kept: a machine has few addresses, and some networks' everyone.
const MOST: usize = 16;

/// What the kernel said of the addresses it was asked about lately.
#[derive(Debug, Default)]
pub struct OwnAddresses {
    answers: Vec<(Ipv4Addr, bool)>,
}

impl OwnAddresses {
    /// Returns whether an address is this machine's own, and one host's alone.
    pub fn hold(&mut self, address: Ipv4Addr) -> bool {
        self.known(address, is_own)
    }

    /// Forgets everything: addresses come and go.
    pub fn forget(&mut self) {
        self.answers.clear();
    }

    fn known(&mut self, address: Ipv4Addr, ask: impl FnOnce(Ipv4Addr) -> bool) -> bool {
        if let Some((_, answer)) = self.answers.iter().find(|(about, _)| *about == address) {
            return *answer;
        }
        let answer = ask(address);
        if self.answers.len() == MOST {
            self.answers.clear();
        }
        self.answers.push((address, answer));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_asked_once_until_it_is_forgotten() {
        let (mut addresses, mut asked) = (OwnAddresses::default(), 0);
        for round in 0..3 {
            for _ in 0..100 {
                let answer = addresses.known(Ipv4Addr::LOCALHOST, |_| {
                    asked += 1;
                    true
                });
                assert!(answer);
            }
            assert_eq!(asked, round + 1);
            addresses.forget();
        }
    }

    #[test]
    fn few_answers_are_kept() {
        let mut addresses = OwnAddresses::default();
        for number in 0..1_000 {
            addresses.known(Ipv4Addr::from_bits(number), |_| false);
        }
        assert!(addresses.answers.len() <= MOST);
    }
}
