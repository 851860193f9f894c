//! Runs the command, never longer than a minute, and never lets it panic.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The longest any command of these tests may take, however busy the machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How the command ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it printed on standard error.
    pub err: String,
}

/// Runs the command in a folder of the project and waits for its end.
pub fn benchcar(args: &[&str]) -> Ended {
    ended(start(args))
}

/// Starts the command in the folder of the project.
pub fn start(args: &[&str]) -> Child {
    spawn(Command::new(env!("CARGO_BIN_EXE_benchcar")).args(args))
}

/// Runs the command with another standard error and waits for its end.
pub fn unheard(args: &[&str], stderr: Stdio) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_benchcar"));
    ended(spawn_with(command.args(args), stderr))
}

/// Runs a line in a shell that finds the command, as a person would.
pub fn shell(line: &str) -> Ended {
    let folder = Path::new(env!("CARGO_BIN_EXE_benchcar")).parent().expect("a folder");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    ended(spawn(Command::new("sh").args(["-c", line]).env("PATH", path)))
}

/// Waits for the end of a command; kills one that takes too long.
#[track_caller]
pub fn ended(child: Child) -> Ended {
    let id = child.id();
    let (sender, end) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = end.recv_timeout(PATIENCE) else {
        signal(id, "KILL");
        panic!("no end after {PATIENCE:?}");
    };
    let Output { status, stdout, stderr } = output.expect("the command can be waited for");
    let text = |bytes| String::from_utf8(bytes).expect("only text is printed");
    let ended = Ended {
        code: status.code().expect("no signal ends the command"),
        out: text(stdout),
        err: text(stderr),
    };
    assert!(ended.code != 101 && !ended.err.contains("panicked at"), "{ended:?}");
    ended
}

/// Sends a signal to a process.
pub fn signal(id: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status();
    assert!(status.is_ok_and(|status| status.success()), "SIG{name} to {id}");
}

/// Waits until something is there, looking often, and says what it was.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let (_nobody, rest) = mpsc::channel::<()>();
    let look_every = Duration::from_millis(10);
    for _ in 0..PATIENCE.as_millis() / look_every.as_millis() {
        if let Some(found) = look() {
            return found;
        }
        let _nothing = rest.recv_timeout(look_every);
    }
    panic!("no {what} after {PATIENCE:?}");
}

/// An empty folder of one test.
pub fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _missing = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Writes a file of one test and returns its path.
pub fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("the target folder can be written");
    path.to_str().expect("paths of the target folder are text").to_owned()
}

fn spawn(command: &mut Command) -> Child {
    spawn_with(command, Stdio::piped())
}

fn spawn_with(command: &mut Command, stderr: Stdio) -> Child {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let command = command.current_dir(root).stdin(Stdio::null());
    let command = command.stdout(Stdio::piped()).stderr(stderr);
    command.spawn().expect("the command was built")
}
