//! What a scenario planned and its run never saw: a verdict says nothing of that.

use std::time::Duration;

use netem_rs::{DurationText, Impairment};
use node::{Instant, Seed};
use scenarios::ecu_fault::EcuFault;
use scenarios::fault::{Action, Fault};
use scenarios::scenario::SupplyPoint;
use scenarios::trigger::LinkName;

use crate::bench::Bench;
use crate::deeds::{in_ecus_terms, way};
use crate::faults::Faults;
use crate::stage::Stage;
use crate::world::Way;

/// One thing that was planned and not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// What was to happen.
    pub what: String,
    /// What happened instead.
    pub instead: String,
}

/// Follows what strikes, to know at the end what did not.
#[derive(Debug, Default)]
pub struct Witness {
    /// Faults handed to control units, which may wait there for their moment.
    handed: Vec<(String, sim_ecus::EcuFault, String)>,
    /// Faults that struck when the tester, which alone could have noticed, was done.
    late: Vec<String>,
    /// How many frames had entered each direction when the tester was done.
    entered: [u64; Way::ALL.len()],
}

impl Witness {
    /// Notes a fault that strikes; `is_done` says whether the tester is.
    pub fn struck(&mut self, fault: &Fault, seed: Seed, purpose: &str, is_done: bool) {
        if let Action::Ecu(action) = &fault.action {
            let inside = in_ecus_terms(&action.fault, seed, purpose);
            self.handed.push((action.name.clone(), inside, fault.to_string()));
        }
        if is_done && concerns_the_tester(&fault.action) {
            self.late.push(fault.to_string());
        }
    }

    /// Notes that the tester is done.
    pub fn finished(&mut self, stage: &impl Stage) {
        self.entered = Way::ALL.map(|way| stage.entered(way));
    }

    /// Returns what was never seen in a run whose tester was done at `done`.
    pub fn missed(
        &self,
        stage: &impl Stage,
        (bench, seed): (&Bench, Seed),
        faults: &Faults,
        done: Instant,
    ) -> Vec<Missed> {
        let unstruck = faults.unstruck(|link: LinkName| self.entered[way(link) as usize]);
        let never = unstruck.into_iter().map(|fault| strikes(fault, "it never did"));
        let late = self.late.iter().map(|fault| strikes(fault, "only when the tester was done"));
        let armed = self.handed.iter().filter(|(name, fault, _)| {
            let mut units = stage.vehicle().ecus();
            units.any(|unit| unit.name() == name && unit.armed().contains(fault))
        });
        let armed = armed.map(|(.., fault)| strikes(fault, "what it waits for never came"));
        let planned = self.planned(&bench.impairments(seed), done);
        let flat = unchanged(&bench.scenario().supply.curve, done);
        never.chain(late).chain(armed).chain(planned).chain(flat).collect()
    }

    /// What the network was to do, and did not before the tester was done.
    fn planned(
        &self,
        [up, down, up_too, down_too]: &[Impairment; 4],
        done: Instant,
    ) -> Vec<Missed> {
        let legs = [
            ("technician", up, down, [Way::TechnicianUp, Way::TechnicianDown]),
            ("mechanic", up_too, down_too, [Way::MechanicUp, Way::MechanicDown]),
        ];
        let mut missed = Vec::new();
        for (leg, up, down, ways) in legs {
            let entered = ways.map(|way| self.entered[way as usize]);
            // What is said of the leg holds for both directions, and one is enough to see it.
            if absences(up, 0, done) == absences(down, 0, done) {
                let entered = entered.into_iter().max().unwrap_or(0);
                missed.extend(told(leg, absences(up, entered, done), done));
            } else {
                for ((way, impairment), entered) in ways.iter().zip([up, down]).zip(entered) {
                    missed.extend(told(way.name(), absences(impairment, entered, done), done));
                }
            }
        }
        missed
    }
}

/// Returns what of one direction's plan lies behind the end, each kind of it only when all does.
fn absences(impairment: &Impairment, entered: u64, done: Instant) -> Vec<String> {
    let is_later = |at: &DurationText| Instant::ZERO + at.0 >= done;
    let mut absences = Vec::new();
    let blackouts = impairment.blackout.iter().flatten().map(|blackout| blackout.from);
    if let Some(first) = blackouts.min().filter(is_later) {
        absences.push(format!("is black from {first} on"));
    }
    if let Some(first) = impairment.schedule.iter().map(|change| change.at).min().filter(is_later) {
        absences.push(format!("changes at {first}"));
    }
    let drops = impairment.drop.iter().flatten();
    if let Some(first) = drops.min().filter(|first| **first >= entered) {
        absences.push(format!("drops frame {first}"));
    }
    absences
}

/// Returns the change of the supply's curve that the run did not reach, where it reached none.
fn unchanged(curve: &[SupplyPoint], done: Instant) -> Option<Missed> {
    let first = curve.first()?;
    // Up to its first point battery and charger feed the car: to begin later is a change too.
    let begins = (first.at.0 > Duration::ZERO).then_some(first);
    let bends = curve.windows(2).find(|pair| pair[0].voltage != pair[1].voltage);
    let changes = begins.or(bends.map(|pair| &pair[0]))?;
    (Instant::ZERO + changes.at.0 >= done).then(|| Missed {
        what: format!("supply.curve changes the voltage from {} on", changes.at),
        instead: at_the_end(done),
    })
}

fn told(place: &str, absences: Vec<String>, done: Instant) -> impl Iterator<Item = Missed> {
    let instead = at_the_end(done);
    absences.into_iter().map(move |what| {
        let what = format!("network.{place} {what}");
        Missed { what, instead: instead.clone() }
    })
}

fn at_the_end(done: Instant) -> String {
    format!("the tester was done at {:.3} s", done.as_secs_f64())
}

fn strikes(fault: impl std::fmt::Display, instead: &str) -> Missed {
    Missed { what: format!("fault `{fault}` strikes"), instead: instead.to_owned() }
}

/// Whether nobody but the tester can notice what a fault does.
fn concerns_the_tester(action: &Action) -> bool {
    match action {
        Action::GatewayReset(_)
        | Action::Blackout(_)
        | Action::Network(_)
        | Action::TesterCrash(_)
        | Action::RelayCrash(_)
        | Action::LinkDown(_) => true,
        Action::Ecu(action) => {
            matches!(action.fault, EcuFault::Silent(_) | EcuFault::Delay(_))
        }
        // These change the car, or strike frames that are counted.
        Action::Supply(_) | Action::Drop(_) | Action::Damage(_) | Action::Duplicate(_) => false,
    }
}
