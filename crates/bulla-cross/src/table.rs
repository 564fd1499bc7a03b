//! Prints how many tokens and sessions of each implementation the others have read.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::Result;
use crate::fixed::{T0, at, key_text};
use crate::peer::Peer;
use crate::rng::Rng;
use crate::scenarios::{self, By, Do, Keys, Look, Over, RETIREMENT, ROTATION, Scenario, Step};

/// The implementations are numbered by their place in the list of peers.
const COUNT: usize = 3;

/// How many tokens of each mode an implementation makes, and how many states each scenario is run
/// with.
const TOKENS: usize = 20;
const STATES: usize = 2;

/// The numbers of one row: how many answers of a reader about what a maker made were compared.
#[derive(Default)]
struct Counts([[usize; COUNT]; COUNT]);

pub(crate) fn print() -> Result<()> {
    let mut peers = [Peer::rust()?, Peer::python()?, Peer::typescript()?];
    let begun = Instant::now();
    let names = peers.each_ref().map(|peer| peer.name);
    let columns = |name: &dyn Fn(usize) -> String| -> String {
        (0..COUNT * COUNT).map(|column| format!(" {:>10}", name(column))).collect()
    };
    println!("{:<34}{}", "made by", columns(&|column| names[column / COUNT].to_owned()));
    println!("{:<34}{}", "read by", columns(&|column| names[column % COUNT].to_owned()));
    let mut compared = 0;
    let mut row = |name: &str, Counts(counts): Counts| {
        compared += counts.iter().flatten().sum::<usize>();
        let cell = |column: usize| counts[column / COUNT][column % COUNT].to_string();
        println!("{name:<34}{}", columns(&cell));
    };
    for mode in ["sealed", "signed"] {
        let made = make_all(&mut peers, mode)?;
        row(&format!("{mode} tokens"), read_all(&mut peers, mode, &made)?);
        row(&format!("{mode} tokens that were changed"), changed(&mut peers, mode, &made)?);
    }
    for scenario in scenarios::all() {
        row(scenario.name, play_all(&mut peers, &scenario)?);
    }
    println!("{compared} answers compared, {:.0} s, no difference", begun.elapsed().as_secs_f64());
    Ok(())
}

/// A token, and what a reader must find in it.
struct Made {
    token: String,
    ring: String,
    now: u64,
    expected: Value,
}

/// The tokens of each implementation.
fn make_all(peers: &mut [Peer; COUNT], mode: &str) -> Result<[Vec<Made>; COUNT]> {
    let mut made: [Vec<Made>; COUNT] = Default::default();
    for number in 0..TOKENS {
        let schema = 1 + number % 2;
        let mut state = state(number, number * 97 % 1_300);
        // The second key makes half of the tokens.
        let now = T0 + if number % 4 < 2 { 0 } else { ROTATION };
        let lifetime = [0, 1, 900, 86_400, 300_000_000_000][number % 5];
        if schema == 1 {
            state.remove("name");
        }
        let ring = ring_text(Keys::Both);
        for (peer, made) in peers.iter_mut().zip(&mut made) {
            let request = json!({
                "do": "make", "mode": mode, "ring": ring, "now": now, "lifetime": lifetime,
                "bucket": 1 + number * 7 % 40, "schema": schema, "state": state,
            });
            let token = peer.ask(&request)?["token"].as_str().unwrap_or_default().to_owned();
            state.entry("name").or_insert("".into());
            let expires_at = (now + lifetime).min(253_402_300_799);
            let expected = json!({
                "outcome": "ok", "state": state, "issued_at": now, "expires_at": expires_at,
                "key_id": key_text(if now == T0 { 1 } else { 2 }).rsplit('.').next(),
            });
            let expected = if lifetime == 0 { json!({"outcome": "expired"}) } else { expected };
            made.push(Made { token, ring: ring.clone(), now, expected });
            if schema == 1 {
                state.remove("name");
            }
        }
    }
    // Signing is deterministic.
    let texts = made.each_ref().map(|made| made.iter().map(|made| &made.token).collect::<Vec<_>>());
    if mode == "signed" && texts.iter().any(|other| *other != texts[0]) {
        return Err("the implementations sign differently".into());
    }
    Ok(made)
}

