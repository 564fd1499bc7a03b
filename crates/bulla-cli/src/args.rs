//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use bulla::{KeyId, UnixTime};
use clap::{Parser, Subcommand, ValueEnum};

/// Key rings for bulla, and what is in a token.
///
/// A key ring is a small text with a key on each line: the primary key seals
/// new tokens, and every key opens its own. Servers follow it by their clocks.
#[derive(Parser)]
#[command(name = "bulla", version, after_help = FIRST_STEPS)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  export BULLA_RING=/etc/bank/ring
  bulla ring new                                    a ring of one key
  bulla ring list                                   who seals, who opens, and until when
Every month:
  bulla ring publish --spread 10m --longest 12h     then bring the file to every server
At three in the morning:
  bulla ring compromise 04be77d1

INSTANT is like 2026-12-01T00:00:00Z (UTC), TIME like 90s, 10m, 24h or 30d.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Keys on their own.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Key rings: make, look at, change and check them.
    #[command(subcommand)]
    Ring(RingCommand),
    /// Sessions that are over before their time, by the list in Redis that the
    /// servers follow.
    #[command(subcommand)]
    Revoke(RevokeCommand),
    /// Say what a token is: without keys what anybody sees, with them everything.
    Inspect(Inspect),
    /// Make a token of the bytes on standard input.
    Seal(Seal),
    /// Open a token and write its payload to standard output.
    Open(Open),
    /// Write a shell's completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the man page.
    Man,
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Write a new key. It is a secret: bring it to a file, not to a screen.
    New,
}

#[derive(Subcommand)]
pub(crate) enum RingCommand {
    /// Make a ring of one key, readable by you only. Never over one that is there.
    New {
        #[command(flatten)]
        place: Place,
    },
    /// Show the keys, and what will happen when. Nothing secret.
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        clock: Clock,
    },
    /// Add a new key with its whole schedule: it opens at once, seals after the
    /// spread, and the key before it retires when its last token must have expired.
    Publish {
        /// How long until every server has the new ring: your deployment, and one reload.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        spread: Duration,
        /// The longest that anything lives under a key: for sessions the idle
        /// timeout, for other tokens their lifetime.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        longest: Duration,
        #[command(flatten)]
        edit: Edit,
    },
    /// Make a key of the ring the primary one, now or at an instant.
    Promote {
        /// The key's id.
        id: KeyId,
        /// When.
        #[arg(long, value_name = "INSTANT")]
        at: Option<UnixTime>,
        #[command(flatten)]
        edit: Edit,
    },
    /// Let a key open its tokens until now, or an instant, and no longer.
    Retire {
        /// The key's id.
        id: KeyId,
        /// When.
        #[arg(long, value_name = "INSTANT")]
        at: Option<UnixTime>,
        #[command(flatten)]
        edit: Edit,
    },
    /// Take a key out of the ring. Its tokens open nowhere any more.
    Revoke {
        /// The key's id.
        id: KeyId,
        #[command(flatten)]
        edit: Edit,
    },
    /// A key has leaked: take it out, put a new one in its place that seals at
    /// once, and say what that means.
    Compromise {
        /// The leaked key's id.
        id: KeyId,
        /// Since when it may be known to others.
        #[arg(long, value_name = "INSTANT")]
        since: Option<UnixTime>,
        #[command(flatten)]
        edit: Edit,
    },
    /// Drop the keys that have retired.
    Prune {
        #[command(flatten)]
        edit: Edit,
    },
    /// Prove that the schedule loses nobody. Status 1 when it does not hold.
    Check {
        /// How long until every server has a new ring.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        spread: Duration,
        /// The longest that anything lives under a key.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        longest: Duration,
        #[command(flatten)]
        skew: Skew,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        clock: Clock,
    },
}

