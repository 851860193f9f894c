//! Checks of what is expected.

use crate::catalogue::VehicleFacts;
use crate::ecu::EndState;
use crate::expect::{EcuExpectation, Expectations};
use crate::read::Reader;
use crate::step::Step;
use yaml::suggest;
use yaml::{Tree, Value, shorten};

use super::{place, steps};

/// Reads and checks the expectations.
pub(super) fn expectations(
    reader: &mut Reader,
    tree: &Tree,
    facts: Option<&VehicleFacts>,
    steps: &[Option<Step>],
) -> Expectations {
    let mut expect = Expectations::default();
    let Some(below) = tree.get("expect") else { return expect };
    if !matches!(below.value, Value::Map(_)) {
        let message = format!("`expect` holds {}", below.describe());
        reader.fail(&below.span, message, "write what is expected: `egs: { ends: programmed }`");
    }
    expect.gateway_resets = reader.section(below, "gateway-resets");
    expect.duration = reader.section(below, "duration");
    outcomes(reader, below, steps, &mut expect);
    for (key, value) in below.entries() {
        let name = key.text.as_str();
        if Expectations::KEYS.contains(&name) {
            continue;
        }
        let is_unknown = facts.is_some_and(|facts| !facts.ecus.contains_key(name));
        if is_unknown {
            let ecus = facts.into_iter().flat_map(|facts| facts.ecus.keys().map(String::as_str));
            let help = suggest::among(name, "what can be expected", ecus.chain(Expectations::KEYS));
            let message = format!("there is no control unit `{}` in this vehicle", shorten(name));
            reader.fail(&key.span, message, help);
        }
        if let Some(ecu) = reader.decode::<EcuExpectation>(value) {
            if !is_unknown {
                check_ecu(reader, name, &ecu, value, steps);
            }
            expect.ecus.insert(name.to_owned(), ecu);
        }
    }
    expect
}

fn check_ecu(
    reader: &mut Reader,
    name: &str,
    ecu: &EcuExpectation,
    tree: &Tree,
    steps: &[Option<Step>],
) {
    if *ecu == EcuExpectation::default() {
        let help = "add `ends: programmed` or `faults: none`";
        reader.fail(&tree.span, format!("nothing is expected of `{name}`"), help);
    }
    let codes = |step: &Step| {
        matches!(step, Step::Code(code) if code.ecu == name)
            || matches!(step, Step::Request(request) if request.ecu.as_deref() == Some(name))
    };
    let programs = |step: &Step| matches!(step, Step::Program(program) if program.ecu == name);
    if ecu.ends == Some(EndState::Programmed) && !steps::any(steps, &programs) {
        let message = format!("`{name}` cannot end programmed: no step programs it");
        let other = if steps::any(steps, &codes) { "coded" } else { "untouched" };
        let help = format!("add `- program: {{ ecu: {name}, image: … }}`, or expect `{other}`");
        reader.fail(place(tree, &["ends"]), message, help);
    }
    if ecu.ends == Some(EndState::Coded) && !steps::any(steps, &codes) {
        let message = format!("`{name}` cannot end coded: no step codes it");
        let help = format!("add `- code: {{ ecu: {name} }}`, or expect `untouched`");
        reader.fail(place(tree, &["ends"]), message, help);
    }
    if ecu.ends == Some(EndState::CorruptAccepted) {
        let message = "software that is not what was sent may never be accepted";
        reader.fail(place(tree, &["ends"]), message, "expect any other state");
    }
}

fn outcomes(reader: &mut Reader, tree: &Tree, steps: &[Option<Step>], expect: &mut Expectations) {
    let Some(below) = tree.get("steps") else { return };
    if !matches!(below.value, Value::Map(_)) {
        let message = format!("`steps` holds {}", below.describe());
        reader.fail(&below.span, message, "write numbers of steps: `steps: { 3: failed }`");
    }
    for (key, value) in below.entries() {
        let number = numbered(&key.text).filter(|number| (1..=steps.len()).contains(number));
        let outcome = reader.decode(value);
        let Some(number) = number else {
            let message = format!("there is no step `{}`", shorten(&key.text));
            let help = format!("steps are counted from 1 to {}", steps.len());
            reader.fail(&key.span, message, help);
            continue;
        };
        if let Some(outcome) = outcome {
            expect.steps.insert(number, outcome);
        }
    }
}

/// Reads the number of a step as it is written: `2`, not `02` or `+2`, which would be a second
/// key for the same step.
fn numbered(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number: &usize| number.to_string() == text)
}
