//! Does a request come from a navigation of a browser, from a script, or from htmx?
//!
//! Only a navigation can be redirected to a page for the user. `fetch` and `XMLHttpRequest` follow
//! a redirect by themselves. A script would therefore get the sign-in page instead of its data,
//! with status 200.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The browser shows the response as a page.
    Navigation,
    /// htmx. It opens the page that the response header `HX-Redirect` names, with any status.
    Htmx,
    /// A script, or any other client.
    Script,
}

impl Asker {
    /// `values` returns the values of a request header.
    ///
    /// Browsers set `Sec-Fetch-Mode` themselves, and scripts cannot change it. Safari before 16.4
    /// does not send it, and no browser sends it over plain HTTP. Without it, other headers decide.
    /// A browser that navigates accepts `text/html`, but `fetch` and `XMLHttpRequest` accept `*/*`.
    /// Common script libraries set `X-Requested-With` or `HX-Request`.
    pub(crate) fn of<'h, I>(values: impl Fn(&str) -> I) -> Asker
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let first = |name| values(name).into_iter().next();
        if first("hx-request").is_some_and(|value| value.eq_ignore_ascii_case(b"true")) {
            return Asker::Htmx;
        }
        let navigates = match first("sec-fetch-mode") {
            Some(mode) => mode == b"navigate",
            None => {
                first("x-requested-with").is_none()
                    && first("hx-request").is_none()
                    && values("accept").into_iter().any(names_html)
            }
        };
        if navigates { Asker::Navigation } else { Asker::Script }
    }

    /// Whether the browser opens a page because of a link on another site.
    pub(crate) fn follows_link_elsewhere<'h, I>(method: &str, values: impl Fn(&str) -> I) -> bool
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let has = |name, expected: &[&[u8]]| {
            values(name).into_iter().next().is_some_and(|value| expected.contains(&value))
        };
        method == "GET"
            && has("sec-fetch-mode", &[b"navigate"])
            && has("sec-fetch-site", &[b"cross-site", b"same-site"])
    }
}

/// Whether a line of `Accept` names `text/html` itself, and not only a range such as `*/*`.
fn names_html(accept: &[u8]) -> bool {
    accept.split(|&byte| byte == b',').any(|range| {
        let media_type = range.split(|&byte| byte == b';').next().unwrap_or_default();
        media_type.trim_ascii().eq_ignore_ascii_case(b"text/html")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(headers: &[(&str, &str)]) -> Asker {
        Asker::of(|name| {
            let values = headers.iter().filter(|(header, _)| *header == name);
            values.map(|(_, value)| value.as_bytes()).collect::<Vec<_>>()
        })
    }

    const CHROME: (&str, &str) =
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8");

    #[test]
    fn only_navigations_are_navigations() {
        for headers in [
            &[("sec-fetch-mode", "navigate")][..],
            &[("sec-fetch-mode", "navigate"), CHROME],
            // A WebView of Android names its application in this header.
            &[("sec-fetch-mode", "navigate"), ("x-requested-with", "com.example.app")],
            &[CHROME],
            &[("accept", "application/json"), ("accept", "TEXT/HTML ;level=1")],
        ] {
            assert_eq!(asker(headers), Asker::Navigation, "{headers:?}");
        }
    }

    #[test]
    fn scripts_images_and_sockets_are_no_navigations() {
        for headers in [
            &[][..],
            &[("accept", "*/*")],
            &[("accept", "text/*")],
            &[("accept", "application/json, text/plain, */*")],
            &[("accept", "text/htmlx")],
            &[CHROME, ("x-requested-with", "XMLHttpRequest")],
            &[CHROME, ("hx-request", "false")],
            &[CHROME, ("sec-fetch-mode", "cors")],
            &[CHROME, ("sec-fetch-mode", "same-origin")],
            &[CHROME, ("sec-fetch-mode", "no-cors")],
            &[CHROME, ("sec-fetch-mode", "websocket")],
            &[CHROME, ("sec-fetch-mode", "")],
            &[CHROME, ("sec-fetch-mode", "cors"), ("sec-fetch-mode", "navigate")],
        ] {
            assert_eq!(asker(headers), Asker::Script, "{headers:?}");
        }
    }

    #[test]
    fn htmx_says_so_itself() {
        assert_eq!(asker(&[("hx-request", "true")]), Asker::Htmx);
        assert_eq!(asker(&[("hx-request", "true"), ("sec-fetch-mode", "cors")]), Asker::Htmx);
    }
}
