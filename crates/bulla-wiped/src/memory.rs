//! Searches all memory of another process.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::needles::Needle;

/// Eight bytes of a needle (a secret that is searched for), found in memory.
pub(crate) struct Found {
    pub(crate) needle: &'static str,
    piece: usize,
    at: u64,
    pub(crate) place: Place,
}

#[derive(Clone)]
pub(crate) enum Place {
    Stack,
    /// The heap or another mapping, with its name.
    Mapped(String),
}

impl Place {
    pub(crate) fn is_stack(&self) -> bool {
        matches!(self, Place::Stack)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {}… at {:#x}, ", self.piece, self.at)?;
        match &self.place {
            Place::Stack => f.write_str("the stack"),
            Place::Mapped(name) if name.is_empty() => f.write_str("a mapping without a name"),
            Place::Mapped(name) => f.write_str(name),
        }
    }
}

/// How many bytes are read at a time.
const CHUNK: usize = 1 << 20;

pub(crate) fn search(pid: u32, needles: &[Needle]) -> io::Result<Vec<Found>> {
    let mut pieces = HashMap::new();
    let mut begins = vec![false; 1 << 16];
    for needle in needles {
        for (piece, bytes) in needle.pieces() {
            begins[usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]))] = true;
            pieces.insert(bytes, (needle.name, piece));
        }
    }
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut found = Vec::new();
    let mut buf = vec![0; CHUNK + 7];
    for line in fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
        let Some((from, to, place)) = region(line) else { continue };
        for start in (from..to).step_by(CHUNK) {
            let len = buf.len().min((to - start) as usize);
            memory.read_exact_at(&mut buf[..len], start)?;
            for (window, at) in buf[..len].windows(8).zip(start..) {
                if !begins[usize::from(u16::from_ne_bytes([window[0], window[1]]))] {
                    continue;
                }
                if let Some((needle, piece)) = pieces.get(window) {
                    found.push(Found { needle, piece: *piece, at, place: place.clone() });
                }
            }
        }
    }
    Ok(found)
}

/// The range and place of a mapping. `None` for pages of the kernel and for mappings that are not
/// readable.
fn region(line: &str) -> Option<(u64, u64, Place)> {
    let mut words = line.split_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    let readable = words.next()?.starts_with('r');
    let name = words.nth(3).unwrap_or_default();
    if !readable || name.starts_with("[v") {
        return None;
    }
    let place = if name == "[stack]" { Place::Stack } else { Place::Mapped(name.to_owned()) };
    Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?, place))
}
