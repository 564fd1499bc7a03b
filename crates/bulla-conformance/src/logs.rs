//! Captures what a piece of code logs.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::{Dispatch, Level};

/// Runs `code` and returns its result, with the lines that its thread logged at `level` and above.
///
/// # Panics
/// If a log line is not UTF-8.
pub fn logged<R>(level: Level, code: impl FnOnce() -> R) -> (R, String) {
    LazyLock::force(&BYSTANDERS);
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let result = tracing::subscriber::with_default(subscriber, code);
    let bytes = lines.0.lock().unwrap().clone();
    (result, String::from_utf8(bytes).unwrap())
}

/// Two subscribers that log nothing. If only one subscriber exists, the first thread that reaches a
/// log line asks only its own subscriber, and tracing may disable the line for all threads.
static BYSTANDERS: LazyLock<[Dispatch; 2]> =
    LazyLock::new(|| [0, 1].map(|_| Dispatch::new(tracing_subscriber::registry())));

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
