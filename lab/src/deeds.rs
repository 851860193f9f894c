//! What the faults of a scenario do to the world.

use std::time::Duration;

use node::{Instant, Seed};
use scenarios::ecu_fault::{DtcNumber, EcuFault};
use scenarios::fault::{Action, Crash, Directions, GatewayReset, Legs, Readdress, StackLoss};
use scenarios::trigger::LinkName;
use sim_gateway::{Fault, ResetOverride};
use wire::uds::{Dtc, Nrc};

use crate::stage::Stage;
use crate::world::Way;

/// What is left to do later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Later {
    /// The relay is started again.
    RelayRestart,
}

/// Does what a fault does, now. Durations given as a range are drawn for `purpose`.
pub fn strike(
    stage: &mut impl Stage,
    action: &Action,
    seed: Seed,
    purpose: &str,
) -> Option<(Instant, Later)> {
    let now = stage.now();
    match action {
        Action::GatewayReset(reset) => {
            stage.fault(Fault::GatewayReset(over(reset, seed, purpose)));
        }
        Action::Blackout(blackout) => {
            let lasts = blackout.lasts.draw(seed, purpose);
            for way in ways(blackout.leg, blackout.direction) {
                stage.black_out(way, lasts);
            }
        }
        Action::Network(change) => {
            let legs = [(&change.technician, Legs::Technician), (&change.mechanic, Legs::Mechanic)];
            for (leg, name) in legs {
                let Some(leg) = leg else { continue };
                let (up, down) = leg.impairments(seed, purpose);
                for way in ways(name, Directions::Up) {
                    stage.change(way, &up);
                }
                for way in ways(name, Directions::Down) {
                    stage.change(way, &down);
                }
            }
        }
        Action::TesterCrash(crash) => {
            stage.crash_tester(after(crash, seed, purpose));
        }
        Action::RelayCrash(crash) => {
            stage.kill_relay();
            return after(crash, seed, purpose).map(|rest| (now + rest, Later::RelayRestart));
        }
        Action::Supply(change) => {
            let (mut battery, mut charger) = stage.vehicle().sources();
            battery = change.battery.map_or(battery, |voltage| voltage.millivolts());
            if let Some(other) = change.charger {
                charger = other.millivolts();
            }
            stage.fault(Fault::Supply { battery, charger });
        }
        Action::LinkDown(down) => stage.fault(Fault::LinkDown(down.lasts.draw(seed, purpose))),
        Action::Ecu(action) => {
            let name = action.name.clone();
            let fault = in_ecus_terms(&action.fault, seed, purpose);
            stage.fault(Fault::Ecu { name, fault });
        }
        // These strike frames by number; the network was told before the run began.
        Action::Drop(_) | Action::Damage(_) | Action::Duplicate(_) => {}
    }
    stage.settle();
    None
}

/// The direction a scenario calls by this name.
pub fn way(link: LinkName) -> Way {
    match link {
        LinkName::TechnicianUp => Way::TechnicianUp,
        LinkName::TechnicianDown => Way::TechnicianDown,
        LinkName::MechanicUp => Way::MechanicUp,
        LinkName::MechanicDown => Way::MechanicDown,
    }
}

fn ways(leg: Legs, direction: Directions) -> impl Iterator<Item = Way> {
    Way::ALL.into_iter().filter(move |way| {
        let (on, towards) = match way {
            Way::TechnicianUp => (Legs::Technician, Directions::Up),
            Way::TechnicianDown => (Legs::Technician, Directions::Down),
            Way::MechanicUp => (Legs::Mechanic, Directions::Up),
            Way::MechanicDown => (Legs::Mechanic, Directions::Down),
        };
        (leg == Legs::Both || leg == on) && (direction == Directions::Both || direction == towards)
    })
}

fn after(crash: &Crash, seed: Seed, purpose: &str) -> Option<Duration> {
    crash.restart.map(|time| time.draw(seed, purpose))
}

fn over(reset: &GatewayReset, seed: Seed, purpose: &str) -> ResetOverride {
    let draw = |time: Option<scenarios::TimeRange>, what: &str| {
        time.map(|time| time.draw(seed, &format!("{purpose}/{what}")))
    };
    ResetOverride {
        stack: reset.stack.map(|loss| match loss {
            StackLoss::Silent => node::StackLoss::Silent,
            StackLoss::Reset => node::StackLoss::Reset,
            StackLoss::Finish => node::StackLoss::Finish,
        }),
        link_down: draw(reset.link_down, "link-down"),
        booting: draw(reset.boot, "boot"),
        starting: draw(reset.starting, "starting"),
        new_address: reset.address.map(|address| address == Readdress::New),
        ..ResetOverride::default()
    }
}

/// What a fault of a scenario is to a control unit; ranges are drawn for `purpose`.
pub fn in_ecus_terms(fault: &EcuFault, seed: Seed, purpose: &str) -> sim_ecus::EcuFault {
    use sim_ecus::EcuFault as Inside;
    match fault {
        EcuFault::Silent(time) => Inside::Silent(time.draw(seed, purpose)),
        EcuFault::SilentAfterReset(time) => Inside::SilentAfterReset(time.draw(seed, purpose)),
        EcuFault::WriteErrorAtBlock(block) => Inside::WriteErrorAtBlock(*block),
        EcuFault::WrongCounterAtBlock(block) => Inside::WrongCounterAtBlock(*block),
        EcuFault::DamageBlock(block) => Inside::DamageBlock(*block),
        EcuFault::BlindVerify => Inside::BlindVerify,
        EcuFault::Delay(time) => Inside::Delay(time.draw(seed, purpose)),
        EcuFault::Refuse(refusal) => Inside::Refuse {
            prefix: refusal.request.0.clone(),
            nrc: Nrc::from(refusal.nrc.0),
            times: refusal.times,
        },
        EcuFault::Dtc(number) => Inside::Dtc { dtc: dtc(*number), status: CONFIRMED },
        EcuFault::PowerCycle => Inside::PowerCycle,
        EcuFault::WrongVersions => Inside::WrongVersions,
        EcuFault::Kill => Inside::Kill,
    }
}

fn dtc(number: DtcNumber) -> Dtc {
    let [_, high, middle, low] = number.0.to_be_bytes();
    Dtc([high, middle, low])
}

/// Failed, failed this cycle, pending and confirmed (ISO 14229-1 D.2).
const CONFIRMED: u8 = 0x2F;
