//! What the README shows is what the command prints.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use crate::command::{folder, shell};

#[test]
fn the_readme_shows_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("README.md");
    let readme = fs::read_to_string(path).unwrap();
    let shown = shown(&readme);
    assert!(shown.len() > 1, "the README shows nothing");
    let mut mended = readme.clone();
    let mut behind = Vec::new();
    for (command, said) in shown {
        let says = indented(&shell(command).out);
        if without_speed(&says) != without_speed(&said) {
            mended = mended.replacen(&said, &says, 1);
            behind.push(command);
        }
    }
    let place = folder("readme").join("README.md");
    fs::write(&place, mended).unwrap();
    assert!(
        behind.is_empty(),
        "these print something else than README.md shows: {behind:#?}\nIf they are right, do (the \
         speeds are those of this build, `--release` has better ones): cp {} README.md",
        place.display()
    );
}

/// Every command shown with what it prints, indented as it is there.
fn shown(readme: &str) -> Vec<(&str, String)> {
    let shown = readme.split("\n    $ ").skip(1).map(|text| {
        let (command, rest) = text.split_once('\n').expect("it prints something");
        let said = rest.split_inclusive('\n').take_while(|line| line.starts_with("    "));
        (command, said.collect())
    });
    shown.collect()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// Leaves out of the first lines and the last how long they took on this machine.
fn without_speed(block: &str) -> String {
    let lines = block.lines().map(|line| {
        let is_detail = line.starts_with("      ");
        match line.rsplit_once(" in ") {
            Some((before, after)) if !is_detail => {
                // A run's has six columns; what is behind it counts. That of all runs ends a line.
                let is_total = line.trim_start().starts_with(|c: char| c.is_ascii_digit());
                let behind = if is_total { "" } else { after.get(6..).unwrap_or(after) };
                format!("{before} in …{behind}\n")
            }
            _ => format!("{line}\n"),
        }
    });
    lines.collect()
}
