//! The record and the capture of one run, written while it goes on.

use std::fs::{self, File};
use std::io::{self, BufWriter, LineWriter, Write};
use std::path::{Path, PathBuf};

use lab::world::{Sighting, Tap};
use record::{Header, Line, Summary};

/// A file that could not be written, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {reason}", path.display())]
pub struct FileError {
    path: PathBuf,
    reason: String,
}

/// When a line of a record reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// With many others.
    InBlocks,
    /// At once: a run that is killed leaves everything it has told.
    LineByLine,
}

/// What is kept of one run. Until it is whole, its name says that it is partial.
#[derive(Default)]
pub struct Files {
    record: Option<(Target, record::Writer<Box<dyn Write + Send>>)>,
    capture: Option<(Target, CaptureFile)>,
    error: Option<FileError>,
}

/// Where a file is while it is written, and where once it is whole.
struct Target {
    partial: PathBuf,
    whole: PathBuf,
}

struct CaptureFile {
    writer: capture::Writer<BufWriter<File>>,
    interfaces: Vec<capture::InterfaceId>,
}

impl Files {
    /// Begins the files of one run; `stem` is their name without extension.
    pub fn begin(
        record: Option<&Path>,
        pcap: Option<&Path>,
        stem: &str,
        header: &Header,
        keeping: Keeping,
    ) -> Result<Self, FileError> {
        let record = match record {
            Some(folder) => {
                Some(begin_record(Target::new(folder, stem, "ndjson"), header, keeping)?)
            }
            None => None,
        };
        let capture = match pcap {
            Some(folder) => Some(begin_capture(Target::new(folder, stem, "pcapng"), header)?),
            None => None,
        };
        Ok(Self { record, capture, error: None })
    }

    /// Whether lines are kept.
    pub fn keeps_lines(&self) -> bool {
        self.record.is_some()
    }

    /// Whether frames are kept.
    pub fn keeps_frames(&self) -> bool {
        self.capture.is_some()
    }

    /// Keeps a line of the record.
    pub fn line(&mut self, line: &Line) {
        if let Some((target, writer)) = &mut self.record
            && let Err(error) = writer.line(line)
        {
            self.error.get_or_insert_with(|| refused(&target.partial, &error));
        }
    }

    /// Keeps a frame.
    pub fn frame(&mut self, sighting: &Sighting) {
        let Some((target, file)) = &mut self.capture else { return };
        let interface = file.interfaces[sighting.tap as usize];
        let comment = sighting.comment.as_deref();
        let written = file.writer.frame(interface, sighting.at, &sighting.frame, comment);
        if let Err(error) = written {
            self.error.get_or_insert_with(|| refused(&target.partial, &error));
        }
    }

    /// Ends the files with the summary of the run.
    pub fn finish(self, summary: &Summary) -> Result<(), FileError> {
        if let Some((target, writer)) = self.record {
            writer.finish(summary).map_err(|error| refused(&target.partial, &error))?;
            target.is_whole()?;
        }
        if let Some((target, file)) = self.capture {
            file.writer.finish().map_err(|error| refused(&target.partial, &error))?;
            target.is_whole()?;
        }
        self.error.map_or(Ok(()), Err)
    }
}

/// Makes a folder for files to be kept in.
pub fn make_folder(folder: &Path) -> Result<(), FileError> {
    fs::create_dir_all(folder).map_err(|error| refused(folder, &error))
}

/// Writes a whole file.
pub fn write(path: &Path, text: &str) -> Result<(), FileError> {
    fs::write(path, text).map_err(|error| refused(path, &error))
}

impl Target {
    fn new(folder: &Path, stem: &str, extension: &str) -> Self {
        let named = |name: String| folder.join(name);
        Self {
            partial: named(format!("{stem}.partial.{extension}")),
            whole: named(format!("{stem}.{extension}")),
        }
    }

    /// Gives the file the name of a whole one.
    fn is_whole(&self) -> Result<(), FileError> {
        fs::rename(&self.partial, &self.whole).map_err(|error| refused(&self.whole, &error))
    }
}

fn begin_record(
    target: Target,
    header: &Header,
    keeping: Keeping,
) -> Result<(Target, record::Writer<Box<dyn Write + Send>>), FileError> {
    let file = create(&target.partial)?;
    let sink: Box<dyn Write + Send> = match keeping {
        Keeping::InBlocks => Box::new(BufWriter::new(file)),
        Keeping::LineByLine => Box::new(LineWriter::new(file)),
    };
    let writer =
        record::Writer::new(sink, header).map_err(|error| refused(&target.partial, &error))?;
    Ok((target, writer))
}

fn begin_capture(target: Target, header: &Header) -> Result<(Target, CaptureFile), FileError> {
    let path = &target.partial;
    let file = BufWriter::new(create(path)?);
    let comment = format!("{}, {}, seed {}", header.program, header.scenario, header.seed);
    let mut writer = capture::Writer::new(file, &comment).map_err(|error| refused(path, &error))?;
    let mut interfaces = Vec::new();
    for tap in Tap::ALL {
        let interface = writer.interface(tap.name(), tap.description());
        interfaces.push(interface.map_err(|error| refused(path, &error))?);
    }
    Ok((target, CaptureFile { writer, interfaces }))
}

fn create(path: &Path) -> Result<File, FileError> {
    File::create(path).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &dyn std::error::Error) -> FileError {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let reason = io.map_or_else(|| error.to_string(), ToString::to_string);
    FileError { path: path.to_owned(), reason }
}
