//! The bank's pages.

use std::time::Duration;

use bulla::{Info, Policy, UnixTime};
use maud::{DOCTYPE, Markup, html};

use crate::ledger::Account;
use crate::release::Release;

#[derive(Clone, Copy)]
pub(crate) struct Pages {
    pub(crate) policy: Policy,
    /// The schema version that this release writes.
    pub(crate) release: u32,
}

/// What the overview shows beside the customer.
pub(crate) struct Facts {
    pub(crate) account: Account,
    pub(crate) info: Info,
    pub(crate) now: UnixTime,
    pub(crate) others: Vec<(&'static str, &'static str)>,
}

impl Pages {
    pub(crate) fn sign_in(self, problem: Option<&str>) -> Markup {
        self.page("Sign in", &html! {
            section class="card narrow" {
                h1 { "Sign in" }
                @if let Some(problem) = problem { p class="problem" role="alert" { (problem) } }
                form method="post" action="/login" {
                    label { "User" input name="user" autocomplete="username" required autofocus; }
                    label { "PIN" input name="pin" type="password" inputmode="numeric" autocomplete="current-password" required; }
                    button { "Sign in" }
                }
                p class="hint" { "Try " code { "ada" } " with " code { "1815" } ", or " code { "alan" } " with " code { "1912" } "." }
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

    /// What the session is, all of it in the cookie.
    fn session<C: Release>(self, customer: &C, facts: &Facts) -> Markup {
        let info = &facts.info;
        let left = |until: UnixTime| {
            format!("{} left", humantime::format_duration(until.since(facts.now)))
        };
        html! {
            section class="card" {
                h2 { "Your session" }
                p class="quiet" { "It lives in your browser's cookie and nowhere else. The bank keeps the key." }
                dl {
                    (fact("Token", &format!("{} characters of at most 4,096", info.token_len)))
                    (fact("Sealed with key", &info.key_id.to_string()))
                    (fact("Schema version written", &self.release.to_string()))
                    (fact("Session id", &info.id.to_string()))
                    (fact("Signed in", &info.started_at.to_string()))
                    (fact("Last activity recorded", &info.last_seen.to_string()))
                    (fact("Ends when idle", &format!("{} ({})", info.idle_expires_at, left(info.idle_expires_at))))
                    (fact("Ends in any case", &format!("{} ({})", info.expires_at, left(info.expires_at))))
                    @if let Some(transfers) = customer.transfers() {
                        (fact("Transfers in this session", &transfers.to_string()))
                    }
                }
                (meter("Idle time used", facts.now.since(info.last_seen), self.policy.idle_timeout()))
                (meter("Absolute time used", facts.now.since(info.started_at), self.policy.absolute_timeout()))
            }
        }
    }

    fn page(self, title: &str, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) " · Bank of Bulla" }
                    link rel="stylesheet" href="/style.css";
                }
                body {
                    header { a href="/" { "Bank of Bulla" } }
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

fn fact(name: &str, value: &str) -> Markup {
    html! { dt { (name) } dd { (value) } }
}

fn meter(name: &str, used: Duration, of: Duration) -> Markup {
    html! {
        label class="meter" { (name) meter min="0" max=(of.as_secs()) value=(used.as_secs()) {} }
    }
}
