//! Sealed cookies: separate cookies for small values of an application.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::time::UnixTime;
use crate::token::payload::{self, Payload};
use crate::token::sealed::{BUCKET, Sealing};
use crate::transport::cookie::{Cookie, CookieError, Role};
use crate::transport::cross_origin::{self, OriginError, Sender, checked_origin};
use crate::transport::value::{Sealed, Settings};

/// A separate cookie for one small value of type `T`, sealed (encrypted and authenticated).
///
/// Use it for values that do not belong to the session: a message for the next page, the state of a
/// sign-in at another site, or a token that identifies a known device.
///
/// Build it once at startup, and let an adapter give it to handlers as a [`Sealed<T>`](Sealed):
/// `SealedLayer` for axum, hyper and tonic, `SealedMiddleware` for actix-web and poem, and
/// `SealedFairing` for Rocket. Without an adapter:
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, SealedCookie};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/flash")]
/// struct Flash { text: String }
///
/// let ring = KeyRing::generate()?;
/// let cookie = SealedCookie::<Flash>::new(&ring, "flash", Duration::from_secs(60))?;
///
/// // A handler sets a message and redirects.
/// let flash = cookie.load("POST", |_header_name| None::<&[u8]>);
/// flash.set(&Flash { text: "Saved.".to_owned() })?;
/// let lines: Vec<_> = flash.commit().into_iter().collect();
/// assert!(lines[0].value.starts_with("__Host-flash=b1."));
///
/// // The next page shows the message once.
/// let header = lines[0].value.split(';').next().unwrap().to_owned();
/// let flash = cookie.load("GET", |name| (name == "cookie").then_some(header.as_bytes()));
/// assert_eq!(flash.take().unwrap().text, "Saved.");
/// let lines: Vec<_> = flash.commit().into_iter().collect();
/// assert!(lines[0].value.starts_with("__Host-flash=; "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The token opens only for `T`'s purpose and under this cookie's name (spec section 9.4), and only
/// until its lifetime has passed. Nothing extends the lifetime. Signing out does not delete the
/// cookie, and a revocation does not end it.
///
/// # Cross-origin requests
///
/// If a page on another origin sends a request that could change something, the request has no
/// value, and it cannot set, take or remove one
/// ([`SetError::CrossOrigin`](crate::transport::SetError::CrossOrigin), 403). The cookie in the
/// browser stays. The rule is that of [sessions](crate::Sessions#cross-origin-requests). It does
/// not affect a provider that redirects the browser back, because this is a `GET`. For a provider
/// that sends a form, see [`trust_origin`](SealedCookie::trust_origin).
pub struct SealedCookie<T> {
    settings: Settings,
    value: PhantomData<fn() -> T>,
}

impl<T: Payload> SealedCookie<T> {
    /// A cookie with this name and the attributes of [`Cookie::new`]. `Max-Age` is the lifetime, so
    /// the browser deletes the cookie when the token expires. Browsers keep a cookie for 400 days
    /// at most.
    ///
    /// Use a different name for each sealed cookie and each kind of session.
    ///
    /// # Errors
    /// The same as for [`Cookie::new`].
    pub fn new(
        ring: impl Into<RingHandle>,
        name: &str,
        lifetime: Duration,
    ) -> Result<SealedCookie<T>, CookieError> {
        Ok(SealedCookie::with_attributes(ring, Cookie::new(name)?.persistent(), lifetime))
    }

