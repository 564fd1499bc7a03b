//! Tokens that open only once, also after a restart: the used tokens in a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::files::shared::{Missing, SLACK, SharedFile, most_lines};
use crate::files::tail::{Found, LastLine, Tail};
use crate::time::UnixTime;
use crate::token::once::{ClaimError, UsedTokens};
use crate::token::used_list::{Learned, UsedList, used_line};
use crate::token::used_problem::Problem;

/// The tokens that were used on one server, in a file. Use it for
/// [`Sealer::open_once`](crate::Sealer::open_once), and for proofs of clients
/// ([`Dpop::with_used`](crate::session::Dpop::with_used)).
///
/// The file survives restarts and power failures, and several processes of the same user on one
/// server can share it. For a fleet, use the crate `bulla-redis`. This type exists only on Unix.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, Sealer};
/// use bulla::token::{OnceError, UsedInFile};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/reset-link")]
/// struct Reset { account: u64 }
///
/// # let path = std::env::temp_dir().join(format!("bulla-doc-used-{}", std::process::id()));
/// let links = Sealer::<Reset>::new(KeyRing::generate()?, Duration::from_secs(900));
/// let token = links.seal(&Reset { account: 42 })?;
///
/// let used = UsedInFile::open(&path)?;        // "/var/lib/shop/used"
/// assert_eq!(links.open_once(&token, &used)?.payload.account, 42);
///
/// let used = UsedInFile::open(&path)?;        // the server has restarted
/// assert!(matches!(links.open_once(&token, &used), Err(OnceError::Used)));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Crashes
///
/// A token is in the file, and the file is synced to the disk, before `open_once` returns its value.
/// If the process or the server stops at any moment, a token whose value was returned stays used. A
/// token whose value was not returned may be used or not.
///
/// If the file cannot be read or written, is damaged or has disappeared, no token opens
/// ([`OnceError::Claim`](crate::token::OnceError::Claim)). The error names the file and what to do.
/// When the file is usable again, tokens open again without a restart.
///
/// # Speed and size
///
/// The first use of a token waits for the disk, typically 0.1 to 10 milliseconds. In asynchronous
/// code, call `open_once` where blocking is allowed, such as in tokio's `spawn_blocking`. Threads
/// that use tokens at the same time share the waiting. A second use of a token is refused from
/// memory, so an attacker who repeats it costs nothing.
///
/// Only tokens that a key of the ring has made are entered, each once. An expired token is deleted
/// from the file: the file has at most twice as many lines as tokens that were used and have not
/// expired, and 1,024 lines. A line has 65 bytes. Each process also needs about 50 bytes of memory
/// for each token.
///
/// # Clocks
///
/// The entry of a token is deleted two minutes after the token has expired, by the clock of the
/// server. If the clock goes back later, tokens whose entries are deleted could be valid again. Then
/// no token opens until the clock has reached the last expiry of a deleted entry. Steps back of at
/// most a minute have no effect.
pub struct UsedInFile {
    file: SharedFile,
    known: Mutex<Known>,
}

/// What this process knows of the file.
#[derive(Default)]
struct Known {
    list: UsedList,
    tail: Tail,
    /// The file is rewritten when it has more lines than this.
    limit: usize,
}

