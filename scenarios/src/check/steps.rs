//! Checks of the steps.

use std::collections::BTreeMap;

use crate::catalogue::{EcuFacts, VehicleFacts};
use crate::read::Reader;
use crate::step::{Program, Repeat, Request, Step};
use yaml::{Tree, Value};

use super::{known_ecu, place};

/// Reads and checks the steps; one entry per element of the list, none where it is wrong.
pub(super) fn steps(
    reader: &mut Reader,
    tree: &Tree,
    facts: Option<&VehicleFacts>,
) -> Vec<Option<Step>> {
    let steps: Vec<Option<Step>> = reader.list(tree, "steps");
    let Some(list) = tree.get("steps") else { return steps };
    if matches!(&list.value, Value::List(items) if items.is_empty()) {
        reader.fail(&list.span, "there is nothing to do", "add a step such as `- identify`");
    }
    let check = Check { facts };
    for (step, item) in steps.iter().zip(list.items()) {
        if let Some(step) = step {
            check.step(reader, step, item);
        }
    }
    images(reader, &steps, list);
    let all: u64 = steps.iter().flatten().map(count).fold(0, u64::saturating_add);
    if all > MOST {
        let help = format!("{MOST} are the most");
        reader.fail(&list.span, format!("these are {all} steps when repeats are unfolded"), help);
    }
    steps
}

/// Checks that an image is the same wherever its name is used.
fn images(reader: &mut Reader, steps: &[Option<Step>], list: &Tree) {
    let mut left: Vec<(&Step, &Tree)> = steps
        .iter()
        .zip(list.items())
        .filter_map(|(step, item)| Some((step.as_ref()?, item)))
        .collect();
    left.reverse();
    let mut seen = BTreeMap::new();
    while let Some((step, item)) = left.pop() {
        match step {
            Step::Program(program) => {
                let is = (program.size, program.bootloader);
                let was = *seen.entry((&program.ecu, &program.image)).or_insert(is);
                if is != was {
                    let message = format!("`{}` was another image before", program.image);
                    let help = "give each size and each bootloader a name of its own";
                    reader.fail(place(item, &["program", "image"]), message, help);
                }
            }
            Step::Repeat(repeat) => {
                let items = item.get("repeat").and_then(|below| below.get("steps"));
                let items = items.map_or(&[][..], Tree::items);
                left.extend(repeat.steps.iter().zip(items).rev());
            }
            Step::Identify
            | Step::Scan
            | Step::Request(_)
            | Step::Code(_)
            | Step::InitialiseAdaptations(_)
            | Step::Reset(_)
            | Step::ClearFaults
            | Step::Wait(_) => {}
        }
    }
}

/// Returns whether a step of some kind is among the steps, also inside repeats.
pub(super) fn any(steps: &[Option<Step>], wanted: &dyn Fn(&Step) -> bool) -> bool {
    steps.iter().any(|step| match step {
        Some(step) => any_of(step, wanted),
        // A step that could not be read might have been the one.
        None => true,
    })
}

fn any_of(step: &Step, wanted: &dyn Fn(&Step) -> bool) -> bool {
    match step {
        Step::Repeat(repeat) => repeat.steps.iter().any(|step| any_of(step, wanted)),
        Step::Identify
        | Step::Scan
        | Step::Request(_)
        | Step::Program(_)
        | Step::Code(_)
        | Step::InitialiseAdaptations(_)
        | Step::Reset(_)
        | Step::ClearFaults
        | Step::Wait(_) => wanted(step),
    }
}

/// Returns how many steps a step is when repeats are unfolded.
fn count(step: &Step) -> u64 {
    match step {
        Step::Repeat(Repeat { times, steps }) => {
            let once = steps.iter().map(count).fold(0, u64::saturating_add);
            once.saturating_mul(u64::from(*times))
        }
        Step::Identify
        | Step::Scan
        | Step::Request(_)
        | Step::Program(_)
        | Step::Code(_)
        | Step::InitialiseAdaptations(_)
        | Step::Reset(_)
        | Step::ClearFaults
        | Step::Wait(_) => 1,
    }
}

struct Check<'c> {
    facts: Option<&'c VehicleFacts>,
}

