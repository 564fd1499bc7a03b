//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use bulla::UnixTime;
use bulla::keys::KeyId;
use clap::{Parser, Subcommand, ValueEnum};

use crate::{examples, inspect, values};

/// Key rings for bulla, and what is in a token.
///
/// A key ring is a small text with a key on each line: the primary key seals
/// new tokens, and every key opens its own. Servers follow it by their clocks.
#[derive(Parser)]
#[command(name = "bulla", version, after_help = examples::FIRST_STEPS)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Keys on their own.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Key rings: make, look at, change and check them.
    #[command(subcommand, after_help = examples::RING)]
    Ring(RingCommand),
    /// Sessions that are over before their time, by the list, in a file or in
    /// Redis, that the servers follow.
    #[command(subcommand, after_help = examples::REVOKE_SESSIONS)]
    Revoke(RevokeCommand),
    /// Hold a ring and the timeouts of sessions against what standards ask.
    /// Status 1 when something is not met.
    #[command(after_help = examples::AUDIT)]
    Audit(Audit),
    /// Say what a token is: without keys what anybody sees, with them everything.
    #[command(after_help = examples::INSPECT)]
    Inspect(Inspect),
    /// Make a token of the bytes on standard input.
    #[command(after_help = examples::SEAL)]
    Seal(Seal),
    /// Open a token and write its payload to standard output.
    #[command(after_help = examples::OPEN)]
    Open(Open),
    /// Write a shell's completions.
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the man page or, into a directory, a page for every command.
    #[command(after_help = examples::MAN)]
    Man {
        /// The directory.
        dir: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Write a new key to standard output. It is a secret: bring it to a file,
    /// not to a screen. A ring's own keys are made by `bulla ring`.
    #[command(after_help = examples::KEY_NEW)]
    New,
}

