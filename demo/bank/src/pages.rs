//! The bank's pages.

use std::time::Duration;

use bulla::session::{Info, SessionId};
use bulla::{Policy, UnixTime};
use maud::{DOCTYPE, Markup, html};

use crate::devices::Device;
use crate::ledger::{Account, Money};
use crate::release::Release;

#[derive(Clone, Copy)]
pub(crate) struct Pages {
    pub(crate) policy: Policy,
    /// How long after the last entry of the PIN a transfer is allowed.
    pub(crate) fresh: Duration,
    /// The schema version that this release of the bank writes.
    pub(crate) release: u32,
}

/// The data that the overview shows, besides the session's state.
pub(crate) struct Facts {
    pub(crate) account: Account,
    pub(crate) info: Info,
    pub(crate) now: UnixTime,
    pub(crate) others: Vec<(&'static str, &'static str)>,
}

impl Pages {
    /// After the sign-in, the user goes to `next`, if it is a page of the bank.
    pub(crate) fn sign_in(self, problem: Option<&str>, next: Option<&str>) -> Markup {
        self.guest_page("Sign in", &html! {
            section class="card narrow" {
                h1 { "Sign in" }
                @if let Some(problem) = problem { p class="problem" role="alert" { (problem) } }
                form method="post" action="/login" {
                    @if let Some(next) = next { input type="hidden" name="next" value=(next); }
                    label { "User" input name="user" autocomplete="username" required autofocus; }
                    label { "PIN" input name="pin" type="password" inputmode="numeric" autocomplete="current-password" required; }
                    button { "Sign in" }
                }
                p class="hint" { "This bank is a demonstration. Sign in as " code { "ada" } " with PIN " code { "1815" } ", or as " code { "alan" } " with PIN " code { "1912" } "." }
            }
        })
    }

    pub(crate) fn signed_out(self) -> Markup {
        self.guest_page("Signed out", &html! {
            section class="card narrow" {
                h1 { "You are signed out" }
                p { "Your browser has deleted the session cookie. The bank stores no sessions. It only stores that this session has ended, so that a copy of the cookie no longer works." }
                a class="button" href="/" { "Sign in again" }
            }
        })
    }

    /// Asks for the PIN again and then sends the transfer.
    pub(crate) fn confirm_transfer(
        self,
        to: &str,
        name: &str,
        amount: Money,
        problem: Option<&str>,
    ) -> Markup {
        self.step_up(
            problem,
            &html! {
                p { "You are about to send " b { (amount) } " to " b { (name) } "." }
            },
            &html! {
                form method="post" action="/transfer" {
                    input type="hidden" name="to" value=(to);
                    input type="hidden" name="amount" value=(amount.plain());
                    (pin())
                    button { "Send " (amount) }
                }
            },
        )
    }

    /// Asks for the PIN again and then signs a device out.
    pub(crate) fn confirm_end(
        self,
        origin: SessionId,
        device: &Device,
        problem: Option<&str>,
    ) -> Markup {
        self.step_up(
            problem,
            &html! {
                p { "You are about to sign out " b { (device.label) } "." }
            },
            &html! {
                form method="post" action="/devices/end" {
                    input type="hidden" name="device" value=(origin);
                    (pin())
                    button { "Sign out" }
                }
            },
        )
    }

    fn step_up(self, problem: Option<&str>, what: &Markup, form: &Markup) -> Markup {
        self.page("Confirm it is you", &html! {
            section class="card narrow" {
                h1 { "Confirm it is you" }
                (what)
                @if let Some(problem) = problem { p class="problem" role="alert" { (problem) } }
                (form)
                p class="hint" {
                    "You are still signed in. For this, you must have entered your PIN within the last "
                    (humantime::format_duration(self.fresh)) ". "
                    a href="/balance" { "Back to your account" }
                }
            }
        })
    }

    pub(crate) fn overview<C: Release>(
        self,
        customer: &C,
        facts: &Facts,
        problem: Option<&str>,
    ) -> Markup {
        self.page("Your account", &html! {
            section class="card" {
                div class="row" {
                    div {
                        p class="quiet" { (facts.account.name) }
                        p class="balance" { (facts.account.balance) }
                    }
                    form method="post" action="/logout" { button class="plain" { "Sign out" } }
                }
                @if let Some(notice) = customer.notice() { p class="notice" role="status" { (notice) } }
                @if let Some(problem) = problem { p class="problem" role="alert" { (problem) } }
                form method="post" action="/transfer" class="inline" {
                    label { "Send to" select name="to" {
                        @for (user, name) in &facts.others { option value=(user) { (name) } }
                    } }
                    label { "Amount in £" input name="amount" inputmode="decimal" placeholder="12.50" required; }
                    button { "Send" }
                }
            }
            (self.session(customer, facts))
        })
    }

