//! Tests the independent implementation with the vectors.

use std::fs;
use std::path::Path;

use bulla_fuzz::independent::{
    Fields, Found, Key, Mode, authenticate, find, make, split, to_base64url,
};
use serde_json::Value;

fn vectors(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors").join(file);
    let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    json["vectors"].as_array().unwrap().clone()
}

fn unhex(vector: &Value, field: &str) -> Vec<u8> {
    let text = vector[field].as_str().unwrap();
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

#[test]
fn the_independent_implementation_makes_and_opens_the_tokens_of_the_vectors() {
    let mut made = 0;
    for (file, mode) in [("seal.json", Mode::Sealed), ("sign.json", Mode::Signed)] {
        for vector in vectors(file) {
            let number = |field: &str| vector[field].as_u64().unwrap();
            let key = unhex(&vector, "key").try_into().unwrap();
            let key = Key::new(&key, &unhex(&vector, "purpose"));
            let last_second = 253_402_300_799;
            let fields = Fields {
                issued_at: number("issued_at"),
                lifetime: number("lifetime").min(last_second - number("issued_at")),
                schema: number("schema").try_into().unwrap(),
                payload: unhex(&vector, "payload"),
            };
            let body = fields.body(number("bucket").try_into().unwrap());
            assert_eq!(body, unhex(&vector, "body"), "{}", vector["name"]);
            let nonce = match mode {
                Mode::Sealed => unhex(&vector, "nonce").try_into().unwrap(),
                Mode::Signed => [0; 24],
            };
            let token = make(mode, &key, &nonce, &body);
            assert_eq!(token, vector["token"], "{}", vector["name"]);
            let keys = [key];
            let (_, read) = authenticate(mode, &keys, token.as_bytes()).unwrap();
            assert_eq!(read, fields);
            made += 1;
        }
    }
    assert!(made > 20, "{made}");
}

#[test]
fn the_independent_implementation_splits_and_joins_the_tokens_of_the_vectors() {
    let vectors = vectors("pieces.json");
    assert!(vectors.len() > 1);
    for vector in vectors {
        let (name, token) =
            (vector["cookie_name"].as_str().unwrap(), vector["token"].as_str().unwrap());
        let cookies = split(name, token).unwrap();
        let expected: Vec<(String, String)> = vector["pieces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|piece| ["name", "value"].map(|field| piece[field].as_str().unwrap().to_owned()))
            .map(|[name, value]| (name, value))
            .collect();
        assert_eq!(cookies, expected);
        let pairs: Vec<String> = cookies.iter().map(|(n, value)| format!("{n}={value}")).collect();
        assert_eq!(find(pairs.join("; ").as_bytes(), name), Found(vec![token.into()]));
    }
}

#[test]
fn base64url_follows_rfc_4648() {
    for (bytes, text) in
        [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
    {
        assert_eq!(to_base64url(bytes.as_bytes()), text);
    }
    assert_eq!(to_base64url(&[0xfb, 0xff]), "-_8");
}
