//! The behaviours that every framework adapter of bulla must have, written once.
//!
//! The tests of an adapter build the application below with their framework, implement
//! [`App`] with its test client, and call [`conformance!`]. The macro makes one test for each
//! behaviour. The tests of all adapters therefore have the same names.
//!
//! | route | what it does |
//! |---|---|
//! | `GET /untouched` | responds with `hello` and does not read the session |
//! | `GET /look` | responds with the name of the account, or with `guest` |
//! | `POST /start/{name}` | starts a session |
//! | `POST /remember/{name}` | starts a remembered session |
//! | `POST /sign-in/{name}` | starts a session that continues the guest's session. The name in its state is the guest's name, `+` and `{name}` |
//! | `POST /start-bearer` | starts a session of `ada` over the bearer channel |
//! | `POST /rename/{name}` | changes the name |
//! | `POST /update-or-fail` | changes the name; returns the `SessionError` of `update` |
//! | `POST /end` | ends the session |
//! | `POST /start-and-fail` | starts a session of `ada` and responds with 500 |
//! | `POST /end-and-fail` | ends the session and responds with 500 |
//! | `POST /large/{len}` | starts a session whose name has `len` characters; returns the `SessionError` of `start` |
//! | `GET`, `POST`, `PUT`, `PATCH`, `DELETE` and `OPTIONS /required` | responds with the name; the guard requires a session |
//! | `GET /fresh` | responds with the name; the guard requires a sign-in within the last 300 seconds |
//! | `GET /current` | responds with the name; the guard requires a revocation list that was confirmed within the last 10 seconds |
//! | `GET /proven` | responds with the name; the guard requires a proof with each request |
//! | `GET /optional`, `/optional-fresh`, `/optional-current`, `/optional-proven` | like the four routes above, with an `Option` of the guard; responds with `guest` if it is `None` |
//! | `GET /customer` | responds with the full name of the [`Customer`]; the guard is `SignedIn` |
//! | `GET /optional-customer` | the same with an `Option` of the guard; responds with `guest` if it is `None` |
//! | `GET /trade` | responds with the full name of the [`Customer`]; if the customer may not trade, returns `Denied::forbidden()` as an error |
//! | `GET`, `POST /guarded/customer` | like `/customer`; in addition, a guard `SignedIn` protects the whole router, scope or list of routes |
//! | `GET /guarded/fresh` | responds with `fresh`; a guard around the routes requires a sign-in within the last 300 seconds |
//! | `GET /guarded/proven` | responds with `proven`; a guard around the routes requires a proof with each request |
//! | `GET /guarded/trade` | responds with `trade`; a guard around the routes requires a [`Customer`] who may trade |
//! | `POST /prove` | reauthenticates the user |
//! | `POST /end-others` | ends the other sessions of the same subject (the user) |
//! | `GET /cached` | starts a session of `ada`, with `Cache-Control: private` and `Vary: Accept` |
//! | `GET /late` | streams a body that starts a session and contains the result |
//! | `GET /events` | changes the name to `streamed` and sends two server-sent events. For each event, it reads the name again and sends `data: ` and the name |
//! | `GET /socket` | changes the name to `upgraded` and responds with 101, `Upgrade: websocket`, and the previous name in `x-was` |
//! | `POST /twice/{name}` | appends `name` to the name of the account, and responds with 500 if `name` is `fail`. Two layers handle this route: the application's layer, and inside of it a layer of [`inner_sessions`]. Between the two layers, a guard (middleware) appends `+` to the name |
//! | `GET /clash` | does the same as `/look` for a [`Visitor`]; inside of the application's layer, a layer of [`visitors`] handles this route |
//! | `GET /note` | responds with the text of the [`Note`] in the sealed cookie [`notes`], or with `none` |
//! | `POST /note/{text}` | sets a note; returns the `SetError` of `set` |
//! | `POST /large-note/{len}` | sets a note whose text has `len` characters; returns the `SetError` of `set` |
//! | `POST /take-note` | takes the note and responds with its text, or with `none` |
//! | `POST /remove-note` | removes the note; returns the `SetError` of `remove` |
//! | `POST /note-and-fail` | sets a note and responds with 500 |
//! | `POST /take-note-and-fail` | takes the note, sets another one, and responds with 500 |
//! | `POST /twice-note/{text}` | sets a note. Two layers for [`notes`] handle this route. Between the two layers, a guard (middleware) takes the note of the request |
//! | `GET /missing/note` | does the same as `/note`, but the adapter's layer for the sealed cookie does not cover this route |
//! | `GET /missing` | does the same as `/look`, but the adapter's layer does not cover this route; the route may belong to another application |
//! | `GET /missing/optional` | the same for `/optional` |

mod behaviours;
mod client;
mod device;
mod logs;
mod phone;

use std::sync::LazyLock;
use std::time::Duration;

use bulla::{Bearer, Cookie, KeyRing, Payload, Policy, SealedCookie, Sessions};
use serde::{Deserialize, Serialize};

