//! Where a ring is: a file or a value in Redis.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bulla::KeyRing;
use bulla::keys::{MAX_RING_LEN, RingError, Zeroizing};
use bulla_redis::{RedisRing, RedisRingError};

use crate::Failure;
use crate::args;
use crate::document::Document;
use crate::file;

const UNNAMED: &str = "which ring? --ring FILE, or BULLA_RING in the environment, \
                       or --redis URL --name NAME";

pub(crate) enum Place {
    File(PathBuf),
    Redis { ring: Box<RedisRing>, name: String },
}

impl Place {
    pub(crate) fn of(place: &args::Place) -> Result<Place, Failure> {
        Place::if_any(place)?.ok_or_else(|| UNNAMED.into())
    }

    /// What the command line says comes before the environment.
    pub(crate) fn if_any(place: &args::Place) -> Result<Option<Place>, Failure> {
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

    /// The ring itself, for tokens.
    pub(crate) fn ring(&mut self) -> Result<KeyRing, Failure> {
        let text = self.load()?;
        KeyRing::try_from(&text[..]).map_err(|error| refused(&self.to_string(), error))
    }

    /// Fails when something is there.
    pub(crate) fn expect_none(&mut self) -> Result<(), Failure> {
        let is_there = match self {
            Place::File(path) => path.symlink_metadata().is_ok(),
            Place::Redis { ring, .. } => !ring.load()?.text.is_empty(),
        };
        if is_there { Err(self.taken()) } else { Ok(()) }
    }

    fn taken(&self) -> Failure {
        format!("{self} is there already, and stays as it is").into()
    }

    pub(crate) fn create(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Place::File(path) => match file::create(path, text) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(self.taken()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(format!("{self}: there is no such directory; make it first").into())
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

    /// Changes the ring: all of it or nothing, and never what somebody else has
    /// changed meanwhile.
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

    /// What is wrong with where it is, for a person to mend.
    pub(crate) fn warning(&self) -> Option<String> {
        #[cfg(unix)]
        if let Place::File(path) = self {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
            // A group may be how the server reads it; everybody is not.
            return (mode & 0o007 != 0).then(|| {
                format!(
                    "warning: {self} can be read by everybody on this machine (mode {mode:o}); \
                     chmod 600 it"
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

/// The error names the line; this adds what to do about it.
fn refused(shown: &str, error: RingError) -> Failure {
    let advice = match error {
        // What was read stops there, so its length would be wrong.
        RingError::TooLong { .. } => {
            return format!("{shown}: too long for a key ring: the limit is {MAX_RING_LEN} bytes")
                .into();
        }
        RingError::Empty => "remove it, and `bulla ring new` makes one",
        RingError::NotUtf8 { .. } => "is it the right file?",
        RingError::Key { .. } => {
            "put the line right from your copy of the ring, or remove it, which ends its tokens"
        }
        // The others say it themselves.
        _ => return format!("{shown}: {error}").into(),
    };
    format!("{shown}: {error}\n       {advice}").into()
}

fn at(path: &Path, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => "; `bulla ring new` makes one",
        io::ErrorKind::PermissionDenied => {
            "; run it as the user whose ring it is, who may also write its directory"
        }
        _ => "",
    };
    format!("{}: {error}{advice}", path.display()).into()
}
