//! The header lines that a session adds to a response.

use std::borrow::Cow;

/// The header lines that a session adds to a response: the tokens, and lines that keep caches from
/// sending them to other users.
///
/// An adapter adds each line by its [`Rule`]:
///
/// ```
/// # use bulla::transport::{Bundle, Rule};
/// # fn write(bundle: Bundle, response: &mut Vec<(String, String)>) {
/// for line in bundle {
///     let has = response.iter().any(|(name, _)| name.eq_ignore_ascii_case(&line.name));
///     match line.rule {
///         Rule::Append => {}
///         Rule::Replace => response.retain(|(name, _)| !name.eq_ignore_ascii_case(&line.name)),
///         Rule::IfAbsent if has => continue,
///         Rule::IfAbsent => {}
///     }
///     response.push((line.name.into(), line.value));
/// }
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Bundle {
    lines: Vec<Line>,
}

/// One header line.
#[non_exhaustive]
pub struct Line {
    /// The header's lower-case name.
    pub name: Cow<'static, str>,
    /// The value, in visible ASCII and spaces.
    pub value: String,
    /// How to combine the line with lines of the application.
    pub rule: Rule,
    /// Whether the value is a token, which must not be logged.
    pub sensitive: bool,
}

/// How to combine a line with lines of the same name that the application has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Add the line and keep the others.
    Append,
    /// Replace the others.
    Replace,
    /// Add the line only if there are no others.
    IfAbsent,
}

impl Bundle {
    /// Whether the response needs no header lines.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn set_cookies(&mut self, values: Vec<String>) {
        for value in values {
            self.push("set-cookie".into(), value, Rule::Append, true);
        }
    }

    pub(crate) fn token(&mut self, name: &str, value: String) {
        self.push(name.to_owned().into(), value, Rule::Replace, true);
    }

    /// Adds a line beside those of the application.
    pub(crate) fn field(&mut self, name: &'static str, value: String) {
        self.push(name.into(), value, Rule::Append, false);
    }

    /// Adds a line in place of those of the application.
    #[cfg(feature = "bound")]
    pub(crate) fn replace(&mut self, name: &'static str, value: String) {
        self.push(name.into(), value, Rule::Replace, false);
    }

    pub(crate) fn no_store(&mut self) {
        self.push("cache-control".into(), "no-store".to_owned(), Rule::IfAbsent, false);
    }

    /// Adds to `Vary`, whose lines combine (RFC 9110 section 5.3).
    pub(crate) fn vary(&mut self, on: &'static str) {
        self.push("vary".into(), on.to_owned(), Rule::Append, false);
    }

    fn push(&mut self, name: Cow<'static, str>, value: String, rule: Rule, sensitive: bool) {
        self.lines.push(Line { name, value, rule, sensitive });
    }
}

impl IntoIterator for Bundle {
    type Item = Line;
    type IntoIter = std::vec::IntoIter<Line>;

    fn into_iter(self) -> Self::IntoIter {
        self.lines.into_iter()
    }
}

/// Omits the value of a token.
impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.sensitive { "…" } else { self.value.as_str() };
        write!(f, "{}: {value}", self.name)
    }
}
