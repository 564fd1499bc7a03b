//! Cookies of an earlier release that browsers may still have.

use std::mem;

use crate::transport::cookie::{Cookie, Partition, Reach, Role};

impl Cookie {
    /// Names the cookie that an earlier release used, so that its sessions continue in this cookie.
    ///
    /// Call this method if you change the name, the domain, the path or another setting of the
    /// cookie. A browser identifies a cookie by its name, domain and path, and keeps the former
    /// cookie beside the new one. Without this method, users with the former cookie are signed out.
    /// If the name stays the same, even a sign-out leaves the former cookie in the browser, and the
    /// next request signs the user in again.
    ///
    /// ```
    /// use bulla::Cookie;
    ///
    /// // Until now, all hosts of example.com had the cookie. From now on, only this host has it.
    /// let former = Cookie::new("session")?.shared_with_domain("example.com")?;
    /// let cookie = Cookie::new("session")?.formerly(former);
    /// assert_eq!(cookie.name(), "__Host-session");
    /// # Ok::<(), bulla::transport::CookieError>(())
    /// ```
    ///
    /// - If the request has no state token in the new cookie, the session is read from the former
    ///   cookie. The session moves to the new cookie with its next change: a sign-in, a new id, or
    ///   a new state. A renewal writes to the former cookie and does not move the session, because
    ///   it could then undo a concurrent change.
    /// - Each response that writes or deletes a session also deletes the former cookie, with its
    ///   renewal cookie and pieces.
    ///
    /// Until you remove the call, anyone who can set the former cookie, such as another host of its
    /// domain, can still sign a browser in. Remove the call when the absolute timeout has passed
    /// since the last server of the earlier release was stopped.
    ///
    /// During a rolling deploy, servers of the earlier release do not know the new cookie. To keep
    /// everybody signed in, deploy in two steps. First deploy a release with the two cookies
    /// swapped (`former.formerly(cookie)`); it already reads the new cookie. Then deploy this
    /// release.
    ///
    /// If there are several former cookies, call this method once for each.
    #[must_use]
    pub fn formerly(mut self, mut former: Cookie) -> Cookie {
        let earlier = mem::take(&mut former.former);
        self.former.push(former);
        self.former.extend(earlier);
        self
    }

    /// The former cookies that have another name. Their tokens have other purposes.
    pub(crate) fn renamed(&self) -> impl Iterator<Item = &Cookie> {
        self.former.iter().filter(|former| former.name() != self.name())
    }

    pub(crate) fn has_former_namesake(&self) -> bool {
        self.former.iter().any(|former| former.name() == self.name())
    }

    /// The `Set-Cookie` values that delete the tokens in former cookies.
    pub(crate) fn remove_former(&self, role: Role) -> Vec<String> {
        let of = |former: &Cookie| {
            let names = former.names(role).iter();
            // A browser cannot store the former cookie beside the new one if both have this scope
            // and name. Deleting the former cookie would then delete the new one.
            let is_ours = |name| former.scope() == self.scope() && self.names(role).contains(name);
            let others = names.filter(|name| !is_ours(name));
            others.map(|name| former.removal(name)).collect::<Vec<_>>()
        };
        self.former.iter().flat_map(of).collect()
    }

    /// The domain in lower case, the path, and whether the cookie is partitioned. If two cookies
    /// have the same scope and name, browsers store only one of them (RFC 6265bis section 5.7).
    fn scope(&self) -> (Option<String>, &str, bool) {
        let (domain, path) = match &self.reach {
            Reach::Host | Reach::PlainHttp => (None, "/"),
            Reach::Domain(domain) => (Some(domain.to_ascii_lowercase()), "/"),
            Reach::Path(path) => (None, path.as_str()),
        };
        let partitioned = self.is_secure() && matches!(self.partition, Partition::PerTopLevelSite);
        (domain, path, partitioned)
    }
}
