//! From a manifest file to a [`Manifest`], or to everything that is wrong with it.

use std::collections::BTreeSet;
use std::path::Path;

use super::{
    Attachment, Capability, Carrier, Installed, Manifest, Placeholder, Preparation, Role, RoleName,
    Roles, SHIPPED, SUBJECT, Template, Version,
};
use crate::check::top::Top;
use crate::check::{first_place, key_place, place, text_is_there};
use crate::error::{ScenarioError, ScenarioErrors};
use crate::read::Reader;
use yaml::suggest;
use yaml::{Span, Tree, shorten};

/// Reads a manifest from text.
pub(super) fn parse(file: &str, text: &str) -> Result<Manifest, ScenarioErrors> {
    let mut reader = Reader::new(SUBJECT, file, text, &[]);
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let manifest = reader.tree(&[]).and_then(|tree| manifest(&mut reader, &tree, folder));
    match (reader.into_errors(), manifest) {
        (Some(errors), _) => Err(errors),
        (None, Some(manifest)) => Ok(manifest),
        (None, None) => unreachable!("a manifest that is not there was refused with an error"),
    }
}

/// Says that no shipped manifest has this name.
pub(super) fn unknown(word: &str) -> ScenarioErrors {
    let names = SHIPPED.iter().map(|shipped| shipped.name);
    let help = suggest::among(word, "bridges", names);
    let word = shorten(word);
    ScenarioError::about(
        "--bridge",
        format!("there is no bridge `{word}`, and no such file; {help}"),
    )
    .into()
}

fn manifest(reader: &mut Reader, tree: &Tree, folder: &Path) -> Option<Manifest> {
    if !TOP.check(reader, tree) {
        return None;
    }
    let name: Option<String> = reader.section(tree, "bridge");
    text_is_there(reader, tree, "bridge", name.as_deref());
    check_name(reader, tree, name.as_deref());
    let about: Option<String> = reader.section(tree, "about");
    text_is_there(reader, tree, "about", about.as_deref());
    let installed: Installed = reader.section(tree, "installed").unwrap_or_default();
    let version: Option<Version> = reader.section(tree, "version");
    check_programs(reader, tree, &installed, version.as_ref());
    let capabilities = capabilities(reader, tree);
    let prepare: Vec<Option<Preparation>> = reader.list(tree, "prepare");
    for (index, step) in prepare.iter().enumerate() {
        check_preparation(reader, tree, index, step.as_ref());
    }
    let carrier = carrier(reader, tree);
    if carrier.is_some() {
        check_relay(reader, tree, &capabilities);
    }
    Some(Manifest {
        name: name?,
        folder: folder.to_owned(),
        about,
        installed,
        version,
        capabilities,
        prepare: prepare.into_iter().flatten().collect(),
        carrier: carrier?,
    })
}

/// What is claimed of a relay has to be what is started.
fn check_relay(reader: &mut Reader, tree: &Tree, capabilities: &BTreeSet<Capability>) {
    let started = tree.get("roles").and_then(|roles| roles.entry("relay"));
    let claimed = tree.get("capabilities");
    // One that was misread could be this one.
    let is_whole = claimed.is_none_or(|claimed| claimed.items().len() == capabilities.len());
    match (started, capabilities.contains(&Capability::Relay)) {
        (None, true) => {
            let help = "add `roles: relay:`, or take `relay` away";
            let span = place(tree, &["capabilities"]);
            reader.fail(span, "a relay is claimed, and none is started", help);
        }
        (Some((key, _)), false) if is_whole => {
            let help = "add `relay` to `capabilities`, or take this role away";
            reader.fail(&key.span, "a relay is started, and none is claimed", help);
        }
        (Some(_), _) | (None, false) => {}
    }
}

fn check_name(reader: &mut Reader, tree: &Tree, name: Option<&str>) {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_some_and(|name| !name.is_empty() && (name.len() > 32 || !name.chars().all(fits))) {
        let help = "write up to 32 small letters, digits and `-`";
        reader.fail(place(tree, &["bridge"]), "this is no name for a bridge", help);
    }
}

