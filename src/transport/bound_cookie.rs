//! The bound cookie, for sessions that are bound to a device. As long as a browser has this cookie,
//! the browser sends no new proof for the session.
//!
//! The value of the cookie has no meaning. The renewal token contains the time of the last proof,
//! and only this time decides whether the session is alive.

use std::slice;
#[cfg(feature = "bound")]
use std::time::Duration;

#[cfg(feature = "bound")]
use crate::transport::cookie::Reach;
use crate::transport::cookie::{Cookie, Partition, values};

impl Cookie {
    /// Whether browsers can bind a session in this cookie. They can only if the cookie has the
    /// attribute `Secure` and is not partitioned.
    pub(crate) fn can_be_bound(&self) -> bool {
        self.is_secure() && matches!(self.partition, Partition::Shared)
    }

    pub(crate) fn has_bound<'h>(&self, headers: impl Iterator<Item = &'h [u8]>) -> bool {
        let [found] = values(headers, [slice::from_ref(&self.bound)]);
        !found.is_empty()
    }

    pub(crate) fn remove_bound(&self) -> String {
        self.removal(&self.bound)
    }
}

#[cfg(feature = "bound")]
impl Cookie {
    pub(crate) fn bound_name(&self) -> &str {
        &self.bound
    }

    /// The `Set-Cookie` value that stores the cookie for `age`.
    pub(crate) fn store_bound(&self, age: Duration) -> String {
        self.line(&self.bound, "1".to_owned(), Some(age))
    }

    /// The attributes of the cookie without `Max-Age`. The server sends them to the browser, which
    /// recognizes the cookie by its name and these attributes.
    pub(crate) fn bound_attributes(&self) -> String {
        let line = self.line(&self.bound, String::new(), None);
        line.split_once("; ").map_or_else(String::new, |(_, attributes)| attributes.to_owned())
    }

    /// The path below which an application answers the browser's requests for a bound session. It
    /// is within the path of the cookie, so these requests carry the cookie.
    pub(crate) fn bound_path(&self) -> String {
        let path = match &self.reach {
            Reach::Path(path) => path.trim_end_matches('/'),
            Reach::Host | Reach::Domain(_) | Reach::PlainHttp => "",
        };
        format!("{path}/bulla/{}", self.base)
    }
}
