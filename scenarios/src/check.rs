//! Checks that everything a scenario names exists and makes sense, before it runs.

mod expect;
mod faults;
mod steps;
pub(crate) mod top;

use std::collections::BTreeMap;

use crate::bridge::Bridge;
use crate::catalogue::{Catalogue, VehicleFacts};
use crate::check::top::Top;
use crate::client::ClientSetup;
use crate::ecu::EcuSetup;
use crate::leg::{Leg, LegError};
use crate::link::{Interface, Protocol};
use crate::read::Reader;
use crate::scenario::{BackendSetup, Network, Scenario, Supply};
use crate::tester::Backend;
use crate::threshold::Threshold;
use yaml::suggest;
use yaml::{Key, Span, Tree, Value, shorten};

/// Makes a scenario from its tree; mistakes are noted in the reader.
pub(crate) fn scenario(
    reader: &mut Reader,
    tree: &Tree,
    name: &str,
    catalogue: &Catalogue,
) -> Option<Scenario> {
    if !TOP.check(reader, tree) {
        return None;
    }
    let title: Option<String> = reader.section(tree, "scenario");
    let proves: Option<String> = reader.section(tree, "proves");
    text_is_there(reader, tree, "scenario", title.as_deref());
    text_is_there(reader, tree, "proves", proves.as_deref());
    let vehicle_name: Option<String> = reader.section(tree, "vehicle");
    let facts = vehicle(reader, tree, vehicle_name.as_deref(), catalogue);
    let protocol = protocol(reader, tree, facts);
    let ecus = ecus(reader, tree, facts);
    let supply = supply(reader, tree);
    let bridge: Bridge = reader.section(tree, "bridge").unwrap_or_default();
    let network = network(reader, tree, bridge);
    let backend: BackendSetup = reader.section(tree, "backend").unwrap_or_default();
    let tester = tester(reader, tree);
    let steps = steps::steps(reader, tree, facts);
    let world = faults::World { facts, steps: &steps, bridge, network: &network, supply: &supply };
    let faults = faults::faults(reader, tree, &world);
    let expect = expect::expectations(reader, tree, facts, &steps);
    let thresholds: Vec<Option<Threshold>> = reader.list(tree, "thresholds");
    Some(Scenario {
        name: name.to_owned(),
        title: title?,
        proves,
        vehicle: vehicle_name?,
        ecus,
        supply,
        vci: reader.section(tree, "vci").unwrap_or(Interface::EnetCable),
        protocol: protocol?,
        bridge,
        network,
        backend: Backend::from(backend),
        tester,
        faults: faults.into_iter().flatten().collect(),
        steps: steps.into_iter().flatten().collect(),
        expect,
        thresholds: thresholds.into_iter().flatten().collect(),
    })
}

/// Returns the place of a node below keys and element numbers (`#0` is the first), or of the
/// last one on the way that exists.
pub(crate) fn place<'t>(tree: &'t Tree, path: &[&str]) -> &'t Span {
    let Some((key, rest)) = path.split_first() else {
        return &tree.span;
    };
    let below = match key.strip_prefix('#') {
        Some(index) => index.parse().ok().and_then(|index: usize| tree.items().get(index)),
        None => tree.get(key),
    };
    below.map_or(&tree.span, |below| place(below, rest))
}

/// Returns the place of a key, or of the node it should be in.
pub(crate) fn key_place<'t>(tree: &'t Tree, key: &str) -> &'t Span {
    tree.entry(key).map_or(&tree.span, |(key, _)| &key.span)
}

/// Returns the place of the first key: where something that is missing could be.
pub(crate) fn first_place(tree: &Tree) -> Span {
    let first = |(key, _): &(Key, Tree)| key.span.clone();
    tree.entries().first().map_or_else(|| tree.span.clone(), first)
}

pub(crate) fn text_is_there(reader: &mut Reader, tree: &Tree, key: &str, text: Option<&str>) {
    if text.is_some_and(|text| text.trim().is_empty()) {
        let help = format!("write a sentence: `{key}: …`");
        reader.fail(place(tree, &[key]), format!("`{key}` is empty"), help);
    }
}

fn vehicle<'c>(
    reader: &mut Reader,
    tree: &Tree,
    name: Option<&str>,
    catalogue: &'c Catalogue,
) -> Option<&'c VehicleFacts> {
    let name = name?;
    let facts = catalogue.vehicles.get(name);
    if facts.is_none() {
        let help = suggest::among(name, "vehicles", catalogue.vehicles.keys().map(String::as_str));
        let message = format!("there is no vehicle `{}`", shorten(name));
        reader.fail(place(tree, &["vehicle"]), message, help);
    }
    facts
}

fn protocol(reader: &mut Reader, tree: &Tree, facts: Option<&VehicleFacts>) -> Option<Protocol> {
    let asked: Option<Protocol> = reader.section(tree, "protocol");
    let spoken = &facts?.protocols;
    match asked {
        Some(protocol) if !spoken.contains(&protocol) => {
            let names: Vec<String> = spoken.iter().map(Protocol::to_string).collect();
            let help = suggest::among("", "it speaks", names.iter().map(String::as_str));
            let message = format!("this vehicle does not speak {protocol}");
            reader.fail(place(tree, &["protocol"]), message, help);
            None
        }
        Some(protocol) => Some(protocol),
        None => spoken.first().copied(),
    }
}

