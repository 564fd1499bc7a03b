//! The commands and their arguments.

use std::path::PathBuf;
use std::time::Duration;

use bulla::UnixTime;
use bulla::keys::KeyId;
use clap::{Parser, Subcommand, ValueEnum};

use crate::options::{Clock, Edit, Output, Place, RevocationPlace, Revoke, RevokeBefore, Skew};
use crate::{examples, values};

/// Manage key rings of bulla, and inspect tokens.
///
/// A key ring is a text file with one key per line. The primary key seals new tokens, and every
/// key opens the tokens that it sealed. All servers have the same ring and follow its schedule
/// by their own clocks.
#[derive(Parser)]
#[command(name = "bulla", version, after_help = examples::FIRST_STEPS)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a single key.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Create, show, change and check key rings.
    #[command(subcommand, after_help = examples::RING)]
    Ring(RingCommand),
    /// End sessions before their timeouts, through the revocation list that the servers follow.
    #[command(subcommand, after_help = examples::REVOKE_SESSIONS)]
    Revoke(RevokeCommand),
    /// Check a key ring and session timeouts against OWASP and NIST requirements. The exit
    /// status is 1 if a requirement is not met.
    #[command(after_help = examples::AUDIT)]
    Audit(Audit),
    /// Show what a token contains. Without a key ring, show what anyone can read.
    #[command(after_help = examples::INSPECT)]
    Inspect(Inspect),
    /// Create a token whose payload is standard input.
    #[command(after_help = examples::SEAL)]
    Seal(Seal),
    /// Open a token and write its payload to standard output.
    #[command(after_help = examples::OPEN)]
    Open(Open),
    /// Write shell completions to standard output.
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the man page to standard output, or a page for each command into a directory.
    #[command(after_help = examples::MAN)]
    Man {
        /// The directory.
        dir: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Write a new key to standard output. The key is secret, so redirect it to a file. Most users
    /// need `bulla ring new` instead, which creates a key and its ring.
    #[command(after_help = examples::KEY_NEW)]
    New,
}

#[derive(Subcommand)]
pub(crate) enum RingCommand {
    /// Create a ring with one key. A file gets mode 0600, and an existing ring is never
    /// overwritten.
    #[command(after_help = examples::NEW)]
    New {
        #[command(flatten)]
        edit: Edit,
    },
    /// Show the keys and the schedule. The output contains no secret.
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        clock: Clock,
        #[command(flatten)]
        output: Output,
    },
    /// Add a new key and schedule the change to it. The key opens tokens at once and becomes
    /// primary after the spread. The key before it retires when its last token has expired.
    #[command(after_help = examples::PUBLISH, alias = "rotate")]
    Publish {
        /// How long it takes until every server has the new ring: the deployment plus one reload
        /// interval.
        #[arg(long, value_name = "DURATION", value_parser = values::span, required_unless_present = "at")]
        spread: Option<Duration>,
        /// When the new key becomes primary. Default: right after the spread.
        #[arg(long, value_name = "INSTANT")]
        at: Option<UnixTime>,
        /// The longest time that a token under one key is used. For sessions this is the idle
        /// timeout, for other tokens their lifetime.
        #[arg(long, value_name = "DURATION", value_parser = values::span)]
        longest: Duration,
        #[command(flatten)]
        skew: Skew,
        #[command(flatten)]
        edit: Edit,
    },
    /// Make a key of the ring primary, now or at a given time.
    #[command(after_help = examples::PROMOTE)]
    Promote {
        /// The key id.
        #[arg(value_parser = values::key_id)]
        id: KeyId,
        /// When the key becomes primary. Default: now.
        #[arg(long, value_name = "INSTANT")]
        at: Option<UnixTime>,
        #[command(flatten)]
        edit: Edit,
    },
    /// Set when a key stops opening tokens: when its last token has expired, at a given time, or
    /// now.
    #[command(after_help = examples::RETIRE)]
    Retire {
        /// The key id.
        #[arg(value_parser = values::key_id)]
        id: KeyId,
        /// Retire the key at this time.
        #[arg(long, value_name = "INSTANT")]
        at: Option<UnixTime>,
        /// The longest time that a token under this key is used. The key retires this long, plus
        /// the skew, after the next key becomes primary.
        #[arg(long, value_name = "DURATION", value_parser = values::span, conflicts_with = "at")]
        longest: Option<Duration>,
        #[command(flatten)]
        skew: Skew,
        #[command(flatten)]
        edit: Edit,
    },
    /// Remove a key from the ring. Servers with the new ring do not open tokens under this key.
    #[command(after_help = examples::REVOKE)]
    Revoke {
        /// The key id.
        #[arg(value_parser = values::key_id)]
        id: KeyId,
        #[command(flatten)]
        edit: Edit,
    },
    /// Replace a leaked key: remove it, add a new primary key, and explain the consequences.
    #[command(after_help = examples::COMPROMISE)]
    Compromise {
        /// The id of the leaked key.
        #[arg(value_parser = values::key_id)]
        id: KeyId,
        /// The earliest time at which the key may have leaked.
        #[arg(long, value_name = "INSTANT")]
        since: Option<UnixTime>,
        #[command(flatten)]
        skew: Skew,
        #[command(flatten)]
        edit: Edit,
    },
    /// Remove the keys that have retired.
    Prune {
        #[command(flatten)]
        edit: Edit,
    },
    /// Check that no session and no other token is lost while the servers follow the schedule. If
    /// the check fails, the exit status is 1.
    #[command(after_help = examples::CHECK)]
    Check {
        /// How long it takes until every server has a new ring: at least one reload interval.
        #[arg(
            long,
            visible_alias = "reload",
            value_name = "DURATION",
            default_value = "60s",
            value_parser = values::span
        )]
        spread: Duration,
        /// The longest time that a token under one key is used. For sessions this is the idle
        /// timeout, for other tokens their lifetime.
        #[arg(long, value_name = "DURATION", value_parser = values::span)]
        longest: Duration,
        #[command(flatten)]
        skew: Skew,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        clock: Clock,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Subcommand)]
