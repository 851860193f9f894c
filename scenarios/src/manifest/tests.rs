//! The shipped manifests are right, and mistakes are told where they are.

use std::path::Path;

use rstest::rstest;

use super::{Attachment, Capability, Carrier, Manifest, Placeholder, RoleName, SHIPPED};

#[test]
fn every_shipped_manifest_is_right_and_bears_the_name_of_its_file() {
    for shipped in SHIPPED {
        let manifest = Manifest::parse(shipped.file, shipped.text);
        let manifest = manifest.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
        assert_eq!(manifest.name, shipped.name);
        assert_eq!(Manifest::named(shipped.name), Some(manifest));
    }
}

#[test]
fn n2n_says_what_it_is() {
    let n2n = Manifest::named("n2n").unwrap();
    let roles: Vec<RoleName> = n2n.roles().map(|(name, _)| name).collect();
    assert_eq!(roles, [RoleName::Relay, RoleName::Mechanic, RoleName::Technician]);
    assert!(n2n.claims(Capability::Relay));
    assert!(!n2n.claims(Capability::FullSizeFrames));
    let Carrier::Programs(roles) = &n2n.carrier else { panic!("n2n is no wire") };
    let port = roles.technician.port.unwrap();
    assert_eq!((port.by, port.mtu, port.flush_addresses), (Attachment::Tap, 1400, true));
    let values = [(Placeholder::RelayAddress, "10.77.0.1".to_owned())].into();
    let relay = roles.technician.run.iter().find_map(|word| {
        let filled = word.fill(&values).ok()?;
        filled.ends_with(":7654").then_some(filled)
    });
    assert_eq!(relay.as_deref(), Some("10.77.0.1:7654"));
}

#[test]
fn the_wire_starts_nothing() {
    let wire = Manifest::named("wire").unwrap();
    assert_eq!((wire.roles().count(), wire.carrier), (0, Carrier::Wire));
}

#[rstest]
#[case::empty("")]
#[case::null("~")]
#[case::not_keys("- a")]
#[case::unknown_key("bridge: x\nwire: true\ncapabilites: [relay]\n")]
#[case::misspelt_bridge("bridg: x\nwire: true\n")]
#[case::name("bridge: My Bridge\nwire: true\n")]
#[case::neither("bridge: x\n")]
#[case::both("bridge: x\nwire: true\nroles: {}\n")]
#[case::unknown_capability("bridge: x\nwire: true\ncapabilities: [link]\n")]
#[case::repeated_capability("bridge: x\nwire: true\ncapabilities: [guard, guard]\n")]
#[case::relay_claimed(&with("capabilities: [relay]", ""))]
#[case::unknown_role(&with("", "mechanik: {}"))]
#[case::relay_with_port(&with(RELAY, "relay: { run: [x], port: { by: tap }, ready: { udp: 1 } }"))]
#[case::never_ready(&with(RELAY, "relay: { run: [x], ready: {} }"))]
#[case::unit(&with(RELAY, "relay: { run: [x], ready: { udp: 1, within: 5 } }"))]
#[case::too_patient(&with(RELAY, "relay: { run: [x], ready: { udp: 1, within: 1h } }"))]
#[case::port_zero(&with(RELAY, "relay: { run: [x], ready: { udp: 0 } }"))]
#[case::port_too_large(&with(RELAY, "relay: { run: [x], ready: { udp: 70000 } }"))]
#[case::pattern(&with(RELAY, "relay: { run: [x], ready: { log: '(a' } }"))]
#[case::signal(&with(RELAY, "relay: { run: [x], ready: { udp: 1 }, stop: { signal: trem } }"))]
#[case::placeholder(&with(RELAY, "relay: { run: [x, '{relay-adress}'], ready: { udp: 1 } }"))]
#[case::placeholder_elsewhere(&with(RELAY, "relay: { run: [x, '{tap}'], ready: { udp: 1 } }"))]
#[case::outside(&with("prepare: [{ file: { path: '{dir}/../x', text: a } }]", ""))]
#[case::preparation(&with("prepare: [{ copy: [a, b] }]", ""))]
#[case::nothing_run(&with("prepare: [{ run: [] }]", ""))]
#[case::version_of_nothing(&with("version: { run: [], pattern: x }", ""))]
#[case::mtu(
    "bridge: x\nroles:\n  technician: { run: [a], port: { by: tap, mtu: 20 }, ready: { tcp: 1 } }\n"
)]
#[case::no_port("bridge: x\nroles:\n  mechanic: { run: [a, '{port}'], ready: { tcp: 1 } }\n")]
#[case::relay_claimed_of_a_wire("bridge: x\nwire: true\ncapabilities: [relay]\n")]
#[case::relay_not_claimed(&with("", "relay: { run: [x], ready: { udp: 1 } }"))]
#[case::program_of_a_port(&with(RELAY, "relay: { run: ['x-{order}'], ready: { udp: 1 } }"))]
#[case::program_prepared(&with("prepare: [{ run: [a, '{tap}'] }, { run: ['{guard}'] }]", ""))]
#[case::file_without_name(&with("installed: { files: [a, ''] }", ""))]
fn a_mistake_is_told_where_it_is(#[case] text: &str) {
    let errors = Manifest::parse("vendor.yaml", text).unwrap_err();
    assert!(errors.iter().all(|error| error.position().is_some()), "{errors}");
    let name =
        std::thread::current().name().unwrap_or("test").rsplit("::").next().map(str::to_owned);
    insta::with_settings!({ description => text, omit_expression => true }, {
        insta::assert_snapshot!(name.unwrap(), errors.to_string());
    });
}