/// Notes a control unit that the vehicle does not have.
fn known_ecu(reader: &mut Reader, facts: Option<&VehicleFacts>, name: &str, span: &Span) {
    let Some(facts) = facts else { return };
    if !facts.ecus.contains_key(name) {
        let names = facts.ecus.keys().map(String::as_str);
        let help = suggest::among(name, "control units", names);
        let message = format!("there is no control unit `{}` in this vehicle", shorten(name));
        reader.fail(span, message, help);
    }
}

fn ecus(
    reader: &mut Reader,
    tree: &Tree,
    facts: Option<&VehicleFacts>,
) -> BTreeMap<String, EcuSetup> {
    let mut ecus = BTreeMap::new();
    let Some(below) = tree.get("ecus") else { return ecus };
    if !matches!(below.value, Value::Map(_)) {
        let message = format!("`ecus` holds {}", below.describe());
        reader.fail(&below.span, message, "write control units: `egs: { state: virgin }`");
    }
    for (key, value) in below.entries() {
        known_ecu(reader, facts, &key.text, &key.span);
        if let Some(setup) = reader.decode::<EcuSetup>(value) {
            if setup.erase_factor.is_some_and(|factor| factor.0 == node::Ratio::ZERO) {
                let span = place(value, &["erase-factor"]);
                reader.fail(span, "erasing takes some time", "write a share such as `30%`");
            }
            ecus.insert(key.text.clone(), setup);
        }
    }
    ecus
}

fn supply(reader: &mut Reader, tree: &Tree) -> Supply {
    let supply: Supply = reader.section(tree, "supply").unwrap_or_default();
    for (index, pair) in supply.curve.windows(2).enumerate() {
        if pair[1].at <= pair[0].at {
            let number = format!("#{}", index + 1);
            let span = place(tree, &["supply", "curve", &number, "at"]);
            let message = format!("{} does not come after {}", pair[1].at, pair[0].at);
            reader.fail(span, message, "write the points in the order of time");
        }
    }
    supply
}

fn network(reader: &mut Reader, tree: &Tree, bridge: Bridge) -> Network {
    let network: Network = reader.section(tree, "network").unwrap_or_default();
    for (name, leg) in [("technician", &network.technician), ("mechanic", &network.mechanic)] {
        check_leg(reader, place(tree, &["network"]), tree.get("network"), name, leg);
    }
    if bridge == Bridge::None && tree.get("network").is_some() {
        let help = "take `network` away, or `bridge: none`";
        reader.fail(key_place(tree, "network"), "there is no network without a bridge", help);
    }
    network
}

/// Checks that the keys of one leg below `tree` fit together.
fn check_leg(reader: &mut Reader, fallback: &Span, tree: Option<&Tree>, name: &str, leg: &Leg) {
    fits(reader, fallback, tree, name, leg.check());
}

/// Says what does not fit together in the leg `name` below `tree`.
fn fits(
    reader: &mut Reader,
    fallback: &Span,
    tree: Option<&Tree>,
    name: &str,
    checked: Result<(), LegError>,
) {
    let Err(error) = checked else { return };
    let below = tree.and_then(|tree| tree.get(name));
    let span = below.map_or(fallback, |below| place(below, &[error.key]));
    let (message, help) = error.message.split_once(": ").unwrap_or((&error.message, ""));
    reader.fail(span, message, help);
}

fn tester(reader: &mut Reader, tree: &Tree) -> ClientSetup {
    let setup: ClientSetup = reader.section(tree, "tester").unwrap_or_default();
    let shortest = std::time::Duration::from_millis(100);
    if setup.keep_alive.is_some_and(|spacing| spacing.0 < shortest) {
        let span = place(tree, &["tester", "keep-alive"]);
        reader.fail(span, "no tester sends that often", "write `100ms` or more");
    }
    let timeouts = &setup.timeouts;
    let named = [
        ("connect", timeouts.connect),
        ("acknowledge", timeouts.acknowledge),
        ("doip-acknowledge", timeouts.doip_acknowledge),
        ("activation", timeouts.activation),
        ("answer", timeouts.answer),
        ("after-pending", timeouts.after_pending),
        ("patience", timeouts.patience),
    ];
    for (key, _) in named.into_iter().filter(|(_, time)| time.is_some_and(|time| time.0.is_zero()))
    {
        let span = place(tree, &["tester", "timeouts", key]);
        reader.fail(span, "a tester that does not wait hears nothing", "write `100ms` or more");
    }
    setup
}

const TOP: Top = Top {
    what: "a scenario",
    beginning: "scenario: a title",
    keys: &KEYS,
    necessary: &[("scenario", "scenario: …"), ("vehicle", "vehicle: …"), ("steps", "steps: …")],
};

/// The keys of a scenario.
pub(crate) const KEYS: [&str; 15] = [
    "scenario",
    "proves",
    "vehicle",
    "ecus",
    "supply",
    "vci",
    "protocol",
    "bridge",
    "network",
    "backend",
    "tester",
    "faults",
    "steps",
    "expect",
    "thresholds",
];