#[derive(Subcommand)]
pub(crate) enum RingCommand {
    /// Make a ring of one key, readable by you only. Never over one that is there.
    #[command(after_help = examples::NEW)]
    New {
        #[command(flatten)]
        edit: Edit,
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
    #[command(after_help = examples::PUBLISH, alias = "rotate")]
    Publish {
        /// How long until every server has the new ring: your deployment, and one reload.
        #[arg(long, value_name = "TIME", value_parser = values::span, required_unless_present = "at")]
        spread: Option<Duration>,
        /// When the new key seals, if not right after the spread.
        #[arg(long, value_name = "INSTANT")]
        at: Option<UnixTime>,
        /// The longest that anything lives under a key: for sessions the idle
        /// timeout, for other tokens their lifetime.
        #[arg(long, value_name = "TIME", value_parser = values::span)]
        longest: Duration,
        #[command(flatten)]
        skew: Skew,
        #[command(flatten)]
        edit: Edit,
    },
    /// Make a key of the ring the primary one, now or at an instant.
    #[command(after_help = examples::PROMOTE)]
    Promote {
        /// The key's id.
        #[arg(value_parser = values::key_id)]
        id: KeyId,
        /// When.
        #[arg(long, value_name = "INSTANT")]
        at: Option<UnixTime>,
        #[command(flatten)]
        edit: Edit,
    },
    /// Say until when a key opens its tokens: until its last one has expired, an
    /// instant, or now.
    #[command(after_help = examples::RETIRE)]
    Retire {
        /// The key's id.
        #[arg(value_parser = values::key_id)]
        id: KeyId,
        /// Until then.
        #[arg(long, value_name = "INSTANT")]
        at: Option<UnixTime>,
        /// Until it has stopped sealing, and what lives longest under it has expired.
        #[arg(long, value_name = "TIME", value_parser = values::span, conflicts_with = "at")]
        longest: Option<Duration>,
        #[command(flatten)]
        skew: Skew,
        #[command(flatten)]
        edit: Edit,
    },
    /// Take a key out of the ring. Its tokens open nowhere any more.
    #[command(after_help = examples::REVOKE)]
    Revoke {
        /// The key's id.
        #[arg(value_parser = values::key_id)]
        id: KeyId,
        #[command(flatten)]
        edit: Edit,
    },
    /// A key has leaked: take it out, put a new one in its place that seals at
    /// once, and say what that means.
    #[command(after_help = examples::COMPROMISE)]
    Compromise {
        /// The leaked key's id.
        #[arg(value_parser = values::key_id)]
        id: KeyId,
        /// Since when it may be known to others.
        #[arg(long, value_name = "INSTANT")]
        since: Option<UnixTime>,
        #[command(flatten)]
        skew: Skew,
        #[command(flatten)]
        edit: Edit,
    },
    /// Drop the keys that have retired.
    Prune {
        #[command(flatten)]
        edit: Edit,
    },
    /// Prove that the schedule loses nobody. Status 1 when it does not hold.
    #[command(after_help = examples::CHECK)]
    Check {
        /// How long until every server has a new ring: at least one reload.
        #[arg(
            long,
            visible_alias = "reload",
            value_name = "TIME",
            default_value = "60s",
            value_parser = values::span
        )]
        spread: Duration,
        /// The longest that anything lives under a key.
        #[arg(long, value_name = "TIME", value_parser = values::span)]
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
        #[arg(long, value_parser = values::purpose)]
        purpose: String,
        #[command(flatten)]
        revoke: Revoke,
    },
    /// Refuse the tokens under one key, as `bulla ring revoke` does, but only
    /// those issued before an instant.
    Key {
        /// The key's id.
        #[arg(value_parser = values::key_id)]
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
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    pub(crate) absolute: Duration,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct RevocationPlace {
    /// The file that the servers of this machine follow.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["redis", "name"])]
    pub(crate) file: Option<PathBuf>,
    /// The Redis that the servers follow.
    #[arg(long, value_name = "URL", requires = "name")]
    pub(crate) redis: Option<String>,
    /// The name of the list there.
    #[arg(long, value_name = "NAME", requires = "redis")]
    pub(crate) name: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Audit {
    /// The idle timeout of the sessions.
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    pub(crate) idle: Duration,
    /// Their absolute timeout.
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    pub(crate) absolute: Duration,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

const WHICH: &str = "Which ring";

/// Where the ring is.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The ring's file [env: BULLA_RING].
    // Read by hand: clap would take the variable for a conflict with --redis.
    #[arg(long, help_heading = WHICH, value_name = "FILE")]
    pub(crate) ring: Option<PathBuf>,
    /// A Redis that keeps the ring, instead of a file.
    #[arg(long, help_heading = WHICH, value_name = "URL", requires = "name", conflicts_with = "ring")]
    pub(crate) redis: Option<String>,
    /// The name of the value in Redis.
    #[arg(long, help_heading = WHICH, value_name = "NAME", requires = "redis")]
    pub(crate) name: Option<String>,
    /// The ring of the keys that the value in Redis is wrapped with.
    #[arg(long, help_heading = WHICH, value_name = "FILE", requires = "redis")]
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
    pub(crate) clock: Clock,
}

#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Skew {
    /// How far the servers' clocks may be apart.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::span)]
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
    #[command(flatten)]
    pub(crate) place: Place,
    /// What the token is for, such as shop.example/reset-link.
    #[arg(long, value_parser = values::purpose)]
    pub(crate) purpose: Option<String>,
    /// It is a session's token, from the cookie of this name, or the renewal beside it.
    #[arg(long, value_name = "NAME", requires = "purpose", value_parser = inspect::state_cookie)]
    pub(crate) cookie: Option<String>,
    /// It is a session's token, from a header.
    #[arg(long, requires = "purpose", conflicts_with = "cookie")]
    pub(crate) bearer: bool,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(clap::Args)]
pub(crate) struct Seal {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What the token is for.
    #[arg(long, value_parser = values::purpose)]
    pub(crate) purpose: String,
    /// Sealed, or signed for anybody to read.
    #[arg(long, value_enum, default_value_t = Mode::Sealed)]
    pub(crate) mode: Mode,
    /// How long it lives.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = values::span)]
    pub(crate) lifetime: Duration,
    /// The schema version of the payload.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) schema: u32,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(clap::Args)]
pub(crate) struct Open {
    /// The token, or - for standard input.
    #[arg(default_value = "-")]
    pub(crate) token: String,
    #[command(flatten)]
    pub(crate) place: Place,
    /// What the token is for.
    #[arg(long, value_parser = values::purpose)]
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
