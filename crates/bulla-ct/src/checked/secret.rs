//! How is a secret hidden from memcheck, and what did memcheck say?

use std::ffi::c_void;
use std::hint::black_box;
use std::mem::size_of_val;
use std::ptr;

use crabgrind::memcheck::{self, MemState};

/// Reports of memcheck, one number for each run of an operation.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) reports: Vec<usize>,
}

impl Seen {
    /// Runs what is checked, and counts.
    pub(crate) fn watch<T>(&mut self, operation: impl FnOnce() -> T) -> T {
        let before = crabgrind::count_errors();
        let result = black_box(operation());
        self.reports.push(crabgrind::count_errors() - before);
        result
    }

    /// The same for what ends with a decision. Acting on it is part of what is watched, so
    /// that there is at least one branch.
    pub(crate) fn watch_decision(&mut self, operation: impl FnOnce() -> bool) -> bool {
        self.watch(|| if black_box(operation()) { accepted() } else { refused() })
    }
}

#[inline(never)]
fn accepted() -> bool {
    black_box(true)
}

#[inline(never)]
fn refused() -> bool {
    black_box(false)
}

fn mark<T: ?Sized>(value: &mut T, state: MemState) {
    let len = size_of_val(value);
    // What it returns is the wrong way round in this version: main asks whether there is a
    // valgrind, and assert_hidden whether the mark is there.
    memcheck::mark_mem(ptr::from_mut(value).cast::<c_void>(), len, state).ok();
}

/// From here on these bytes are secret, and what is computed from them.
pub(crate) fn hide<T: ?Sized>(value: &mut T) {
    mark(value, MemState::Undefined);
}

/// These bytes are public after all: they are sent.
pub(crate) fn show<T: ?Sized>(value: &mut T) {
    mark(value, MemState::Defined);
}

/// Whether memcheck takes each byte for secret. What lost the mark on its way would never
/// be reported.
#[track_caller]
pub(crate) fn assert_hidden(bytes: &mut [u8]) {
    let mut marks = vec![0_u8; bytes.len()];
    let (at, len) = (bytes.as_mut_ptr().cast::<c_void>(), bytes.len());
    memcheck::vbits(at, marks.as_mut_ptr(), len).expect("valgrind");
    show(&mut marks[..]);
    assert!(marks.iter().all(|mark| *mark != 0), "memcheck lost sight of the secret");
}

/// What is done for the next step and is not checked.
pub(crate) fn unwatched<T>(operation: impl FnOnce() -> T) -> T {
    crabgrind::disable_error_reporting();
    let result = operation();
    crabgrind::enable_error_reporting();
    result
}

/// Random bytes that memcheck takes for secret.
pub(crate) fn secret_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = public_bytes();
    hide(&mut bytes);
    bytes
}

pub(crate) fn public_bytes<const N: usize>() -> [u8; N] {
    black_box(crate::primitives::random().expect("random"))
}
