//! A list of revocations that follows a file.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::files::shared::most_lines;
use crate::revocation::file::{Reader, RevocationFile, warn};
use crate::revocation::list::{Revocations, WeakRevocations};
use crate::time::UnixTime;

/// How often the follower reads new lines.
const LOOK: Duration = Duration::from_secs(1);

/// How often the follower drops expired revocations.
const PRUNE: Duration = Duration::from_secs(60);

impl RevocationFile {
    /// Loads the list and follows the file in a background thread.
    ///
    /// Lines that other processes append take effect in this process within about a second. A
    /// revocation that this process adds is in the file before [`add`](Revocations::add) returns,
    /// and is synced to the disk about a second later. If the file cannot be read, the list stays
    /// as it is, and [`Revocations::confirmed_at`] returns the time of the last successful read.
    /// The thread ends when the list is no longer used.
    ///
    /// # Errors
    /// If the file cannot be read, or does not exist and cannot be created. Do not continue without
    /// the list, because the server would then accept revoked sessions.
    pub fn follow(self) -> io::Result<Revocations> {
        let list = Revocations::new();
        let mut reader = self.reader();
        self.create().and_then(|()| learn(&mut reader, &list)).map_err(|error| {
            let path = self.path().display();
            io::Error::new(error.kind(), format!("the revocation list {path}: {error}"))
        })?;
        let follower = Follower {
            list: list.downgrade(),
            reader,
            file: self.clone(),
            pruned: Instant::now(),
            said: Said::Reads,
        };
        list.on_add(move |revocation| {
            if let Err(error) = self.append(revocation) {
                tracing::error!(
                    target: "bulla",
                    "a revocation could not be written to {} ({error}); it is in effect until \
                     this process ends",
                    self.path().display()
                );
            }
        });
        thread::Builder::new().name("bulla-revoked".to_owned()).spawn(move || follower.run())?;
        Ok(list)
    }
}

fn learn(reader: &mut Reader, list: &Revocations) -> io::Result<()> {
    let now = UnixTime::now();
    let mut news = Vec::new();
    let path = reader.path().to_owned();
    let taken = reader.take(&mut news, |line| warn(&path, line));
    if !news.is_empty() {
        list.learn(news); // including the lines that were read before an error
    }
    taken?;
    list.confirm(now);
    Ok(())
}

struct Follower {
    list: WeakRevocations,
    reader: Reader,
    file: RevocationFile,
    pruned: Instant,
    said: Said,
}

/// What the log last reported about the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Reads,
    Fails,
}

impl Follower {
    fn run(mut self) {
        loop {
            thread::sleep(LOOK);
            let Some(list) = self.list.upgrade() else { return };
            self.round(&list, Instant::now());
        }
    }

    /// Reads the file, and logs when reading starts to fail or works again.
    fn round(&mut self, list: &Revocations, now: Instant) {
        let looked = self.look(list, now);
        let path = self.file.path().display();
        match looked {
            Ok(()) if self.said == Said::Fails => {
                self.said = Said::Reads;
                tracing::info!(target: "bulla", "the revocations in {path} can be read again");
            }
            Err(error) if self.said == Said::Reads => {
                self.said = Said::Fails;
                tracing::warn!(
                    target: "bulla",
                    "the revocations in {path} cannot be read ({error}); the known ones stay \
                     in effect"
                );
            }
            _ => {}
        }
    }

