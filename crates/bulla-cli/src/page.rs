//! The text that `bulla inspect` prints for a token.
//!
//! This file uses only the library, `contents`, `json` and `values`, so that the fuzz targets can
//! include it.

use bulla::UnixTime;
use bulla::keys::Zeroizing;

use crate::contents::{
    Authentic, Bytes, Claims, Contents, Ended, Fields, Kind, Renewal, Role, Session, Unverified,
};
use crate::json::Text;
use crate::values::shown;

/// Writes what was found in a token.
pub(crate) fn of(contents: &Contents, now: UnixTime) -> Zeroizing<String> {
    let mut page = Page { text: Zeroizing::default(), now };
    page.line(
        "mode",
        match contents.mode {
            Kind::Sealed => "sealed: readable only with its key",
            Kind::Signed => "signed: readable by anyone",
        },
    );
    page.line("key id", &format!("{} (not verified)", contents.key_id.0));
    let (len, body) = (contents.characters, contents.body_bytes);
    page.line("size", &format!("{len} characters, with a body of {body} bytes"));
    if let Some(unverified) = &contents.not_verified {
        page.title("NOT VERIFIED: anyone could have written this");
        match unverified {
            Unverified::Claims(claims) => page.claims(claims),
            Unverified::Malformed { body } => page.line("body", &body.0.to_string()),
        }
    }
    if let Some(authentic) = &contents.authentic {
        page.authentic(authentic);
    }
    match (contents.opens_for_seconds, &contents.refused) {
        (Some(seconds), _) => {
            let time = shown(std::time::Duration::from_secs(seconds));
            page.line("opens", &format!("yes, for {time}"));
        }
        (None, Some(Text(error))) => page.line("opens", &format!("no: {error}")),
        (None, None) => {}
    }
    page.text
}

/// The output, with a name and a value on each line.
struct Page {
    text: Zeroizing<String>,
    now: UnixTime,
}

impl Page {
    fn title(&mut self, title: &str) {
        self.text.push_str(&format!("\n{title}\n"));
    }

    fn line(&mut self, name: &str, value: &str) {
        self.text.push_str(&format!("{name:<19}  {value}\n"));
    }

    fn authentic(&mut self, authentic: &Authentic) {
        self.title(match authentic.role {
            Role::Plain => "authentic",
            Role::State => "authentic: a session's state token",
            Role::Renewal => "authentic: a session's renewal token",
            Role::SealedCookie => "authentic: a sealed cookie",
            Role::Challenge => "authentic: a challenge for the device of a session",
        });
        self.claims(&authentic.claims);
        let retires = authentic.key_retires;
        self.line("key retires", &retires.map_or("no date".to_owned(), |Text(at)| at.to_string()));
        if let Some(session) = &authentic.session {
            self.session(session);
        }
        if let Some(renewal) = &authentic.renewal {
            self.renewal(renewal);
        }
    }

    fn claims(&mut self, claims: &Claims) {
        self.line("key id", &claims.key_id.0.to_string());
        self.line("issued at", &relative(claims.issued_at.0, self.now));
        self.line("expires at", &relative(claims.expires_at.0, self.now));
        self.line("schema version", &claims.schema_version.to_string());
        self.bytes("payload", &claims.payload);
    }

    fn bytes(&mut self, name: &str, bytes: &Bytes) {
        self.line(name, format!("{} bytes {}", bytes.0.len(), bytes.hex()).trim_end());
        if let Some(json) = bytes.json() {
            self.line("  as JSON", &json);
        }
    }

    fn session(&mut self, session: &Session) {
        self.line("session id", &session.session_id.text());
        self.instant("started at", session.started_at);
        self.instant("reauthenticated at", session.reauthenticated_at);
        match &session.fields {
            Some(fields) => self.fields(fields),
            None => self.line("fields", "unknown to this release"),
        }
    }

    fn fields(&mut self, fields: &Fields) {
        if fields.remembered {
            self.line("remembered", "yes");
        }
        if let Some(key) = &fields.bound {
            self.line("bound to the key", &key.text());
        }
        self.instant("ceiling", fields.ceiling);
        if let Some(origin) = &fields.origin {
            self.line("origin", &origin.text());
        }
        if let Some(Ended { before, mark }) = &fields.others_ended {
            self.instant("others ended before", *before);
            self.line("  with the mark", &mark.text());
        }
        for follows in &fields.follows {
            self.line("follows", &follows.origin.text());
            self.instant("  of", follows.ended.before);
            self.line("  with the mark", &follows.ended.mark.text());
        }
        self.bytes("state", &fields.state);
    }

    fn renewal(&mut self, renewal: &Renewal) {
        self.line("session id", &renewal.session_id.text());
        self.instant("validated at", renewal.validated_at);
        if renewal.proved_at.is_some() {
            self.instant("proved at", renewal.proved_at);
        }
        if let Some(key) = &renewal.bound {
            self.line("bound to the key", &key.text());
        }
        let copy = if renewal.copy { "the state, sealed again under this key" } else { "none" };
        self.line("copy", copy);
    }

    fn instant(&mut self, name: &str, at: Option<Text<UnixTime>>) {
        self.line(name, &at.map_or("none".to_owned(), |Text(at)| at.to_string()));
    }
}

fn relative(at: UnixTime, now: UnixTime) -> String {
    if at > now {
        format!("{at} (in {})", shown(at.since(now)))
    } else {
        format!("{at} ({} ago)", shown(now.since(at)))
    }
}
