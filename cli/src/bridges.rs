//! `benchcar bridges`: which bridges there are, and what is installed of them.

use std::path::PathBuf;

use live::device::build::Installed;
use live::device::{Build, DeviceError, Programs};
use scenarios::manifest::{Capability, Manifest, RoleName, SHIPPED};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::{complain, complain_of, say};

/// Lists the shipped bridges, and those of the files that are named.
pub fn bridges(files: &[PathBuf], as_json: bool) -> Exit {
    let mut manifests: Vec<Manifest> =
        SHIPPED.iter().filter_map(|shipped| Manifest::named(shipped.name)).collect();
    for file in files {
        match Manifest::read(file) {
            Ok(manifest) => manifests.push(manifest),
            Err(errors) => {
                complain_of(&errors);
                return Exit::BadScenario;
            }
        }
    }
    let programs = match programs() {
        Ok(programs) => programs,
        Err(exit) => return exit,
    };
    let mut blocks = Vec::new();
    for manifest in &manifests {
        match programs.build(manifest) {
            Ok(build) if as_json => blocks.push(object(manifest, &build).to_string()),
            Ok(build) => blocks.push(block(manifest, &build)),
            Err(error) => return refused(&error),
        }
    }
    say(&blocks.join(if as_json { "\n" } else { "\n\n" }))
}

/// Where programs are looked for: this is the one place that reads the environment for them.
pub fn programs() -> Result<Programs, Exit> {
    match std::env::current_exe() {
        Ok(benchcar) => Ok(Programs::new(std::env::var_os("PATH").as_deref(), benchcar)),
        Err(error) => {
            complain(format_args!("where this program is cannot be found out: {error}"));
            Err(Exit::Environment)
        }
    }
}

/// Says why a bridge cannot be had, and what helps.
pub fn refused(error: &DeviceError) -> Exit {
    complain(format_args!("{error}\n{}", error.remedy()));
    Exit::Environment
}

fn block(manifest: &Manifest, build: &Build) -> String {
    let state = match (build.is_installed(), manifest.roles().next().is_some()) {
        (_, false) => "needs nothing installed".to_owned(),
        (true, true) => format!("installed, {}", version(build)),
        (false, true) => {
            let remedy =
                manifest.installed.remedy.as_deref().unwrap_or("get what is not found below");
            format!("NOT INSTALLED: {remedy}")
        }
    };
    let mut lines = vec![format!("{}: {state}", manifest.name)];
    lines.extend(manifest.about.as_ref().map(|about| format!("  {}", about.trim())));
    let roles: Vec<&str> = manifest.roles().map(|(name, _)| name.name()).collect();
    if !roles.is_empty() {
        lines.push(format!("  roles: {}", roles.join(", ")));
    }
    let able = |able: bool| {
        let named = Capability::ALL.into_iter().filter(|one| manifest.claims(*one) == able);
        let words: Vec<&str> = named.map(Capability::name).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    };
    lines.push(format!("  claims: {}", able(true)));
    lines.push(format!("  unsupported: {}", able(false)));
    for part in build.parts() {
        lines.push(match &part.file {
            Ok((file, digest)) => format!("  {}: {} sha256:{digest}", part.name, file.display()),
            Err(sought) => format!("  {}: not found, {sought}", part.name),
        });
    }
    lines.join("\n")
}

fn object(manifest: &Manifest, build: &Build) -> Value {
    let roles: Vec<&str> = manifest.roles().map(|(name, _)| RoleName::name(name)).collect();
    let claims: Vec<&str> = manifest.capabilities.iter().map(|one| one.name()).collect();
    let part = |part: &Installed| match &part.file {
        Ok((file, digest)) => json!({
            "name": part.name, "file": file.display().to_string(), "sha256": digest,
        }),
        Err(_) => json!({ "name": part.name, "file": null, "sha256": null }),
    };
    let programs: Vec<Value> = build.programs.iter().map(part).collect();
    let files: Vec<Value> = build.files.iter().map(part).collect();
    json!({
        "bridge": manifest.name,
        "about": manifest.about,
        "installed": build.is_installed(),
        "version": build.version,
        "digest": build.digest().map(|digest| format!("sha256:{digest}")),
        "roles": roles,
        "capabilities": claims,
        "programs": programs,
        "files": files,
        "remedy": manifest.installed.remedy,
    })
}

fn version(build: &Build) -> String {
    build.version.as_ref().map_or_else(|| "version unknown".to_owned(), |v| format!("version {v}"))
}
