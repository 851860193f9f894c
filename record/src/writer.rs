//! Writes a record, line by line.

use std::io::{self, Write};

use serde::Serialize;
use thiserror::Error;

use crate::event::Line;
use crate::header::Header;
use crate::summary::Summary;

/// Writes a record: the header at once, then lines, then the summary.
///
/// Each line is handed to the sink whole, so that a run that dies leaves a record that can be read
/// up to its last whole line. The sink should be buffered; [`Writer::finish`] flushes it.
#[derive(Debug)]
pub struct Writer<W: Write> {
    sink: W,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts a record.
    pub fn new(sink: W, header: &Header) -> Result<Self, WriteError> {
        let mut writer = Self { sink, line: Vec::new() };
        writer.write_line(&HeaderLine { header })?;
        Ok(writer)
    }

    /// Adds one event.
    pub fn line(&mut self, line: &Line) -> Result<(), WriteError> {
        self.write_line(line)
    }

    /// Ends the record, flushes the sink and returns it.
    pub fn finish(mut self, summary: &Summary) -> Result<W, WriteError> {
        self.write_line(&SummaryLine { summary })?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    fn write_line(&mut self, line: &impl Serialize) -> Result<(), WriteError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.sink.write_all(&self.line)?;
        Ok(())
    }
}

/// Why a record cannot be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The sink refuses.
    #[error("write the record: {0}")]
    Io(#[from] io::Error),
    /// A value has no JSON form.
    #[error("put the record into JSON: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct HeaderLine<'a> {
    header: &'a Header,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    summary: &'a Summary,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{header, lines, summary};

    #[test]
    fn a_record_has_one_json_object_per_line() {
        let mut writer = Writer::new(Vec::new(), &header()).unwrap();
        for line in lines() {
            writer.line(&line).unwrap();
        }
        let text = String::from_utf8(writer.finish(&summary()).unwrap()).unwrap();
        insta::assert_snapshot!(text);
    }
}
