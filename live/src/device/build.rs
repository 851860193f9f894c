//! Which programs of a bridge are installed, their version and digest.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use scenarios::manifest::{Manifest, Placeholder, Template, Value};
use sha2::{Digest, Sha256};

use super::error::{DeviceError, Sought};
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
    /// The programs its manifest names, then those it runs.
    pub programs: Vec<Installed>,
    /// The files its manifest names.
    pub files: Vec<Installed>,
    /// Its version, where its manifest says how to find it and the program told it.
    pub version: Option<String>,
}

/// One program or file of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// As the manifest names it.
    pub name: String,
    /// The file and the SHA-256 of its bytes in hex, or where it was looked for.
    pub file: Result<(PathBuf, String), Sought>,
}

/// A program of a manifest, its name here, and where it is.
type Found<'m> = (&'m Template, String, Result<PathBuf, Sought>);

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
        let mut seen = BTreeSet::new();
        folders.retain(|folder| seen.insert(folder.clone()));
        Self { folders, benchcar }
    }

    /// Returns this program.
    pub fn benchcar(&self) -> &Path {
        &self.benchcar
    }

    /// Returns the file of a program named by itself or by a path.
    ///
    /// # Errors
    ///
    /// Says where it was looked for.
    pub fn find(&self, name: &str) -> Result<PathBuf, Sought> {
        if name.contains('/') {
            // It will be started in another folder.
            let file = file_at(Path::new(name))?;
            return if is_executable(&file) { Ok(file) } else { Err(Sought::NotExecutable(file)) };
        }
        let mut files = self.folders.iter().map(|folder| folder.join(name));
        files.find(|file| is_executable(file)).ok_or_else(|| Sought::Folders(self.folders.clone()))
    }

    /// Checks that all a bridge is made of is there: its programs, those it runs, and its files.
    ///
    /// # Errors
    ///
    /// Names the first that is not.
    pub fn check(&self, manifest: &Manifest) -> Result<(), DeviceError> {
        let (bridge, remedy) = (&manifest.name, &manifest.installed.remedy);
        for (_, program, found) in self.programs(manifest)? {
            found.map_err(|sought| DeviceError::NotInstalled {
                bridge: bridge.clone(),
                program,
                sought,
                remedy: remedy.clone(),
            })?;
        }
        for (file, found) in files(manifest) {
            found.map_err(|sought| DeviceError::NoFile {
                bridge: bridge.clone(),
                file,
                sought,
                remedy: remedy.clone(),
            })?;
        }
        Ok(())
    }

    /// Finds out what is installed of a bridge; asks a program for its version for 5 s at most.
    ///
    /// # Errors
    ///
    /// When something that is installed cannot be read.
    pub fn build(&self, manifest: &Manifest) -> Result<Build, DeviceError> {
        let programs = self.programs(manifest)?.into_iter();
        let programs =
            programs.map(|(template, name, found)| Installed::read(short(template, name), found));
        let files = files(manifest).map(|(name, found)| Installed::read(name, found));
        let build = Build {
            programs: programs.collect::<Result<_, _>>()?,
            files: files.collect::<Result<_, _>>()?,
            version: None,
        };
        let version = if build.is_installed() { self.version(manifest)? } else { None };
        Ok(Build { version, ..build })
    }

    /// Looks for every program of a bridge.
    fn programs<'m>(&self, manifest: &'m Manifest) -> Result<Vec<Found<'m>>, DeviceError> {
        let programs = manifest.programs().into_iter().map(|template| {
            let name = self.fill(template)?;
            let found = self.find(&name);
            Ok((template, name, found))
        });
        programs.collect()
    }

    fn version(&self, manifest: &Manifest) -> Result<Option<String>, DeviceError> {
        let Some(version) = &manifest.version else { return Ok(None) };
        let mut words = version.run.iter().map(|word| self.fill(word));
        let Some(program) = words.next() else { return Ok(None) };
        let Ok(file) = self.find(&program?) else { return Ok(None) };
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
    /// Returns whether every program and file is there.
    pub fn is_installed(&self) -> bool {
        self.parts().all(|part| part.file.is_ok())
    }

    /// Returns one digest for the whole build: that of its program, or one over those of all
    /// programs and files.
    pub fn digest(&self) -> Option<String> {
        let digests: Option<Vec<&str>> =
            self.parts().map(|part| Some(part.file.as_ref().ok()?.1.as_str())).collect();
        match digests?.as_slice() {
            [] => None,
            [one] => Some((*one).to_owned()),
            several => Some(hex(&Sha256::digest(several.join("\n").as_bytes()))),
        }
    }

    /// Returns its programs and files.
    pub fn parts(&self) -> impl Iterator<Item = &Installed> {
        self.programs.iter().chain(&self.files)
    }
}