pub use crate::behaviours::*;
pub use crate::device::{DeviceKey, challenge_of, token_hash, with_other_signature};
pub use crate::logs::logged;

/// The state of the application's sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "conformance.example/session")]
pub struct Account {
    /// The name of the signed-in user.
    pub name: String,
}

impl Account {
    /// Creates the account of `name`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Account {
        Account { name: name.into() }
    }
}

/// The state of other sessions, which use the same cookie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "conformance.example/visitor")]
pub struct Visitor {
    /// The name of the visitor.
    pub name: String,
}

/// The sessions of a layer inside the application's layer: the same type, cookie and headers, but
/// other keys and timeouts.
///
/// # Panics
/// If the operating system has no random bytes.
#[must_use]
pub fn inner_sessions() -> Sessions<Account> {
    Sessions::builder(KeyRing::generate().unwrap(), Policy::high_value())
        .cookie(Cookie::default())
        .bearer(Bearer::default())
        .build()
}

/// Sessions of another type in the application's cookie.
///
/// # Panics
/// If the operating system has no random bytes.
#[must_use]
pub fn visitors() -> Sessions<Visitor> {
    Sessions::new(KeyRing::generate().unwrap(), Policy::default())
}

/// The user of a session, as stored in the application's database.
#[derive(Clone, Debug)]
pub struct Customer {
    /// The full name.
    pub full_name: String,
    /// A permission.
    pub may_trade: bool,
}

impl bulla::session::User for Customer {
    type State = Account;
}

/// The value of the application's sealed cookie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "conformance.example/note")]
pub struct Note {
    /// The text of the note.
    pub text: String,
}

impl Note {
    /// Creates a note.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Note {
        Note { text: text.into() }
    }
}

/// The sealed cookie of the application, which lives for a minute and trusts the origin
/// `https://id.example`. Every call returns the same one.
///
/// # Panics
/// If the operating system has no random bytes.
#[must_use]
pub fn notes() -> SealedCookie<Note> {
    static NOTES: LazyLock<SealedCookie<Note>> = LazyLock::new(|| {
        let ring = KeyRing::generate().unwrap();
        let notes = SealedCookie::new(ring, "note", Duration::from_secs(60)).unwrap();
        notes.trust_origin("https://id.example").unwrap()
    });
    NOTES.clone()
}

/// Builds the application of an adapter with these sessions.
pub type Build = fn(Sessions<Account>) -> Box<dyn App>;

/// The application under test.
pub trait App {
    /// Sends one request and returns its response with the whole body.
    fn send(&self, request: &Request) -> Response;
}

/// A request without a body.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The `:authority` of an HTTP/2 request, which may have no header `host`.
    pub authority: Option<String>,
    /// The path.
    pub path: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
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

