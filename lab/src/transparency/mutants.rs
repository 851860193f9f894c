//! The checks are checked: wires with one fault each are caught by exactly the right rows.

mod faulty;

use node::{Duration, Instant, Seed};
use rstest::rstest;
use scenarios::manifest::Capability;

use faulty::{Fault, Faulty};

use super::bench::{Between, Reference, Wire, options, run};
use super::machine::{IDLE, Options};
use super::{Grade, Row, Subject, examine};

#[rstest]
#[case(Fault::DamagesOneByte, &["damage"])]
#[case(Fault::Reorders, &["order"])]
#[case(Fault::Duplicates, &["duplication"])]
#[case(Fault::EatsTags, &["VLAN tag"])]
#[case(Fault::EatsTaggedFrames, &["VLAN tag"])]
#[case(Fault::EatsLongFrames, &["full-size frames", "MTU"])]
#[case(Fault::EatsOneLength, &["odd sizes"])]
#[case(Fault::SwallowsMulticast, &["multicast discovery"])]
#[case(Fault::SwallowsBroadcast, &["ARP", "broadcast discovery", "address change"])]
#[case(Fault::SwallowsArp, &["ARP", "address change"])]
#[case(Fault::KnowsTwoAddressesOnly, &["foreign addresses", "address change"])]
#[case(Fault::LearnsAddressesOnce, &["address change"])]
#[case(Fault::HidesLinkLoss, &["link state"])]
#[case(Fault::NeverSaysThatLinkIsBack, &["link state"])]
#[case(Fault::KeepsFramesThroughReset, &["gateway reset"])]
#[case(Fault::StaysDeadAfterReset, &["gateway reset"])]
#[case(Fault::AnswersInTheCarsPlace, &["half-open sessions", "additions"])]
#[case(Fault::ForgetsWhenIdle, &["idle"])]
#[case(Fault::LosesSome, &["loss"])]
#[case(Fault::InventsFrames, &["additions"])]
#[case(Fault::CutsFrames, &["damage"])]
#[case(Fault::DiesInAFlood, &["idle", "foreign frames"])]
#[case(Fault::Chatters, &["foreign frames"])]
#[case(Fault::DropsItsLink, &["link stability"])]
#[case(Fault::FlapsByItself, &["link state", "link stability"])]
#[case(Fault::ClaimsTheCarsAddress, &["additions"])]
#[case(Fault::IsSlow, &["delay"])]
fn a_faulty_wire_is_caught_by_exactly_the_right_rows(
    #[case] fault: Fault,
    #[case] caught: &[&str],
) {
    let mut wire = Faulty::new(fault);
    let rows = run(&mut wire, options("wire", None, IDLE));
    let found: Vec<&str> = rows
        .iter()
        .filter(|row| !matches!(row.grade, Grade::Pass | Grade::Unsupported))
        .map(|row| row.check)
        .collect();
    assert_eq!(found, caught, "{}", told(&rows));
    let shown = rows.iter().filter(|row| caught.contains(&row.check));
    for row in shown {
        assert!(!row.evidence.is_empty(), "{row:?} shows nothing");
    }
}

#[test]
fn a_plain_wire_passes_everything_but_has_no_relay() {
    let rows = examine(Subject::Wire, Seed(1), IDLE);
    insta::assert_snapshot!(told(&rows));
}

#[test]
fn the_reference_bridge_is_as_a_wire() {
    let rows = examine(Subject::Reference, Seed(1), IDLE);
    let grades: Vec<(&str, Grade)> = rows.iter().map(|row| (row.check, row.grade)).collect();
    let worse: Vec<_> = grades.into_iter().filter(|(_, grade)| *grade != Grade::Pass).collect();
    assert_eq!(worse, [("guard", Grade::NotRun)], "{}", told(&rows));
    assert_eq!(rows, examine(Subject::Reference, Seed(1), IDLE), "the same seed, the same rows");
}

#[test]
fn a_bridge_that_claims_little_lacks_little() {
    let claimless = Options { claims: Default::default(), mtu: 1400, ..wire_options() };
    let rows = run(&mut Faulty::new(Fault::EatsLongFrames), claimless.clone());
    assert_eq!(grade(&rows, "full-size frames"), Grade::Finding);
    assert_eq!(grade(&rows, "MTU"), Grade::Finding, "1386 are not the 1400 it says");
    let rows = run(&mut Faulty::new(Fault::HidesLinkLoss), claimless);
    assert_eq!(grade(&rows, "link state"), Grade::Unsupported);
}