impl Installed {
    fn read(name: String, found: Result<PathBuf, Sought>) -> Result<Self, DeviceError> {
        let file = match found {
            Ok(file) => match digest(&file) {
                Ok(digest) => Ok((file, digest)),
                Err(source) => return Err(DeviceError::Unread { file, source }),
            },
            Err(sought) => Err(sought),
        };
        Ok(Self { name, file })
    }
}

/// Looks for every file of a bridge.
fn files(manifest: &Manifest) -> impl Iterator<Item = (String, Result<PathBuf, Sought>)> {
    manifest.installed.files.iter().map(|file| {
        let found = file_at(&manifest.folder.join(file));
        (file.display().to_string(), found)
    })
}

fn file_at(path: &Path) -> Result<PathBuf, Sought> {
    let Ok(path) = std::path::absolute(path) else { return Err(Sought::Path(path.to_owned())) };
    match path.metadata() {
        Ok(data) if data.is_file() => Ok(path),
        Ok(_) => Err(Sought::NoFile(path)),
        Err(_) => Err(Sought::Path(path)),
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
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_program_that_is_missing_is_told_with_its_remedy() {
        let text = "bridge: x\nwire: true\ninstalled:\n  programs: [no-such-bridge]\n  remedy: \
                    apt-get install x\n";
        let manifest = Manifest::parse("x.yaml", text).unwrap();
        let error = programs().check(&manifest).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-bridge, a program of the bridge x, is not installed: no program of that name \
             is in /usr/local/sbin, /usr/sbin, /sbin, /usr/bin, /bin"
        );
        assert_eq!(error.remedy(), "Install it: apt-get install x");
        let build = programs().build(&manifest).unwrap();
        assert_eq!((build.is_installed(), build.digest()), (false, None));
    }

    #[rstest]
    #[case::of_a_role("", "no-such-tunneld", Some("no-such-tunneld"))]
    #[case::of_a_path("", "/no/such/tunneld", Some("/no/such/tunneld"))]
    #[case::that_is_a_folder("", "/usr", Some("/usr"))]
    #[case::that_may_not_be_executed("", "/etc/passwd", Some("/etc/passwd"))]
    #[case::of_a_preparation("prepare: [{ run: [no-such-keygen] }]", "sh", Some("no-such-keygen"))]
    #[case::that_is_made("prepare: [{ run: [cp, a, '{dir}/b'] }]", "{dir}/b", None)]
    #[case::all_there("prepare: [{ run: [sh] }]", "sh", None)]
    fn what_is_run_has_to_be_there(
        #[case] line: &str,
        #[case] run: &str,
        #[case] missing: Option<&str>,
    ) {
        let manifest = Manifest::parse("x.yaml", &roles(line, run)).unwrap();
        let named = match programs().check(&manifest) {
            Ok(()) => None,
            Err(DeviceError::NotInstalled { program, .. }) => Some(program),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(named.as_deref(), missing);
        let build = programs().build(&manifest).unwrap();
        assert_eq!(build.is_installed(), missing.is_none());
        assert_eq!(build.digest().is_some(), missing.is_none());
    }

    #[test]
    fn files_have_to_be_there_and_are_part_of_the_build() {
        let folder = std::env::temp_dir().join(format!("benchcar-files-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("lib")).unwrap();
        let path = folder.join("vendor.yaml").display().to_string();
        let bare = Manifest::parse(&path, &roles("", "sh")).unwrap();
        let text = roles("installed: { files: [lib/agent.py] }", "sh");
        let manifest = Manifest::parse(&path, &text).unwrap();
        let error = programs().check(&manifest).unwrap_err().to_string();
        let agent = folder.join("lib/agent.py");
        let place = format!("is missing: no file can be seen at {}", agent.display());
        assert!(error.ends_with(&place), "{error}");
        assert!(!programs().build(&manifest).unwrap().is_installed());

        let mut digests = BTreeSet::from([programs().build(&bare).unwrap().digest()]);
        for text in ["one", "another"] {
            std::fs::write(&agent, text).unwrap();
            programs().check(&manifest).unwrap();
            digests.insert(programs().build(&manifest).unwrap().digest());
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(digests.iter().flatten().count(), 3);
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

    /// A bridge of two roles that run the same.
    fn roles(line: &str, run: &str) -> String {
        let role = format!("{{ run: ['{run}', x], port: {{ by: tap }}, ready: {{ udp: 1 }} }}");
        format!("bridge: x\n{line}\nroles:\n  technician: {role}\n  mechanic: {role}\n")
    }

    fn programs() -> Programs {
        Programs::new(None, PathBuf::from("/benchcar"))
    }
}