#[derive(Subcommand)]
pub(crate) enum RevokeCommand {
    /// Show what is revoked, the first to be forgotten first.
    List {
        #[command(flatten)]
        place: RevocationPlace,
        #[command(flatten)]
        clock: Clock,
    },
    /// End one session.
    Session {
        /// Its id, from a log or a list of devices.
        id: String,
        #[command(flatten)]
        revoke: Revoke,
    },
    /// End the sessions of one subject: the password was changed, the account closed.
    Subject {
        /// Whose, as the application names them, such as the account's number.
        subject: String,
        /// The purpose of the sessions, such as bank.example/session.
        #[arg(long)]
        purpose: String,
        #[command(flatten)]
        revoke: Revoke,
    },
    /// Refuse the tokens under one key, as `bulla ring revoke` does, but only
    /// those issued before an instant.
    Key {
        /// The key's id.
        id: KeyId,
        #[command(flatten)]
        revoke: Revoke,
    },
    /// End everybody's sessions: the panic button.
    All {
        #[command(flatten)]
        revoke: Revoke,
    },
}

#[derive(clap::Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) place: RevocationPlace,
    /// Only what began before this; without it, all until now.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) before: Option<UnixTime>,
    /// The absolute timeout of the sessions: when the list may forget it.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) absolute: Duration,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(clap::Args)]
pub(crate) struct RevocationPlace {
    /// The Redis that the servers follow.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: String,
    /// The name of the list there.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
}

/// Where the ring is.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The ring's file.
    #[arg(long, value_name = "FILE", env = "BULLA_RING")]
    pub(crate) ring: Option<PathBuf>,
    /// A Redis that keeps the ring, instead of a file.
    #[arg(long, value_name = "URL", requires = "name", conflicts_with = "ring")]
    pub(crate) redis: Option<String>,
    /// The name of the value in Redis.
    #[arg(long, value_name = "NAME", requires = "redis")]
    pub(crate) name: Option<String>,
    /// The ring of the keys that the value in Redis is wrapped with.
    #[arg(long, value_name = "FILE", requires = "redis")]
    pub(crate) wrapped_with: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) skew: Skew,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Skew {
    /// How far the servers' clocks may be apart.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) skew: Duration,
}

#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Clock {
    /// Take this for the present time.
    #[arg(long, value_name = "INSTANT")]
    now: Option<UnixTime>,
}

impl Clock {
    pub(crate) fn now(self) -> UnixTime {
        self.now.unwrap_or_else(UnixTime::now)
    }
}

#[derive(clap::Args)]
pub(crate) struct Inspect {
    /// The token, or - for standard input.
    pub(crate) token: String,
    /// The ring's file: shows what is inside.
    #[arg(long, value_name = "FILE", env = "BULLA_RING")]
    pub(crate) ring: Option<PathBuf>,
    /// What the token is for, such as shop.example/reset-link.
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// It is a session's token, from the cookie of this name.
    #[arg(long, value_name = "NAME", requires = "purpose")]
    pub(crate) cookie: Option<String>,
    /// It is a session's token, from a header.
    #[arg(long, requires = "purpose", conflicts_with = "cookie")]
    pub(crate) bearer: bool,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(clap::Args)]
pub(crate) struct Seal {
    /// The ring's file.
    #[arg(long, value_name = "FILE", env = "BULLA_RING")]
    pub(crate) ring: PathBuf,
    /// What the token is for.
    #[arg(long)]
    pub(crate) purpose: String,
    /// Sealed, or signed for anybody to read.
    #[arg(long, value_enum, default_value_t = Mode::Sealed)]
    pub(crate) mode: Mode,
    /// How long it lives.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = humantime::parse_duration)]
    pub(crate) lifetime: Duration,
    /// The schema version of the payload.
    #[arg(long, default_value_t = 1)]
    pub(crate) schema: u32,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(clap::Args)]
pub(crate) struct Open {
    /// The token, or - for standard input.
    #[arg(default_value = "-")]
    pub(crate) token: String,
    /// The ring's file.
    #[arg(long, value_name = "FILE", env = "BULLA_RING")]
    pub(crate) ring: PathBuf,
    /// What the token is for.
    #[arg(long)]
    pub(crate) purpose: String,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// Encrypted.
    Sealed,
    /// Readable by anybody.
    Signed,
}
