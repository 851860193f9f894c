//! Checks of the faults.

use std::time::Duration;

use crate::bridge::Bridge;
use crate::catalogue::VehicleFacts;
use crate::ecu_fault::EcuAction;
use crate::fault::{Action, Blackout, Fault, Frames, GatewayReset, NetworkChange, SupplyChange};
use crate::read::Reader;
use crate::scenario::{Network, Supply};
use crate::step::Step;
use crate::trigger::{Event, Trigger};
use yaml::Tree;

use super::{fits, known_ecu, place, steps};

/// What the faults strike.
pub(super) struct World<'a> {
    /// The vehicle.
    pub facts: Option<&'a VehicleFacts>,
    /// The steps, none where one is wrong.
    pub steps: &'a [Option<Step>],
    /// What carries frames.
    pub bridge: Bridge,
    /// What the network does when the run begins.
    pub network: &'a Network,
    /// What feeds the car when the run begins.
    pub supply: &'a Supply,
}

/// Reads and checks the faults; one entry per element of the list, none where it is wrong.
pub(super) fn faults(reader: &mut Reader, tree: &Tree, world: &World) -> Vec<Option<Fault>> {
    let faults: Vec<Option<Fault>> = reader.list(tree, "faults");
    let items = tree.get("faults").map_or(&[][..], Tree::items);
    if faults.len() > MOST {
        let help = format!("{MOST} are the most");
        reader.fail(place(tree, &["faults"]), format!("these are {} faults", faults.len()), help);
    }
    for (fault, item) in faults.iter().zip(items) {
        if let Some(fault) = fault {
            world.trigger(reader, &fault.when, item);
            let others: Vec<&Fault> =
                faults.iter().flatten().filter(|other| !std::ptr::eq(*other, fault)).collect();
            world.action(reader, fault, &others, item);
        }
    }
    faults
}

