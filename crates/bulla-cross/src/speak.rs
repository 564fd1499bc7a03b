//! Answers the requests of the table with the Rust library: one JSON object per line.
//!
//! | `do` | other fields | answer |
//! |---|---|---|
//! | `make` | `mode` (`sealed` or `signed`), `ring`, `now`, `lifetime`, `bucket`, `schema` (1 or 2), `state` | `token` |
//! | `open` | `mode`, `ring`, `now`, `longest` (lifetime), `token` | `outcome`: `ok` or a name of section 7 of the specification; when `ok`: `state`, `issued_at`, `expires_at`, `key_id` |
//! | `visit` | `ring`, `now`, `over` (`cookie`, `pieces` or `bearer`), `remembered` (an idle and an absolute timeout, or null), `revocations` (lines), `kept`, `action` | `found`, `session`, `kept`, `revocations` |
//!
//! A state is an object with `id` and `name`. In schema version 1, it has only `id`, and `name` is
//! empty. `kept` holds the client's tokens by the names of the cookies or of the response headers.
//! The session and `found` are those at the start of the request: `alive`, `absent`, or why the
//! session is refused. `action` is null or an object with `do`: `start` (with `state`, and `ceiling`
//! and `remembered`, which may be null), `set` (with `state`), `reauthenticate`, `end-others` or `end`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, stdin};
use std::time::Duration;

use bulla::revocation::Revocation;
use bulla::session::{Channel, Start};
use bulla::token::Opened;
use bulla::{
    Bearer, Cookie, KeyRing, OpenError, Payload, Policy, Revocations, Sealer, Session, Sessions,
    Signer, UnixTime,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fixed::{self, at, secs};
use crate::{Result, names};

/// Schema version 1.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "cross.example/account", encoding = "json")]
struct AccountV1 {
    id: u64,
}

/// The state of sessions, and the value in tokens.
#[derive(Serialize, Deserialize, Payload)]
#[payload(
    purpose = "cross.example/account",
    version = 2,
    previous = AccountV1,
    encoding = "json"
)]
struct Account {
    id: u64,
    name: String,
}

impl From<AccountV1> for Account {
    fn from(old: AccountV1) -> Account {
        Account { id: old.id, name: String::new() }
    }
}

/// Answers each line of standard input.
pub(crate) fn lines() -> Result<()> {
    for line in stdin().lock().lines() {
        let answer = answer(&line?).unwrap_or_else(|error| json!({"error": error.to_string()}));
        println!("{answer}");
    }
    Ok(())
}

fn answer(line: &str) -> Result<Value> {
    let request: Value = serde_json::from_str(line)?;
    match request["do"].as_str() {
        Some("make") => make(&request),
        Some("open") => open(&request),
        Some("visit") => visit(&request),
        _ => Err("an unknown request".into()),
    }
}

fn field<T: DeserializeOwned>(request: &Value, name: &str) -> Result<T> {
    serde_json::from_value(request[name].clone()).map_err(|error| format!("{name}: {error}").into())
}

fn ring(request: &Value) -> Result<KeyRing> {
    Ok(field::<String>(request, "ring")?.parse()?)
}

fn now(request: &Value) -> Result<UnixTime> {
    Ok(at(field(request, "now")?))
}

fn make(request: &Value) -> Result<Value> {
    match request["schema"].as_u64() {
        Some(1) => make_as::<AccountV1>(request),
        _ => make_as::<Account>(request),
    }
}

fn make_as<P: Payload>(request: &Value) -> Result<Value> {
    let (ring, now, lifetime) = (ring(request)?, now(request)?, secs(field(request, "lifetime")?));
    let state: P = field(request, "state")?;
    let token = match request["mode"].as_str() {
        Some("sealed") => {
            let bucket = field(request, "bucket")?;
            Sealer::new(&ring, lifetime).padded_to(bucket).seal_at(&state, now)?
        }
        _ => Signer::new(&ring, lifetime).sign_at(&state, now)?,
    };
    Ok(json!({"token": token}))
}

fn open(request: &Value) -> Result<Value> {
    let (ring, now, longest) = (ring(request)?, now(request)?, secs(field(request, "longest")?));
    let token: String = field(request, "token")?;
    let opened: std::result::Result<Opened<Account>, OpenError> = match request["mode"].as_str() {
        Some("sealed") => Sealer::new(&ring, longest).open_at(&token, now),
        _ => Signer::new(&ring, longest).verify_at(&token, now),
    };
    Ok(match opened {
        Ok(Opened { payload, issued_at, expires_at, key_id, .. }) => json!({
            "outcome": "ok", "state": payload, "issued_at": issued_at.as_secs(),
            "expires_at": expires_at.as_secs(), "key_id": key_id.to_string(),
        }),
        Err(error) => json!({"outcome": fixed::name(&error)}),
    })
}

