//! `benchcar run`: exit codes, results as JSON, values given on the command line.

use record::{Summary, Verdict};
use rstest::rstest;

use crate::command::{benchcar, file, folder, shell};

const QUICK: &str = "diagnosis-no-bridge";

#[test]
fn a_run_as_expected_ends_with_0_and_a_line() {
    let ended = benchcar(&["run", QUICK]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.starts_with("PASS  A diagnosis session in the workshop"), "{}", ended.out);
    assert!(ended.out.contains("1 run: 1 passed"), "{}", ended.out);
    assert_eq!(ended.err, "");
}

#[test]
fn a_failed_expectation_ends_with_1_and_says_how_to_repeat_it() {
    let ended = benchcar(&["run", QUICK, "--seed", "7", "--set", "expect.duration=< 1s"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.starts_with("FAIL"), "{}", ended.out);
    assert!(ended.out.contains("expected duration < 1s, found"), "{}", ended.out);
    let repeat = format!("benchcar run {QUICK} --seed 7 --set 'expect.duration=< 1s'");
    assert!(ended.out.contains(&repeat), "{}", ended.out);
    assert_eq!(shell(&repeat).code, 1, "it fails again");
}

#[rstest]
#[case::unknown_key("network.mechanic.los=1%", "did you mean `loss`")]
#[case::wrong_unit("network.mechanic.loss=1", "loss")]
#[case::no_value("network.mechanic.loss", "has no `=`")]
#[case::unknown_vci("vci=icom", "icom-next")]
fn a_wrong_value_on_the_command_line_ends_with_2_and_says_what_is_right(
    #[case] setting: &str,
    #[case] said: &str,
) {
    let ended = benchcar(&["run", QUICK, "--set", setting]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains(said), "{}", ended.err);
    assert_eq!(ended.out, "", "nothing runs");
}

#[test]
fn a_value_on_the_command_line_takes_the_place_of_the_file() {
    let plain = one(&["run", "kafas-short-flash", "--json"]);
    let other = one(&[
        "run",
        "kafas-short-flash",
        "--json",
        "--set",
        "vci=enet-cable",
        "--protocol",
        "doip",
        "--set",
        "steps.2.program.size=16KiB",
    ]);
    assert_eq!((plain.vci.as_str(), plain.protocol.as_str()), ("icom-next", "hsfz"));
    assert_eq!((other.vci.as_str(), other.protocol.as_str()), ("enet-cable", "doip"));
    assert!(other.frames < plain.frames, "a smaller image takes fewer frames");
}

#[test]
fn a_wrong_file_ends_with_2_and_nothing_runs() {
    let folder = folder("a-wrong-file");
    let path =
        file(&folder, "wrong.yaml", "scenario: Wrong\nvehicle: g05\nsteps: [identify, fly]\n");
    let ended = benchcar(&["run", QUICK, &path]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert_eq!(ended.out, "");
}

#[rstest]
#[case::nearly_a_name("8hp-hsfz-enet-20m", "did you mean the library's `8hp-hsfz-enet-20ms`?")]
#[case::nothing_like_it("zzz", "`benchcar list` prints the library")]
fn an_unknown_name_ends_with_4_and_a_hint(#[case] name: &str, #[case] hint: &str) {
    let ended = benchcar(&["run", name]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains(hint), "{}", ended.err);
}

#[test]
fn an_empty_folder_ends_with_4() {
    let folder = folder("an-empty-folder");
    let ended = benchcar(&["run", folder.to_str().unwrap()]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains("no *.yaml file in this folder"), "{}", ended.err);
}

#[test]
fn every_result_is_one_json_object_with_the_promised_fields() {
    let ended = benchcar(&["run", QUICK, "discovery-and-scan-doip", "--json", "--repeat", "3"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let promised = [
        "scenario",
        "seed",
        "engine",
        "protocol",
        "vci",
        "verdict",
        "ends",
        "gateway_resets",
        "virtual_s",
        "wall_s",
        "frames",
        "digest",
        "repeat",
    ];
    let mut seeds = Vec::new();
    for line in ended.out.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        for field in promised {
            assert!(!object[field].is_null(), "{field} is missing in {line}");
        }
        let summary: Summary = serde_json::from_str(line).unwrap();
        assert!(summary.wall_s > 0.0 && summary.virtual_s > 40.0, "{line}");
        assert_eq!(summary.verdict, Verdict::Pass);
        seeds.push((summary.file, summary.seed));
    }
    let expected = [QUICK, "discovery-and-scan-doip"]
        .iter()
        .flat_map(|file| (1..=3).map(|seed| ((*file).to_owned(), seed)));
    assert_eq!(seeds, expected.collect::<Vec<_>>(), "told in the order asked for");
}

#[test]
fn the_printed_command_repeats_the_run_with_the_same_digest() {
    let folder = folder("repeat me");
    let text = scenarios::shipped("discovery-and-scan-hsfz").unwrap().text;
    let path = file(&folder, "it's mine.yaml", text);
    let first = one(&[
        "run",
        &path,
        "--json",
        "--seed",
        "5",
        "--set",
        "network.mechanic.loss=2%",
        "--set",
        "tester={ timeouts: { patience: 90s } }",
        "--protocol",
        "hsfz",
    ]);
    let ended = shell(&format!("{} --json", first.repeat));
    assert_eq!(ended.code, 0, "{ended:?}");
    let again: Summary = serde_json::from_str(&ended.out).expect("--json prints JSON");
    assert_eq!(again.digest, first.digest);
    assert_eq!(again.repeat, first.repeat);
    let other = one(&["run", &path, "--json", "--seed", "5"]);
    assert_ne!(other.digest, first.digest, "without the loss it is another run");
}

#[test]
fn what_cannot_speak_the_wanted_protocol_is_left_out_of_many_and_named() {
    let folder = folder("left-out");
    let text = |vehicle| format!("scenario: {vehicle}\nvehicle: {vehicle}\nsteps: [identify]\n");
    let old = file(&folder, "old.yaml", &text("f30"));
    file(&folder, "new.yaml", &text("g05"));
    let many = benchcar(&["run", folder.to_str().unwrap(), "--protocol", "doip"]);
    assert_eq!(many.code, 0, "{many:?}");
    assert!(many.out.contains("1 run: 1 passed"), "{}", many.out);
    let told = format!("left out, because their vehicles do not speak doip: {old}");
    assert!(many.err.contains(&told), "{}", many.err);
    let named = benchcar(&["run", &old, "--protocol", "doip"]);
    assert_eq!(named.code, 2, "what was named is not left out: {named:?}");
    assert!(named.err.contains(&format!("{old} --set:1:10")), "{}", named.err);
    assert!(named.err.contains("does not speak doip"), "{}", named.err);
}

#[cfg(target_os = "linux")]
#[rstest]
#[case::summary("")]
#[case::json("--json")]
fn results_that_cannot_be_printed_end_with_3(#[case] form: &str) {
    let ended = shell(&format!("benchcar run {QUICK} {form} >/dev/full"));
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.starts_with("benchcar: "), "{}", ended.err);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_folder_is_not_waited_for() {
    let folder = folder("a-pipe");
    let made = shell(&format!("mkfifo '{}'", folder.join("pipe.yaml").display()));
    assert_eq!(made.code, 0, "{made:?}");
    let ended = benchcar(&["run", folder.to_str().unwrap()]);
    assert_eq!(ended.code, 4, "{ended:?}");
}

#[cfg(unix)]
#[rstest]
#[case::as_it_is("")]
#[case::with_a_protocol("--protocol doip")]
fn a_scenario_may_come_through_a_pipe(#[case] options: &str) {
    let text = "scenario: Piped\\nvehicle: g05\\nsteps: [identify]\\n";
    let ended = shell(&format!("printf '{text}' | benchcar run /dev/stdin {options}"));
    assert_eq!(ended.code, 0, "{ended:?}");
}

/// The only result of a run that ends as expected.
fn one(args: &[&str]) -> Summary {
    let ended = benchcar(args);
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.out).expect("--json prints JSON")
}
