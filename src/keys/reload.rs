//! Reloading a key ring from its source while a server runs.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::keys::handle::{Failing, RingHandle, WeakRingHandle};
use crate::keys::ring::{KeyRing, MAX_RING_LEN, RingError};
use crate::primitives;
use crate::time::UnixTime;

/// How long a new text must stay the same before it is used. A shorter wait could take a file
/// that is still being written for a complete ring.
const SETTLE: Duration = Duration::from_millis(200);

const MIN_INTERVAL: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The error of [`RingSource::read`]. Its text goes to the log and must not contain a secret.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A place that stores the text of a key ring, such as a file, Redis or a vault.
///
/// [`RingFile`] is a source that reads a file. A source for another store needs two methods:
///
/// ```
/// use bulla::keys::{RingSource, SourceError, Zeroizing};
///
/// struct Vault { address: String }
///
/// impl RingSource for Vault {
///     fn name(&self) -> String {
///         format!("the vault at {}", self.address)
///     }
///
///     fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, SourceError> {
///         let secret = fetch(&self.address)?;     // with a timeout
///         Ok(Zeroizing::new(secret))
///     }
/// }
/// # fn fetch(_: &str) -> Result<Vec<u8>, SourceError> { Ok(vec![]) }
/// ```
pub trait RingSource: Send + 'static {
    /// The name of the source in log lines, such as a path.
    fn name(&self) -> String;

    /// Reads the current text. It may block, but should not block for long.
    ///
    /// # Errors
    /// [`SourceError`] if the text cannot be read. The server then continues with the ring that
    /// it has.
    fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, SourceError>;
}

/// A key ring in a file.
///
/// Replace the file atomically: write a new file and rename it. A reloader also notices a file that
/// is written in place, and the symbolic links that Kubernetes swaps.
#[derive(Debug)]
pub struct RingFile {
    path: PathBuf,
    access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Unknown,
    Private,
    Public,
}

impl RingFile {
    /// A source that reads the file at `path`. The path is opened anew for each read.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> RingFile {
        RingFile { path: path.into(), access: Access::Unknown }
    }

    #[cfg(unix)]
    fn warn_when_public(&mut self, file: &File) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;

        let mode = file.metadata()?.permissions().mode();
        let access = if mode & 0o007 == 0 { Access::Private } else { Access::Public };
        if access == Access::Public && self.access != Access::Public {
            tracing::warn!(
                target: "bulla",
                "{} can be read by everybody on this server (mode {:o}); run chmod 600 on it",
                self.name(),
                mode & 0o777
            );
        }
        self.access = access;
        Ok(())
    }

    #[cfg(not(unix))]
    fn warn_when_public(&mut self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

impl RingSource for RingFile {
    fn name(&self) -> String {
        format!("the key ring {}", self.path.display())
    }

    fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, SourceError> {
        // Opening a pipe would block until another process opens its other end.
        if !self.path.metadata()?.is_file() {
            return Err("not a regular file".into());
        }
        let file = File::open(&self.path)?;
        self.warn_when_public(&file)?;
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_RING_LEN + 1));
        file.take(MAX_RING_LEN as u64 + 1).read_to_end(&mut text)?;
        Ok(text)
    }
}

/// Updates a [`RingHandle`] from a [`RingSource`].
///
/// Most applications call [`RingHandle::watch`], which runs a reloader in a thread. Use a
/// reloader directly in tests, or if the program has a loop that can call
/// [`check`](Reloader::check).
pub struct Reloader<S> {
    source: S,
    ring: WeakRingHandle,
    /// The text of the ring in use.
    accepted: Seen,
    /// The last text that was rejected. Its error has been logged.
    refused: Option<Seen>,
    /// The text of the last read, if it is not in use. It is used if the next read finds the same
    /// text.
    candidate: Option<Seen>,
}

/// The result of a read: the digest of the text, or [`UNREADABLE`].
type Seen = [u8; 32];

