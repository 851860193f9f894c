//! `benchcar transparency`: what of a wire is left when a bridge takes its place.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::transparency::{Grade, IDLE, Row, Subject};
use live::device::{Build, examine};
use live::namespace::confinement::{Ended, begin_inside, run_confined};
use node::Seed;
use scenarios::manifest::Manifest;
use serde_json::{Value, json};

use crate::args::TransparencyArgs;
use crate::exit::Exit;
use crate::{bridges, complain, complain_of, say};

/// Makes every check of one bridge and prints the rows.
pub fn transparency(args: &TransparencyArgs) -> Exit {
    let manifest = match Manifest::find(&args.bridge) {
        Ok(manifest) => manifest,
        Err(errors) => {
            complain_of(&errors);
            return Exit::BadScenario;
        }
    };
    match (args.live, &args.inside) {
        (false, _) => in_virtual_time(args, &manifest),
        (true, None) => confined(args),
        (true, Some(folder)) => live_inside(args, &manifest, folder),
    }
}

fn in_virtual_time(args: &TransparencyArgs, manifest: &Manifest) -> Exit {
    let subject = match manifest.name.as_str() {
        "reference" => Subject::Reference,
        "wire" => Subject::Wire,
        other => {
            complain(format_args!(
                "{other} is a program of somebody else's and has no virtual time\nAdd \
                 --live, or check `reference` or `wire`."
            ));
            return Exit::Environment;
        }
    };
    let idle = args.idle.map_or(IDLE, |idle| idle.0);
    let rows = lab::transparency::examine(subject, Seed(args.seed), idle);
    tell(args, &manifest.name, "virtual time", None, &rows)
}

/// Runs once more, where nothing outlives it.
fn confined(args: &TransparencyArgs) -> Exit {
    let mut kept: Vec<PathBuf> = std::env::current_exe().into_iter().collect();
    kept.extend(std::env::current_dir());
    kept.push(PathBuf::from(&args.bridge));
    let ended = run_confined(&kept, |folder| {
        let mut all: Vec<_> = std::env::args_os().skip(1).collect();
        all.extend(["--inside".into(), folder.as_os_str().to_owned()]);
        all
    });
    match ended {
        Ok(Ended::Code(code)) => Exit::from_code(code),
        Ok(Ended::Killed(signal)) => {
            complain(format_args!("the confined process was killed by signal {signal}"));
            Exit::Environment
        }
        Err(error) => {
            complain(format_args!("{error}\n{}", error.remedy()));
            Exit::Environment
        }
    }
}

fn live_inside(args: &TransparencyArgs, manifest: &Manifest, folder: &Path) -> Exit {
    match begin_inside() {
        Ok(true) => {}
        Ok(false) => return Exit::Interrupted,
        Err(error) => {
            complain(format_args!("{error}\n{}", error.remedy()));
            return Exit::Environment;
        }
    }
    let programs = match bridges::programs() {
        Ok(programs) => programs,
        Err(exit) => return exit,
    };
    let build = match programs.check(manifest).and_then(|()| programs.build(manifest)) {
        Ok(build) => build,
        Err(error) => return bridges::refused(&error),
    };
    let idle = args.idle.map_or(IDLE, |idle| idle.0);
    let examined = |manifest: &Manifest, name: &str, idle: Duration, control: &[Row]| {
        let dir = folder.join(name);
        fs::create_dir_all(&dir).map_err(|error| {
            complain(format_args!("{} cannot be made: {error}", dir.display()));
            Exit::Environment
        })?;
        examine(manifest, &programs, &dir, idle, control).map_err(|error| {
            complain(format_args!("{error}\n{}", error.remedy()));
            Exit::Environment
        })
    };
    let wire = Manifest::named("wire").expect("the control is shipped");
    let rows = if manifest.name == wire.name {
        examined(&wire, "control", idle, &[])
    } else {
        // The control needs no patience: what a wire does after ten minutes is known.
        examined(&wire, "control", CONTROL_IDLE, &[])
            .and_then(|control| examined(manifest, "device", idle, &control))
    };
    match rows {
        Ok(rows) => tell(args, &manifest.name, "real time", Some(&build), &rows),
        Err(exit) => exit,
    }
}

