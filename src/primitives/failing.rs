//! The operating system's generator, which fails in a test's own thread when it says so.

use std::cell::Cell;

thread_local! {
    /// How often it still works; `None` as long as nobody has said.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Runs `test` with a generator that works `times` times and then fails.
pub(crate) fn with_randomness_for<R>(times: u32, test: impl FnOnce() -> R) -> R {
    LEFT.set(Some(times));
    let result = test();
    LEFT.set(None);
    result
}

pub(super) fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    if let Some(left) = LEFT.get() {
        LEFT.set(Some(left.saturating_sub(1)));
        if left == 0 {
            // A part may have been written when it fails.
            bytes.iter_mut().step_by(2).for_each(|byte| *byte = 7);
            return Err(getrandom::Error::UNSUPPORTED);
        }
    }
    getrandom::fill(bytes)
}
