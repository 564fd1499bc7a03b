//! Marks memory as secret for memcheck, and counts the reports of memcheck.

use std::ffi::c_void;
use std::hint::black_box;
use std::mem::size_of_val;
use std::ptr;

use crabgrind::memcheck::{self, MemState};

/// The number of memcheck reports for each run of an operation.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) reports: Vec<usize>,
}

impl Seen {
    /// Runs the operation and counts the reports.
    pub(crate) fn watch<T>(&mut self, operation: impl FnOnce() -> T) -> T {
        let before = crabgrind::count_errors();
        let result = black_box(operation());
        self.reports.push(crabgrind::count_errors() - before);
        result
    }

    /// Runs an operation that returns a decision, and branches on the decision. Therefore there is at
    /// least one report.
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
    // The result is ignored, because this version of crabgrind swaps success and failure. Instead,
    // `main` checks that valgrind runs, and `assert_hidden` checks that memcheck treats the bytes
    // as secret.
    memcheck::mark_mem(ptr::from_mut(value).cast::<c_void>(), len, state).ok();
}

/// Marks these bytes, and everything computed from them, as secret.
pub(crate) fn hide<T: ?Sized>(value: &mut T) {
    mark(value, MemState::Undefined);
}

/// Marks these bytes as public, for example because they are sent.
pub(crate) fn show<T: ?Sized>(value: &mut T) {
    mark(value, MemState::Defined);
}

/// Asserts that memcheck treats each byte as secret. If memcheck no longer did, it would not report
/// the code that uses the result.
#[track_caller]
pub(crate) fn assert_hidden(bytes: &mut [u8]) {
    let mut marks = vec![0_u8; bytes.len()];
    let (at, len) = (bytes.as_mut_ptr().cast::<c_void>(), bytes.len());
    memcheck::vbits(at, marks.as_mut_ptr(), len).expect("valgrind");
    show(&mut marks[..]);
    assert!(marks.iter().all(|mark| *mark != 0), "memcheck no longer treats the result as secret");
}

/// Runs a preparation step, whose branches are not reported.
pub(crate) fn unwatched<T>(operation: impl FnOnce() -> T) -> T {
    crabgrind::disable_error_reporting();
    let result = operation();
    crabgrind::enable_error_reporting();
    result
}

/// Random bytes that are marked as secret.
pub(crate) fn secret_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = public_bytes();
    hide(&mut bytes);
    bytes
}

pub(crate) fn public_bytes<const N: usize>() -> [u8; N] {
    black_box(crate::primitives::random().expect("random"))
}
