//! Hints in the log about settings that have no effect.
//!
//! One hint is about `Secure` cookies over plain HTTP, because browsers drop them. The other hint
//! is about a layer inside another layer, because its settings are not used.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the hint about plain HTTP was logged already.
#[derive(Default)]
pub(crate) struct PlainHttpHint(AtomicBool);

impl PlainHttpHint {
    /// Logs the hint once, if the request seems to have come over plain HTTP from another computer.
    /// Without the feature `tracing` and in release builds, this does nothing.
    ///
    /// `values` returns the values of a request header. If the request has `X-Forwarded-Proto` or
    /// `Forwarded` (RFC 7239), a proxy has probably received it over HTTPS, so the hint is not
    /// logged.
    pub(crate) fn check<'h, I>(&self, values: impl Fn(&str) -> I)
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let logs = cfg!(all(feature = "tracing", debug_assertions));
        if !logs || self.0.load(Ordering::Relaxed) {
            return;
        }
        let forwarded = |name| values(name).into_iter().next().is_some();
        let Some(host) = values("host").into_iter().next() else { return };
        if is_loopback(host) || forwarded("x-forwarded-proto") || forwarded("forwarded") {
            return;
        }
        if !self.0.swap(true, Ordering::Relaxed) {
            #[cfg(feature = "tracing")]
            tracing::warn!(
                target: "bulla",
                "the session's cookie is Secure, so browsers drop it unless this host is reached \
                 over HTTPS; for development over plain HTTP, build the cookie with \
                 over_plain_http() (this line appears once, and only in debug builds)"
            );
        }
    }
}

/// Whether the hint about the settings of an inner layer was logged already.
#[derive(Default)]
pub(crate) struct UnusedSettingsHint(AtomicBool);

impl UnusedSettingsHint {
    /// Logs the hint once. It is also logged in release builds, because the settings that are not
    /// used may be the stricter ones. Without the feature `tracing`, this does nothing.
    #[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "for the log"))]
    pub(crate) fn log(&self, state: &str) {
        if !self.0.swap(true, Ordering::Relaxed) {
            #[cfg(feature = "tracing")]
            tracing::warn!(
                target: "bulla",
                "two layers for sessions of {state} with the same cookie handle one request, so the \
                 settings of the inner layer are not used; build both layers from one Sessions \
                 value, or give one another cookie (this line appears once)"
            );
        }
    }
}

/// Whether a `Host` header names this computer, for which most browsers keep `Secure` cookies.
fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.starts_with("127.")
        || name == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_hosts_are_recognized_with_and_without_a_port() {
        for host in
            ["localhost", "LOCALHOST:80", "shop.localhost:3000", "127.0.0.1:1", "[::1]:8", "[::1]"]
        {
            assert!(is_loopback(host.as_bytes()), "{host}");
        }
        for host in ["localhost.example", "10.127.0.1:80", "[::2]", "shop.example", "", "é"] {
            assert!(!is_loopback(host.as_bytes()), "{host}");
        }
        assert!(!is_loopback(b"\xff"));
    }
}