    /// A cookie with other attributes. Without [`persistent`](Cookie::persistent), it ends when the
    /// browser closes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bulla::{Cookie, KeyRing, Payload, SealedCookie};
    /// # use bulla::transport::SameSite;
    /// # use serde::{Deserialize, Serialize};
    /// /// A device on which the user has passed the second factor.
    /// #[derive(Serialize, Deserialize, Payload)]
    /// #[payload(purpose = "bank.example/device")]
    /// struct Device { account: u64 }
    ///
    /// let ring = KeyRing::generate()?;
    /// let cookie = Cookie::new("device")?.with_same_site(SameSite::Strict).persistent();
    /// let half_a_year = Duration::from_secs(180 * 24 * 60 * 60);
    /// let devices = SealedCookie::<Device>::with_attributes(&ring, cookie, half_a_year);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_attributes(
        ring: impl Into<RingHandle>,
        cookie: Cookie,
        lifetime: Duration,
    ) -> SealedCookie<T> {
        const { payload::check::<T>() };
        let ring = ring.into();
        let former: Vec<Cookie> = cookie.renamed().cloned().collect();
        let place = |cookie: Cookie| {
            let purpose = [T::PURPOSE.as_bytes(), b"cookie", cookie.name().as_bytes()].join(&0);
            let mut keys = Sealing::new(ring.clone(), &purpose, BUCKET);
            keys.limit = cookie.capacity(Role::State);
            (cookie, keys)
        };
        let places: Vec<_> = [cookie].into_iter().chain(former).map(place).collect();
        let settings = Settings {
            places: places.into(),
            lifetime,
            clock: Arc::new(UnixTime::now),
            trusted_origins: Arc::default(),
        };
        SealedCookie { settings, value: PhantomData }
    }

    /// Lets pages on another origin use this cookie, as if they were pages of this application. See
    /// [cross-origin requests](SealedCookie#cross-origin-requests). Call it once for each origin.
    ///
    /// Call this for an identity provider that sends the user back by submitting a form
    /// (`response_mode=form_post`), and give the cookie
    /// [`SameSite::None`](crate::transport::SameSite::None). With a form that another site submits,
    /// browsers send only cookies that have this attribute. The stored value must then contain
    /// something that only the genuine response repeats, such as `state`.
    ///
    /// Alternatively, the route that receives the form can redirect with a 303 to a page of your
    /// application that takes the cookie. Then you need neither a trusted origin nor
    /// `SameSite::None`. This also works if the provider sends `Origin: null`, which cannot be
    /// trusted.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bulla::{Cookie, KeyRing, Payload, SealedCookie};
    /// # use bulla::transport::SameSite;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Payload)]
    /// # #[payload(purpose = "shop.example/sign-in")]
    /// # struct SignIn { state: String }
    /// let cookie = Cookie::new("sign-in")?.with_same_site(SameSite::None).persistent();
    /// let ten_minutes = Duration::from_secs(600);
    /// let sign_in = SealedCookie::with_attributes(KeyRing::generate()?, cookie, ten_minutes)
    ///     .trust_origin("https://id.example")?;
    ///
    /// let sign_in = sign_in.load("POST", |name| match name {
    ///     "host" => Some(&b"shop.example"[..]),
    ///     "origin" => Some(&b"https://id.example"[..]),
    ///     "sec-fetch-site" => Some(&b"cross-site"[..]),
    ///     _ => None,
    /// });
    /// sign_in.set(&SignIn { state: "…".to_owned() })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OriginError`] unless `origin` is written as browsers write it: lower case, without a path.
    pub fn trust_origin(mut self, origin: &str) -> Result<SealedCookie<T>, OriginError> {
        let origin = checked_origin(origin)?.to_owned();
        let trusted = self.settings.trusted_origins.iter().cloned();
        self.settings.trusted_origins = trusted.chain([origin]).collect();
        Ok(self)
    }

    /// Replaces the system clock, for tests.
    #[must_use]
    pub fn clock(
        mut self,
        clock: impl Fn() -> UnixTime + Send + Sync + 'static,
    ) -> SealedCookie<T> {
        self.settings.clock = Arc::new(clock);
        self
    }

    /// Loads the value of a request at the time of the system clock.
    ///
    /// `method` is the method of the request, such as `GET`. `values` returns the request's values
    /// of the header with the given lower-case name. An HTTP/2 request has no header `host`; return
    /// its `:authority` for this name. Nothing is decrypted until the handler reads the value.
    pub fn load<'h, I>(&self, method: &str, values: impl Fn(&str) -> I) -> Sealed<T>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        self.sealed(None, method, values)
    }

    /// Loads the value of a request at `now`. See [`load`](SealedCookie::load).
    pub fn load_at<'h, I>(
        &self,
        now: UnixTime,
        method: &str,
        values: impl Fn(&str) -> I,
    ) -> Sealed<T>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        self.sealed(Some(now), method, values)
    }

    /// Loads the value of a request for a layer (middleware, fairing) that may be inside another
    /// layer. `outer` is the value that the outer layer loaded. `None` if there is no outer layer.
    ///
    /// Returns `None` if both layers would write the same cookie. The inner layer must then leave
    /// `outer` to the handlers, and must not call [`commit`](Sealed::commit). Otherwise the
    /// response would carry two lines for one cookie.
    #[must_use]
    pub fn load_unless_shared<'h, I>(
        &self,
        outer: Option<&Sealed<T>>,
        method: &str,
        values: impl Fn(&str) -> I,
    ) -> Option<Sealed<T>>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        if outer.is_some_and(|outer| outer.is_written_to(&self.settings)) {
            return None;
        }
        Some(self.load(method, values))
    }

    fn sealed<'h, I>(
        &self,
        now: Option<UnixTime>,
        method: &str,
        values: impl Fn(&str) -> I,
    ) -> Sealed<T>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let sender = cross_origin::sender(method, &values, &self.settings.trusted_origins);
        let found = match sender {
            Sender::Trusted => self.carried(values),
            Sender::CrossOrigin => Default::default(),
        };
        Sealed::of_request(self.settings.clone(), now, sender, found)
    }

    /// The tokens that the request carries in the cookie. If there are none, the tokens in the
    /// first former cookie that has some. The number is the index of this cookie in `places`.
    fn carried<'h, I>(&self, values: impl Fn(&str) -> I) -> (usize, Vec<Vec<u8>>)
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let find = |cookie: &Cookie| cookie.find(values("cookie").into_iter(), [Role::State]);
        let mut found = self.settings.places.iter().map(|(cookie, _)| find(cookie)).enumerate();
        let found = found.find(|(_, [tokens])| !tokens.is_empty());
        found.map(|(at, [tokens])| (at, tokens)).unwrap_or_default()
    }
}

impl<T> Clone for SealedCookie<T> {
    fn clone(&self) -> SealedCookie<T> {
        SealedCookie { settings: self.settings.clone(), value: PhantomData }
    }
}

impl<T: Payload> fmt::Debug for SealedCookie<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedCookie")
            .field("purpose", &T::PURPOSE)
            .field("name", &self.settings.places.first().map(|(cookie, _)| cookie.name()))
            .field("lifetime", &self.settings.lifetime)
            .finish_non_exhaustive()
    }
}