impl World<'_> {
    fn trigger(&self, reader: &mut Reader, trigger: &Trigger, tree: &Tree) {
        let when = tree.get("when").unwrap_or(tree);
        if let Some(name) = trigger.event.ecu() {
            known_ecu(reader, self.facts, name, place(when, &["ecu"]));
        }
        match &trigger.event {
            Event::Step(number) if *number > self.steps.len() => {
                let message = format!("there is no step {number}");
                let help = format!("steps are counted from 1 to {}", self.steps.len());
                reader.fail(place(when, &["step"]), message, help);
            }
            Event::Block { ecu, block } => self.block(reader, ecu, *block, when, "block"),
            Event::Erase { ecu, .. } => {
                if !self.programs(ecu) {
                    never(reader, when, "erase", ecu);
                }
            }
            Event::Frame { .. } => self.bridge_is_there(reader, when, "link"),
            Event::At(_) | Event::Step(_) | Event::Reset { .. } | Event::GatewayReset(_) => {}
        }
    }

    fn action(&self, reader: &mut Reader, fault: &Fault, others: &[&Fault], tree: &Tree) {
        let action = tree.get("do").unwrap_or(tree);
        let key = fault.action.key();
        let below = action.get(key).unwrap_or(action);
        match &fault.action {
            Action::GatewayReset(reset) => gateway_reset(reader, reset, below),
            Action::Blackout(Blackout { lasts, .. }) => {
                self.bridge_is_there(reader, action, key);
                some_time(reader, below, lasts.high());
            }
            Action::Network(change) => {
                self.bridge_is_there(reader, action, key);
                // After another change nobody knows here what this one is laid over.
                let is_first = !others.iter().any(|it| matches!(it.action, Action::Network(_)));
                network_change(reader, change, is_first.then_some(self.network), below);
            }
            Action::RelayCrash(_) => self.bridge_is_there(reader, action, key),
            Action::TesterCrash(_) => {}
            Action::Supply(SupplyChange { battery: None, charger: None }) => {
                let help = "add `battery: 11V` or `charger: off`";
                reader.fail(&below.span, "nothing about the supply changes", help);
            }
            Action::Supply(SupplyChange { battery: None, charger: Some(_) })
                if self.is_under_curve(&fault.when.event, others) =>
            {
                let message = "the curve of the supply says the voltage, whatever the charger does";
                let help =
                    "put the change into the curve, or add `battery: 12V`: it ends the curve";
                reader.fail(place(below, &["charger"]), message, help);
            }
            Action::Supply(_) => {}
            Action::LinkDown(link) => some_time(reader, below, link.lasts.high()),
            Action::Drop(frames) | Action::Damage(frames) | Action::Duplicate(frames) => {
                frame_fault(reader, fault, *frames, action, key);
            }
            Action::Ecu(EcuAction { name, fault }) => {
                known_ecu(reader, self.facts, name, place(below, &["name"]));
                if let Some((key, block)) = fault.block() {
                    self.block(reader, name, block, below, key);
                }
            }
        }
    }

    /// Whether the curve of the supply surely rules when this happens.
    fn is_under_curve(&self, event: &Event, others: &[&Fault]) -> bool {
        let Some(first) = self.supply.curve.first().map(|point| point.at.0) else { return false };
        let ends_it = |it: &&Fault| {
            matches!(it.action, Action::Supply(SupplyChange { battery: Some(_), .. }))
        };
        let earliest = if let Event::At(time) = event { time.low() } else { Duration::ZERO };
        earliest >= first && !others.iter().any(ends_it)
    }

    /// Checks that a control unit is programmed, with an image that has such a block.
    fn block(&self, reader: &mut Reader, ecu: &str, block: u32, tree: &Tree, key: &str) {
        if !self.programs(ecu) {
            return never(reader, tree, key, ecu);
        }
        let Some(facts) = self.facts.and_then(|facts| facts.ecus.get(ecu)) else { return };
        let last = self.sizes(ecu).into_iter().map(|size| facts.last_block(size)).max();
        if last.is_some_and(|last| u64::from(block) > last) {
            let last = last.unwrap_or_default();
            let message = format!("no download of {ecu} has a block {block}");
            reader.fail(place(tree, &[key]), message, format!("the last one is {last}"));
        }
    }

    fn programs(&self, ecu: &str) -> bool {
        let wanted = |step: &Step| matches!(step, Step::Program(program) if program.ecu == ecu);
        steps::any(self.steps, &wanted)
    }

    /// Returns the sizes of the images a control unit is programmed with.
    fn sizes(&self, ecu: &str) -> Vec<Option<u64>> {
        let mut found = Vec::new();
        let mut left: Vec<&Step> = self.steps.iter().flatten().collect();
        while let Some(step) = left.pop() {
            match step {
                Step::Program(program) if program.ecu == ecu => {
                    found.push(program.size.map(|size| size.0));
                }
                Step::Repeat(repeat) => left.extend(&repeat.steps),
                Step::Identify
                | Step::Scan
                | Step::Request(_)
                | Step::Program(_)
                | Step::Code(_)
                | Step::InitialiseAdaptations(_)
                | Step::Reset(_)
                | Step::ClearFaults
                | Step::Wait(_) => {}
            }
        }
        found
    }

    fn bridge_is_there(&self, reader: &mut Reader, tree: &Tree, key: &str) {
        if self.bridge == Bridge::None {
            let span = tree.entry(key).map_or(&tree.span, |(key, _)| &key.span);
            let help = "take `bridge: none` away, or this fault";
            reader.fail(span, format!("there is no `{key}` without a bridge"), help);
        }
    }
}

fn never(reader: &mut Reader, tree: &Tree, key: &str, ecu: &str) {
    let message = format!("this never happens: no step programs `{ecu}`");
    let help = format!("add `- program: {{ ecu: {ecu}, image: … }}` to the steps");
    reader.fail(place(tree, &[key]), message, help);
}

fn some_time(reader: &mut Reader, tree: &Tree, longest: Duration) {
    if longest.is_zero() {
        reader.fail(place(tree, &["for"]), "this lasts for no time", "write `for: 3s`");
    }
}

fn gateway_reset(reader: &mut Reader, reset: &GatewayReset, tree: &Tree) {
    let long = Duration::from_secs(600);
    let named =
        [("link-down", reset.link_down), ("boot", reset.boot), ("starting", reset.starting)];
    for (key, _) in named.into_iter().filter(|(_, time)| time.is_some_and(|t| t.high() > long)) {
        let message = "no gateway takes longer than 10 minutes";
        reader.fail(place(tree, &[key]), message, "write `10min` or less");
    }
}