impl Check<'_> {
    fn step(&self, reader: &mut Reader, step: &Step, tree: &Tree) {
        let below = tree.get(step.key()).unwrap_or(tree);
        match step {
            Step::Identify | Step::Scan | Step::ClearFaults => {}
            Step::Wait(time) => {
                if time.high().is_zero() {
                    reader.fail(&below.span, "this waits for nothing", "write `wait: 2s`");
                }
            }
            Step::Request(request) => self.request(reader, request, below),
            Step::Program(program) => self.program(reader, program, below),
            Step::Code(target) => {
                let missing = |ecu: &EcuFacts| !ecu.has_coding;
                self.target(reader, &target.ecu, below, "holds no coding", missing);
            }
            Step::InitialiseAdaptations(target) => {
                let missing = |ecu: &EcuFacts| !ecu.has_adaptations;
                self.target(reader, &target.ecu, below, "has no learned values", missing);
            }
            Step::Reset(target) => self.target(reader, &target.ecu, below, "", |_| false),
            Step::Repeat(repeat) => self.repeat(reader, repeat, below),
        }
    }

    fn request(&self, reader: &mut Reader, request: &Request, tree: &Tree) {
        match (&request.ecu, request.functional) {
            (Some(name), false) => known_ecu(reader, self.facts, name, place(tree, &["ecu"])),
            (Some(_), true) => {
                let message = "a functional request goes to all control units";
                reader.fail(place(tree, &["ecu"]), message, "take `ecu` or `functional` away");
            }
            (None, false) => {
                let help = "add `ecu: …`, or `functional: true` for all";
                reader.fail(&tree.span, "nothing says who the request goes to", help);
            }
            (None, true) => {}
        }
    }

    fn program(&self, reader: &mut Reader, program: &Program, tree: &Tree) {
        let missing = |ecu: &EcuFacts| ecu.areas.is_empty();
        self.target(reader, &program.ecu, tree, "cannot be programmed", missing);
        if program.image.trim().is_empty() {
            reader.fail(
                place(tree, &["image"]),
                "the image has no name",
                "write `image: new.swfl`",
            );
        }
        let Some(size) = program.size else { return };
        if program.bootloader {
            let message = "a bootloader has one size";
            reader.fail(place(tree, &["size"]), message, "take `size` away");
        }
        let flash = self.ecu(&program.ecu).map_or(u64::MAX, EcuFacts::flash_bytes);
        let span = place(tree, &["size"]);
        if size.0 < SMALLEST {
            let help = format!("write `{SMALLEST}B` or more");
            reader.fail(span, format!("{size} is too little for an image"), help);
        } else if size.0 > flash && flash > 0 {
            let flash = netem_rs::ByteSize(flash);
            let message = format!("{size} do not fit into the flash memory of {}", program.ecu);
            reader.fail(span, message, format!("write `{flash}` or less"));
        }
    }

    fn repeat(&self, reader: &mut Reader, repeat: &Repeat, tree: &Tree) {
        if repeat.times == 0 {
            reader.fail(place(tree, &["times"]), "0 times is never", "write `times: 1` or more");
        }
        let list = tree.get("steps").unwrap_or(tree);
        if repeat.steps.is_empty() {
            reader.fail(&list.span, "there is nothing to repeat", "add steps");
        }
        for (step, item) in repeat.steps.iter().zip(list.items()) {
            self.step(reader, step, item);
        }
    }

    /// Checks that a control unit exists and can do what the step asks.
    fn target(
        &self,
        reader: &mut Reader,
        name: &str,
        tree: &Tree,
        lacks: &str,
        is_missing: impl Fn(&EcuFacts) -> bool,
    ) {
        let span = place(tree, &["ecu"]);
        known_ecu(reader, self.facts, name, span);
        if !self.ecu(name).is_some_and(&is_missing) {
            return;
        }
        let facts = self.facts.into_iter().flat_map(|facts| &facts.ecus);
        let able = facts.filter(|(_, ecu)| !is_missing(ecu)).map(|(name, _)| format!("`{name}`"));
        let help = format!("these could: {}", able.collect::<Vec<_>>().join(", "));
        reader.fail(span, format!("`{name}` {lacks}"), help);
    }

    fn ecu(&self, name: &str) -> Option<&EcuFacts> {
        self.facts.and_then(|facts| facts.ecus.get(name))
    }
}

/// The most steps a scenario may have when repeats are unfolded.
const MOST: u64 = 100_000;
/// The fewest bytes of an image: a checksum of 16 bytes, and something it is the checksum of.
const SMALLEST: u64 = 64;
