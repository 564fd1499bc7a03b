//! The examples of `--help`.

pub(crate) const FIRST_STEPS: &str = "\
First steps:
  export BULLA_RING=/etc/bank/ring                  or --ring FILE with each command
  bulla ring new                                    a ring of one key
  bulla ring list                                   who seals, who opens, and until when
Every month:
  bulla ring publish --spread 10m --longest 12h     then bring the file to every server
At three in the morning:
  bulla ring compromise 04be77d1                    a key has leaked

Terms:
  key ring       a small text with a key on each line, the same on every server
  key id         8 hexadecimal digits, public: each token and each key has them at hand
  primary key    the one that seals new tokens; every key of the ring opens its own
  primary-from   when a key becomes the primary one; of several the latest counts
  open-until     when a key retires: it opens its tokens before, and not from then on
  purpose        what a token is for; a token opens for no other

INSTANT is like 2026-12-01T00:00:00Z (UTC), TIME like 90s, 10m, 24h or 30d.
Status 0: done. 1: the answer is no. 2: wrong usage or bad input.";

pub(crate) const KEY_NEW: &str = "\
Example:
  bulla key new >>ring      a line for a ring that you write by hand";

pub(crate) const RING: &str = "\
A ring, as it is in the file:
  # serial: 7
  bulla-key-1.….9f3a12c4  open-until=2026-12-02T15:01:00Z
  bulla-key-1.….04be77d1  primary-from=2026-12-02T03:00:00Z  # published 2026-12-01T09:00:00Z

A key's life, all of which `publish` writes at once:
  published        it opens, on every server that has the ring, and waits
  primary-from     it seals
  (the next one)   it only opens
  open-until       it retires, when its last token must have expired; `prune` drops it

Each command names the ring with --ring FILE, or BULLA_RING does. INSTANT is like
2026-12-01T00:00:00Z (UTC), TIME like 90s, 10m, 24h or 30d.";

pub(crate) const NEW: &str = "\
Examples:
  bulla ring new --ring /etc/bank/ring
  bulla ring new --redis redis://127.0.0.1 --name bank:ring";

pub(crate) const PUBLISH: &str = "\
Examples:
  bulla ring publish --spread 10m --longest 12h
      seals in ten minutes and the skew
  bulla ring publish --at 2026-12-01T03:00:00Z --longest 12h
      seals on the first of December at three
  bulla ring publish --spread 0s --longest 12h
      seals at once, at the price of requests at servers that do not have it yet

It writes the whole schedule:
  the new key          opens now, primary-from = now + spread + skew
  the one before it    open-until = that + longest + skew, unless it has one";

pub(crate) const PROMOTE: &str = "\
Examples:
  bulla ring promote 04be77d1                              the waiting key need not wait
  bulla ring promote 04be77d1 --at 2026-12-01T03:00:00Z    or longer than planned
  bulla ring promote 9f3a12c4                              back to the key before

A key that was to retire does not any more. Where the next key takes over later than
planned, the one before it is kept longer by as much.";

pub(crate) const RETIRE: &str = "\
Examples:
  bulla ring retire 9f3a12c4 --longest 24h                when its last token has expired
  bulla ring retire 9f3a12c4 --at 2026-12-02T00:00:00Z    at an instant
  bulla ring retire 9f3a12c4                              now: living tokens are lost";

pub(crate) const REVOKE: &str = "\
Example:
  bulla ring revoke 9f3a12c4

For a key that has leaked `bulla ring compromise` does more: it puts a new one in its place.";

pub(crate) const COMPROMISE: &str = "\
Examples:
  bulla ring compromise 04be77d1 --dry-run                          what it would mean
  bulla ring compromise 04be77d1 --since 2026-11-30T18:00:00Z       known since
  bulla inspect TOKEN                                               the key id of a token";

pub(crate) const CHECK: &str = "\
Example, after each change or every night:
  bulla ring check --spread 10m --longest 12h

What passes:
  a key seals at every time from now on
  each key seals after it was published + spread + skew
  each key but the newest retires, after it has stopped sealing + longest + skew";

pub(crate) const REVOKE_SESSIONS: &str = "\
Examples:
  bulla revoke session 6f0c…e1 --file /var/lib/bank/revoked --absolute 12h
  bulla revoke subject 42 --purpose bank.example/session --absolute 12h \
    --redis redis://127.0.0.1/ --name bank:revocations
  bulla revoke all --file /var/lib/bank/revoked --absolute 12h      the panic button

The list forgets a revocation when all that it is about would have ended in any case.";

pub(crate) const INSPECT: &str = "\
Examples:
  bulla inspect b1.n6fA…                                             what anybody sees
  bulla inspect b1.n6fA… --ring ring --purpose shop.example/reset-link
  bulla inspect b1.n6fA… --ring ring --purpose bank.example/session --cookie __Host-session
  pbpaste | bulla inspect -                                          keeps it out of the history";

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
