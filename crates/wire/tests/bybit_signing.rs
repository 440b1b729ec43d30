//! Signatures against those that the exchange's own client makes. The vectors are not part of the repository: without them the
//! test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, where a panic is the report")]
#![allow(clippy::disallowed_methods, reason = "reads vectors that lie outside the repository")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use units::Timestamp;
use wire::bybit::{Signer, sign};
use wire::{Credentials, Method, Secret};

fn vectors() -> Option<Value> {
    let root = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("protocol/bybit/fixtures/signing.json");
    if !path.exists() {
        eprintln!("SKIPPED: no signing vectors at {}; set PLIMSOLL_SHARED", path.display());
        return None;
    }
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

fn credentials(vector: &Value) -> Credentials {
    let secret = Secret::new(text(vector, "api_secret").to_owned());
    Credentials { key: text(vector, "api_key").to_owned(), secret }
}

#[test]
fn requests_are_signed_like_the_official_client_does() {
    let Some(all) = vectors() else { return };
    let list = all["rest"].as_array().unwrap();
    assert!(list.len() >= 14);
    for vector in list {
        let name = text(vector, "name");
        let (method, payload) = match text(vector, "method") {
            "GET" => (Method::Get, vector["query_on_wire"].as_str().unwrap_or_default()),
            _ => (Method::Post, text(vector, "body_on_wire")),
        };
        let now = Timestamp::from_millis(vector["timestamp"].as_i64().unwrap()).unwrap();
        let window = units::Span::from_millis(vector["recv_window"].as_i64().unwrap());
        let signer = Signer::new(credentials(vector), window);
        let time = now.millis().to_string();
        let presign = sign::presign(&time, text(vector, "api_key"), &signer.window(), payload);
        assert_eq!(presign, text(vector, "pre_sign"), "{name}");
        let request = signer.request(method, text(vector, "path"), payload.to_owned(), now);
        for (header, value) in &request.headers {
            let Some(known) = vector["headers"].get(*header) else { panic!("{name}: {header}") };
            assert_eq!(value, known.as_str().unwrap(), "{name}: {header}");
        }
        let sent = if method == Method::Get { &request.query } else { &request.body };
        assert_eq!(sent, payload, "{name}: what was signed is what travels");
    }
}

#[test]
fn logins_are_signed_like_the_official_client_does() {
    let Some(all) = vectors() else { return };
    for vector in all["ws_auth"].as_array().unwrap() {
        let expires = vector["expires"].as_i64().unwrap();
        let presign = sign::presign_login(&expires.to_string());
        assert_eq!(presign, text(vector, "pre_sign"));
        let credentials = credentials(vector);
        assert_eq!(sign::signature(&credentials.secret, &presign), text(vector, "signature"));
        // A login is dated ten seconds ahead.
        let now = Timestamp::from_millis(expires - 10_000).unwrap();
        let signer = Signer::new(credentials.clone(), units::Span::from_seconds(5));
        assert_eq!(signer.login(now), (credentials.key, expires, text(vector, "signature").to_owned()));
    }
}

/// A vector of our own, so that something is checked wherever this runs: HMAC-SHA256 of the same text by OpenSSL.
#[test]
fn a_request_is_signed_as_documented() {
    let secret = Secret::new("plimsoll".to_owned());
    let text = sign::presign("1700000000000", "key", "5000", "category=linear&symbol=BTCUSDT");
    assert_eq!(text, "1700000000000key5000category=linear&symbol=BTCUSDT");
    assert_eq!(
        sign::signature(&secret, &text),
        "25f68e4ff145d0861a18e79ae72b95dec0d486d6e7da8083ff44d8326b28a551"
    );
}