/// Checks a change of what the network was `before`, as far as that is known.
fn network_change(
    reader: &mut Reader,
    change: &NetworkChange,
    before: Option<&Network>,
    tree: &Tree,
) {
    let legs = [
        ("technician", &change.technician, before.map(|it| &it.technician)),
        ("mechanic", &change.mechanic, before.map(|it| &it.mechanic)),
    ];
    if legs.iter().all(|(_, leg, _)| leg.is_none()) {
        let help = "add `mechanic: { loss: 1% }`";
        reader.fail(&tree.span, "nothing about the network changes", help);
    }
    for (name, leg, before) in legs {
        let Some(leg) = leg else { continue };
        let fixed = leg.up.delay.or(leg.down.delay).is_some() && leg.rtt.is_some();
        let before = before.filter(|it| it.up.schedule.is_empty() && it.down.schedule.is_empty());
        // Keys not named stay as they are, so only a contradiction is wrong in itself.
        let checked = match before {
            _ if fixed => leg.check(),
            Some(before) => leg.check_over(before),
            None => Ok(()),
        };
        fits(reader, &tree.span, Some(tree), name, checked);
    }
}

fn frame_fault(reader: &mut Reader, fault: &Fault, frames: Frames, tree: &Tree, key: &str) {
    let span = tree.entry(key).map_or(&tree.span, |(key, _)| &key.span);
    if !matches!(fault.when.event, Event::Frame { .. }) {
        let help = "trigger it by a frame: `when: { link: mechanic-down, frame: 100 }`";
        reader.fail(span, format!("`{key}` has to know which frame"), help);
    }
    if !fault.when.after.high().is_zero() {
        let help = "take `after` away";
        reader.fail(span, format!("`{key}` strikes the frame itself, not later"), help);
    }
    if frames.frames == 0 {
        let span = place(tree, &[key, "frames"]);
        reader.fail(span, "0 frames are none", "write `frames: 1` or more");
    }
    if frames.frames > MOST_FRAMES {
        let message = format!("these are {} frames", frames.frames);
        let help = format!("{MOST_FRAMES} are the most; a `blackout` lasts longer");
        reader.fail(place(tree, &[key, "frames"]), message, help);
    }
}

/// The most faults a scenario may have.
const MOST: usize = 1_000;
/// The most frames one fault may strike: each is kept by its number.
const MOST_FRAMES: u32 = 10_000;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::fixture::catalogue;
    use crate::parse;

    #[rstest]
    #[case::jitter_after_a_longer_round_trip(
        "network: { mechanic: { rtt: 10ms } }\nfaults:\n\
         - { when: { step: 1 }, do: { network: { mechanic: { rtt: 200ms } } } }\n\
         - { when: { step: 2 }, do: { network: { mechanic: { jitter: 20ms } } } }"
    )]
    #[case::jitter_beside_a_schedule(
        "network: { mechanic: { rtt: 10ms, schedule: [{ at: 1s, set: { delay: 80ms } }] } }\n\
         faults: [{ when: { step: 2 }, do: { network: { mechanic: { jitter: 20ms } } } }]"
    )]
    #[case::a_queue_beside_a_rate(
        "network: { mechanic: { rate: 10Mbit/s } }\n\
         faults: [{ when: { step: 2 }, do: { network: { mechanic: { queue: 64KiB } } } }]"
    )]
    #[case::charger_before_the_curve(
        "supply: { curve: [{ at: 5min, voltage: 11V }] }\n\
         faults: [{ when: { at: 10s }, do: { supply: { charger: off } } }]"
    )]
    #[case::charger_after_the_curve(
        "supply: { curve: [{ at: 1s, voltage: 13V }] }\nfaults:\n\
         - { when: { at: 60s }, do: { supply: { battery: 12V } } }\n\
         - { when: { at: 90s }, do: { supply: { charger: 14V } } }"
    )]
    fn these_changes_may_make_sense(#[case] text: &str) {
        let text = format!("scenario: changes\nvehicle: g05\nsteps: [identify, scan]\n{text}\n");
        if let Err(errors) = parse("test.yaml", &text, &[], &catalogue()) {
            panic!("{errors}");
        }
    }
}