impl UsedInFile {
    /// Opens the file at `path`. Creates it with mode 0600 if it does not exist.
    ///
    /// The file must be on a local disk. Its directory must be writable, because the file is
    /// replaced when most of its tokens have expired. This method replaces it too, so a server with
    /// wrong permissions does not start.
    ///
    /// Do not restore the file from a backup, because tokens that are missing in it open again.
    ///
    /// # Errors
    /// If the file cannot be read, written or replaced, or if it is damaged. Do not continue without
    /// it, because used tokens would open again.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<UsedInFile> {
        let file = SharedFile::new(path.into());
        let mut known = Known::default();
        let opened = file.locked(Missing::Created, |locked| {
            known.catch_up(&file, locked)?;
            known.list.delete_expired(UnixTime::now());
            file.replace(locked, known.list.text().as_bytes()).map_err(Problem::Io)
        });
        opened.map_err(|problem| problem.at_start(file.path()))?;
        Ok(UsedInFile { file, known: Mutex::new(known) })
    }

    fn claim_at(&self, token: &[u8; 16], until: UnixTime, now: UnixTime) -> Result<bool, Problem> {
        let mut known = self.known();
        if known.list.has(token) {
            return Ok(false);
        }
        let written = self.file.locked(Missing::Refused, |file| {
            known.catch_up(&self.file, file)?;
            if known.list.has(token) {
                return Ok(None);
            }
            if let Some(deleted) = known.list.may_have_deleted(until, now) {
                return Err(Problem::Clock(deleted));
            }
            // The descriptor is this call's own. Otherwise the sync of another thread could get the
            // error of a failed write, and this one would succeed.
            let synced_later = file.try_clone()?;
            file.write_all(used_line(token, until).as_bytes())?;
            known.list.add(*token, until);
            if known.tail.lines() >= known.limit {
                known.shrink(&self.file, file, now)?;
            }
            Ok(Some(synced_later))
        })?;
        drop(known); // other threads write their lines while this one waits for the disk
        let Some(written) = written else { return Ok(false) };
        written.sync_data()?;
        Ok(true)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UsedTokens for UsedInFile {
    fn claim(&self, token: &[u8; 16], until: UnixTime) -> Result<bool, ClaimError> {
        let claimed = self.claim_at(token, until, UnixTime::now());
        claimed.map_err(|problem| problem.at_use(self.file.path()).into())
    }
}

impl fmt::Debug for UsedInFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsedInFile").field("path", &self.file.path()).finish_non_exhaustive()
    }
}

impl Known {
    /// Reads what was added since the last call. Call it with the locked file.
    fn catch_up(&mut self, shared: &SharedFile, file: &File) -> Result<(), Problem> {
        let found = self.tail.compare(file)?;
        match found {
            Found::Same => {}
            Found::Shorter => return Err(Problem::Shorter),
            Found::Other => {
                // The process that replaced the file may have been stopped before it did this.
                shared.sync_place()?;
                self.tail.restart(file)?;
            }
        }
        let list = &mut self.list;
        let last = self.tail.read(file, |number, line| match list.learn(line) {
            Learned::Line => Ok(()),
            Learned::NeverSynced => {
                warn(shared.path(), number);
                Ok(())
            }
            Learned::Nothing => Err(Problem::Damaged(number)),
        })?;
        if last == LastLine::Unfinished {
            // No other process is writing, so one was stopped while it wrote, or the disk was full.
            // The token of this line was not opened.
            file.set_len(self.tail.offset())?;
        }
        if found == Found::Other {
            self.list.forget_deleted();
            self.limit = most_lines(self.list.len());
        }
        Ok(())
    }

    /// Rewrites the file without the expired tokens. If that fails, for example because the disk is
    /// almost full, the file stays as it is, and this is tried again after some more lines.
    fn shrink(&mut self, shared: &SharedFile, file: &File, now: UnixTime) -> Result<(), Problem> {
        self.list.delete_expired(now);
        let Err(error) = shared.replace(file, self.list.text().as_bytes()) else { return Ok(()) };
        if !shared.is_at_path(file)? {
            return Err(error.into()); // the line is perhaps not in the file that remains
        }
        self.limit = self.tail.lines().saturating_add(SLACK);
        let path = shared.path().display();
        tracing::warn!(target: "bulla", "{path} could not be rewritten: {error}");
        Ok(())
    }
}

fn warn(path: &Path, number: usize) {
    tracing::warn!(
        target: "bulla",
        "line {number} of {} was not written completely, because the power failed; its token was \
         not opened",
        path.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_forgets_the_tokens_that_another_process_has_deleted() {
        let name = format!("bulla-used-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let used = UsedInFile::open(&path).unwrap();
        assert!(used.claim(&[0; 16], UnixTime::MAX).unwrap());
        for number in 1..10 {
            assert!(used.claim(&[number; 16], UnixTime::from_secs(number.into())).unwrap());
        }
        assert_eq!(used.known().list.len(), 10);
        UsedInFile::open(&path).unwrap(); // deletes what has expired
        assert!(used.claim(&[10; 16], UnixTime::MAX).unwrap());
        assert_eq!(used.known().list.len(), 2);
        std::fs::remove_file(&path).unwrap();
    }
}