fn read_all(peers: &mut [Peer; COUNT], mode: &str, made: &[Vec<Made>; COUNT]) -> Result<Counts> {
    let mut counts = Counts::default();
    for (maker, made) in made.iter().enumerate() {
        for made in made {
            for reader in 0..COUNT {
                let answer = peers[reader].ask(&open_request(mode, made, &made.token, made.now))?;
                if answer != made.expected {
                    return Err(different(
                        peers,
                        maker,
                        reader,
                        &made.token,
                        &made.expected,
                        &answer,
                    ));
                }
                counts.0[maker][reader] += 1;
            }
        }
    }
    Ok(counts)
}

/// Reads each token with a character changed, at the end of its lifetime, and without its key.
fn changed(peers: &mut [Peer; COUNT], mode: &str, made: &[Vec<Made>; COUNT]) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut rng = Rng::new(1);
    for (maker, made) in made.iter().enumerate() {
        for made in made {
            let mut characters: Vec<char> = made.token.chars().collect();
            let place = rng.index(characters.len());
            characters[place] = rng.pick(&['A', 'b', '7', '-', '=', '~']);
            let text: String = characters.into_iter().collect();
            let end = made.expected["expires_at"].as_u64().unwrap_or(made.now);
            let without_key =
                Made { ring: key_text(3), expected: Value::Null, token: String::new(), ..*made };
            let requests = [
                open_request(mode, made, &text, made.now),
                open_request(mode, made, &made.token, end),
                open_request(mode, made, &made.token, end.saturating_sub(1)),
                open_request(mode, &without_key, &made.token, made.now),
            ];
            for request in requests {
                let expected = peers[0].ask(&request)?;
                for reader in 0..COUNT {
                    let answer = peers[reader].ask(&request)?;
                    if answer != expected {
                        let token = request["token"].as_str().unwrap_or_default();
                        return Err(different(peers, maker, reader, token, &expected, &answer));
                    }
                    counts.0[maker][reader] += 1;
                }
            }
        }
    }
    Ok(counts)
}

fn open_request(mode: &str, made: &Made, token: &str, now: u64) -> Value {
    let longest = 300_000_000_000_u64;
    json!({"do": "open", "mode": mode, "ring": made.ring, "now": now, "longest": longest, "token": token})
}

fn different(
    peers: &[Peer; COUNT],
    maker: usize,
    reader: usize,
    what: &str,
    expected: &Value,
    answer: &Value,
) -> Box<dyn std::error::Error> {
    let [maker, reader] = [maker, reader].map(|number| peers[number].name);
    format!("made by {maker}, read by {reader}: {what}\nexpected {expected}\nfound    {answer}")
        .into()
}

/// Plays a scenario with each maker and each other implementation.
fn play_all(peers: &mut [Peer; COUNT], scenario: &Scenario) -> Result<Counts> {
    let mut counts = Counts::default();
    let has_other = scenario.steps.iter().any(|step| step.by == By::Other);
    for number in 0..STATES {
        for maker in 0..COUNT {
            for other in 0..if has_other { COUNT } else { 1 } {
                let mut play =
                    Play { peers, scenario, clients: BTreeMap::new(), revocations: Vec::new() };
                for (index, step) in scenario.steps.iter().enumerate() {
                    let by = if step.by == By::Maker { maker } else { other };
                    let state = state(number * 100 + index, scenario.length + number * 8 + index);
                    play.take(by, step, state)?;
                }
                for look in &scenario.looks {
                    let expected = play.look(0, look)?;
                    for reader in 0..COUNT {
                        let answer = play.look(reader, look)?;
                        if answer != expected {
                            let what = format!(
                                "{}, after {} s, with {}",
                                scenario.name, look.at, play.peers[other].name
                            );
                            return Err(different(
                                play.peers, maker, reader, &what, &expected, &answer,
                            ));
                        }
                        counts.0[maker][reader] += 1;
                    }
                }
            }
        }
    }
    Ok(counts)
}

struct Play<'a> {
    peers: &'a mut [Peer; COUNT],
    scenario: &'a Scenario,
    clients: BTreeMap<usize, Client>,
    /// The lines of the revocation list that all servers share.
    revocations: Vec<Value>,
}

/// A client with its tokens, and the state that its session has.
#[derive(Clone, Default)]
struct Client {
    kept: Map<String, Value>,
    state: Map<String, Value>,
}