#[test]
fn a_name_that_is_nearly_right_is_suggested() {
    let error = Manifest::find("opnvpn").unwrap_err().to_string();
    assert!(error.contains("did you mean `openvpn`?"), "{error}");
    let error = Manifest::find("no/such.yaml").unwrap_err().to_string();
    assert_eq!(error, "no/such.yaml: there is no such file");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let error = Manifest::parse_bytes("v.yaml", b"bridge: \xff\n").unwrap_err().to_string();
    assert!(error.starts_with("v.yaml:1:9: the byte FF"), "{error}");
}

#[test]
fn the_worked_example_of_the_docs_is_a_manifest() {
    let page = std::fs::read_to_string("../docs/bridges.md").unwrap();
    let mut fenced = page.split("```").skip(1).step_by(2);
    let example = fenced.find_map(|block| block.strip_prefix("yaml\n")).unwrap();
    let manifest = Manifest::parse("vendor.yaml", example);
    let manifest = manifest.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    let roles: Vec<RoleName> = manifest.roles().map(|(name, _)| name).collect();
    assert_eq!(roles, [RoleName::Relay, RoleName::Mechanic, RoleName::Technician]);
    for placeholder in Placeholder::ALL {
        let written = format!("`{{{}}}`", placeholder.name());
        assert!(page.contains(&written), "the page does not name {written}");
    }
    for capability in Capability::ALL {
        let written = format!("`{capability}`");
        assert!(page.contains(&written), "the page does not name {written}");
    }
}

#[test]
fn what_is_run_counts_as_a_program_once() {
    let text = with(
        "installed: { programs: [agent, helper], files: [lib/a.so, /b.py] }\nprepare: [{ run: \
         [keygen, now] }, { run: ['{dir}/made'] }, { run: [a] }]\ncapabilities: [relay]",
        "relay: { run: ['{benchcar}', bridge, relay], ready: { udp: 1 } }",
    );
    let manifest = Manifest::parse("some/where/vendor.yaml", &text).unwrap();
    let programs: Vec<String> = manifest.programs().iter().map(ToString::to_string).collect();
    assert_eq!(programs, ["agent", "helper", "keygen", "a", "{benchcar}"]);
    assert_eq!(manifest.folder, Path::new("some/where"));
    assert_eq!(manifest.installed.files, [Path::new("lib/a.so"), Path::new("/b.py")]);
}

/// A relay is claimed.
const RELAY: &str = "capabilities: [relay]";

/// A manifest that is right but for one line on top and one role.
fn with(line: &str, role: &str) -> String {
    format!(
        "bridge: x\n{line}\nroles:\n  technician: {{ run: [a], port: {{ by: tap }}, ready: \
         {{ udp: 1 }} }}\n  mechanic: {{ run: [a], port: {{ by: tap }}, ready: {{ udp: 1 }} }}\n  \
         {role}\n"
    )
}