const UNREADABLE: Seen = [0; 32];

/// The result of [`Reloader::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reload {
    /// The source has the ring that is in use.
    Unchanged,
    /// The source has a new text. It is used if the next check finds the same text.
    Unsettled,
    /// The ring was replaced.
    Replaced,
    /// The source has no valid ring. The ring in use stays.
    Refused,
    /// The last [`RingHandle`] was dropped.
    Abandoned,
}

impl<S: RingSource> Reloader<S> {
    /// Loads the first ring from `source`.
    ///
    /// # Errors
    /// [`LoadError`] if the source has no valid ring.
    pub fn new(mut source: S) -> Result<(RingHandle, Reloader<S>), LoadError> {
        let now = UnixTime::now();
        let read = source.read().map_err(ReloadError::Source);
        let read = read.and_then(|text| Ok((fit(&text, now)?, text)));
        let (ring, text) = read.map_err(|reason| LoadError { name: source.name(), reason })?;
        let accepted = digest(&text);
        let handle = RingHandle::from(ring);
        handle.set_health(|health| {
            (health.checked_at, health.replaced_at) = (Some(now), Some(now));
        });
        tracing::info!(target: "bulla", "{}: {}", source.name(), said(&handle.ring(), now));
        let reloader =
            Reloader { source, ring: handle.downgrade(), accepted, refused: None, candidate: None };
        Ok((handle, reloader))
    }

    /// Reads the source once. A new text is used when two checks in a row find it.
    pub fn check(&mut self, now: UnixTime) -> Reload {
        let Some(handle) = self.ring.upgrade() else { return Reload::Abandoned };
        let read = self.source.read().map_err(ReloadError::Source);
        handle.set_health(|health| health.checked_at = Some(now));
        // All errors count as the same result, because their texts may contain a time.
        let seen = read.as_ref().map_or(UNREADABLE, |text| digest(text));
        if seen == self.accepted {
            self.settle(&handle, seen);
            return Reload::Unchanged;
        }
        if self.candidate.replace(seen) != Some(seen) {
            return Reload::Unsettled;
        }
        match read.and_then(|text| not_backwards(fit(&text, now)?, &handle.ring())) {
            Ok(ring) => {
                handle.replace(ring);
                handle.set_health(|health| health.replaced_at = Some(now));
                self.settle(&handle, seen);
                tracing::info!(
                    target: "bulla",
                    "{} has changed: {}",
                    self.source.name(),
                    said(&handle.ring(), now)
                );
                Reload::Replaced
            }
            Err(error) => {
                self.refuse(&handle, seen, &error, now);
                Reload::Refused
            }
        }
    }

    /// Records that the source has a valid ring whose text is `seen`.
    fn settle(&mut self, handle: &RingHandle, seen: Seen) {
        if self.refused.take().is_some() {
            tracing::info!(target: "bulla", "{} is usable again", self.source.name());
        }
        self.accepted = seen;
        self.candidate = None;
        handle.set_health(|health| health.failing = None);
    }

    fn refuse(&mut self, handle: &RingHandle, seen: Seen, error: &ReloadError, now: UnixTime) {
        if self.refused.replace(seen) == Some(seen) {
            return; // already logged
        }
        tracing::error!(
            target: "bulla",
            "{}: {error}; the previous ring stays in use",
            self.source.name()
        );
        handle.set_health(|health| {
            let since = health.failing.take().map_or(now, |failing| failing.since);
            let error = format!("{}: {error}", self.source.name());
            health.failing = Some(Failing { since, error });
        });
    }

    /// Checks the source every `every` until the last handle is dropped.
    fn run(mut self, every: Duration) {
        let mut rounds = Rounds::new(every, Instant::now());
        loop {
            thread::park_timeout(rounds.next.saturating_duration_since(Instant::now()));
            let Some(handle) = self.ring.upgrade() else { return };
            let is_due = rounds.is_due(Instant::now(), &handle);
            drop(handle);
            if is_due && self.check(UnixTime::now()) == Reload::Unsettled {
                thread::sleep(SETTLE);
                self.check(UnixTime::now());
            }
        }
    }
}

