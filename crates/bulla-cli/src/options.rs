//! Options that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use bulla::UnixTime;

use crate::values;

const KEY_RING: &str = "Key ring";

/// Where the key ring is stored.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The file with the key ring [env: BULLA_RING].
    // `place` reads the variable. If clap read it, clap would report a conflict with --redis.
    #[arg(long, help_heading = KEY_RING, value_name = "FILE")]
    pub(crate) ring: Option<PathBuf>,
    /// The Redis that stores the ring, instead of a file.
    #[arg(long, help_heading = KEY_RING, value_name = "URL", requires = "name", conflicts_with = "ring")]
    pub(crate) redis: Option<String>,
    /// The name of the ring in Redis.
    #[arg(long, help_heading = KEY_RING, value_name = "NAME", requires = "redis")]
    pub(crate) name: Option<String>,
    /// The file with a second key ring, which encrypts the ring in Redis.
    #[arg(long, help_heading = KEY_RING, value_name = "FILE", requires = "redis")]
    pub(crate) wrapped_with: Option<PathBuf>,
}

/// The options of every command that changes a ring.
#[derive(clap::Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Skew {
    /// How far the servers' clocks may differ.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::span)]
    pub(crate) skew: Duration,
}

#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Clock {
    /// Use this as the current time.
    #[arg(long, value_name = "INSTANT")]
    now: Option<UnixTime>,
}

impl Clock {
    pub(crate) fn now(self) -> UnixTime {
        self.now.unwrap_or_else(UnixTime::now)
    }
}

/// The option of every command whose output a script may read.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Output {
    /// Print one JSON document instead of text, for scripts.
    #[arg(long)]
    json: bool,
}

/// The form of a command's output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

impl Output {
    pub(crate) fn form(self) -> Form {
        if self.json { Form::Json } else { Form::Text }
    }
}

/// The options of every command that revokes sessions or tokens up to a time.
#[derive(clap::Args)]
pub(crate) struct RevokeBefore {
    /// Revoke only sessions that started, or tokens that were issued, before this time. Default:
    /// all until now.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) before: Option<UnixTime>,
    #[command(flatten)]
    pub(crate) revoke: Revoke,
}

/// The options of every command that adds a revocation.
#[derive(clap::Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) place: RevocationPlace,
    /// The absolute timeout of the sessions. After this time, the list drops the revocation.
    #[arg(long, value_name = "DURATION", value_parser = values::span)]
    pub(crate) absolute: Duration,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

/// Where the list of revocations is stored.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct RevocationPlace {
    /// The file with the revocation list that the servers on this machine follow.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["redis", "name"])]
    pub(crate) file: Option<PathBuf>,
    /// The Redis with the revocation list that the servers follow.
    #[arg(long, value_name = "URL", requires = "name")]
    pub(crate) redis: Option<String>,
    /// The name of the list in Redis.
    #[arg(long, value_name = "NAME", requires = "redis")]
    pub(crate) name: Option<String>,
}