fn tell(
    args: &TransparencyArgs,
    bridge: &str,
    clock: &str,
    build: Option<&Build>,
    rows: &[Row],
) -> Exit {
    let version = build.and_then(|build| build.version.clone());
    let digest = build.and_then(Build::digest).map(|digest| format!("sha256:{digest}"));
    let heading = || heading(bridge, clock, version.as_deref(), digest.as_deref());
    let text = match (args.json, args.markdown) {
        (true, _) => object(bridge, clock, version.as_deref(), digest.as_deref(), rows).to_string(),
        (false, true) => markdown(&heading(), rows),
        (false, false) => table(args, &heading(), rows),
    };
    let said = say(text.trim_end());
    if is_bad(rows) { Exit::Failed } else { said }
}

/// Returns whether a row failed, or nothing was shown to pass.
fn is_bad(rows: &[Row]) -> bool {
    let any = |grade: Grade| rows.iter().any(|row| row.grade == grade);
    any(Grade::Fail) || !any(Grade::Pass)
}

fn heading(bridge: &str, clock: &str, version: Option<&str>, digest: Option<&str>) -> String {
    let mut heading = format!("Transparency of {bridge}");
    if let Some(version) = version {
        write!(heading, " {version}").expect("a string takes text");
    }
    write!(heading, " in {clock}").expect("a string takes text");
    if let Some(digest) = digest {
        write!(heading, ", {}", &digest[..19.min(digest.len())]).expect("a string takes text");
    }
    heading
}

fn table(args: &TransparencyArgs, heading: &str, rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.check.chars().count()).max().unwrap_or(0);
    let mut text = format!("{heading}\n\n");
    for row in rows {
        let line = format!("  {:width$}  {:11}  {}\n", row.check, row.grade, row.words);
        text.push_str(&line);
        let is_worth_it = args.evidence || !matches!(row.grade, Grade::Pass | Grade::Unsupported);
        for capture in row.evidence.iter().filter(|_| is_worth_it) {
            writeln!(text, "  {:width$}               {capture}", "").expect("a string takes text");
        }
    }
    text.push('\n');
    text.push_str(&counts(rows));
    text
}

fn markdown(heading: &str, rows: &[Row]) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut text =
        format!("## {heading}\n\n{}\n\n| check | grade | seen |\n|---|---|---|\n", counts(rows));
    for row in rows {
        writeln!(text, "| {} | {} | {} |", row.check, row.grade.name(), cell(&row.words))
            .expect("a string takes text");
    }
    for row in rows.iter().filter(|row| !row.evidence.is_empty()) {
        write!(text, "\n### {}\n\n```\n", row.check).expect("a string takes text");
        for capture in &row.evidence {
            writeln!(text, "{capture}").expect("a string takes text");
        }
        text.push_str("```\n");
    }
    text
}

fn object(
    bridge: &str,
    clock: &str,
    version: Option<&str>,
    digest: Option<&str>,
    rows: &[Row],
) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let evidence: Vec<Value> = row
                .evidence
                .iter()
                .map(|capture| {
                    json!({
                        "at_ns": capture.at.as_nanos(),
                        "place": capture.place,
                        "words": capture.words,
                        "hex": capture.hex,
                    })
                })
                .collect();
            json!({
                "check": row.check,
                "grade": row.grade.name(),
                "words": row.words,
                "evidence": evidence,
            })
        })
        .collect();
    json!({
        "bridge": bridge, "clock": clock, "version": version, "digest": digest, "rows": rows,
    })
}

fn counts(rows: &[Row]) -> String {
    let grades = [Grade::Pass, Grade::Finding, Grade::Fail, Grade::Unsupported, Grade::NotRun];
    let counted = grades.map(|grade| {
        let count = rows.iter().filter(|row| row.grade == grade).count();
        format!("{count} {}", grade.name())
    });
    format!("{} checks: {}", rows.len(), counted.join(", "))
}

/// How long the control is idle.
const CONTROL_IDLE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one_failed(&[Grade::Pass, Grade::Fail], true)]
    #[case::nothing_was_tried(&[Grade::NotRun, Grade::Unsupported], true)]
    #[case::nothing_worse_than_a_finding(&[Grade::Pass, Grade::Finding, Grade::NotRun], false)]
    fn what_failed_and_what_shows_nothing_is_bad(#[case] grades: &[Grade], #[case] bad: bool) {
        let row = |grade: &Grade| Row {
            check: "x",
            grade: *grade,
            words: String::new(),
            evidence: Vec::new(),
        };
        let rows: Vec<Row> = grades.iter().map(row).collect();
        assert_eq!(is_bad(&rows), bad);
    }
}
