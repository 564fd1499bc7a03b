//! What the implementations do with sessions, and what each must then find.

/// Which implementation makes a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The one that made the first token.
    Maker,
    /// Each of the three in turn.
    Other,
}

/// The keys of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Before the rotation: the second key is not primary yet.
    Both,
    /// After the rotation, with the first key past its `open-until`.
    FirstRetired,
    /// After the rotation, without the first key.
    Second,
}

/// The second key is primary from this time on, in seconds after the start.
pub(crate) const ROTATION: u64 = 1_000;

/// The first key retires at this time in a ring with [`Keys::FirstRetired`].
pub(crate) const RETIREMENT: u64 = 1_150;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Cookie,
    Pieces,
    Bearer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Do {
    Start,
    StartRemembered,
    /// With a ceiling at this time.
    StartUntil(u64),
    Set,
    Reauthenticate,
    EndOthers,
    Read,
    /// The client loses this token. No server is asked.
    Lose(&'static str),
    /// The client stores what the client with this number has.
    CopyOf(usize),
}

/// A request before the one that is compared. Times are in seconds after the start.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) by: By,
    pub(crate) at: u64,
    pub(crate) client: usize,
    pub(crate) action: Do,
}

/// A request that each implementation gets, and what it must find.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) at: u64,
    pub(crate) client: usize,
    pub(crate) keys: Keys,
    pub(crate) found: &'static str,
}

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) over: Over,
    /// The idle and the absolute timeout of remembered sessions.
    pub(crate) remembered: Option<(u64, u64)>,
    /// The length of the name in the state.
    pub(crate) length: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) looks: Vec<Look>,
}

const fn step(by: By, at: u64, action: Do) -> Step {
    Step { by, at, client: 0, action }
}

const fn of(client: usize, step: Step) -> Step {
    Step { client, ..step }
}

const fn look(at: u64, keys: Keys, found: &'static str) -> Look {
    Look { at, client: 0, keys, found }
}

const DAY: u64 = 86_400;

/// The default policy has an idle timeout of 1,800 seconds and an absolute timeout of 12 hours.
pub(crate) fn all() -> Vec<Scenario> {
    use By::{Maker, Other};
    use Do::{
        CopyOf, EndOthers, Lose, Read, Reauthenticate, Set, Start, StartRemembered, StartUntil,
    };
    use Keys::{Both, FirstRetired, Second};
    let usual = |name, steps, looks| Scenario {
        name,
        over: Over::Cookie,
        remembered: None,
        length: 20,
        steps,
        looks,
    };
    let with_copy = vec![
        look(1_160, Second, "alive"),
        look(1_160, FirstRetired, "alive"),
        look(2_899, Second, "alive"),
        look(2_900, Second, "unknown-key"),
    ];
    let started = step(Maker, 0, Start);
    vec![
        usual(
            "state token in a cookie",
            vec![started],
            vec![
                look(0, Both, "alive"),
                look(1_799, Both, "alive"),
                look(1_800, Both, "idle-timeout"),
                look(1_860, Both, "idle-timeout"),
                look(30, Second, "unknown-key"),
            ],
        ),
        usual(
            "with a renewal token",
            vec![started, step(Other, 120, Read)],
            vec![
                look(121, Both, "alive"),
                look(1_919, Both, "alive"),
                look(1_920, Both, "idle-timeout"),
                look(1_980, Both, "idle-timeout"),
            ],
        ),
        usual(
            "state changed by another",
            vec![started, step(Other, 120, Read), step(Other, 300, Set)],
            vec![look(301, Both, "alive"), look(2_099, Both, "alive")],
        ),
        usual(
            "state changed after the rotation",
            vec![started, step(Other, 120, Read), step(Other, 1_100, Set)],
            vec![look(1_160, Second, "alive"), look(1_160, FirstRetired, "alive")],
        ),
        usual(
            "copy after a key rotation",
            vec![started, step(Other, 1_100, Read)],
            with_copy.clone(),
        ),
        usual(
            "copy of a copy",
            vec![started, step(Other, 1_100, Read), step(Maker, 1_400, Read)],
            vec![look(3_199, Second, "alive"), look(3_200, Both, "idle-timeout")],
        ),
        Scenario {
            over: Over::Pieces,
            length: 1_900,
            ..usual(
                "state token in pieces",
                vec![started, step(Other, 120, Read), step(Other, 300, Set)],
                vec![look(301, Both, "alive"), look(30_000, Both, "idle-timeout")],
            )
        },
        Scenario {
            over: Over::Pieces,
            length: 1_900,
            ..usual("copy in pieces", vec![started, step(Other, 1_100, Read)], with_copy.clone())
        },
        Scenario {
            remembered: Some((14 * DAY, 30 * DAY)),
            ..usual(
                "remembered",
                vec![step(Maker, 0, StartRemembered), step(Other, 13 * DAY, Read)],
                vec![
                    look(27 * DAY - 1, Both, "alive"),
                    look(27 * DAY - 1, Second, "alive"),
                    look(27 * DAY, Both, "idle-timeout"),
                    look(30 * DAY, Both, "absolute-timeout"),
                    look(31 * DAY, Both, "absolute-timeout"),
                ],
            )
        },
        usual(
            "with a ceiling",
            vec![step(Maker, 0, StartUntil(600)), step(Other, 120, Read)],
            vec![
                look(599, Both, "alive"),
                look(600, Both, "absolute-timeout"),
                look(660, Both, "absolute-timeout"),
            ],
        ),
        usual(
            "new session id",
            vec![
                started,
                step(Other, 120, Read),
                step(Other, 200, Reauthenticate),
                step(Maker, 400, Set),
            ],
            vec![look(401, Both, "alive"), look(43_200, Both, "absolute-timeout")],
        ),
        usual(
            "other sessions ended",
            vec![
                started,
                of(1, step(Other, 5, Start)),
                of(2, step(Maker, 10, CopyOf(0))),
                step(Other, 20, EndOthers),
                // It follows the revocation, whose instant is still ahead.
                of(3, step(Other, 30, Start)),
            ],
            vec![
                look(40, Both, "alive"),
                Look { client: 1, ..look(40, Both, "revoked") },
                Look { client: 2, ..look(40, Both, "revoked") },
                Look { client: 3, ..look(40, Both, "alive") },
            ],
        ),
        Scenario {
            over: Over::Bearer,
            ..usual(
                "in headers",
                vec![started, step(Other, 120, Read), step(Other, 200, Reauthenticate)],
                vec![look(201, Both, "alive"), look(2_000, Both, "idle-timeout")],
            )
        },
        Scenario {
            over: Over::Bearer,
            ..usual("copy in headers", vec![started, step(Other, 1_100, Read)], with_copy)
        },
        Scenario {
            over: Over::Bearer,
            ..usual(
                "state token alone in headers",
                vec![started, step(Maker, 1, Lose("session-renewal")), step(Other, 1_100, Read)],
                vec![look(1_160, Second, "alive"), look(2_900, Second, "idle-timeout")],
            )
        },
    ]
}
