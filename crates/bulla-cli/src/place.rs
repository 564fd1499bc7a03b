//! Where a ring is: a file or a value in Redis.

use std::fmt;
use std::path::{Path, PathBuf};

use bulla::{KeyRing, Zeroizing};
use bulla_redis::{RedisRing, RedisRingError};

use crate::Failure;
use crate::args;
use crate::document::Document;
use crate::file;

pub(crate) enum Place {
    File(PathBuf),
    Redis { ring: Box<RedisRing>, name: String },
}

impl Place {
    pub(crate) fn of(place: &args::Place) -> Result<Place, Failure> {
        match (&place.ring, &place.redis, &place.name) {
            (_, Some(url), Some(name)) => {
                let mut ring = RedisRing::new(url, name.as_str())?;
                if let Some(keys) = &place.wrapped_with {
                    ring = ring.wrapped_with(ring_of(keys)?);
                }
                Ok(Place::Redis { ring: Box::new(ring), name: name.clone() })
            }
            (Some(path), ..) => Ok(Place::File(path.clone())),
            _ => Err("which ring? --ring FILE, or BULLA_RING, or --redis URL --name NAME".into()),
        }
    }

    pub(crate) fn read(&mut self) -> Result<Document, Failure> {
        let text = match self {
            Place::File(path) => file::read(path).map_err(|error| at(path, &error))?,
            Place::Redis { ring, .. } => ring.load()?.text,
        };
        parse(&text, &self.to_string())
    }

    pub(crate) fn create(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Place::File(path) => match file::create(path, text) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    Err(format!("{self} is there already, and stays").into())
                }
                Err(error) => Err(at(path, &error)),
                Ok(()) => Ok(()),
            },
            Place::Redis { ring, .. } => {
                let before = ring.load()?;
                if !before.text.is_empty() {
                    return Err(format!("{self} is there already, and stays").into());
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
            change(parse(text, &shown)?)
        };
        match self {
            Place::File(path) => file::replace(path, make).map_err(|failure| match failure
                .downcast::<std::io::Error>(
            ) {
                Ok(error) => at(path, &error),
                Err(failure) => failure,
            }),
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
            return (mode & 0o077 != 0)
                .then(|| format!("others can read {self} (mode {mode:o}): chmod 600 it"));
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

fn parse(text: &[u8], shown: &str) -> Result<Document, Failure> {
    let document = Document::parse(text).map_err(|error| format!("{shown}: {error}"))?;
    if document.keys().next().is_none() {
        return Err(format!("{shown} is empty; remove it, and `bulla ring new` makes it").into());
    }
    Ok(document)
}

/// The ring in a file, for tokens.
pub(crate) fn ring_of(path: &Path) -> Result<KeyRing, Failure> {
    let text = file::read(path).map_err(|error| at(path, &error))?;
    KeyRing::try_from(&text[..]).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    let advice = match error.kind() {
        std::io::ErrorKind::NotFound => "; `bulla ring new` makes one",
        std::io::ErrorKind::PermissionDenied => "; run it as the user who may read and write it",
        _ => "",
    };
    format!("{}: {error}{advice}", path.display()).into()
}