impl Play<'_> {
    fn take(&mut self, by: usize, step: &Step, mut state: Map<String, Value>) -> Result<()> {
        // All sessions belong to one user.
        state.insert("id".to_owned(), 1815.into());
        let start = |ceiling: Option<u64>, remembered: Value| json!({"do": "start", "state": state, "ceiling": ceiling, "remembered": remembered});
        let action = match step.action {
            Do::Lose(name) => {
                self.clients.entry(step.client).or_default().kept.remove(name);
                return Ok(());
            }
            Do::CopyOf(other) => {
                let copy = self.clients.entry(other).or_default().clone();
                self.clients.insert(step.client, copy);
                return Ok(());
            }
            Do::Read => Value::Null,
            Do::Start => start(None, false.into()),
            Do::StartRemembered => start(None, true.into()),
            Do::StartUntil(ceiling) => start(Some(T0 + ceiling), false.into()),
            Do::Set => json!({"do": "set", "state": state}),
            Do::Reauthenticate => json!({"do": "reauthenticate"}),
            Do::EndOthers => json!({"do": "end-others"}),
        };
        let is_start = action["do"] == "start";
        let request = self.request(step.client, step.at, Keys::Both, action);
        let answer = self.peers[by].ask(&request)?;
        let found = if is_start { "absent" } else { "alive" };
        if answer["found"] != found {
            let what = format!("{}, in the step after {} s", self.scenario.name, step.at);
            return Err(different(self.peers, by, by, &what, &found.into(), &answer));
        }
        let client = self.clients.entry(step.client).or_default();
        client.kept = answer["kept"].as_object().cloned().unwrap_or_default();
        if is_start || step.action == Do::Set {
            client.state = state;
        }
        self.revocations = answer["revocations"].as_array().cloned().unwrap_or_default();
        Ok(())
    }

    /// What an implementation finds and does. Tokens are different each time, so only which tokens
    /// are new or gone is compared.
    fn look(&mut self, reader: usize, look: &Look) -> Result<Value> {
        let request = self.request(look.client, look.at, look.keys, Value::Null);
        let mut answer = self.peers[reader].ask(&request)?;
        let client = self.clients.entry(look.client).or_default();
        let state = if look.found == "alive" { json!(client.state) } else { Value::Null };
        if answer["found"] != look.found || answer["session"]["state"] != state {
            let what = format!("{}, after {} s", self.scenario.name, look.at);
            let expected = json!({"found": look.found, "state": state});
            return Err(different(self.peers, reader, reader, &what, &expected, &answer));
        }
        let mut kept = client.kept.clone();
        for (_, value) in &mut kept {
            *value = "gone".into();
        }
        for (name, value) in answer["kept"].as_object().into_iter().flatten() {
            let is_same = client.kept.get(name) == Some(value);
            kept.insert(name.clone(), if is_same { "same" } else { "new" }.into());
        }
        answer["kept"] = kept.into();
        Ok(answer)
    }

    fn request(&mut self, client: usize, seconds: u64, keys: Keys, action: Value) -> Value {
        let over = match self.scenario.over {
            Over::Cookie => "cookie",
            Over::Pieces => "pieces",
            Over::Bearer => "bearer",
        };
        json!({
            "do": "visit", "ring": ring_text(keys), "now": T0 + seconds, "over": over,
            "remembered": self.scenario.remembered, "revocations": self.revocations,
            "kept": self.clients.entry(client).or_default().kept, "action": action,
        })
    }
}

fn ring_text(keys: Keys) -> String {
    let (first, second) = (key_text(1), key_text(2));
    let (rotation, retirement) = (at(T0 + ROTATION), at(T0 + RETIREMENT));
    match keys {
        Keys::Both => format!("{first}\n{second} primary-from={rotation}\n"),
        Keys::FirstRetired => {
            format!("{first} open-until={retirement}\n{second} primary-from={rotation}\n")
        }
        Keys::Second => format!("{second} primary-from={rotation}\n"),
    }
}

/// A state whose name has this many characters, of one to four bytes each.
fn state(number: usize, length: usize) -> Map<String, Value> {
    let name: String = "Ada \"é€😀\\\u{1}".chars().cycle().skip(number).take(length).collect();
    Map::from_iter([("id".to_owned(), number.into()), ("name".to_owned(), name.into())])
}
