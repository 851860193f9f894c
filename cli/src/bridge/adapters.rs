//! `benchcar bridge adapters`, and choosing one of them.

use console::Term;
use live::port::{Adapter, adapters};
use serde_json::json;

use crate::exit::Exit;
use crate::{complain, say};

/// Lists the adapters.
pub fn list(json: bool) -> Exit {
    let adapters = match adapters() {
        Ok(adapters) => adapters,
        Err(error) => {
            complain(format_args!("{error}\n{}", error.remedy()));
            return Exit::Environment;
        }
    };
    if json {
        let lines: Vec<String> = adapters.iter().map(as_json).collect();
        return say(&lines.join("\n"));
    }
    if adapters.is_empty() {
        return say("this machine has no Ethernet adapter");
    }
    say(&table(&adapters))
}

/// Asks on a terminal which adapter the vehicle is plugged into.
pub fn choose() -> Result<String, String> {
    let adapters = adapters().map_err(|error| format!("{error}\n{}", error.remedy()))?;
    let terminal = Term::stderr();
    let names: Vec<&str> = adapters.iter().map(|adapter| adapter.name.as_str()).collect();
    if adapters.is_empty() {
        return Err("this machine has no Ethernet adapter".to_owned());
    }
    if !terminal.is_term() {
        return Err(format!("name the adapter with --port: {}", names.join(", ")));
    }
    let ask = || -> std::io::Result<Option<String>> {
        terminal.write_line(&table(&adapters))?;
        terminal.write_str(&format!(
            "The vehicle or its interface is plugged into (1 to {}): ",
            adapters.len()
        ))?;
        Ok(chosen(&terminal.read_line()?, &names))
    };
    loop {
        match ask() {
            Ok(Some(name)) => return Ok(name),
            Ok(None) => {}
            Err(error) => return Err(format!("no adapter was chosen: {error}")),
        }
    }
}

/// Takes a number of the list or a name.
fn chosen(text: &str, names: &[&str]) -> Option<String> {
    let text = text.trim();
    let by_number = text.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let by_name = || names.iter().position(|name| *name == text);
    let at = by_number.filter(|at| *at < names.len()).or_else(by_name)?;
    Some(names[at].to_owned())
}

fn table(adapters: &[Adapter]) -> String {
    let width = adapters.iter().map(|adapter| adapter.name.len()).max().unwrap_or_default();
    let rows = adapters.iter().enumerate().map(|(at, adapter)| {
        let link = if adapter.carrier { "link" } else { "no link" };
        let driver = adapter.driver.as_deref().unwrap_or("-");
        let addresses = adapter.addresses.join(" ");
        let caution =
            adapter.caution().map_or_else(String::new, |caution| format!("  (! {caution})"));
        let row = format!(
            "{:>3}  {:width$}  {}  {:<8} {link:<7}  {driver:<10} {addresses}{caution}",
            at + 1,
            adapter.name,
            mac(adapter.mac),
            adapter.kind.as_str(),
        );
        row.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

fn as_json(adapter: &Adapter) -> String {
    json!({
        "name": adapter.name,
        "mac": mac(adapter.mac),
        "mtu": adapter.mtu,
        "kind": adapter.kind.as_str(),
        "driver": adapter.driver,
        "carrier": adapter.carrier,
        "addresses": adapter.addresses,
        "default_route": adapter.has_default_route,
        "caution": adapter.caution(),
    })
    .to_string()
}

fn mac(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::number("2\n", Some("eth1"))]
    #[case::name("eth0", Some("eth0"))]
    #[case::zero("0", None)]
    #[case::beyond("3", None)]
    #[case::nothing("\n", None)]
    fn a_number_or_a_name_chooses(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(chosen(text, &["eth0", "eth1"]), expected.map(str::to_owned));
    }
}