fn visit(request: &Value) -> Result<Value> {
    let revocations = Revocations::new();
    for line in field::<Vec<String>>(request, "revocations")? {
        revocations.add(line.parse::<Revocation>()?);
    }
    let sessions = sessions(request, &revocations)?;
    let mut kept: BTreeMap<String, String> = field(request, "kept")?;
    let headers = headers(request, &kept);
    let session = sessions
        .load_at(now(request)?, "POST", |name| headers.get(name).map(|value| value.as_bytes()));
    let found = names::status(session.status());
    let described = described(&session);
    act(&session, request)?;
    for line in session.commit() {
        if line.name == "set-cookie" {
            let (name, rest) = line.value.split_once('=').unwrap_or_default();
            let (value, attributes) = rest.split_once(';').unwrap_or((rest, ""));
            keep(&mut kept, name, value, attributes.contains("Max-Age=0"));
        } else if line.sensitive {
            keep(&mut kept, &line.name, &line.value, line.value.is_empty());
        }
    }
    let lines: Vec<String> = revocations.to_vec().iter().map(ToString::to_string).collect();
    Ok(json!({"found": found, "session": described, "kept": kept, "revocations": lines}))
}

fn sessions(request: &Value, revocations: &Revocations) -> Result<Sessions<Account>> {
    let mut builder = Sessions::builder(ring(request)?, Policy::default())
        .revocations(revocations)
        .subject(|account: &Account| account.id.to_string());
    if let Some((idle, absolute)) = field::<Option<(u64, u64)>>(request, "remembered")? {
        let (idle, absolute) = (Duration::from_secs(idle), Duration::from_secs(absolute));
        builder = builder.remembered(Policy::new(idle, absolute));
    }
    Ok(match request["over"].as_str() {
        Some("bearer") => builder.bearer(Bearer::default()),
        Some("pieces") => builder.cookie(Cookie::default().split()),
        _ => builder.cookie(Cookie::default()),
    }
    .build())
}

/// The headers with which a client sends its tokens back.
fn headers(request: &Value, kept: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    if request["over"] != "bearer" {
        let pairs: Vec<String> =
            kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
        return BTreeMap::from([("cookie".to_owned(), pairs.join("; "))]);
    }
    let header = |(name, value): (&String, &String)| match name.as_str() {
        "session-token" => ("authorization".to_owned(), format!("Bearer {value}")),
        _ => (name.clone(), value.clone()),
    };
    kept.iter().map(header).collect()
}

fn described(session: &Session<Account>) -> Value {
    let (Some(info), Some(state)) = (session.info(), session.get()) else { return Value::Null };
    json!({
        "id": info.id.to_string(), "origin": info.origin.to_string(), "remembered": info.remembered,
        "started_at": info.started_at.as_secs(), "last_seen": info.last_seen.as_secs(),
        "reauthenticated_at": info.reauthenticated_at.as_secs(),
        "idle_expires_at": info.idle_expires_at.as_secs(),
        "expires_at": info.expires_at.as_secs(), "key_id": info.key_id.to_string(), "state": *state,
    })
}

fn act(session: &Session<Account>, request: &Value) -> Result<()> {
    let action = &request["action"];
    match action["do"].as_str() {
        Some("start") => {
            let over = match request["over"].as_str() {
                Some("bearer") => Channel::Bearer,
                _ => Channel::Cookie,
            };
            let mut start = Start::new().over(over);
            if let Some(ceiling) = action["ceiling"].as_u64() {
                start = start.with_ceiling(at(ceiling));
            }
            if action["remembered"] == true {
                start = start.remembered();
            }
            session.start_with(field(action, "state")?, start)?;
        }
        Some("set") => session.set(field(action, "state")?)?,
        Some("reauthenticate") => session.reauthenticated()?,
        Some("end-others") => session.end_others()?,
        Some("end") => session.end()?,
        _ => {}
    }
    Ok(())
}

fn keep(kept: &mut BTreeMap<String, String>, name: &str, value: &str, is_removal: bool) {
    if is_removal {
        kept.remove(name);
    } else {
        kept.insert(name.to_owned(), value.to_owned());
    }
}
