//! The file: one JSON object a line, one line a call, only ever appended to.
use super::Entry;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc::Receiver;
use tokio::sync::watch;

/// The longest line read, in bytes. Longer ones are skipped: none is ours, as an entry has at most seven texts of
/// [`MAX_TEXT`](super::MAX_TEXT) bytes, of which each may take six when escaped.
pub(super) const MAX_LINE: usize = 32 * 1024;

/// Opens a log to append to, for its owner only when it has to be made; an existing file keeps its mode.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What was found besides entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// Lines that hold no entry: torn by a crash, or somebody else's.
    pub(super) skipped: u64,
    /// The last line has no end: the next must not be glued to it.
    pub(super) open_ended: bool,
}

/// Reads all entries, oldest first.
pub(super) fn read(file: &mut File, mut each: impl FnMut(Entry)) -> io::Result<Reading> {
    file.seek(SeekFrom::Start(0))?;
    let (mut reader, mut reading, mut line) = (BufReader::new(file), Reading::default(), Vec::new());
    loop {
        let end = read_line(&mut reader, &mut line)?;
        if let Ok(entry) = serde_json::from_slice(&line) {
            each(entry);
        } else if !line.iter().all(u8::is_ascii_whitespace) {
            reading.skipped += 1;
        }
        reading.open_ended = end == End::OfFile && !line.is_empty();
        if end == End::OfFile {
            return Ok(reading);
        }
    }
}

#[derive(PartialEq, Eq)]
enum End {
    OfLine,
    OfFile,
}

/// Reads a line without its end. Of one longer than [`MAX_LINE`] only so much is kept, which is no JSON object.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<End> {
    line.clear();
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(End::OfFile);
        }
        let stop = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..stop.unwrap_or(buffer.len())];
        line.extend_from_slice(&part[..part.len().min(MAX_LINE - line.len())]);
        let taken = part.len() + usize::from(stop.is_some());
        reader.consume(taken);
        if stop.is_some() {
            return Ok(End::OfLine);
        }
    }
}

/// Writes what comes, until nobody can send any more. `written` counts what was tried.
///
/// A line is one `write`: with `O_APPEND` the lines of two programs do not mix, and a crash tears at most the last.
pub(super) fn write_all(
    mut sink: impl Write,
    mut open_ended: bool,
    lines: &Receiver<Entry>,
    written: &watch::Sender<Written>,
) {
    for entry in lines {
        let result = write_line(&mut sink, open_ended, &entry);
        open_ended = match &result {
            Ok(whole) => !whole,
            Err(_) => open_ended, // nothing of the line is in the file
        };
        let failed = !matches!(result, Ok(true));
        if let Err(error) = result {
            tracing::warn!(kind = ?error.kind(), "a call could not be written to the call log");
        }
        written.send_modify(|written| {
            written.tried += 1;
            written.failed += u64::from(failed);
        });
    }
}

/// How far the writer is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) tried: u64,
    pub(super) failed: u64,
}

/// Whether the whole line is in the file. What was cut short, by a full disk, is not tried again: that would be a second
/// write.
fn write_line(sink: &mut impl Write, open_ended: bool, entry: &Entry) -> io::Result<bool> {
    let mut line = Vec::with_capacity(512);
    if open_ended {
        line.push(b'\n');
    }
    serde_json::to_writer(&mut line, entry)?;
    line.push(b'\n');
    let length = loop {
        match sink.write(&line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {} // nothing was written
            result => break result?,
        }
    };
    sink.flush()?;
    Ok(length == line.len())
}