#[test]
fn a_bridge_that_ends_has_failed_the_check_it_ended_in() {
    let rows = run(&mut Faulty::new(Fault::EndsAtFullSize), wire_options());
    let row = rows.iter().find(|row| row.check == "full-size frames").unwrap();
    assert_eq!((row.grade, row.words.as_str()), (Grade::Fail, "the mechanic ended (signal: 6)"));
    let last = row.evidence.last().unwrap();
    assert_eq!((last.place.as_str(), &last.words), ("bridge", &row.words));
    let grades = ["foreign addresses", "odd sizes", "relay loss", "order", "damage"];
    let grades = grades.map(|check| grade(&rows, check));
    assert_eq!(
        grades,
        [Grade::Pass, Grade::NotRun, Grade::Unsupported, Grade::Pass, Grade::Pass],
        "{}",
        told(&rows)
    );
    assert_eq!(rows.len(), examine(Subject::Wire, Seed(1), IDLE).len());
}

#[rstest]
#[case::claimed_and_readable(Fault::SendsInTheClear, true, Grade::Fail)]
#[case::not_claimed_and_readable(Fault::SendsInTheClear, false, Grade::Unsupported)]
#[case::claimed_and_never_overheard(Fault::Chatters, true, Grade::NotRun)]
fn encryption_is_looked_for_between_the_sites(
    #[case] fault: Fault,
    #[case] claimed: bool,
    #[case] graded: Grade,
) {
    let mut options = wire_options();
    options.claims.extend(claimed.then_some(Capability::Encryption));
    let rows = run(&mut Faulty::new(fault), options);
    let row = rows.iter().find(|row| row.check == "encryption").unwrap();
    assert_eq!(row.grade, graded, "{}", row.words);
    let shown = row.evidence.iter().filter(|shown| shown.hex.starts_with("62656e636863617200"));
    assert_eq!(shown.count() > 0, matches!(fault, Fault::SendsInTheClear));
}

#[rstest]
#[case::none(false, "there is no relay that could be lost")]
#[case::not_claimed(true, "a relay is there, not claimed: what its loss does was not tried")]
fn a_relay_that_is_not_killed_is_told(#[case] relay: bool, #[case] words: &str) {
    let rows = run(&mut Wire::new(Seed(1)), Options { relay, ..wire_options() });
    let row = rows.iter().find(|row| row.check == "relay loss").unwrap();
    assert_eq!((row.grade, row.words.as_str()), (Grade::Unsupported, words));
}

#[test]
fn who_claims_to_ride_through_a_reset_must_be_back_soon() {
    let slow = |claims: &[Capability]| {
        let options = Options { claims: claims.iter().copied().collect(), ..wire_options() };
        grade(&run(&mut Faulty::new(Fault::StaysDeadAfterReset), options), "gateway reset")
    };
    assert_eq!(slow(&[]), Grade::Finding);
    assert_eq!(slow(&[Capability::ResetRideThrough]), Grade::Fail);
}

#[test]
fn what_is_never_connected_is_not_examined_further() {
    let mut bridge = Reference::new(Seed(1));
    bridge.relay(Instant::ZERO, false);
    let rows = run(&mut bridge, options("reference", Some(true), IDLE));
    assert_eq!(grade(&rows, "passage"), Grade::Fail);
    assert!(rows.iter().skip(1).all(|row| row.grade == Grade::NotRun), "{}", told(&rows));
    assert!(rows.len() > 15);
}

#[test]
fn what_cannot_be_tried_says_why() {
    let mut excused = Options { link: false, ..wire_options() };
    excused.excused.insert("VLAN tag".to_owned(), "the ports here take tags off".to_owned());
    let rows = run(&mut Wire::new(Seed(1)), excused);
    let not_run: Vec<&str> =
        rows.iter().filter(|row| row.grade == Grade::NotRun).map(|row| row.check).collect();
    assert_eq!(not_run, ["VLAN tag", "link state", "gateway reset"]);
    let tag = rows.iter().find(|row| row.check == "VLAN tag").unwrap();
    assert_eq!(tag.words, "the ports here take tags off");
}

#[test]
fn a_shortened_idle_time_is_told() {
    let options = options("wire", None, Duration::from_secs(5));
    let rows = run(&mut Wire::new(Seed(1)), options);
    let idle = rows.iter().find(|row| row.check == "idle").unwrap();
    assert!(idle.words.starts_with("after 5 s (shortened from 10 min"), "{}", idle.words);
}

fn wire_options() -> Options {
    options("wire", None, Duration::from_secs(5))
}

fn grade(rows: &[Row], check: &str) -> Grade {
    rows.iter().find(|row| row.check == check).expect("every check has a row").grade
}

fn told(rows: &[Row]) -> String {
    let line = |row: &Row| format!("{:20} {:12} {}\n", row.check, row.grade, row.words);
    rows.iter().map(line).collect()
}
