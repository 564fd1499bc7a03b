//! Reads and writes a key ring in a file or in Redis.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bulla::KeyRing;
use bulla::keys::{MAX_RING_LEN, RingError, Zeroizing};
use bulla_redis::{RedisRing, RedisRingError};

use crate::document::Document;
use crate::file;
use crate::options;
use crate::reply::Failure;

const UNNAMED: &str = "no key ring given: use --ring FILE, the variable BULLA_RING, \
                       or --redis URL --name NAME";

pub(crate) enum Place {
    File(PathBuf),
    Redis { ring: Box<RedisRing>, name: String },
}

impl Place {
    pub(crate) fn of(place: &options::Place) -> Result<Place, Failure> {
        Place::if_any(place)?.ok_or_else(|| UNNAMED.into())
    }

    /// The place that the command line names, or else the place that the environment names. `None`
    /// if neither names a place.
    pub(crate) fn if_any(place: &options::Place) -> Result<Option<Place>, Failure> {
        if let (Some(url), Some(name)) = (&place.redis, &place.name) {
            let mut ring = RedisRing::new(url, name.as_str())?;
            if let Some(keys) = &place.wrapped_with {
                ring = ring.wrapped_with(Place::File(keys.clone()).ring()?);
            }
            return Ok(Some(Place::Redis { ring: Box::new(ring), name: name.clone() }));
        }
        let named = std::env::var_os("BULLA_RING").filter(|path| !path.is_empty());
        let path = place.ring.clone().or(named.map(PathBuf::from));
        Ok(path.map(Place::File))
    }

    fn load(&mut self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        match self {
            Place::File(path) => file::read(path).map_err(|error| at(path, &error)),
            Place::Redis { ring, .. } => Ok(ring.load()?.text),
        }
    }

    pub(crate) fn read(&mut self) -> Result<Document, Failure> {
        let text = self.load()?;
        Document::parse(&text).map_err(|error| refused(&self.to_string(), error))
    }

    /// Reads the key ring, so that a command can make and open tokens.
    pub(crate) fn ring(&mut self) -> Result<KeyRing, Failure> {
        let text = self.load()?;
        KeyRing::try_from(&text[..]).map_err(|error| refused(&self.to_string(), error))
    }

    /// Fails if a ring exists at this place.
    pub(crate) fn expect_none(&mut self) -> Result<(), Failure> {
        let is_there = match self {
            Place::File(path) => path.symlink_metadata().is_ok(),
            Place::Redis { ring, .. } => !ring.load()?.text.is_empty(),
        };
        if is_there { Err(self.taken()) } else { Ok(()) }
    }

    fn taken(&self) -> Failure {
        format!("{self} exists already and was not changed").into()
    }

    pub(crate) fn create(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Place::File(path) => match file::create(path, text) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(self.taken()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(format!("{self}: the directory does not exist; create it first").into())
                }
                Err(error) => Err(at(path, &error)),
                Ok(()) => Ok(()),
            },
            Place::Redis { ring, .. } => {
                let before = ring.load()?;
                if !before.text.is_empty() {
                    return Err(self.taken());
                }
                Ok(ring.store(&before, text.as_bytes())?)
            }
        }
    }

    /// Changes the ring completely or not at all. If another command changes the ring in Redis
    /// meanwhile, `change` runs again on the new text.
    pub(crate) fn change<R>(
        &mut self,
        mut change: impl FnMut(Document) -> Result<(Option<Zeroizing<String>>, R), Failure>,
    ) -> Result<R, Failure> {
        let shown = self.to_string();
        let mut make = |text: &[u8]| -> Result<(Option<Zeroizing<String>>, R), Failure> {
            change(Document::parse(text).map_err(|error| refused(&shown, error))?)
        };
        match self {
            Place::File(path) => {
                file::replace(path, make).map_err(|failure| match failure.downcast::<io::Error>() {
                    Ok(error) => at(path, &error),
                    Err(failure) => failure,
                })
            }
            Place::Redis { ring, .. } => loop {
                let before = ring.load()?;
                let (text, result) = make(&before.text)?;
                match text.map(|text| ring.store(&before, text.as_bytes())) {
                    None | Some(Ok(())) => return Ok(result),
                    Some(Err(RedisRingError::Changed)) => {}
                    Some(Err(error)) => return Err(error.into()),
                }
            },
        }
    }

    /// A warning if every user of the machine can read the ring.
    pub(crate) fn warning(&self) -> Option<String> {
        #[cfg(unix)]
        if let Place::File(path) = self {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
            // Group access is fine, because the server may read the file through its group.
            return (mode & 0o007 != 0).then(|| {
                format!(
                    "warning: every user of this machine can read {self} (mode {mode:o}); \
                     run chmod 600"
                )
            });
        }
        None
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Redis { name, .. } => write!(f, "{name} in Redis"),
        }
    }
}

/// The message for a ring that the parser rejects: the error, which names the line, and advice.
fn refused(shown: &str, error: RingError) -> Failure {
    let advice = match error {
        // Reading stopped at the limit, so the length in the error is not the real one.
        RingError::TooLong { .. } => {
            return format!("{shown}: too long for a key ring: the limit is {MAX_RING_LEN} bytes")
                .into();
        }
        RingError::Empty => "remove it, then create a ring with `bulla ring new`",
        RingError::NotUtf8 { .. } => "is it the right file?",
        RingError::Key { .. } => {
            "restore the line from a copy of the ring, or remove it and lose its tokens"
        }
        // The texts of the other errors already say what to do.
        _ => return format!("{shown}: {error}").into(),
    };
    format!("{shown}: {error}\n       {advice}").into()
}

fn at(path: &Path, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => "; `bulla ring new` creates a ring",
        io::ErrorKind::PermissionDenied => {
            "; run the command as the user who owns the ring and may write its directory"
        }
        _ => "",
    };
    format!("{}: {error}{advice}", path.display()).into()
}
