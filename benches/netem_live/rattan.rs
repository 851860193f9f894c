//! The same probe through rattan, a published emulator, for comparison.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version this project compares itself with.
pub const VERSION: &str = "0.1.1";

/// The address rattan gives the right-hand namespace.
const RIGHT: &str = "10.2.1.1";

/// Returns the installed program: what `RATTAN` names, or the one on the path.
pub fn find() -> Result<PathBuf, String> {
    let program = std::env::var_os("RATTAN").map_or_else(|| "rattan".into(), PathBuf::from);
    let told = Command::new(&program).arg("--version").output();
    let version = match told {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => return Err(format!("{} does not run: {error}", program.display())),
    };
    let first = version.lines().next().unwrap_or_default();
    if first.contains(VERSION) { Ok(program) } else { Err(format!("it is `{first}`")) }
}

/// Runs sender and receiver at rattan's two ends; returns what the receiver printed.
pub fn run(
    program: &Path,
    processor: usize,
    delay: &str,
    [send, receive]: [&str; 2],
) -> io::Result<String> {
    let config = std::env::temp_dir().join(format!("rattan-{}.toml", std::process::id()));
    // The sender waits for the receiver, which rattan starts at the same time.
    let text = format!(
        "[env]\nmode = \"Isolated\"\n\
         [cells.there]\ntype = \"Delay\"\ndelay = \"{delay}\"\n\
         [cells.back]\ntype = \"Delay\"\ndelay = \"{delay}\"\n\
         [links]\nleft = \"there\"\nthere = \"right\"\nright = \"back\"\nback = \"left\"\n\
         [resource]\ncores = [{processor}]\n\
         [commands]\nleft = [\"sh\", \"-c\", \"sleep 1; exec {send} {RIGHT}\"]\n\
         right = [\"sh\", \"-c\", \"exec {receive}\"]\n"
    );
    fs::write(&config, text)?;
    let output = Command::new(program)
        .args(["run", "--right-stdout", "-c"])
        .arg(&config)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    fs::remove_file(&config)?;
    Ok(String::from_utf8_lossy(&output?.stdout).into_owned())
}
