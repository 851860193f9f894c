//! The record and the capture of one run, written while it goes on.

use std::fs::{self, File};
use std::io::{self, BufWriter};
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

/// What is kept of one run.
#[derive(Default)]
pub struct Files {
    record: Option<(PathBuf, record::Writer<BufWriter<File>>)>,
    capture: Option<(PathBuf, CaptureFile)>,
    error: Option<FileError>,
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
    ) -> Result<Self, FileError> {
        let record = match record {
            Some(folder) => Some(begin_record(&folder.join(format!("{stem}.ndjson")), header)?),
            None => None,
        };
        let capture = match pcap {
            Some(folder) => Some(begin_capture(&folder.join(format!("{stem}.pcapng")), header)?),
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
        if let Some((path, writer)) = &mut self.record
            && let Err(error) = writer.line(line)
        {
            self.error.get_or_insert_with(|| refused(path, &error));
        }
    }

    /// Keeps a frame.
    pub fn frame(&mut self, sighting: &Sighting) {
        let Some((path, file)) = &mut self.capture else { return };
        let interface = file.interfaces[sighting.tap as usize];
        let comment = sighting.comment.as_deref();
        let written = file.writer.frame(interface, sighting.at, &sighting.frame, comment);
        if let Err(error) = written {
            self.error.get_or_insert_with(|| refused(path, &error));
        }
    }

    /// Ends the files with the summary of the run.
    pub fn finish(self, summary: &Summary) -> Result<(), FileError> {
        if let Some((path, writer)) = self.record {
            writer.finish(summary).map_err(|error| refused(&path, &error))?;
        }
        if let Some((path, file)) = self.capture {
            file.writer.finish().map_err(|error| refused(&path, &error))?;
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

fn begin_record(
    path: &Path,
    header: &Header,
) -> Result<(PathBuf, record::Writer<BufWriter<File>>), FileError> {
    let file = create(path)?;
    let writer = record::Writer::new(file, header).map_err(|error| refused(path, &error))?;
    Ok((path.to_owned(), writer))
}

fn begin_capture(path: &Path, header: &Header) -> Result<(PathBuf, CaptureFile), FileError> {
    let comment = format!("{}, {}, seed {}", header.program, header.scenario, header.seed);
    let mut writer =
        capture::Writer::new(create(path)?, &comment).map_err(|error| refused(path, &error))?;
    let mut interfaces = Vec::new();
    for tap in Tap::ALL {
        let interface = writer.interface(tap.name(), tap.description());
        interfaces.push(interface.map_err(|error| refused(path, &error))?);
    }
    Ok((path.to_owned(), CaptureFile { writer, interfaces }))
}

fn create(path: &Path) -> Result<BufWriter<File>, FileError> {
    File::create(path).map(BufWriter::new).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &dyn std::error::Error) -> FileError {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let reason = io.map_or_else(|| error.to_string(), ToString::to_string);
    FileError { path: path.to_owned(), reason }
}
