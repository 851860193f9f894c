//! Reads a record back, also one that was cut off.

use std::io::{self, BufRead};

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::event::Line;
use crate::header::{FORMAT, Header};
use crate::summary::Summary;

/// One run, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What was run.
    pub header: Header,
    /// What happened, in the order of time.
    pub lines: Vec<Line>,
    /// How it ended; nothing when the run, or the file, was cut off.
    pub summary: Option<Summary>,
}

impl Record {
    /// Reads a whole record.
    ///
    /// A last line without its line feed is what an interrupted run leaves: it is left out, and
    /// the record is partial. Anything else that cannot be read is an error.
    pub fn read(mut source: impl BufRead) -> Result<Self, ReadError> {
        let mut number = 0;
        let Some(first) = next_line(&mut source, &mut number)? else {
            return Err(ReadError::NoHeader);
        };
        let header = header(&first)?;
        let mut record = Self { header, lines: Vec::new(), summary: None };
        while let Some(text) = next_line(&mut source, &mut number)? {
            if record.summary.is_some() {
                return Err(ReadError::AfterSummary { line: number });
            }
            match parse::<Entry>(&text, number)? {
                Entry::Summary(summary) => record.summary = Some(*summary),
                Entry::Line(line) => record.lines.push(line),
            }
        }
        Ok(record)
    }

    /// Returns whether the run did not come to its end.
    pub fn is_partial(&self) -> bool {
        self.summary.as_ref().is_none_or(|summary| summary.partial)
    }
}

/// Why a record cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The source refuses.
    #[error("read the record: {0}")]
    Io(#[from] io::Error),
    /// The first line is missing or is not a header.
    #[error("read the record: its first line is not a header")]
    NoHeader,
    /// The record has a format this version does not know.
    #[error("read the record: it has format {found}, this version reads format {FORMAT}")]
    Format {
        /// The format the record claims.
        found: u64,
    },
    /// A line makes no sense.
    #[error("read the record: line {line}: {source}")]
    Line {
        /// Its number, counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Something follows the summary.
    #[error("read the record: line {line}: nothing may follow the summary")]
    AfterSummary {
        /// Its number, counted from 1.
        line: usize,
    },
}

enum Entry {
    Line(Line),
    Summary(Box<Summary>),
}

impl<'de> serde::Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = serde_json::Value::deserialize(deserializer)?;
        let summary = value.get_mut("summary").map(serde_json::Value::take);
        match summary {
            Some(summary) => from_value(summary).map(|summary| Self::Summary(Box::new(summary))),
            None => from_value(value).map(Self::Line),
        }
    }
}

fn from_value<T: DeserializeOwned, E: serde::de::Error>(value: serde_json::Value) -> Result<T, E> {
    serde_json::from_value(value).map_err(E::custom)
}

fn next_line(source: &mut impl BufRead, number: &mut usize) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    source.read_until(b'\n', &mut text)?;
    *number += 1;
    Ok((text.pop() == Some(b'\n')).then_some(text))
}

fn header(text: &[u8]) -> Result<Header, ReadError> {
    let mut value: serde_json::Value =
        serde_json::from_slice(text).map_err(|_| ReadError::NoHeader)?;
    let value = value.get_mut("header").ok_or(ReadError::NoHeader)?.take();
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {
            serde_json::from_value(value).map_err(|source| ReadError::Line { line: 1, source })
        }
        Some(found) => Err(ReadError::Format { found }),
        None => Err(ReadError::NoHeader),
    }
}

fn parse<T: DeserializeOwned>(text: &[u8], line: usize) -> Result<T, ReadError> {
    serde_json::from_slice(text).map_err(|source| ReadError::Line { line, source })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::tests::{header, lines, summary};
    use crate::writer::Writer;

    #[test]
    fn reads_what_was_written() {
        let expected = Record { header: header(), lines: lines(), summary: Some(summary()) };
        let record = Record::read(&written()[..]).unwrap();
        assert_eq!(record, expected);
        assert!(!record.is_partial());
    }

    #[test]
    fn a_record_cut_off_anywhere_reads_as_partial() {
        let whole = written();
        let header_end = whole.iter().position(|byte| *byte == b'\n').unwrap();
        for cut in header_end + 1..whole.len() {
            let record = Record::read(&whole[..cut]).unwrap();
            let line_feeds = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(record.lines.len(), line_feeds - 1, "cut at {cut}");
            assert!(record.is_partial(), "cut at {cut}");
        }
    }

    #[test]
    fn an_interrupted_run_is_partial_though_it_has_a_summary() {
        let mut bytes = Vec::new();
        let writer = Writer::new(&mut bytes, &header()).unwrap();
        writer.finish(&Summary { partial: true, ..summary() }).unwrap();
        assert!(Record::read(&bytes[..]).unwrap().is_partial());
    }

    #[rstest]
    #[case::empty("", "its first line is not a header")]
    #[case::header_cut_off("{\"header\":", "its first line is not a header")]
    #[case::no_header("{\"at\":0,\"event\":\"supply\",\"millivolts\":1}\n", "not a header")]
    #[case::not_json("\u{0}\n", "not a header")]
    #[case::newer("{\"header\":{\"format\":2}}\n", "it has format 2, this version reads format 1")]
    #[case::header_without_keys("{\"header\":{\"format\":1}}\n", "line 1: missing field")]
    fn a_bad_beginning_is_refused(#[case] text: &str, #[case] message: &str) {
        let error = Record::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[rstest]
    #[case::garbage("garbage\n", "line 7: expected value")]
    #[case::unknown_event("{\"at\":0,\"event\":\"party\"}\n", "line 7: unknown variant `party`")]
    #[case::empty_line("\n", "line 7: EOF")]
    fn a_bad_whole_line_is_refused_with_its_number(#[case] text: &str, #[case] message: &str) {
        let mut writer = Writer::new(Vec::new(), &header()).unwrap();
        for line in lines().iter().take(5) {
            writer.line(line).unwrap();
        }
        let mut bytes = writer.finish(&summary()).unwrap();
        let end = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
        bytes.truncate(end + 1);
        bytes.extend_from_slice(text.as_bytes());
        let error = Record::read(&bytes[..]).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn nothing_may_follow_the_summary() {
        let mut bytes = written();
        let last = bytes.len();
        bytes.extend_from_slice(b"{\"at\":0,\"event\":\"supply\",\"millivolts\":1}\n");
        let error = Record::read(&bytes[..]).unwrap_err().to_string();
        let lines = bytes[..last].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(
            error,
            format!("read the record: line {}: nothing may follow the summary", lines + 1)
        );
    }

    fn written() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), &header()).unwrap();
        for line in lines() {
            writer.line(&line).unwrap();
        }
        writer.finish(&summary()).unwrap()
    }
}