/// Decides when the thread checks the source.
struct Rounds {
    every: Duration,
    next: Instant,
    early: Early,
}

impl Rounds {
    fn new(every: Duration, now: Instant) -> Rounds {
        let every = every.clamp(MIN_INTERVAL, MAX_INTERVAL);
        Rounds { every, next: now + every, early: Early::Left }
    }

    /// Called when the thread wakes up. Returns whether the thread must check the source now.
    fn is_due(&mut self, now: Instant, handle: &RingHandle) -> bool {
        let (hinted, missed) = (handle.take_hint(), handle.has_missed());
        if now >= self.next {
            self.next = now + self.every;
            self.early = Early::Left;
            handle.forget_missed();
            return true;
        }
        if missed && self.early == Early::Left {
            self.early = Early::Spent;
            return true;
        }
        hinted
    }
}

/// Whether an unknown key may still cause a check before the next regular one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Early {
    Left,
    Spent,
}

impl RingHandle {
    /// Loads a ring from `source` and checks the source for changes every `every`.
    ///
    /// A typical interval is 60 seconds. The minimum is 10 milliseconds and the maximum is 24
    /// hours. The checks run in a thread that ends when the last handle is dropped. If a token with
    /// an unknown key arrives, one extra check is made before the next regular one.
    ///
    /// A new ring is rejected if it cannot be read or parsed, if it has no primary key at this
    /// time, or if the ring in use has a serial number and the new ring has a lower one or none.
    /// The previous ring then stays in use, the error is logged once, and
    /// [`health`](RingHandle::health) reports it.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use bulla::RingHandle;
    /// use bulla::keys::RingFile;
    ///
    /// let ring = RingHandle::watch(RingFile::new("/etc/bank/ring"), Duration::from_secs(60))?;
    /// // SessionLayer::<Account>::new(&ring, policy), Sealer::<Reset>::new(&ring, lifetime), …
    /// # Ok::<(), bulla::keys::LoadError>(())
    /// ```
    ///
    /// # Errors
    /// [`LoadError`] if the source has no valid ring, or if the thread cannot be started.
    pub fn watch(source: impl RingSource, every: Duration) -> Result<RingHandle, LoadError> {
        let name = source.name();
        let (handle, reloader) = Reloader::new(source)?;
        let thread = thread::Builder::new()
            .name("bulla-ring".to_owned())
            .spawn(move || reloader.run(every))
            .map_err(|error| LoadError { name, reason: ReloadError::Source(error.into()) })?;
        handle.set_loader(thread.thread().clone());
        Ok(handle)
    }
}

impl<S> fmt::Debug for Reloader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").finish_non_exhaustive()
    }
}

/// Why a server could not load its first ring.
///
/// `Debug` writes the same text as `Display`, so that a `main` that returns the error prints it.
pub struct LoadError {
    /// The name of the source, such as `the key ring /etc/bank/ring`.
    pub name: String,
    /// The reason.
    pub reason: ReloadError,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)?;
        let is_missing = match &self.reason {
            ReloadError::Source(error) => error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::NotFound),
            ReloadError::Ring(error) => *error == RingError::Empty,
            _ => false,
        };
        if is_missing { f.write_str("; create one with `bulla ring new`") } else { Ok(()) }
    }
}

impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.reason)
    }
}