    fn look(&mut self, list: &Revocations, now: Instant) -> io::Result<()> {
        let offset = self.reader.offset();
        learn(&mut self.reader, list)?;
        if self.reader.offset() != offset {
            self.file.sync()?;
        }
        if now.saturating_duration_since(self.pruned) < PRUNE {
            return Ok(());
        }
        self.pruned = now;
        let now = UnixTime::now();
        list.prune(now);
        if self.reader.lines() > most_lines(list.len())
            && let Err(error) = self.file.prune(now)
        {
            let path = self.file.path().display();
            tracing::warn!(target: "bulla", "{path} could not be rewritten: {error}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bulla_conformance::logged;
    use tracing::Level;

    use super::*;
    use crate::files::shared::SLACK;
    use crate::revocation::entry::Revocation;
    use crate::token::id::SessionId;

    /// A file for one test. It is removed when the test ends.
    struct OfTest(RevocationFile);

    impl OfTest {
        fn new(name: &str) -> OfTest {
            let name = format!("bulla-revoked-{}-{name}", std::process::id());
            OfTest(RevocationFile::new(std::env::temp_dir().join(name)))
        }

        fn write(&self, lines: impl IntoIterator<Item = Revocation>) {
            let lines: String = lines.into_iter().map(|line| format!("{line}\n")).collect();
            fs::write(self.0.path(), lines).unwrap();
        }

        fn follower(&self, list: &Revocations, now: Instant) -> Follower {
            Follower {
                list: list.downgrade(),
                reader: self.0.reader(),
                file: self.0.clone(),
                pruned: now,
                said: Said::Reads,
            }
        }
    }

    impl Drop for OfTest {
        fn drop(&mut self) {
            let _ = fs::remove_file(self.0.path());
        }
    }

    fn until(number: u128, until: UnixTime) -> Revocation {
        Revocation::Session { id: SessionId::from_bytes(number.to_be_bytes()), until }
    }

    fn living(numbers: std::ops::Range<u128>) -> impl Iterator<Item = Revocation> {
        numbers.map(|number| until(number, UnixTime::MAX))
    }

    #[test]
    fn new_lines_are_read_once_and_a_replaced_file_is_read_from_the_start() {
        let file = OfTest::new("reader");
        let mut reader = file.0.reader();
        let mut read = || {
            let mut news = Vec::new();
            reader.take(&mut news, |line| panic!("{line}")).unwrap();
            (news, reader.lines())
        };
        file.write(living(0..3));
        assert_eq!(read(), (living(0..3).collect(), 3));
        assert_eq!(read(), (vec![], 3));
        living(3..4).for_each(|line| file.0.append(&line).unwrap());
        assert_eq!(read(), (living(3..4).collect(), 4));
        file.write(living(10..12)); // the same file, now shorter
        assert_eq!(read(), (living(10..12).collect(), 2));
        let other = OfTest::new("other");
        other.write(living(20..30)); // another file with the same name, longer
        fs::rename(other.0.path(), file.0.path()).unwrap();
        assert_eq!(read(), (living(20..30).collect(), 10));
    }

    #[test]
    fn empty_lines_and_comments_are_ignored_without_a_warning() {
        let file = OfTest::new("comments");
        for (text, said) in [("\n  \n# all of March\n", ""), ("all of March\n", "line 1 of")] {
            fs::write(file.0.path(), text).unwrap();
            let (read, log) = logged(Level::WARN, || file.0.read().unwrap());
            assert!(read.is_empty() && log.contains(said), "{log}");
            assert_eq!(log.is_empty(), said.is_empty(), "{log}");
        }
    }

    #[test]
    fn the_log_reports_once_that_the_file_cannot_be_read_and_once_that_it_can_again() {
        let (file, list, now) = (OfTest::new("said"), Revocations::new(), Instant::now());
        let mut follower = file.follower(&list, now);
        for (is_there, says) in [
            (true, ""),
            (false, "cannot be read"),
            (false, ""),
            (false, ""),
            (true, "can be read again"),
            (true, ""),
            (false, "cannot be read"),
        ] {
            match is_there {
                true => file.write(living(0..1)),
                false => drop(fs::remove_file(file.0.path())),
            }
            let ((), log) = logged(Level::INFO, || follower.round(&list, now));
            assert!(log.contains(says) && log.is_empty() == says.is_empty(), "{log}");
        }
        assert_eq!(list.len(), 1, "the known revocations stay in effect");
    }

    #[test]
    fn a_file_is_rewritten_once_a_minute_if_most_of_its_lines_have_expired() {
        let slack = SLACK as u128;
        for (over, after, left) in [
            (slack + 4, PRUNE - Duration::from_secs(1), slack + 7),
            (slack + 4, PRUNE, 3),
            (slack + 3, PRUNE, slack + 6),
        ] {
            let (file, list, now) = (OfTest::new("over"), Revocations::new(), Instant::now());
            let over = (100..100 + over).map(|number| until(number, UnixTime::from_secs(1)));
            file.write(living(0..3).chain(over));
            file.follower(&list, now).look(&list, now + after).unwrap();
            assert_eq!(file.0.read().unwrap().len() as u128, left);
        }
    }
}