/// A program may be asked for its version only where nothing runs: there is no port, no order.
fn check_programs(
    reader: &mut Reader,
    tree: &Tree,
    installed: &Installed,
    version: Option<&Version>,
) {
    let known = [Placeholder::Benchcar];
    for (index, program) in installed.programs.iter().enumerate() {
        let span = place(tree, &["installed", "programs", &format!("#{index}")]);
        only(reader, span, program, &known);
    }
    for (index, file) in installed.files.iter().enumerate() {
        if file.as_os_str().is_empty() {
            let span = place(tree, &["installed", "files", &format!("#{index}")]);
            reader.fail(span, "there is no file here", "write its path from this folder");
        }
    }
    let Some(version) = version else { return };
    let run = place(tree, &["version", "run"]);
    if version.run.is_empty() {
        reader.fail(run, "there is no program here", "write `run: [program, --version]`");
    }
    for (index, word) in version.run.iter().enumerate() {
        only(reader, place(tree, &["version", "run", &format!("#{index}")]), word, &known);
    }
}

fn capabilities(reader: &mut Reader, tree: &Tree) -> BTreeSet<Capability> {
    let named: Vec<Option<Capability>> = reader.list(tree, "capabilities");
    let mut capabilities = BTreeSet::new();
    for (index, capability) in named.into_iter().enumerate() {
        let Some(capability) = capability else { continue };
        if !capabilities.insert(capability) {
            let span = place(tree, &["capabilities", &format!("#{index}")]);
            reader.fail(span, format!("`{capability}` is here twice"), "keep one of them");
        }
    }
    capabilities
}

fn check_preparation(reader: &mut Reader, tree: &Tree, index: usize, step: Option<&Preparation>) {
    let number = format!("#{index}");
    match step {
        Some(Preparation::Run(words)) => {
            let span = place(tree, &["prepare", &number, "run"]);
            if words.is_empty() {
                reader.fail(span, "there is no program here", "write `run: [program, …]`");
            }
            for (index, word) in words.iter().enumerate() {
                let span = place(tree, &["prepare", &number, "run", &format!("#{index}")]);
                only(reader, span, word, if index == 0 { &PROGRAM } else { &PREPARED });
            }
        }
        Some(Preparation::File(file)) => {
            let span = place(tree, &["prepare", &number, "file", "path"]);
            let path = file.path.to_string();
            if !path.starts_with("{dir}/") || path.split('/').any(|part| part == "..") {
                let help = "write `{dir}/name`";
                reader.fail(span, "this is not inside the folder of the run", help);
            }
            only(reader, span, &file.path, &[Placeholder::Dir]);
            let span = place(tree, &["prepare", &number, "file", "text"]);
            only(reader, span, &file.text, &PREPARED);
        }
        None => {}
    }
}

fn carrier(reader: &mut Reader, tree: &Tree) -> Option<Carrier> {
    let wire: Option<bool> = reader.section(tree, "wire");
    let Some(roles) = tree.get("roles") else {
        if wire == Some(true) {
            return Some(Carrier::Wire);
        }
        let help = "add `roles:` with `technician:` and `mechanic:`, or `wire: true`";
        reader.fail(&first_place(tree), "nothing here carries frames", help);
        return None;
    };
    if wire == Some(true) {
        let help = "keep `wire` or `roles`";
        reader.fail(key_place(tree, "wire"), "a wire has no programs", help);
    }
    for (key, _) in roles.entries().iter().filter(|(key, _)| !ROLES.contains(&key.text.as_str())) {
        let help = suggest::among(&key.text, "roles", ROLES);
        reader.fail(&key.span, format!("there is no role `{}`", shorten(&key.text)), help);
    }
    let technician = role(reader, roles, RoleName::Technician);
    let mechanic = role(reader, roles, RoleName::Mechanic);
    let relay = role(reader, roles, RoleName::Relay);
    for name in ["technician", "mechanic"] {
        if roles.get(name).is_none() {
            let help = format!("add `{name}: {{ run: […], port: {{ by: tap }}, ready: … }}`");
            reader.fail(&roles.span, format!("the role `{name}` is missing"), help);
        }
    }
    let roles = Roles { technician: technician?, relay, mechanic: mechanic? };
    Some(Carrier::Programs(Box::new(roles)))
}

