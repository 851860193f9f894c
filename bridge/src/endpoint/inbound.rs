//! Taking what the peer sends.

use bytes::{Buf, Bytes};
use node::Instant;

use crate::endpoint::{Endpoint, Notice, Phase};
use crate::event::{BridgeEvent, DropReason, Sample};
use crate::message::DATA_HEADER;
use crate::payload::Payload;
use crate::reassembly::Half;
use crate::tunnel::Tunnel;

impl<T: Tunnel> Endpoint<T> {
    /// Takes a data message.
    pub(super) fn handle_data(
        &mut self,
        now: Instant,
        channel: u64,
        mut data: Bytes,
    ) -> Option<Notice> {
        match self.phase {
            Phase::Paired { channel: ours, .. } if ours == channel => {}
            Phase::Waiting { channel: ours, unanswered: 0 } if ours == channel => {
                // Someone is there of whom the relay's word was lost.
                self.keep_alive(now);
                return None;
            }
            Phase::Paired { .. }
            | Phase::Waiting { .. }
            | Phase::Offline
            | Phase::Greeting { .. }
            | Phase::Proving { .. }
            | Phase::Refused { .. }
            | Phase::Ended => return None,
        }
        data.advance(DATA_HEADER);
        let (sequence, payload) = Payload::decode(self.tunnel.open(data)?)?;
        let bond = self.bond.as_mut().expect("a paired endpoint has a bond");
        bond.heard = now;
        let repeated = bond.inbound.arrive(sequence);
        match payload {
            Payload::Frame(frame) => Some(Notice::Frame(frame)),
            Payload::FirstHalf(_) | Payload::SecondHalf(_) if repeated => None,
            Payload::FirstHalf(bytes) => self.join_halves(now, sequence, Half::First, bytes),
            Payload::SecondHalf(bytes) => self.join_halves(now, sequence, Half::Second, bytes),
            Payload::Probe { sent, link } => {
                let (expected, received) = (bond.inbound.expected(), bond.inbound.received());
                self.send(&Payload::Echo { sent, expected, received });
                Some(Notice::LinkSeen { number: link })
            }
            Payload::Echo { sent, expected, received } => {
                self.sample(now, sent, expected, received);
                None
            }
            Payload::Link { number, up } => Some(Notice::Link { number, up }),
            Payload::LinkSeen { number } => Some(Notice::LinkSeen { number }),
        }
    }

    fn join_halves(
        &mut self,
        now: Instant,
        sequence: u32,
        half: Half,
        bytes: Bytes,
    ) -> Option<Notice> {
        let bond = self.bond.as_mut().expect("a paired endpoint has a bond");
        let frame = bond.reassembly.insert(now, sequence, half, bytes, &mut self.halves_lost);
        while let Some(bytes) = self.halves_lost.pop() {
            self.drop_frame(DropReason::HalfMissing, bytes);
        }
        frame.map(Notice::Frame)
    }

    fn sample(&mut self, now: Instant, sent: Instant, expected: u64, received: u64) {
        let bond = self.bond.as_mut().expect("a paired endpoint has a bond");
        let outbound = bond.outbound_gauge.advance(expected, received);
        let inbound = bond.inbound_gauge.advance(bond.inbound.expected(), bond.inbound.received());
        self.answered(now);
        self.tell(BridgeEvent::Sample(Sample {
            rtt: now - sent,
            jitter: Default::default(),
            span: Default::default(),
            outbound,
            inbound,
        }));
    }
}
