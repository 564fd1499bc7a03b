//! Parsing and formatting of values on the command line.

use std::time::Duration;

use bulla::keys::KeyId;

/// Parses a duration such as `90s`, `10m` or `24h`. Rejects fractions of a second, because tokens
/// and rings have whole seconds.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write 90s, 10m, 24h or 30d"))?;
    if span.subsec_nanos() > 0 {
        return Err("a duration is in whole seconds, for example 1s".to_owned());
    }
    Ok(span)
}

pub(crate) fn key_id(text: &str) -> Result<KeyId, String> {
    if text.starts_with("bulla-key-") {
        return Err("this is a whole key, which is secret: remove it from your shell's history; \
                    the key id is the 8 digits at its end"
            .to_owned());
    }
    let shown = "a key id is 8 hexadecimal digits; `bulla ring list` shows the ids of a ring";
    text.to_ascii_lowercase().parse().map_err(|_| shown.to_owned())
}

/// Checks a purpose (specification, section 3). Rejects a zero byte, because the library itself adds
/// further parts, each after a zero byte, to the purpose of a session's token.
pub(crate) fn purpose(text: &str) -> Result<String, String> {
    let fits = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let shown = "1 to 255 visible ASCII characters without spaces, like shop.example/reset-link";
    fits.then(|| text.to_owned()).ok_or_else(|| shown.to_owned())
}

/// Takes the name of a session's state cookie or of its renewal cookie, and returns the name of the
/// state cookie. The purposes of both tokens contain that name.
pub(crate) fn state_cookie(name: &str) -> Result<String, String> {
    match name.strip_suffix("-renewal") {
        _ if name.is_empty() => Err("the name of a cookie, for example __Host-session".to_owned()),
        Some("") | None => Ok(name.to_owned()),
        Some(state) => Ok(state.to_owned()),
    }
}

/// Formats a duration in its two largest units, for example `29d 3h`.
pub(crate) fn shown(span: Duration) -> String {
    let mut rest = span.as_secs();
    let mut parts = Vec::new();
    for (unit, secs) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest >= secs {
            parts.push(format!("{}{unit}", rest / secs));
        }
        rest %= secs;
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_whole_seconds() {
        assert_eq!(span("10m"), Ok(Duration::from_secs(600)));
        for text in ["", "10", "10ms", "1s 1ns", "-1s", "ten"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shown_durations_can_be_parsed_again() {
        for (secs, text) in [(0, "0s"), (60, "1m"), (86_461, "1d 1m"), (2_678_400, "31d")] {
            assert_eq!(shown(Duration::from_secs(secs)), text);
            assert!(secs == 86_461 || span(text) == Ok(Duration::from_secs(secs)));
        }
    }

    #[test]
    fn purposes_follow_the_specification() {
        assert!(purpose("shop.example/reset-link").is_ok());
        for text in ["", "a b", "a\0state", "é", &"x".repeat(256)] {
            assert!(purpose(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_name_of_a_renewal_cookie_gives_the_name_of_its_state_cookie() {
        assert_eq!(state_cookie("__Host-session").unwrap(), "__Host-session");
        assert_eq!(state_cookie("__Host-session-renewal").unwrap(), "__Host-session");
    }
}
