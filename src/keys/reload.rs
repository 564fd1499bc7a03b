//! Where rings come from while a server runs, and what is done with bad ones.

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

/// How long a change must stay the same before it counts, so that a file in
/// the middle of being written is not taken for a ring.
const SETTLE: Duration = Duration::from_millis(200);

const MIN_INTERVAL: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// What [`RingSource::read`] fails with. Its text goes to the log: it must hold no secret.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A place that keeps the text of a key ring: a file ([`RingFile`]), Redis, a
/// vault. For one of your own, that is all there is to write:
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
///         let secret = fetch(&self.address)?;     // with a time-out
///         Ok(Zeroizing::new(secret))
///     }
/// }
/// # fn fetch(_: &str) -> Result<Vec<u8>, SourceError> { Ok(vec![]) }
/// ```
pub trait RingSource: Send + 'static {
    /// What log lines call it, such as a path.
    fn name(&self) -> String;

    /// Reads the text as it is now. It may block, and should not for long.
    ///
    /// # Errors
    /// When there is none to be had. The server goes on with the ring it has.
    fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, SourceError>;
}

/// A key ring in a file.
///
/// Replacing it atomically (write another file, rename it) is best; the
/// symbolic links that Kubernetes swaps and writing in place are noticed, too.
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
    /// The file at `path`, whatever is there at each reading.
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
                "{} can be read by everybody on this machine (mode {:o}); chmod 600 it",
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
        // Opening a pipe would wait for its other end.
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

/// Keeps a [`RingHandle`] at what a [`RingSource`] says.
///
/// [`RingHandle::watch`] runs one in a thread of its own, which is what most
/// want. On its own it is for programs with a loop of theirs, and for tests.
pub struct Reloader<S> {
    source: S,
    ring: WeakRingHandle,
    /// The text of the ring in use.
    accepted: Seen,
    /// What was refused and has been said to be.
    refused: Option<Seen>,
    /// What the last reading gave, if it was something new.
    candidate: Option<Seen>,
}

/// What a reading gave: the digest of a text, or that there was none.
type Seen = [u8; 32];

const UNREADABLE: Seen = [0; 32];

/// What a look at the source has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reload {
    /// The source says what it said before.
    Unchanged,
    /// It says something new, which counts when it still says so at the next look.
    Unsettled,
    /// There is another ring now.
    Replaced,
    /// What it says is no good; the ring stays.
    Refused,
    /// Nobody has a handle any more.
    Abandoned,
}

impl<S: RingSource> Reloader<S> {
    /// Loads the first ring.
    ///
    /// # Errors
    /// [`ReloadError`]: there is no ring to begin with.
    pub fn new(mut source: S) -> Result<(RingHandle, Reloader<S>), ReloadError> {
        let text = source.read().map_err(ReloadError::Source)?;
        let now = UnixTime::now();
        let ring = fit(&text, now)?;
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

    /// Looks at the source. A new text counts when two looks in a row give it.
    pub fn check(&mut self, now: UnixTime) -> Reload {
        let Some(handle) = self.ring.upgrade() else { return Reload::Abandoned };
        let read = self.source.read().map_err(ReloadError::Source);
        handle.set_health(|health| health.checked_at = Some(now));
        // One error is as good as another: its text may have a time in it.
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

    /// The source is good and says `seen`.
    fn settle(&mut self, handle: &RingHandle, seen: Seen) {
        if self.refused.take().is_some() {
            tracing::info!(target: "bulla", "{} is good again", self.source.name());
        }
        self.accepted = seen;
        self.candidate = None;
        handle.set_health(|health| health.failing = None);
    }

    fn refuse(&mut self, handle: &RingHandle, seen: Seen, error: &ReloadError, now: UnixTime) {
        if self.refused.replace(seen) == Some(seen) {
            return; // once is enough for the log
        }
        tracing::error!(
            target: "bulla",
            "{}: {error}; going on with the ring from before",
            self.source.name()
        );
        handle.set_health(|health| {
            let since = health.failing.take().map_or(now, |failing| failing.since);
            health.failing = Some(Failing { since, error: error.to_string() });
        });
    }

    /// Looks at the source every so often, until the last handle is gone.
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

/// When the thread looks at the source.
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

    /// Whether to look now that something has woken the thread.
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

/// The look that an unknown key may cause between two regular ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Early {
    Left,
    Spent,
}

impl RingHandle {
    /// Loads the ring of a source, and looks there again every so often, such
    /// as every 60 seconds (at least once a day), in a thread of its own that ends with the last
    /// handle. A token under an unknown key causes one more look between two.
    ///
    /// A ring that cannot be read, is broken, has no primary key now, or has a
    /// lower serial number than the present one, is not taken: there is one
    /// line in the log, [`health`](RingHandle::health) says so, and the server
    /// goes on with what it has.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use bulla::RingHandle;
    /// use bulla::keys::RingFile;
    ///
    /// let ring = RingHandle::watch(RingFile::new("/etc/bank/ring"), Duration::from_secs(60))?;
    /// // SessionLayer::<Account>::new(&ring, policy), Sealer::<Reset>::new(&ring, lifetime), …
    /// # Ok::<(), bulla::keys::ReloadError>(())
    /// ```
    ///
    /// # Errors
    /// [`ReloadError`]: there is no good ring to begin with.
    pub fn watch(source: impl RingSource, every: Duration) -> Result<RingHandle, ReloadError> {
        let (handle, reloader) = Reloader::new(source)?;
        let thread = thread::Builder::new()
            .name("bulla-ring".to_owned())
            .spawn(move || reloader.run(every))
            .map_err(|error| ReloadError::Source(error.into()))?;
        handle.set_loader(thread.thread().clone());
        Ok(handle)
    }
}

impl<S> fmt::Debug for Reloader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").finish_non_exhaustive()
    }
}