/// Why the ring of a source was rejected.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadError {
    /// The source could not be read.
    Source(SourceError),
    /// The text is not a valid key ring.
    Ring(RingError),
    /// The ring has no primary key at this time.
    NoPrimaryKey,
    /// The ring in use has a serial number, and the new ring has a lower one or none.
    Backwards {
        /// The serial number of the ring in use.
        have: u64,
        /// The serial number of the new ring. `None` if it has none.
        found: Option<u64>,
    },
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReloadError::Source(error) => error.fmt(f),
            ReloadError::Ring(error) => error.fmt(f),
            ReloadError::NoPrimaryKey => f.write_str(
                "the ring has no primary key now; one key needs a primary-from that has passed",
            ),
            ReloadError::Backwards { have, found: Some(found) } => write!(
                f,
                "the ring has the serial number {found}, but the ring in use has {have}; to use \
                 this ring, give it a higher number"
            ),
            ReloadError::Backwards { have, found: None } => write!(
                f,
                "the ring has no serial number, but the ring in use has {have}; to use this ring, \
                 begin it with # serial: {}",
                have.saturating_add(1)
            ),
        }
    }
}

impl std::error::Error for ReloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReloadError::Source(error) => Some(&**error),
            ReloadError::Ring(error) => Some(error),
            ReloadError::NoPrimaryKey | ReloadError::Backwards { .. } => None,
        }
    }
}

fn fit(text: &[u8], now: UnixTime) -> Result<KeyRing, ReloadError> {
    let ring = KeyRing::try_from(text).map_err(ReloadError::Ring)?;
    ring.primary_at(now).ok_or(ReloadError::NoPrimaryKey)?;
    Ok(ring)
}

fn not_backwards(ring: KeyRing, present: &Arc<KeyRing>) -> Result<KeyRing, ReloadError> {
    match (present.serial(), ring.serial()) {
        (Some(have), found) if found < Some(have) => Err(ReloadError::Backwards { have, found }),
        _ => Ok(ring),
    }
}

fn digest(text: &[u8]) -> Seen {
    primitives::digest(&[text])
}

/// Describes a ring for the log, with key ids only.
fn said(ring: &KeyRing, now: UnixTime) -> String {
    let ids: Vec<String> = ring.entries().map(|entry| entry.key_id().to_string()).collect();
    let primary = ring.primary_at(now).map_or("none".to_owned(), |id| id.to_string());
    format!("keys {}; {primary} is primary", ids.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_interval_is_limited_to_between_10_milliseconds_and_a_day() {
        let now = Instant::now();
        let waits = |every| Rounds::new(every, now).next - now;
        assert_eq!(waits(Duration::MAX), Duration::from_secs(86_400));
        assert_eq!(waits(Duration::from_secs(60)), Duration::from_secs(60));
        assert_eq!(waits(Duration::ZERO), Duration::from_millis(10));
    }

    #[test]
    fn between_regular_checks_each_hint_causes_a_check_and_unknown_keys_cause_one() {
        const EVERY: Duration = Duration::from_secs(60);
        let begun = Instant::now();
        let handle = RingHandle::from(KeyRing::generate().unwrap());
        let mut rounds = Rounds::new(EVERY, begun);
        let woken: &[fn(&RingHandle)] = &[|_| {}, RingHandle::hint, RingHandle::miss];
        let [nothing, hint, miss] = [0, 1, 2];
        for (at, why, looks) in [
            (0, nothing, false),
            (1, hint, true),
            (1, nothing, false), // a hint causes one check
            (2, miss, true),
            (3, nothing, false),
            (3, miss, false), // the check for unknown keys was made at 2
            (4, hint, true),
            (59, nothing, false),
            (60, nothing, true),
            (61, nothing, false), // the regular check has cleared the miss
            (62, miss, true),
            (119, nothing, false),
            (121, nothing, true),
            (180, nothing, false), // the next regular check is 60 seconds after the one at 121
            (181, miss, true),
            (182, miss, true),
        ] {
            woken[why](&handle);
            let now = begun + Duration::from_secs(at);
            assert_eq!(rounds.is_due(now, &handle), looks, "after {at} seconds");
        }
    }
}
