//! The bound cookie: as long as a browser has it, the browser sends no proof for a session that is
//! bound to the device.
//!
//! The cookie contains nothing. The renewal token has the time of the last proof, and only this time
//! decides whether the session is alive.

#[cfg(feature = "bound")]
use std::time::Duration;

#[cfg(feature = "bound")]
use crate::transport::cookie::Reach;
use crate::transport::cookie::{BOUND_SUFFIX, Cookie, Partition, values};

impl Cookie {
    /// Whether browsers bind a session in this cookie: only over HTTPS, and not in a partition.
    pub(crate) fn can_be_bound(&self) -> bool {
        self.is_secure() && matches!(self.partition, Partition::Shared)
    }

    pub(crate) fn has_bound<'h>(&self, headers: impl Iterator<Item = &'h [u8]>) -> bool {
        !values(headers, &[self.bound_name()]).is_empty()
    }

    pub(crate) fn remove_bound(&self) -> String {
        self.removal(&self.bound_name())
    }

    pub(crate) fn bound_name(&self) -> String {
        format!("{}{BOUND_SUFFIX}", self.name())
    }
}

#[cfg(feature = "bound")]
impl Cookie {
    /// The `Set-Cookie` value that stores the cookie for `age`.
    pub(crate) fn store_bound(&self, age: Duration) -> String {
        self.line(&self.bound_name(), "1".to_owned(), Some(age))
    }

    /// The attributes of the cookie without its age, as the browser is told to expect them.
    pub(crate) fn bound_attributes(&self) -> String {
        let line = self.line(&self.bound_name(), String::new(), None);
        line.split_once("; ").map_or_else(String::new, |(_, attributes)| attributes.to_owned())
    }

    /// The path below which an application answers the browser's requests for a bound session.
    /// Browsers send the cookie to this path.
    pub(crate) fn bound_path(&self) -> String {
        let path = match &self.reach {
            Reach::Path(path) => path.trim_end_matches('/'),
            Reach::Host | Reach::Domain(_) | Reach::PlainHttp => "",
        };
        format!("{path}/bulla/{}", self.base)
    }
}