    /// Shows the session's data. All of this data comes from the cookies.
    fn session<C: Release>(self, customer: &C, facts: &Facts) -> Markup {
        let info = &facts.info;
        let left = |until: UnixTime| until.since(facts.now);
        html! {
            section class="card" {
                h2 { "Your session" }
                p class="quiet" {
                    "Your browser stores this session in a cookie. The cookie is encrypted, and only the bank can read or change it. "
                    "The bank stores its keys, a list of sessions that were ended early, and where you are signed in, but no sessions."
                }
                (clock("Idle timeout", left(info.idle_expires_at), self.policy.idle_timeout(), "Starts again when you use the bank. The bank records activity at intervals, not with every request."))
                (clock("Absolute timeout", left(info.expires_at), self.policy.absolute_timeout(), "Counts from sign-in. When it has passed, you must sign in again."))
                (theft(info))
                dl {
                    (fact("Token", &format!("{} characters; browsers accept at most 4,096 per cookie", info.token_len)))
                    (fact("Key", &format!("{}, from the bank's key ring", info.key_id)))
                    (fact("Schema version written", &self.release.to_string()))
                    (fact("Session id", &info.id.to_string()))
                    (fact("Signed in", &clear(info.started_at)))
                    (fact("PIN last entered", &clear(info.reauthenticated_at)))
                    (fact("Last recorded activity", &clear(info.last_seen)))
                    @if let Some(transfers) = customer.transfers() {
                        (fact("Transfers in this session", &transfers.to_string()))
                    }
                }
                p class="hint" { a href="/devices" { "Your devices" } }
            }
        }
    }

    /// Lists the sessions of a user. `here` is the session of this browser.
    pub(crate) fn devices(
        self,
        devices: &[(SessionId, Device)],
        here: Option<SessionId>,
    ) -> Markup {
        self.page("Your devices", &html! {
            section class="card" {
                h1 { "Your devices" }
                p class="quiet" { "You are signed in here. If you do not recognize a device, sign it out." }
                ul class="devices" {
                    @for (origin, device) in devices {
                        li {
                            div {
                                b { (device.label) }
                                @if here == Some(*origin) { " " span class="here" { "this device" } }
                                p class="quiet" { "Signed in " (clear(device.started_at)) ", last seen " (clear(device.last_seen)) }
                            }
                            form method="post" action="/devices/end" {
                                button class="plain" name="device" value=(origin) { "Sign out" }
                            }
                        }
                    }
                }
                form method="post" action="/logout-others" class="others" {
                    button class="plain" { "Sign out my other devices" }
                }
                p class="hint" { a href="/balance" { "Back to your account" } }
            }
        })
    }

    fn page(self, title: &str, content: &Markup) -> Markup {
        self.document(title, &html! {}, content)
    }

    fn guest_page(self, title: &str, content: &Markup) -> Markup {
        // Loading this style sheet makes the browser delete the pages that it keeps for the Back
        // button, because the response carries the header `Clear-Site-Data` (see `forget` in
        // web.rs).
        self.document(title, &html! { link rel="stylesheet" href="/guest.css"; }, content)
    }

    fn document(self, title: &str, head: &Markup, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) " · Bank of Bulla" }
                    link rel="stylesheet" href="/style.css";
                    (head)
                }
                body {
                    header { a href="/" { "Bank of Bulla" } span { "a demonstration of sessions that your browser stores" } }
                    main { (content) }
                    footer {
                        "Idle timeout " (humantime::format_duration(self.policy.idle_timeout()))
                        " · absolute timeout " (humantime::format_duration(self.policy.absolute_timeout()))
                    }
                }
            }
        }
    }
}

fn pin() -> Markup {
    html! {
        label { "PIN" input name="pin" type="password" inputmode="numeric" autocomplete="current-password" required autofocus; }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { dt { (name) } dd { (value) } }
}

/// Says how long a thief could use a copy of the cookies.
fn theft(info: &Info) -> Markup {
    let (title, until) = match info.proof_expires_at {
        Some(until) => ("Bound to this device", until),
        None => ("Not bound to a device", info.expires_at),
    };
    html! {
        div class="clock" {
            p { (title) b { "A copy of the cookies works until " (clear(until)) } }
            p class="quiet" {
                @if info.bound {
                    "Your browser has a key that does not leave this device. It sends a new proof of the key before this time has passed. A thief who has only the cookies cannot."
                } @else {
                    "Your browser has not registered a key. A thief who copies the cookies stays signed in as long as you do, unless you sign out."
                }
            }
        }
    }
}

/// Shows how much time of a timeout is left, as text and as a bar.
fn clock(name: &str, left: Duration, of: Duration, what: &str) -> Markup {
    html! {
        div class="clock" {
            p { (name) b { (humantime::format_duration(left)) " of " (humantime::format_duration(of)) " left" } }
            meter min="0" max=(of.as_secs()) value=(left.as_secs()) aria-label=(name) {}
            p class="quiet" { (what) }
        }
    }
}

/// Formats a time as `2026-11-23 16:58:16 UTC`.
fn clear(time: UnixTime) -> String {
    time.to_string().replace('T', " ").replace('Z', " UTC")
}
