//! Which programs of a bridge are installed, their version and digest.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use scenarios::manifest::{Manifest, Placeholder, Template, Value};
use sha2::{Digest, Sha256};

use super::DeviceError;
use super::output::Output;

/// Where programs are looked for.
#[derive(Clone, Debug)]
pub struct Programs {
    folders: Vec<PathBuf>,
    benchcar: PathBuf,
}

/// What is installed of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its programs, in the order of the manifest.
    pub programs: Vec<Installed>,
    /// Its version, where its manifest says how to find it and the program told it.
    pub version: Option<String>,
}

/// One program of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// As the manifest names it.
    pub name: String,
    /// The file and the SHA-256 of its bytes in hex; none when it is not installed.
    pub file: Option<(PathBuf, String)>,
}

impl Programs {
    /// Looks in the folders of a `PATH`, and in those where systems keep daemons; `benchcar` is
    /// this program.
    pub fn new(path: Option<&OsStr>, benchcar: PathBuf) -> Self {
        let mut folders: Vec<PathBuf> =
            path.map(std::env::split_paths).into_iter().flatten().collect();
        folders.retain(|folder| folder.is_absolute());
        folders.extend(
            ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from),
        );
        Self { folders, benchcar }
    }

    /// Returns this program.
    pub fn benchcar(&self) -> &Path {
        &self.benchcar
    }

    /// Returns the file of a program named by itself or by a path.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            // It will be started in another folder.
            return std::path::absolute(name).ok().filter(|file| is_executable(file));
        }
        self.folders.iter().map(|folder| folder.join(name)).find(|file| is_executable(file))
    }

    /// Checks that every program of a bridge is installed.
    ///
    /// # Errors
    ///
    /// Names the first that is not.
    pub fn check(&self, manifest: &Manifest) -> Result<(), DeviceError> {
        for program in &manifest.installed.programs {
            let program = self.fill(program)?;
            if self.find(&program).is_none() {
                return Err(DeviceError::NotInstalled {
                    bridge: manifest.name.clone(),
                    program,
                    remedy: manifest.installed.remedy.clone(),
                });
            }
        }
        Ok(())
    }

    /// Finds out what is installed of a bridge; asks a program for its version for 5 s at most.
    ///
    /// # Errors
    ///
    /// When an installed program cannot be read.
    pub fn build(&self, manifest: &Manifest) -> Result<Build, DeviceError> {
        let mut programs = Vec::new();
        for program in &manifest.installed.programs {
            let name = self.fill(program)?;
            let file = match self.find(&name) {
                Some(file) => {
                    let digest = digest(&file).map_err(|source| DeviceError::NotStarted {
                        program: file.display().to_string(),
                        source,
                    })?;
                    Some((file, digest))
                }
                None => None,
            };
            programs.push(Installed { name: short(program, name), file });
        }
        let build = Build { programs, version: None };
        let version = if build.is_installed() { self.version(manifest)? } else { None };
        Ok(Build { version, ..build })
    }

    fn version(&self, manifest: &Manifest) -> Result<Option<String>, DeviceError> {
        let Some(version) = &manifest.version else { return Ok(None) };
        let mut words = version.run.iter().map(|word| self.fill(word));
        let Some(program) = words.next() else { return Ok(None) };
        let Some(file) = self.find(&program?) else { return Ok(None) };
        let mut command = Command::new(file);
        for word in words {
            command.arg(word?);
        }
        let told = printed_and_ended(command, PATIENCE).map(|(text, _)| text).unwrap_or_default();
        Ok(version.pattern.find(&told).map(str::to_owned))
    }

    fn fill(&self, template: &Template) -> Result<String, DeviceError> {
        let values = Value::from([(Placeholder::Benchcar, self.benchcar.display().to_string())]);
        template.fill(&values).map_err(DeviceError::NoValue)
    }
}

impl Build {
    /// Returns whether every program is there.
    pub fn is_installed(&self) -> bool {
        self.programs.iter().all(|program| program.file.is_some())
    }

    /// Returns one digest for the whole build: that of its program, or one over those of all.
    pub fn digest(&self) -> Option<String> {
        let digests: Option<Vec<&str>> = self
            .programs
            .iter()
            .map(|program| program.file.as_ref().map(|(_, digest)| digest.as_str()))
            .collect();
        match digests?.as_slice() {
            [] => None,
            [one] => Some((*one).to_owned()),
            several => Some(hex(&Sha256::digest(several.join("\n").as_bytes()))),
        }
    }
}

/// Our own path is told by its placeholder: it differs from machine to machine.
fn short(template: &Template, filled: String) -> String {
    match template.placeholders().next() {
        Some(_) => filled.rsplit('/').next().unwrap_or_default().to_owned(),
        None => filled,
    }
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn digest(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes text");
        text
    })
}

/// Runs a program and returns what it prints and how it ends; killed when it takes too long.
pub(super) fn printed_and_ended(
    mut command: Command,
    patience: Duration,
) -> io::Result<(String, ExitStatus)> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The writing ends inside of it would keep the reader waiting.
    drop(command);
    let output = Output::read_from(reader, None);
    let deadline = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        output.wait_for_more(Duration::from_millis(10));
    };
    output.wait_for_end(Duration::from_millis(500));
    Ok((output.last(usize::MAX).join("\n"), status))
}

/// How long a program may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_told_with_its_remedy() {
        let text = "bridge: x\nwire: true\ninstalled:\n  programs: [no-such-bridge]\n  remedy: \
                    apt-get install x\n";
        let manifest = Manifest::parse("x.yaml", text).unwrap();
        let error = programs().check(&manifest).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-bridge, a program of the bridge x, is not installed"
        );
        assert_eq!(error.remedy(), "Install it: apt-get install x");
        let build = programs().build(&manifest).unwrap();
        assert_eq!((build.is_installed(), build.digest()), (false, None));
    }

    #[test]
    fn a_program_that_is_there_has_version_and_digest() {
        let text = "bridge: x\nwire: true\ninstalled: { programs: [sh] }\nversion: { run: [sh, -c, \
                    'echo shell 7.1 >&2; exit 3'], pattern: 'shell (\\S+)' }\n";
        let manifest = Manifest::parse("x.yaml", text).unwrap();
        let build = programs().build(&manifest).unwrap();
        assert_eq!(build.version.as_deref(), Some("7.1"));
        assert_eq!(build.digest().unwrap().len(), 64);
    }

    #[test]
    fn a_program_that_never_answers_is_given_up() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let error = printed_and_ended(command, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn the_digest_is_the_one_everybody_computes() {
        let file = std::env::temp_dir().join(format!("benchcar-digest-{}", std::process::id()));
        std::fs::write(&file, b"abc").unwrap();
        let digest = digest(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    fn programs() -> Programs {
        Programs::new(None, PathBuf::from("/benchcar"))
    }
}
