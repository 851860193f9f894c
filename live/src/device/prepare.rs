//! What is made ready before anything starts: files and short commands.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use scenarios::manifest::{Manifest, Preparation, Template, Value};

use super::build::printed_and_ended;
use super::{DeviceError, Programs, Sites};

/// Does everything the manifest asks for, in order.
pub(super) async fn prepare(
    manifest: &Manifest,
    programs: &Programs,
    sites: &Sites,
) -> Result<(), DeviceError> {
    let values = sites.common(programs);
    for step in &manifest.prepare {
        match step {
            Preparation::File(file) => {
                let path = fill(&file.path, &values)?;
                write(Path::new(&path), &fill(&file.text, &values)?)?;
            }
            Preparation::Run(words) => {
                let words = words.iter().map(|word| fill(word, &values));
                let words: Vec<String> = words.collect::<Result<_, _>>()?;
                let (programs, dir) = (programs.clone(), sites.dir.clone());
                let done = tokio::task::spawn_blocking(move || run(&words, &programs, &dir));
                done.await.map_err(|error| DeviceError::NotPrepared {
                    what: "a command".to_owned(),
                    how: error.to_string(),
                })??;
            }
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), DeviceError> {
    let parent = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(path, text));
    written.map_err(|error| DeviceError::NotPrepared {
        what: path.display().to_string(),
        how: error.to_string(),
    })
}

fn run(words: &[String], programs: &Programs, dir: &Path) -> Result<(), DeviceError> {
    let what = || words.join(" ");
    let failed = |how: String| DeviceError::NotPrepared { what: what(), how };
    let (program, arguments) = words.split_first().ok_or_else(|| failed("empty".to_owned()))?;
    let file = programs
        .find(program)
        .map_err(|sought| failed(format!("{program} is missing: {sought}")))?;
    let mut command = Command::new(file);
    command.args(arguments).current_dir(dir);
    let (text, status) =
        printed_and_ended(command, PATIENCE).map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    Err(failed(format!("{status}, {}", last.into_iter().rev().collect::<Vec<_>>().join(" | "))))
}

pub(super) fn fill(template: &Template, values: &Value) -> Result<String, DeviceError> {
    template.fill(values).map_err(DeviceError::NoValue)
}

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(30);
