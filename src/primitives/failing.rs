//! A random generator for tests that can be made to fail in the thread of one test.

use std::cell::Cell;

thread_local! {
    /// How many more calls succeed. `None` if all calls succeed.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Runs `test` with a generator whose first `times` calls succeed and whose later calls fail.
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
            // A generator that fails may already have written some of the bytes.
            bytes.iter_mut().step_by(2).for_each(|byte| *byte = 7);
            return Err(getrandom::Error::UNSUPPORTED);
        }
    }
    getrandom::fill(bytes)
}