/// Why a source's ring is not taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadError {
    /// The source could not be read.
    Source(SourceError),
    /// What it says is no key ring.
    Ring(RingError),
    /// No key of it is primary now.
    NoPrimaryKey,
    /// Its serial number is lower than that of the ring in use, or missing.
    Backwards {
        /// The serial number in use.
        have: u64,
        /// The one found.
        found: Option<u64>,
    },
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReloadError::Source(error) => error.fmt(f),
            ReloadError::Ring(error) => error.fmt(f),
            ReloadError::NoPrimaryKey => f.write_str(
                "no key of the ring is primary now; give one a primary-from that has passed",
            ),
            ReloadError::Backwards { have, found: Some(found) } => write!(
                f,
                "the ring has the serial number {found} and the one in use {have}: it is older; \
                 if it is what you want, give it a higher number"
            ),
            ReloadError::Backwards { have, found: None } => write!(
                f,
                "the ring has no serial number and the one in use has {have}: begin it with \
                 # serial: {}",
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

/// A ring for the log: ids only.
fn said(ring: &KeyRing, now: UnixTime) -> String {
    let ids: Vec<String> = ring.entries().map(|entry| entry.key_id().to_string()).collect();
    let primary = ring.primary_at(now).map_or("none".to_owned(), |id| id.to_string());
    format!("keys {}; {primary} is primary", ids.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_between_two_looks_is_a_day_and_the_shortest_is_not_nothing() {
        let now = Instant::now();
        let waits = |every| Rounds::new(every, now).next - now;
        assert_eq!(waits(Duration::MAX), Duration::from_secs(86_400));
        assert_eq!(waits(Duration::from_secs(60)), Duration::from_secs(60));
        assert_eq!(waits(Duration::ZERO), Duration::from_millis(10));
    }

    #[test]
    fn between_two_looks_every_hint_brings_one_and_unknown_keys_bring_one() {
        const EVERY: Duration = Duration::from_secs(60);
        let begun = Instant::now();
        let handle = RingHandle::from(KeyRing::generate().unwrap());
        let mut rounds = Rounds::new(EVERY, begun);
        let woken: &[fn(&RingHandle)] = &[|_| {}, RingHandle::hint, RingHandle::miss];
        let [nothing, hint, miss] = [0, 1, 2];
        for (at, why, looks) in [
            (0, nothing, false),
            (1, hint, true),
            (1, nothing, false), // a hint is taken once
            (2, miss, true),
            (3, nothing, false),
            (3, miss, false), // one for unknown keys is spent
            (4, hint, true),
            (59, nothing, false),
            (60, nothing, true),
            (61, nothing, false), // what was missed before is forgotten
            (62, miss, true),
            (119, nothing, false),
            (121, nothing, true),
            (180, nothing, false), // late by a second, as the one before
            (181, miss, true),
            (182, miss, true),
        ] {
            woken[why](&handle);
            let now = begun + Duration::from_secs(at);
            assert_eq!(rounds.is_due(now, &handle), looks, "after {at} seconds");
        }
    }
}
