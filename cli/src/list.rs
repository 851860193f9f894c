//! `benchcar list`: what there is.

use std::fmt::Write;

use crate::exit::Exit;
use crate::say;
use crate::select::{Wanted, select};

/// Prints the library and the vehicles.
pub fn list() -> Exit {
    let catalogue = lab::catalogue();
    let wanted = Wanted { settings: Vec::new(), protocol: None, catalogue: &catalogue };
    let selection = select(&[], &wanted);
    let width = selection.selected.iter().map(|selected| selected.file.len()).max().unwrap_or(0);
    let mut text = String::from("Scenarios (benchcar run NAME):\n\n");
    for selected in &selection.selected {
        let scenario = &selected.scenario;
        let file = &selected.file;
        writeln!(text, "  {file:width$}  {}", scenario.title).expect("a string takes text");
        if let Some(proves) = &scenario.proves {
            let proves = proves.split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(text, "  {:width$}  proves: {proves}", "").expect("a string takes text");
        }
    }
    text.push_str("\nVehicles (vehicle: NAME, benchcar vehicle --vehicle NAME):\n\n");
    for (name, facts) in &catalogue.vehicles {
        let protocols: Vec<String> = facts.protocols.iter().map(ToString::to_string).collect();
        let ecus: Vec<String> =
            facts.ecus.iter().map(|(ecu, facts)| format!("{ecu} {:02X}", facts.address)).collect();
        let (protocols, ecus) = (protocols.join(" "), ecus.join(", "));
        writeln!(text, "  {name:6} {protocols:10} {ecus}").expect("a string takes text");
    }
    say(text.trim_end());
    crate::check::refusal(&selection)
}
