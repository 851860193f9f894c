//! Programs of bridges made of the shell: started, ready, watched, stopped.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rstest::rstest;
use scenarios::manifest::{Manifest, RoleName};
use scenarios::{BridgeSetup, Carry, Guard};

use super::{Device, DeviceError, Here, Programs, Running, Site, Sites, takes};

#[test]
fn roles_start_in_order_and_know_their_places() {
    let scene = Scene::new("places");
    let text = manifest(
        "prepare:\n  - file: { path: '{dir}/a/b', text: 'order {order}' }\n  - run: [cp, \
         '{dir}/a/b', '{dir}/c']\n",
        "cat {dir}/c; echo ' {own-address} {tap}'; exec sleep 60",
        "order 7 10.77.0.[23] tv1",
    );
    let running = scene.start(&text).unwrap();
    let started: Vec<bool> = ROLES.iter().map(|role| running.process(*role).is_some()).collect();
    assert_eq!(started, [true, true, false]);
    assert_eq!(running.printed(RoleName::Technician), ["order 7 10.77.0.2 tv1"]);
}

#[rstest]
#[case::asked("exec sleep 60", Duration::from_secs(2))]
#[case::deaf("trap '' TERM; while :; do sleep 1; done", Duration::from_secs(4))]
fn nothing_is_left_when_it_is_stopped(#[case] command: &str, #[case] at_most: Duration) {
    let scene = Scene::new("stop");
    let text = manifest("", &format!("echo up; {command}"), "up");
    let running = scene.start(&text).unwrap();
    let processes: Vec<u32> = ROLES.iter().filter_map(|role| running.process(*role)).collect();
    assert_eq!(processes.len(), 2);
    let began = Instant::now();
    scene.runtime.block_on(running.stop());
    assert!(began.elapsed() < at_most, "{:?}", began.elapsed());
    assert_eq!(alive(&processes), Vec::<u32>::new());
}

#[test]
fn nothing_is_left_when_it_is_dropped() {
    let scene = Scene::new("drop");
    let running = scene.start(&manifest("", "echo up; sleep 60 & wait", "up")).unwrap();
    let processes: Vec<u32> = ROLES.iter().filter_map(|role| running.process(*role)).collect();
    drop(running);
    assert_eq!(alive(&processes), Vec::<u32>::new());
}

#[test]
fn a_program_that_ends_early_is_told_with_what_it_said() {
    let scene = Scene::new("early");
    let error = scene.start(&manifest("", "echo no licence; exit 4", "up")).err().unwrap();
    let DeviceError::Ended { role, last, how } = error else { panic!("{error}") };
    assert_eq!((role, how.as_str()), (RoleName::Mechanic, "exit status: 4"));
    assert_eq!(last, ["no licence"]);
}

#[test]
fn a_program_that_is_never_ready_is_told_with_what_was_missing() {
    let scene = Scene::new("never");
    let text =
        manifest("", "echo up; exec sleep 60", "ready").replace("within: 5s", "within: 100ms");
    let error = scene.start(&text).err().unwrap();
    assert!(error.to_string().contains("no line has `ready`; it said: up"), "{error}");
}

#[test]
fn a_chatty_program_is_seen_to_be_ready() {
    let scene = Scene::new("chatty");
    let command = "seq 1000 1300; echo up; seq 1000 2500; exec sleep 60";
    let running = scene.start(&manifest("", command, "^up$")).unwrap();
    assert!(running.process(RoleName::Technician).is_some());
}

#[test]
fn a_program_that_was_not_made_is_told_with_where_it_should_be() {
    let scene = Scene::new("unmade");
    let text = manifest("", "exit", "up").replace("[sh, ", "['{dir}/tunneld', ");
    let error = scene.start(&text).err().unwrap();
    let place = scene.dir.join("tunneld");
    let (place, told) = (place.display(), error.to_string());
    let wanted =
        format!("{place} could not be started, it is missing: no file can be seen at {place}");
    assert_eq!(told, wanted);
}

#[test]
fn a_preparation_that_fails_is_told() {
    let scene = Scene::new("prepare");
    let lines = "prepare:\n  - run: [sh, -c, 'echo no room; exit 9']\n";
    let error = scene.start(&manifest(lines, "exec sleep 60", "x")).err().unwrap();
    assert!(error.to_string().ends_with("exit status: 9, no room"), "{error}");
}

