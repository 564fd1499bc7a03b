//! The lines that were added to a file since the last read.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};

use crate::files::shared::inode;

/// How far a file has been read.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The file that was read last. It stays open, so that a replacement cannot get the same inode
    /// number.
    held: Option<File>,
    offset: u64,
    lines: usize,
}

/// A file, compared with the one that was read last.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Same,
    Shorter,
    Other,
}

/// Whether the last line of the file has a line break at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLine {
    Complete,
    Unfinished,
}

impl Tail {
    /// The end of the last complete line that was read, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many lines were read since the last [`restart`](Tail::restart).
    pub(crate) fn lines(&self) -> usize {
        self.lines
    }

    pub(crate) fn compare(&self, file: &File) -> io::Result<Found> {
        let metadata = file.metadata()?;
        let Some(held) = &self.held else { return Ok(Found::Other) };
        if inode(&held.metadata()?) != inode(&metadata) {
            return Ok(Found::Other);
        }
        Ok(if metadata.len() < self.offset { Found::Shorter } else { Found::Same })
    }

    /// The next read begins at the start of this file.
    pub(crate) fn restart(&mut self, file: &File) -> io::Result<()> {
        *self = Tail { held: Some(file.try_clone()?), offset: 0, lines: 0 };
        Ok(())
    }

    /// Calls `each` with the number and the bytes of each complete line that was added since the
    /// last read. If `each` fails, the next read begins at this line.
    pub(crate) fn read<E: From<io::Error>>(
        &mut self,
        mut file: &File,
        mut each: impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<LastLine, E> {
        file.seek(SeekFrom::Start(self.offset))?;
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let len = file.read_until(b'\n', &mut line)?;
            let Some(text) = line.strip_suffix(b"\n") else {
                return Ok(if len == 0 { LastLine::Complete } else { LastLine::Unfinished });
            };
            each(self.lines + 1, text)?;
            self.offset += len as u64;
            self.lines += 1;
        }
    }
}
