//! Data identifiers testers define themselves: service `2C` (`uds-and-bmw-ecus.md` §2.7).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use node::Instant;
use wire::uds::Nrc;

use crate::engine::Work;
use crate::engine::checks::plain;
use crate::unit::Unit;

/// The identifiers that can be defined.
const DEFINABLE: RangeInclusive<u16> = 0xF300..=0xF303;
/// Pieces one of them is made of.
const PIECES_MAX: usize = 32;

/// A part of another data identifier.
#[derive(Clone, Copy, Debug)]
struct Piece {
    source: u16,
    /// Position of the first byte, from 1.
    position: u8,
    length: u8,
}

/// What testers defined; forgotten by a restart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions(BTreeMap<u16, Vec<Piece>>);

impl Definitions {
    /// Returns what a defined identifier holds now.
    pub(crate) fn read(&self, unit: &Unit, now: Instant, did: u16) -> Option<Vec<u8>> {
        let pieces = self.0.get(&did)?;
        let mut content = Vec::new();
        for piece in pieces {
            content.extend(piece.read(unit, now)?);
        }
        Some(content)
    }
}

impl Piece {
    fn read(self, unit: &Unit, now: Instant) -> Option<Vec<u8>> {
        let start = usize::from(self.position.checked_sub(1)?);
        let source = unit.read(now, self.source)?;
        source.get(start..start + usize::from(self.length)).map(<[u8]>::to_vec)
    }
}

impl Unit {
    /// `2C` DynamicallyDefineDataIdentifier: 01 define by identifier, 03 clear.
    ///
    /// Sources are checked against the time of the run's beginning: their length never changes.
    pub(crate) fn define_data(&mut self, data: &Bytes) -> Result<Work, Nrc> {
        let sub = plain(data[1]);
        if sub == 0x03 && data.len() == 2 {
            self.definitions = Definitions::default();
            return Ok(Work::answer(vec![0x6C, sub]));
        }
        let did = data.get(2..4).ok_or(Nrc::IncorrectLength)?;
        let did = u16::from_be_bytes([did[0], did[1]]);
        let answer = Work::answer(vec![0x6C, sub, data[2], data[3]]);
        let (pieces, rest) = data[4..].as_chunks::<4>();
        if !rest.is_empty() || (sub == 0x01) == pieces.is_empty() {
            return Err(Nrc::IncorrectLength);
        }
        if !DEFINABLE.contains(&did) {
            return Err(Nrc::RequestOutOfRange);
        }
        if sub == 0x03 {
            self.definitions.0.remove(&did);
            return Ok(answer);
        }
        self.define(did, pieces)?;
        Ok(answer)
    }

    fn define(&mut self, did: u16, pieces: &[[u8; 4]]) -> Result<(), Nrc> {
        let pieces = pieces.iter().map(|[high, low, position, length]| Piece {
            source: u16::from_be_bytes([*high, *low]),
            position: *position,
            length: *length,
        });
        let pieces: Vec<_> = pieces.collect();
        let are_readable = pieces.iter().all(|piece| {
            !DEFINABLE.contains(&piece.source)
                && piece.length > 0
                && piece.read(self, Instant::ZERO).is_some()
        });
        let known = self.definitions.0.entry(did).or_default();
        if !are_readable || known.len() + pieces.len() > PIECES_MAX {
            if known.is_empty() {
                self.definitions.0.remove(&did);
            }
            return Err(Nrc::RequestOutOfRange);
        }
        known.extend(pieces);
        Ok(())
    }
}