#[test]
fn a_role_that_dies_is_noticed_once_and_can_be_started_again() {
    let scene = Scene::new("dies");
    let text = manifest("", "echo up; exec sleep 60", "up");
    let mut running = scene.start(&text).unwrap();
    assert_eq!(running.poll_death(), None);
    let process = running.process(RoleName::Mechanic).unwrap();
    let kill = nix::sys::signal::Signal::SIGKILL;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process as i32), kill).unwrap();
    let death = std::iter::repeat_with(|| running.poll_death()).flatten().next().unwrap();
    assert_eq!((death.role, death.last.as_slice()), (RoleName::Mechanic, &["up".to_owned()][..]));
    assert_eq!(running.poll_death(), None);
    running.start_role(RoleName::Mechanic).unwrap();
    scene.runtime.block_on(running.wait_ready(RoleName::Mechanic)).unwrap();
}

const ROLES: [RoleName; 3] = [RoleName::Technician, RoleName::Mechanic, RoleName::Relay];

/// Tells scenes of one process apart.
static SCENES: AtomicU32 = AtomicU32::new(0);

struct Scene {
    runtime: tokio::runtime::Runtime,
    dir: PathBuf,
}

impl Scene {
    fn new(name: &str) -> Self {
        let number = SCENES.fetch_add(1, Ordering::Relaxed);
        let own = format!("benchcar-device-{name}-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(own);
        std::fs::create_dir_all(&dir).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, dir }
    }

    fn start(&self, text: &str) -> Result<Running, DeviceError> {
        let manifest = Manifest::parse("test.yaml", text).unwrap();
        let site = |last: u8| Site {
            ground: Arc::new(Here),
            address: Ipv4Addr::new(10, 77, 0, last),
            tap: "tv1".to_owned(),
            port: "car0".to_owned(),
            mtu: 1500,
        };
        let sites = Sites {
            technician: site(2),
            relay: site(1),
            mechanic: site(3),
            order: 7,
            passcode: "bench".to_owned(),
            setup: BridgeSetup::default(),
            dir: self.dir.clone(),
        };
        let programs = Programs::new(None, PathBuf::from("/benchcar"));
        self.runtime.block_on(Device::start(&manifest, &programs, sites))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

#[rstest]
#[case::nothing_unusual("openvpn", Carry::Datagram, Guard::Advise, None)]
#[case::what_it_can_be_told("reference", Carry::Stream, Guard::Enforce, None)]
#[case::a_carry("openvpn", Carry::Stream, Guard::Advise, Some("`carry: stream`"))]
#[case::a_guard("n2n", Carry::Datagram, Guard::Off, Some("`guard: off`"))]
#[case::a_wire("wire", Carry::Datagram, Guard::Enforce, Some("`guard: enforce`"))]
fn a_bridge_that_cannot_be_told_is_refused(
    #[case] bridge: &str,
    #[case] carry: Carry,
    #[case] guard: Guard,
    #[case] refused: Option<&str>,
) {
    let manifest = Manifest::named(bridge).unwrap();
    let said = takes(&manifest, BridgeSetup { carry, guard });
    let said = said.err().map(|trouble| trouble.to_string());
    assert_eq!(said.is_some(), refused.is_some(), "{said:?}");
    assert!(said.unwrap_or_default().contains(refused.unwrap_or_default()));
}

/// Two roles of the shell, ready by a line.
fn manifest(lines: &str, command: &str, line: &str) -> String {
    let command = command.replace('\'', "''");
    let role = format!(
        "{{ run: [sh, -c, '{command}'], port: {{ by: tap }}, ready: {{ log: '{line}', within: \
         5s }}, stop: {{ grace: 300ms }} }}"
    );
    format!("bridge: x\n{lines}roles:\n  technician: {role}\n  mechanic: {role}\n")
}

fn alive(processes: &[u32]) -> Vec<u32> {
    let there = |id: &&u32| Path::new(&format!("/proc/{id}")).exists();
    processes.iter().filter(there).copied().collect()
}
