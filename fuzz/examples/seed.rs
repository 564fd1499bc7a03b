//! Writes the seeds of the corpus, from the vectors: `cargo run --example seed`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use bulla_fuzz::fixed::{T0, key_text, ring_text};
use bulla_fuzz::independent::{Key, Mode, from_base64url, open_body};
use bulla_fuzz::laws::jwk;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The maximum length of a seed, in bytes. Short seeds make the fuzzer faster.
const LONGEST: usize = 2_500;

type Seeds = Vec<Vec<u8>>;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = |file: &str| -> io::Result<Vec<Value>> {
        let text = fs::read(root.join("../spec/vectors").join(file))?;
        let json: Value = serde_json::from_slice(&text)?;
        Ok(json["vectors"].as_array().cloned().unwrap_or_default())
    };
    let all = vectors("open.json")?;
    let opening = one_of_each(&all, |vector| format!("{} {}", vector["mode"], vector["expect"]));
    // After step 6, the body is the same in both modes, so one mode is enough.
    let bodies = one_of_each(&all, |vector| match vector["expect"].as_str() {
        Some("malformed-body" | "padding") if vector["mode"] == "sealed" => {
            vector["name"].to_string()
        }
        _ => format!("{} {}", vector["mode"], vector["expect"]),
    });
    let rings = one_of_each(&vectors("ring.json")?, |vector| {
        let keys = vector["keys"].as_array().map(Vec::len);
        format!("{} {} {keys:?}", vector["expect"], vector["line"])
    });
    let tokens: Seeds = opening.iter().map(|vector| text(vector, "token")).collect();
    let corpus = [
        ("token", tokens.clone()),
        ("open", changes(&[0, 3, 0, 0, 100, 0])),
        ("ring", rings.iter().map(ring).chain(own_rings()).collect()),
        ("cookie", cookies()),
        ("pieces", pieces()),
        ("payload", payloads()),
        ("inspect", inspected(&tokens)),
        ("differential", differing(&bodies)),
        ("record", records()),
        ("revocation", revocations()),
        ("proof", proofs()),
        ("bound", bound()),
        ("dpop", dpop()),
    ];
    for (target, seeds) in corpus {
        let dir = root.join("corpus").join(target);
        fs::create_dir_all(&dir)?;
        for (seed, number) in seeds.iter().filter(|seed| seed.len() <= LONGEST).zip(1..) {
            fs::write(dir.join(format!("seed-{number:02}")), seed)?;
        }
    }
    Ok(())
}

fn one_of_each(vectors: &[Value], kind: impl Fn(&Value) -> String) -> Vec<Value> {
    let short = vectors.iter().filter(|vector| vector.to_string().len() < 2 * LONGEST);
    let kinds: BTreeMap<String, &Value> = short.map(|vector| (kind(vector), vector)).collect();
    kinds.into_values().cloned().collect()
}

