//! What a control unit is told, and what it tells others.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wire::uds::{Dtc, Nrc};

use crate::ledger::LedgerEntry;

/// A UDS request as it arrives at one control unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Names the tester: an opaque number of the gateway, returned with every answer.
    pub channel: u64,
    /// Whether it was sent to every control unit (address DF) rather than to this one.
    pub functional: bool,
    /// The request, service identifier first.
    pub data: Bytes,
}

/// A UDS answer as it leaves one control unit, `7F xx 78` included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The channel the request came on.
    pub channel: u64,
    /// The answer.
    pub data: Bytes,
}

/// What a control unit is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EcuInput {
    /// A tester asks something.
    Request(Request),
    /// The supply voltage at its terminals changed.
    Supply {
        /// The new voltage.
        millivolts: u32,
    },
    /// Something goes wrong inside it.
    Fault(EcuFault),
    /// A tester can no longer be answered; what is under way for it goes on.
    ChannelGone(u64),
    /// Whether a tester could reach it at all.
    ///
    /// Told to the unit that is the gateway: while its own port is not served, S3 does not run.
    Reachable(bool),
    /// It loses power for a moment together with what it is a part of, and answers again after
    /// this long.
    Restart {
        /// For how long it is silent.
        silent_for: Duration,
    },
    /// What it finds out about the partner in one pairing slot (`uds-and-bmw-ecus.md` §9).
    ///
    /// Without this every partner is present and of the same vehicle.
    Partner {
        /// Which slot.
        slot: Slot,
        /// What stands at the other end.
        partner: Partner,
    },
}

/// A pairing slot of the body controller, abstract (`uds-and-bmw-ecus.md` §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slot {
    /// The engine control unit.
    Dme,
    /// The transmission control unit.
    Egs,
    /// The keys.
    Keys,
}

/// What a control unit finds at the other end of a pairing slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partner {
    /// Reachable, and free or of this vehicle.
    Fitting,
    /// Reachable, and locked to another vehicle.
    Foreign,
    /// Not reachable.
    Absent,
}

/// Something that goes wrong inside a control unit (`uds-and-bmw-ecus.md` §13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EcuFault {
    /// Neither hears nor answers for this long; its timers run on.
    Silent(Duration),
    /// Fails to write the block with this number, counted from 1 in each download, once: NRC 72.
    WriteErrorAtBlock(u32),
    /// Calls the counter of this block wrong, counted from 1 in each download, once: NRC 73.
    WrongCounterAtBlock(u32),
    /// Writes this block, counted from 1 in each download, with one bit flipped, once.
    DamageBlock(u32),
    /// Calls every memory check good, whatever the memory holds.
    BlindVerify,
    /// Takes this much longer for every request; zero ends it.
    Delay(Duration),
    /// Refuses requests that begin with these bytes.
    Refuse {
        /// How the request begins, service identifier first.
        prefix: Bytes,
        /// What is answered.
        nrc: Nrc,
        /// How often; `None` means always.
        times: Option<u32>,
    },
    /// Stores a fault.
    Dtc {
        /// Its number.
        dtc: Dtc,
        /// Its status byte (ISO 14229-1 D.2).
        status: u8,
    },
    /// Loses power for a moment.
    PowerCycle,
    /// Does not answer for this long after its next reset, on top of the reset time.
    SilentAfterReset(Duration),
    /// Reports other software versions than it holds, from its next reset on.
    WrongVersions,
    /// Lets a session live without tester present (false), or ends it after S3 (true, normal).
    SessionTimeout(bool),
    /// Breaks for good.
    Kill,
}

/// What others must know about a control unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EcuEvent {
    /// Something was added to the ledger.
    Ledger(LedgerEntry),
    /// It stopped answering, and begins anew.
    Restarting {
        /// Why.
        kind: ResetKind,
        /// For how long nothing is answered; zero when only a rising supply ends it.
        silent_for: Duration,
    },
    /// It answers again.
    Running {
        /// Whether only the bootloader runs.
        bootloader: bool,
    },
    /// The Ethernet switch is to be held in reset: routine 1044 of the gateway (§6.1).
    SwitchHold {
        /// The port, `FF` for all.
        port: u8,
        /// For how long.
        hold: Duration,
    },
    /// The energy mode became 00 normal, 01 production, 02 transport or 03 flash (§4).
    EnergyMode(u8),
    /// It will never answer again.
    Died,
}

/// Why a control unit restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetKind {
    /// `11 01`.
    Hard,
    /// `11 02`.
    KeyOffOn,
    /// `11 03`.
    Soft,
    /// `11 04`, which BMW units take as an order to sleep.
    PowerDown,
    /// `10 02` jumps into the bootloader.
    IntoBootloader,
    /// `10 01` leaves the bootloader.
    OutOfBootloader,
    /// S3 expired in the bootloader.
    SessionTimeout,
    /// The supply fell below what it can write with, and a write failed.
    LowVoltage,
    /// The supply fell below what it can live on.
    Brownout,
    /// A fault took its power away.
    PowerCycle,
}

/// In what state a control unit enters a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Programmed and coded.
    #[default]
    Factory,
    /// A blank replacement part: no software, no VIN, bootloader only.
    Virgin,
    /// A replacement part with software, without VIN and coding.
    Uncoded,
    /// An earlier flash broke off: partly erased, bootloader only.
    HalfFlashed,
    /// A part that belongs to another vehicle.
    Used,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 5] =
        [Self::Factory, Self::Virgin, Self::Uncoded, Self::HalfFlashed, Self::Used];

    /// Returns the name scenarios use, such as `half-flashed`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Factory => "factory",
            Self::Virgin => "virgin",
            Self::Uncoded => "uncoded",
            Self::HalfFlashed => "half-flashed",
            Self::Used => "used",
        }
    }

    /// Finds a condition by the name scenarios use.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.name() == name)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_found_by_its_name() {
        for condition in Condition::ALL {
            assert_eq!(Condition::named(&condition.to_string()), Some(condition));
        }
        assert_eq!(Condition::named("Virgin"), None);
    }
}