pub(crate) enum RevokeCommand {
    /// Show the revocations, in the order in which the list will drop them.
    List {
        #[command(flatten)]
        place: RevocationPlace,
        #[command(flatten)]
        clock: Clock,
        #[command(flatten)]
        output: Output,
    },
    /// End one session.
    Session {
        /// The session id, from a log or a list of devices.
        id: String,
        #[command(flatten)]
        revoke: Revoke,
    },
    /// End all sessions of one subject, for example after a password change.
    Subject {
        /// The subject as the application names it, for example the account number.
        subject: String,
        /// The purpose of the sessions, for example bank.example/session.
        #[arg(long, value_parser = values::purpose)]
        purpose: String,
        #[command(flatten)]
        revoke: RevokeBefore,
    },
    /// Refuse the tokens under one key that were issued before a given time. To refuse all tokens
    /// under the key, use `bulla ring revoke`.
    Key {
        /// The key id.
        #[arg(value_parser = values::key_id)]
        id: KeyId,
        #[command(flatten)]
        revoke: RevokeBefore,
    },
    /// Revoke everything: end the sessions of all users.
    All {
        #[command(flatten)]
        revoke: RevokeBefore,
    },
}

#[derive(clap::Args)]
pub(crate) struct Audit {
    /// The idle timeout of the sessions.
    #[arg(long, value_name = "DURATION", value_parser = values::span)]
    pub(crate) idle: Duration,
    /// The absolute timeout of the sessions.
    #[arg(long, value_name = "DURATION", value_parser = values::span)]
    pub(crate) absolute: Duration,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) clock: Clock,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(clap::Args)]
pub(crate) struct Inspect {
    /// The token, or - for standard input.
    pub(crate) token: String,
    #[command(flatten)]
    pub(crate) place: Place,
    /// The purpose of the token, for example shop.example/reset-link.
    #[arg(long, value_parser = values::purpose)]
    pub(crate) purpose: Option<String>,
    /// The token comes from the cookie of this name, or from the renewal cookie of a session.
    #[arg(long, value_name = "NAME", requires = "purpose", value_parser = values::state_cookie)]
    pub(crate) cookie: Option<String>,
    /// The token belongs to a session and comes from a header.
    #[arg(long, requires = "purpose", conflicts_with = "cookie")]
    pub(crate) bearer: bool,
    #[command(flatten)]
    pub(crate) clock: Clock,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(clap::Args)]
pub(crate) struct Seal {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The purpose of the token.
    #[arg(long, value_parser = values::purpose)]
    pub(crate) purpose: String,
    /// Whether to seal or to sign the payload.
    #[arg(long, value_enum, default_value_t = Mode::Sealed)]
    pub(crate) mode: Mode,
    /// The lifetime of the token.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = values::span)]
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
    /// The purpose of the token.
    #[arg(long, value_parser = values::purpose)]
    pub(crate) purpose: String,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// Encrypted.
    Sealed,
    /// Signed, and readable by anyone.
    Signed,
}