/// Makes one test for each behaviour of the application that `$build` builds.
#[macro_export]
macro_rules! conformance {
    ($build:expr) => {
        $crate::conformance!($build;
            a_guest_gets_no_token,
            a_route_that_does_not_read_the_session_adds_no_header,
            a_session_is_read_back_and_reading_sends_nothing,
            starting_sets_a_cookie_with_every_attribute,
            a_remembered_session_outlives_the_browser_and_the_ordinary_timeouts,
            signing_in_replaces_a_session_that_an_attacker_planted,
            signing_in_continues_the_state_of_a_guest_in_a_new_session,
            a_token_is_not_cached_unless_the_application_says_so,
            ending_deletes_the_cookie_with_the_same_attributes,
            a_change_sets_a_cookie_and_an_equal_value_does_not,
            a_stream_starts_after_a_change_was_sent_and_reads_the_session,
            a_websocket_upgrade_reads_and_changes_the_session,
            a_change_without_a_session_logs_nothing,
            a_state_too_large_is_an_opaque_500_and_the_old_session_stays,
            a_change_after_the_response_head_was_sent_is_an_error,
            a_failing_handler_changes_nothing,
            a_failing_handler_still_ends_the_session,
            a_missing_layer_is_a_500,
            two_layers_of_one_type_share_a_session_that_the_outer_one_writes,
            two_layers_of_one_type_with_different_settings_log_a_warning,
            two_types_of_state_in_one_cookie_are_an_opaque_500_and_an_error_in_the_log,
            forged_expired_and_malformed_tokens_get_the_same_response,
            a_newer_schema_and_an_unknown_key_are_left_alone,
            of_duplicate_cookies_the_first_that_opens_is_used,
            forged_tokens_are_logged_at_debug_only,
            a_session_moves_to_the_new_primary_key,
            a_renewal_never_undoes_a_concurrent_change,
            the_server_enforces_both_timeouts,
            split_cookies_grow_and_shrink,
            a_session_in_a_former_cookie_moves_with_its_next_change_and_both_are_deleted,
            the_bearer_channel_uses_headers_and_no_cookie,
            a_request_from_the_same_origin_has_its_session,
            a_request_from_another_origin_has_no_session_and_changes_nothing,
            a_safe_request_from_another_origin_has_its_session,
            a_websocket_from_another_origin_has_no_session,
            a_trusted_origin_may_use_the_session,
            a_bearer_token_works_from_every_origin,
            a_guard_redirects_navigations_to_the_sign_in_page_and_answers_scripts_401,
            a_step_up_page_is_for_navigations_too,
            a_page_gets_the_path_to_come_back_to_after_a_get_request,
            a_refusal_is_not_cached,
            a_change_without_a_session_is_answered_like_a_guard_refuses,
            the_user_is_loaded_once_for_a_request_and_a_missing_user_ends_the_session,
            a_guard_for_the_user_without_a_loader_is_a_500,
            a_guard_around_routes_answers_as_in_a_handler,
            a_guard_around_routes_loads_the_user_once_and_ends_sessions_without_one,
            a_user_without_a_permission_gets_a_403_and_keeps_the_session,
            an_optional_guard_is_none_without_a_session_or_a_fresh_one,
            an_optional_guard_without_a_layer_is_an_error_in_the_log,
            a_sign_in_that_is_too_old_gets_a_step_up_challenge,
            reauthentication_makes_this_client_fresh_and_not_its_stolen_copy,
            signing_out_ends_stolen_copies,
            signing_out_other_devices_keeps_this_session,
            ending_one_device_of_a_list_ends_it_and_no_other,
            an_outdated_revocation_list_closes_only_the_marked_routes,
            a_session_that_the_application_rejects_ends,
            a_check_without_an_answer_keeps_the_session_and_answers_503,
            a_sealed_cookie_is_read_back_and_has_strict_attributes,
            a_sealed_cookie_is_taken_once,
            a_failing_handler_sets_no_sealed_cookie_and_still_takes_one,
            a_value_too_large_for_its_cookie_is_an_opaque_500_and_the_old_one_stays,
            a_forged_sealed_cookie_is_no_value,
            a_request_from_another_origin_neither_reads_nor_changes_a_sealed_cookie,
            a_trusted_origin_may_use_a_sealed_cookie,
            two_layers_of_one_sealed_cookie_share_a_value_that_the_outer_one_writes,
            a_missing_layer_for_a_sealed_cookie_is_a_500,
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

/// Switches sessions on that are bound to a browser's device, with the paths below the given one if there is one. Only the tests
/// can do it: this crate does not know whether bulla has the feature `bound`.
pub type Bind = fn(
    bulla::session::SessionsBuilder<Account>,
    Option<&str>,
) -> bulla::session::SessionsBuilder<Account>;

/// Makes one test for each behaviour of sessions that are bound to a device.
#[macro_export]
macro_rules! bound_conformance {
    ($build:expr, $bind:expr) => {
        $crate::conformance!(($build, $bind);
            a_sign_in_asks_the_browser_to_register_a_key,
            the_layer_answers_the_registration_and_the_proofs,
            a_proof_without_a_signature_gets_a_challenge_and_a_wrong_one_a_400,
            the_layer_answers_two_paths_and_leaves_all_others_to_the_application,
            a_guard_repeats_a_request_whose_proof_is_due_after_deleting_the_bound_cookie,
            a_guard_loads_a_page_again_to_which_another_site_led_before_a_proof,
            without_a_proof_a_copy_of_the_cookies_is_sent_to_the_sign_in_page,
            a_handler_that_changes_a_session_whose_proof_is_due_answers_as_a_guard,
            signing_out_tells_the_browser_with_its_next_proof_that_the_session_is_over,
            without_the_setting_the_two_paths_belong_to_the_application,
        );
    };
}

/// Switches on sessions in headers that are bound to a key of the client, for an application at the
/// given address. See [`Bind`].
pub type BindInHeaders =
    fn(bulla::session::SessionsBuilder<Account>, &str) -> bulla::session::SessionsBuilder<Account>;

/// Makes one test for each behaviour of sessions in headers that are bound to a key.
#[macro_export]
macro_rules! dpop_conformance {
    ($build:expr, $bind:expr) => {
        $crate::conformance!(($build, $bind);
            a_sign_in_with_a_proof_binds_the_session_to_its_key,
            a_client_without_a_key_has_an_ordinary_session,
            a_guard_asks_for_a_proof_that_is_due_and_the_session_goes_on_with_it,
            a_handler_that_changes_a_session_whose_proof_is_due_asks_for_it,
            a_proof_for_another_request_or_of_another_key_is_refused,
            a_proof_names_the_path_as_the_client_has_sent_it,
            a_route_can_ask_for_a_proof_with_each_request,
            an_optional_guard_for_a_proof_is_none_without_one,
            a_sign_in_with_a_wrong_clock_gets_a_challenge_and_succeeds_with_it,
            a_sign_in_with_a_wrong_proof_starts_no_session,
            signing_out_ends_a_bound_session,
        );
    };
}
