//! The examples and explanations at the end of each `--help`.

pub(crate) const FIRST_STEPS: &str = "\
First steps:
  export BULLA_RING=/etc/bank/ring                  or --ring FILE with each command
  bulla ring new                                    creates a ring with one key
  bulla ring list                                   shows the keys and the schedule
Every month:
  bulla ring publish --spread 10m --longest 12h     then copy the file to every server
When a key has leaked:
  bulla ring compromise 04be77d1                    then copy the file to every server

Terms:
  key ring       a text file with one key per line, the same on every server
  key id         8 hexadecimal digits that identify a key; every token names its key id,
                 and it is not secret
  primary key    the key that seals new tokens
  primary-from   when a key becomes primary and replaces the primary key before it
  open-until     when a key retires; a retired key opens no tokens
  purpose        what a token is for; a token opens only for its own purpose

INSTANT is a time such as 2026-12-01T00:00:00Z (UTC). DURATION is 90s, 10m, 24h or 30d.
Exit status: 0 success; 1 a token was refused or a check failed; 2 wrong usage or input.";

pub(crate) const KEY_NEW: &str = "\
Example:
  bulla key new >>ring      adds a line to a ring that you edit yourself";

pub(crate) const RING: &str = "\
A key ring file:
  # serial: 7
  bulla-key-1.….9f3a12c4  open-until=2026-12-02T15:01:00Z
  bulla-key-1.….04be77d1  primary-from=2026-12-02T03:00:00Z  # published 2026-12-01T09:00:00Z

The life of a key, which `publish` schedules:
  published        opens tokens, on every server that has the ring
  primary-from     becomes primary: also seals new tokens
  (the next key)   stops sealing when the next key becomes primary
  open-until       retires when its last token has expired; `prune` then removes it

The commands take the ring from --ring FILE, BULLA_RING, or --redis URL --name NAME.
INSTANT is a time such as 2026-12-01T00:00:00Z (UTC). DURATION is 90s, 10m, 24h or 30d.";

pub(crate) const NEW: &str = "\
Examples:
  bulla ring new --ring /etc/bank/ring
  bulla ring new --redis redis://127.0.0.1 --name bank:ring";

pub(crate) const PUBLISH: &str = "\
Examples:
  bulla ring publish --spread 10m --longest 12h
      primary in 11 minutes: the spread plus the clock skew
  bulla ring publish --at 2026-12-01T03:00:00Z --longest 12h
      primary at 03:00 on 1 December
  bulla ring publish --spread 0s --longest 12h
      primary at once; servers that do not have the key yet treat tokens under it as absent

The schedule:
  the new key           primary-from = now + spread + skew
  the key before it     open-until = that primary-from + longest + skew, unless it is set";

pub(crate) const PROMOTE: &str = "\
Examples:
  bulla ring promote 04be77d1                              makes a waiting key primary now
  bulla ring promote 04be77d1 --at 2026-12-01T03:00:00Z    changes the planned time
  bulla ring promote 9f3a12c4                              makes the previous key primary again

The command removes the open-until of the promoted key. If the key becomes primary later than
planned, the key before it also retires later, by the same amount of time.";

pub(crate) const RETIRE: &str = "\
Examples:
  bulla ring retire 9f3a12c4 --longest 24h                when its last token has expired
  bulla ring retire 9f3a12c4 --at 2026-12-02T00:00:00Z    at a given time
  bulla ring retire 9f3a12c4                              now: its valid tokens stop opening";

pub(crate) const REVOKE: &str = "\
Example:
  bulla ring revoke 9f3a12c4

If the key has leaked, use `bulla ring compromise`, which also adds a new primary key.";

pub(crate) const COMPROMISE: &str = "\
Examples:
  bulla ring compromise 04be77d1 --dry-run                      shows the consequences
  bulla ring compromise 04be77d1 --since 2026-11-30T18:00:00Z   leaked at 18:00 or later
  bulla inspect TOKEN                                           shows the key id of a token";

pub(crate) const CHECK: &str = "\
Example, after each change or every night:
  bulla ring check --spread 10m --longest 12h
  bulla ring check --spread 10m --longest 12h --json        for a script

The check passes if:
  - the ring has a primary key at all times from now on
  - each key becomes primary at least spread + skew after it was published
  - each key except the newest retires at least longest + skew after it was last primary";

pub(crate) const REVOKE_SESSIONS: &str = "\
Examples:
  bulla revoke session 6f0c…e1 --file /var/lib/bank/revoked --absolute 12h
  bulla revoke subject 42 --purpose bank.example/session --absolute 12h \
    --redis redis://127.0.0.1/ --name bank:revocations
  bulla revoke all --file /var/lib/bank/revoked --absolute 12h

The list drops a revocation when every session that the revocation ends would have timed out.";

pub(crate) const AUDIT: &str = "\
Example:
  bulla audit --ring ring --idle 30m --absolute 12h

The command checks only the ring and the timeouts. To check cookies, revocations and
revalidation too, print `Sessions::audit` in the application.";

pub(crate) const INSPECT: &str = "\
Examples:
  bulla inspect b1.n6fA…                                             what anyone can read
  bulla inspect b1.n6fA… --ring ring --purpose shop.example/reset-link
  bulla inspect b1.n6fA… --ring ring --purpose bank.example/session --cookie __Host-session
  pbpaste | bulla inspect -                                          not in the shell history";

pub(crate) const SEAL: &str = "\
Example:
  printf 'account 42' | bulla seal --ring ring --purpose shop.example/reset-link --lifetime 1h";

pub(crate) const OPEN: &str = "\
Examples:
  bulla open b1.n6fA… --ring ring --purpose shop.example/reset-link
  bulla open --ring ring --purpose shop.example/reset-link <token";

pub(crate) const COMPLETIONS: &str = "\
Example:
  bulla completions bash >/etc/bash_completion.d/bulla";

pub(crate) const MAN: &str = "\
Examples:
  bulla man | man -l -
  bulla man /usr/local/share/man/man1";