fn role(reader: &mut Reader, roles: &Tree, name: RoleName) -> Option<Role> {
    let tree = roles.get(name.name())?;
    let role: Role = reader.decode(tree)?;
    if role.run.is_empty() {
        let span = place(tree, &["run"]);
        reader.fail(span, "there is no program here", "write `run: [program, …]`");
    }
    if role.ready.is_empty() {
        let help = "name `log`, `udp`, `tcp` or `device`";
        reader.fail(place(tree, &["ready"]), "nothing says when it is ready", help);
    }
    for (key, zero) in [("udp", role.ready.udp), ("tcp", role.ready.tcp)] {
        if zero == Some(0) {
            reader.fail(place(tree, &["ready", key]), "0 is no port", "write 1 to 65535");
        }
    }
    if role.ready.within.0 > PATIENCE || role.ready.within.0.is_zero() {
        let span = place(tree, &["ready", "within"]);
        reader.fail(span, "this is no time to wait", "write between `1ms` and `5min`");
    }
    if role.stop.grace.0 > PATIENCE {
        let span = place(tree, &["stop", "grace"]);
        reader.fail(span, "nobody waits that long", "write at most `5min`");
    }
    check_port(reader, tree, name, &role);
    Some(role)
}

fn check_port(reader: &mut Reader, tree: &Tree, name: RoleName, role: &Role) {
    let mut known = PREPARED.to_vec();
    known.extend([Placeholder::OwnAddress, Placeholder::Mtu]);
    match (name, role.port) {
        (RoleName::Relay, Some(_)) => {
            let help = "take `port` away";
            reader.fail(key_place(tree, "port"), "a relay has no Ethernet port", help);
        }
        (RoleName::Relay, None) => {}
        (RoleName::Technician | RoleName::Mechanic, None) => {
            let help = "add `port: { by: tap }` or `port: { by: port }`";
            reader.fail(&tree.span, format!("the {name} has no port"), help);
            // What it would be is not known: neither placeholder is a mistake.
            known.extend([Placeholder::Tap, Placeholder::Port]);
        }
        (RoleName::Technician | RoleName::Mechanic, Some(port)) => {
            known.push(match port.by {
                Attachment::Tap => Placeholder::Tap,
                Attachment::Port => Placeholder::Port,
            });
            if !(68..=9000).contains(&port.mtu) {
                let span = place(tree, &["port", "mtu"]);
                reader.fail(span, "this is no MTU of Ethernet", "write 68 to 9000, such as `1400`");
            }
        }
    }
    for (index, word) in role.run.iter().enumerate() {
        let known = if index == 0 { &PROGRAM[..] } else { &known };
        only(reader, place(tree, &["run", &format!("#{index}")]), word, known);
    }
    if let Some(device) = &role.ready.device {
        only(reader, place(tree, &["ready", "device"]), device, &known);
    }
}

/// Notes a placeholder that has no value here.
fn only(reader: &mut Reader, span: &Span, template: &Template, known: &[Placeholder]) {
    for name in template.placeholders().filter(|name| !known.contains(name)) {
        let names = known.iter().map(|known| known.name());
        let help = suggest::among("", "placeholders here", names);
        reader.fail(span, format!("`{{{}}}` means nothing here", name.name()), help);
    }
}

const TOP: Top = Top {
    what: "a manifest",
    beginning: "bridge: name",
    keys: &KEYS,
    necessary: &[("bridge", "bridge: name")],
};

/// The keys of a manifest.
pub(super) const KEYS: [&str; 8] =
    ["bridge", "about", "installed", "version", "capabilities", "prepare", "wire", "roles"];

/// The roles of a bridge.
const ROLES: [&str; 3] = ["technician", "relay", "mechanic"];

/// What is known before anything is started.
const PREPARED: [Placeholder; 9] = [
    Placeholder::Order,
    Placeholder::Passcode,
    Placeholder::RelayAddress,
    Placeholder::TechnicianAddress,
    Placeholder::MechanicAddress,
    Placeholder::Dir,
    Placeholder::Carry,
    Placeholder::Guard,
    Placeholder::Benchcar,
];

/// What a program may be named by: it has to be the same whatever is run through the bridge.
const PROGRAM: [Placeholder; 2] = [Placeholder::Benchcar, Placeholder::Dir];

/// The longest anybody waits for a program.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);