fn text(vector: &Value, field: &str) -> Vec<u8> {
    vector[field].as_str().unwrap_or_default().as_bytes().to_vec()
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    let digits = text(vector, field);
    let digit = |c: u8| (c as char).to_digit(16).unwrap_or_default() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

/// Replaces the keys of a vector, because they are example keys, which the library rejects.
fn ring(vector: &Value) -> Vec<u8> {
    let Some(text) = vector["text"].as_str() else { return bytes(vector, "text_hex") };
    let mut text = text.to_owned();
    for number in 1..=16 {
        let example: [u8; 32] = Sha256::digest(format!("bulla/1 example key {number}")).into();
        let id: String =
            Key::new(&example, b"").id.iter().map(|byte| format!("{byte:02x}")).collect();
        let encoded = bulla_fuzz::independent::to_base64url(&example);
        text = text.replace(&format!("bulla-key-1.{encoded}.{id}"), &key_text(number));
    }
    text.into_bytes()
}

/// Rings with the replaced keys, for cases that the vectors do not have.
fn own_rings() -> Seeds {
    let (one, two) = (key_text(1), key_text(2));
    let day = "2026-12-01T00:00:00Z";
    let wrong = format!("{}{}", &one[..one.len() - 8], &two[two.len() - 8..]);
    let own = [
        ring_text(),
        wrong,
        format!("{one} primary-from={day} open-until={day}"),
        format!("{one} primary-from={day}\n{two} primary-from={day}"),
        format!("# serial: 7\r\n{one};{one}"),
        format!("{one} open-until=2026-02-29T00:00:00Z"),
        format!("{one} open-until=2028-02-29T23:59:59Z # \u{e9}"),
    ];
    own.map(String::into_bytes).to_vec()
}

/// Every kind of change of a short payload. Each seed begins with `head`.
fn changes(head: &[u8]) -> Seeds {
    let none = [head, &[7, 0], b"payload"].concat();
    let one = |kind: u8| [head, &[7, 1, kind, kind.wrapping_mul(9), 0, b'x'], b"payload"].concat();
    [none].into_iter().chain((0..16).map(one)).collect()
}

fn cookies() -> Seeds {
    [
        &b"\x03=\x01"[..],
        b"a=b; \x03=\x02; c=d",
        b"\x03=x; \x03=\x01",
        b"\x03=; \x03=\x02",
        b"\x03=x; \x03=x; \x03=x; \x03=x; \x03=\x01",
        b"\x03=\"\x01\"",
        b";;; ;\x03=\x01;;",
        b"\x03 = \x01 ",
        b"name=Andr\xe9; \x03=\x01",
        b"\x04=1; \x04 = 2 ;\x04=\"3\";\x04=; \x04=b1.x; \x04=5=6",
        b"\x03-renewal=\x02; \x03=\x01",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

/// Each seed contains the number of cookies, and for each cookie the token, the piece and the
/// change.
fn pieces() -> Seeds {
    [
        &[2, 1, 0, 0, 1, 1, 0][..],
        &[2, 1, 1, 0, 1, 0, 0],
        &[3, 3, 2, 0, 3, 1, 0, 3, 0, 0],
        &[4, 1, 0, 0, 2, 0, 0, 1, 1, 0, 2, 1, 0],
        &[2, 1, 0, 0, 2, 1, 0],
        &[3, 0, 0, 0, 1, 0, 0, 1, 1, 0],
        &[2, 1, 0, 4, 3, b'1', 1, 1, 0],
        &[2, 1, 0, 0, 1, 1, 5, 200, 0, b'x'],
        &[2, 1, 0, 0, 1, 1, 6, 200, 0],
        &[2, 1, 0, 0, 1, 1, 7, 2],
        &[0xff, 200, 20],
        &[0xff, 0, 2],
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

fn payloads() -> Seeds {
    let json = br#"{"small":1,"signed":-2,"name":"Ada","list":[1,2],"kinds":["Unit",{"Tuple":[1,"x"]},{"Struct":{"name":"n","left":null}},{"Nested":["Unit"]}],"map":{"7":"seven"}}"#;
    let postcard = b"\x01\x03\x03Ada\x01\x02\x01\x02\x04\x00\x01\x01\x01x\x02\x01n\x00\x03\x01\x00\x01\x01a\x01\x01\x02\x01\x02\x03\x04\x05";
    let mut seeds = vec![[&[3], &json[..]].concat(), [&[2], &postcard[..]].concat()];
    for kind in 0..2 {
        let varied = (0..200_u8).map(|at| at.wrapping_mul(37) ^ 0x55);
        seeds.push([kind].into_iter().chain(varied).collect());
    }
    seeds
}

fn inspected(tokens: &Seeds) -> Seeds {
    let mut seeds = Vec::new();
    for payload in [&b"{\"a\": \"\xe2\x80\xae\"}"[..], b"\x01\x02", &[7; 24]] {
        for (kind, role) in [(0, 0), (1, 0), (0, 1), (0, 2)] {
            seeds.push([&[kind, role, 5, 0, 200, 0, 0], payload].concat());
        }
    }
    let given = tokens.iter().map(|token| [&[3, 0, 5, 0, 200, 0], &token[..]].concat());
    seeds.extend(given.step_by(3));
    seeds
}

/// The bodies of the vectors that can be opened, and every kind of change of a valid token.
fn differing(opening: &[Value]) -> Seeds {
    let mut seeds = Vec::new();
    for (vector, signed) in opening.iter().map(|vector| (vector, vector["mode"] == "signed")) {
        let mode = if signed { Mode::Signed } else { Mode::Sealed };
        let ring = text(vector, "ring");
        let purpose = bytes(vector, "purpose");
        let keys: Vec<Key> = String::from_utf8_lossy(&ring)
            .split("bulla-key-1.")
            .filter_map(|rest| from_base64url(rest.as_bytes().get(..43)?)?.try_into().ok())
            .map(|key: [u8; 32]| Key::new(&key, &purpose))
            .collect();
        let Ok((_, body)) = open_body(mode, &keys, 8_192, &text(vector, "token")) else { continue };
        let now = vector["now"].as_u64().unwrap_or(T0).to_le_bytes();
        seeds.push([&[8 + u8::from(signed), 0, 0, 0, 7, 0], &now[..], &body].concat());
    }
    for (signed, key) in [(0, 0), (1, 0), (0, 1), (1, 2), (0, 3), (2, 0), (3, 0), (4, 0)] {
        let fields = [100, 0, 200, 0, 3, 0, 5, 0];
        seeds.push([&[signed, key, 120, 0, 7, 0], &fields[..], b"abc"].concat());
    }
    // Payloads with one byte more and one byte less than the type has.
    for payload in [&b"abcd"[..], b"ab"] {
        seeds.push([&[0, 0, 120, 0, 7, 0, 100, 0, 200, 0, 3, 0, 5, 0], payload].concat());
    }
    seeds.extend(changes(&[0, 0, 120, 0]));
    seeds.retain(|seed| seed.len() < 300);
    seeds
}

/// Records with every combination of fields, followed by revocations of the subject, and a few
/// changes.
fn records() -> Seeds {
    let followed = [1, 9, 5, 1];
    let mut seeds = Vec::new();
    for fields in 0..32_u8 {
        for change in [&[0][..], &[1, 1, 33, 0, 4], &[1, 4, 40, 0, 0]] {
            let known = [&[1, 1, 1][..], &followed, &[9]].concat();
            let record = [&[2, 9, 4, 9, 4][..], &[fields], &[9, 4, 1], &followed, &[2]].concat();
            seeds.push([&known[..], &record, &followed, &followed, change].concat());
        }
    }
    // Records with a key, at a server with settings for bound sessions and at one without.
    for settings in [0, 3] {
        for change in [&[0][..], &[1, 3, 40, 0, 0]] {
            let record = [&[2, 9, 4, 9, 4, 63, 9, 4, 1][..], &followed, &[1], &followed].concat();
            seeds.push([&[settings, 0][..], &record, &[7], change].concat());
        }
    }
    seeds
}

/// A registration and refreshes of bound sessions, each right and with one fault.
fn bound() -> Seeds {
    // The time of the request, the key in the state token, and the origin.
    let state = |key: u8| [100, 0, key, 0];
    // The number of renewal tokens. Of each: the time of issue, the id, the proof with its time and
    // key, the time of the check, and the change.
    let renewal = |key: u8| [1, 20, 0, 0, 1, 30, 0, key, 10, 0, 0];
    // The kind and the identifier. Of the proof: the named key, the signer, the origin, what is
    // asked, the time, the purpose, and the change.
    let registration = [1, 0, 0, 1, 0, 0, 0, 50, 0, 0, 0];
    let refresh = [0, 0, 0, 0, 0, 0, 0, 50, 0, 0, 0];
    let mut seeds = vec![
        [&state(0)[..], &[0], &registration].concat(),
        [&state(0)[..], &renewal(1), &registration].concat(),
        [&state(0)[..], &renewal(2), &registration].concat(),
        [&state(1)[..], &renewal(1), &registration].concat(),
        [&state(1)[..], &[0], &refresh].concat(),
        [&state(0)[..], &renewal(1), &refresh].concat(),
        [&state(3)[..], &renewal(1), &refresh].concat(),
        [&[200, 7], &[1, 3][..], &renewal(1), &refresh].concat(),
    ];
    for (place, value) in
        [(1, 2), (1, 3), (2, 3), (3, 3), (4, 3), (5, 2), (5, 3), (6, 2), (6, 3), (8, 5), (9, 3)]
    {
        for (request, key) in [(registration, 0), (refresh, 1)] {
            let mut faulty = request;
            faulty[place] = value;
            seeds.push([&state(key)[..], &renewal(1), &faulty].concat());
        }
    }
    for request in [registration, refresh] {
        let mut changed = request;
        changed[10] = 3;
        seeds.push([&state(1)[..], &renewal(1), &changed, &[0, 30, 0, b'x']].concat());
    }
    // A browser learns that another session has ended.
    let mut ended = refresh;
    (ended[1], ended[5], ended[6]) = (2, 3, 2);
    seeds.push([&state(1)[..], &renewal(1), &ended].concat());
    // A renewal token that this server cannot judge.
    let mut unjudged = renewal(1).to_vec();
    unjudged[10] = 3;
    for request in [registration, refresh] {
        seeds.push([&state(1)[..], &unjudged, &[22, 9], &request].concat());
    }
    seeds
}

fn revocations() -> Seeds {
    let id = "6f0c2a1d9e8b7c6d5e4f3a2b1c0d9e8f";
    let (before, until) = ("before=2026-12-01T12:01:01Z", "until=2026-12-02T00:01:00Z");
    [
        format!("session {id} {until}"),
        format!("subject {id} {before} {until}"),
        format!("subject {id} {before} {until} except={id}.0123456789abcdef"),
        format!("key 2e4bd9c8 {before} {until}"),
        format!("all {before} {until}\nall {before} {until} except={id}.0000000000000000"),
        format!("all {before} {until} except={id}\nall {before} {until} except=.01"),
        format!("all {until} except={id}.0123456789abcdef"),
        format!("all {before} {until} except={id}.0123456789abcdef except={id}.0123456789abcdef"),
        format!(
            "session {id} until=9999-12-31T23:59:59Z\nsession {id} until=10000-01-01T00:00:00Z"
        ),
        format!("# comment\n\nsession {} {until}", id.to_uppercase()),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// Histories of a client that signs in with a proof, is asked for another one, sends it with each
/// fault and then again, and changes its session.
fn dpop() -> Seeds {
    let [read, poll, update, reauthenticate, start, end] = [0, 1, 2, 3, 4, 6];
    let request = |seconds: u16, action: u8, proof: &[u8]| {
        let [low, high] = seconds.to_le_bytes();
        [&[low, high, 0, action, 0, 0], proof, &[0]].concat()
    };
    let (none, again, new) = ([0], [1, 0, 0], [2, 0, 0, 0, 100]);
    let mut seeds = Vec::new();
    for fault in 0..9 {
        let wrong = [2, fault, 0, 0, 100];
        let more: &[u8] = match fault {
            5 => &[2, 5, 0, 0, 0, 100],
            8 => &[2, 8, 0, 0, 100, 0, 200, 0, b'x'],
            _ => &wrong,
        };
        let history = [
            request(0, start, &new),
            request(399, read, &none),
            request(300, read, &none),
            request(1, read, more),
            request(1, poll, &again),
            request(1, update, &new),
            request(300, reauthenticate, &new),
            request(1, end, &none),
        ];
        seeds.push([&[0, 0, 0, 0][..], &history.concat()].concat());
    }
    // A planted session with a key, proofs with planted challenges, and the other signature.
    let planted = |kind: u8, origin: u8, asks: u8| [2, 0, kind, origin, asks, 200, 0, 100];
    let histories = [
        [request(100, read, &planted(6, 0, 0)), request(0, read, &[1, 0, 3])].concat(),
        [request(100, read, &planted(6, 3, 0)), request(0, read, &planted(6, 0, 3))].concat(),
        [request(100, update, &planted(5, 0, 0)), request(300, poll, &planted(6, 0, 0))].concat(),
        [request(0, start, &[2, 0, 4, 100]), request(0, start, &[2, 0, 0, 0, 0])].concat(),
    ];
    for history in histories {
        for key in 0..4 {
            seeds.push([&[key, 100, 0, 1][..], &history].concat());
        }
    }
    seeds
}

/// Proofs: some of Chromium and of RFC 9449, headers and claims that the target signs, and fields
/// of proofs.
fn proofs() -> Seeds {
    let registration = "eyJhbGciOiJFUzI1NiIsImp3ayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6IkZ3LUdrWUk3OXBhSFZpbFJFQ21CaFZOSDVMelNCRlpOdTlndV93cDFpSkEiLCJ5IjoiRGZUU3N2QW5vNEEwcldldFhMVHNBSDlDMVhvQUk3Z3lqb3NIR3ladHZEbyJ9LCJ0eXAiOiJkYnNjK2p3dCJ9.eyJqdGkiOiJjMSJ9.apknsV-A3ArTVpMx02qAXLKMO6gd7gsiioLAyQ4OF3i0-KrGJGXxOeyR1YxOahM_cU6u-0VAbRMmUlRFOcNexw";
    let refresh = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJjMiJ9.5GLX9zGAer1983iwxa_GBEl7q4oh0yR3EySB8hyNQ9T_8f_qElfDKMuwZ0fDe-TQXd26uXREwHDtlvUOuetOHA";
    let rfc_9449 = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let given = [registration, refresh, rfc_9449].map(|jwt| [&[0], jwt.as_bytes()].concat());
    let jwk = jwk();
    let headers = [
        format!(r#"{{"alg":"ES256","typ":"dbsc+jwt","jwk":{jwk}}}"#),
        format!(r#"{{"alg":"ES256","typ":"dpop+jwt","jwk":{jwk},"kid":[{{"a":null}}]}}"#),
        r#"{"alg":"ES256","typ":"dbsc+jwt"}"#.to_owned(),
        r#"{"alg":"none","typ":"dbsc+jwt","crit":["b64"],"b64":false}"#.to_owned(),
        format!(r#"{{"alg":"ES256","typ":"dpop+jwt","jwk":{jwk},"typ":"dbsc+jwt"}}"#),
    ];
    let claims = r#"{"jti":"c","htm":"POST","htu":"https://bank.example/a?b","iat":7.5,"nonce":"n","ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}"#;
    let to_sign = headers.iter().map(|header| {
        let [low, high] = u16::try_from(header.len()).unwrap_or_default().to_le_bytes();
        [&[1, 0, 9, 0, b'x', low, high], header.as_bytes(), claims.as_bytes()].concat()
    });
    let fields = (0..4_u8).map(|kind| {
        let varied = (0..120_u8).map(|at| at.wrapping_mul(37) ^ kind);
        [2, kind, 30, 0, b'y'].into_iter().chain(varied).collect()
    });
    given.into_iter().chain(to_sign).chain(fields).collect()
}
