//! The behaviours of a framework adapter of bulla, written once and run by each.
//!
//! An adapter's tests build the application below with their framework, implement
//! [`App`] over its test client, and call [`conformance!`], which makes one test of each
//! behaviour. Every adapter's output then has the same list of names.
//!
//! | route | what it does |
//! |---|---|
//! | `GET /untouched` | answers `hello` and does not look at the session |
//! | `GET /look` | answers the account's name, or `guest` |
//! | `POST /start/{name}` | starts a session |
//! | `POST /start-bearer` | starts a session of `ada` over the bearer channel |
//! | `POST /rename/{name}` | changes the name |
//! | `POST /update-or-fail` | changes the name; errors with `?` |
//! | `POST /end` | ends the session |
//! | `POST /start-and-fail` | starts a session of `ada` and answers 500 |
//! | `POST /end-and-fail` | ends the session and answers 500 |
//! | `POST /large/{len}` | starts a session whose name has `len` characters; errors with `?` |
//! | `GET /required` | the name, through the guard that asks for a session |
//! | `GET /fresh` | the name, through the guard that asks for a sign-in within 300 seconds |
//! | `GET /current` | the name, through the guard that asks for a list of revocations of the last 10 seconds |
//! | `POST /prove` | the user proves again who they are |
//! | `POST /end-others` | ends the other sessions of this one's subject |
//! | `GET /cached` | starts a session of `ada`, with `Cache-Control: private` and `Vary: Accept` |
//! | `GET /late` | a body that, when it is streamed, starts a session and says what came of it |
//! | `GET /events` | renames the account to `streamed`; then server-sent events, `data: ` and the name, twice, each read as it is sent |
//! | `GET /socket` | renames the account to `upgraded` and answers 101 `Upgrade: websocket`, with the name before in `x-was` |
//! | `GET /missing` | as `/look`, outside the layer; may be another application |

mod behaviours;
mod client;
mod logs;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bulla::{Payload, Sessions, UnixTime};
use serde::{Deserialize, Serialize};

pub use crate::behaviours::*;
pub use crate::logs::logged;

/// The state of the application's sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "conformance.example/session")]
pub struct Account {
    /// Whose session it is.
    pub name: String,
}

impl Account {
    /// The account of `name`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Account {
        Account { name: name.into() }
    }
}

/// Makes the application of an adapter.
pub type Build = fn(Sessions<Account>) -> Box<dyn App>;

/// The application under test.
pub trait App {
    /// One request, and its response with the whole body.
    fn send(&self, request: &Request) -> Response;
}

/// A request without a body.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl Response {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Clock {
        Clock(Arc::new(AtomicU64::new(1_796_126_400)))
    }

    fn advance(&self, span: Duration) {
        self.0.fetch_add(span.as_secs(), Ordering::Relaxed);
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// One test of each behaviour, for the application that `$build` makes.
#[macro_export]
macro_rules! conformance {
    ($build:expr) => {
        $crate::conformance!($build;
            a_guest_gets_no_token,
            an_untouched_route_gains_no_header,
            starting_sets_a_cookie_with_every_attribute,
            a_session_comes_back_and_an_unchanged_one_is_silent,
            a_change_is_written,
            a_change_without_a_session_is_a_401_and_no_error,
            an_ended_session_is_removed_with_the_same_attributes,
            forged_expired_and_malformed_tokens_look_alike,
            a_session_moves_to_the_new_primary_key,
            of_duplicate_cookies_the_first_that_opens_counts,
            a_state_too_large_is_an_opaque_500_and_the_old_session_stays,
            a_failing_handler_changes_nothing,
            a_failing_handler_still_ends_the_session,
            a_newer_schema_and_an_unknown_key_are_left_alone,
            a_token_is_not_cached_unless_the_application_says_so,
            a_change_after_the_head_has_left_is_an_error,
            a_stream_begins_when_its_session_is_written_and_reads_it,
            an_upgrade_reads_and_writes_its_session,
            a_scanner_s_tokens_fill_no_log,
            a_missing_layer_is_a_500,
            split_cookies_grow_and_shrink,
            the_bearer_channel_uses_headers_and_no_cookie,
            a_renewal_never_undoes_an_overlapping_change,
            timeouts_are_the_server_s,
            a_guard_answers_401_or_sends_to_the_page,
            a_fresh_sign_in_is_asked_for,
            proving_who_one_is_makes_this_client_fresh_and_no_copy,
            a_planted_session_does_not_become_the_user_s,
            signing_out_ends_the_copies,
            signing_out_the_other_devices_leaves_this_one,
            a_list_of_revocations_that_is_too_old_closes_the_marked_routes_only,
            a_session_that_the_application_no_longer_knows_ends,
            an_application_that_cannot_tell_costs_nobody_a_session,
        );
    };
    ($build:expr; $($behaviour:ident),+ $(,)?) => {
        $(
            #[test]
            fn $behaviour() {
                $crate::$behaviour($build);
            }
        )+
    };
}
