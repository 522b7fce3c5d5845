use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const NOW: i64 = 1_800_000_000;

/// For these tests alone: it opens nothing.
const RSA_PRIVATE: &[u8] = include_bytes!("../../tests/keys/rsa.pk8");
const RSA_PUBLIC: &[u8] = include_bytes!("../../tests/keys/rsa.pub.pem");

fn claims() -> Value {
    json!({ "sub": "alice", "iss": "keepline", "aud": "keepline", "exp": NOW + 60 })
}

/// A token made by hand, so that it can be wrong in every way.
fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Token {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    Token::new(format!("{text}.{signature}"))
}

fn hs256(key: &[u8]) -> impl FnOnce(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    move |text| hmac::sign(&key, text).as_ref().to_vec()
}

fn good(claims: &Value) -> Token {
    token(&json!({ "alg": "HS256" }), claims, hs256(SECRET))
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn verify(token: &Token) -> Result<Verified, AuthError> {
    AuthConfig::from_secret(SECRET).unwrap().verify(token, NOW * 1_000)
}

fn pem(prefix: &[u8], key: &[u8]) -> Vec<u8> {
    let der: Vec<u8> = prefix.iter().chain(key).copied().collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der)).into_bytes()
}

const ED25519: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P384: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

#[test]
fn a_good_token_names_its_owner() {
    let verified = verify(&good(&claims())).unwrap();
    assert_eq!((verified.owner, verified.expires_ms), (Owner::subject("alice"), (NOW + 60) * 1_000));
    let verified = verify(&good(&with("tenant", json!("red")))).unwrap();
    assert_eq!(verified.owner, Owner { tenant: "red".into(), subject: "alice".into() });
    assert!(verify(&good(&with("aud", json!(["other", "keepline"])))).is_ok());
}

#[test]
fn a_wrong_claim_is_refused() {
    for claims in [
        without("sub"),
        without("exp"),
        without("iss"),
        without("aud"),
        with("sub", json!("")),
        with("sub", json!(7)),
        with("sub", json!("x".repeat(129))),
        with("tenant", json!("x".repeat(129))),
        with("iss", json!("somebody")),
        with("iss", json!("keepline ")),
        with("aud", json!("somebody")),
        with("aud", json!([])),
        with("exp", json!("tomorrow")),
        with("nbf", json!(NOW + 31)),
    ] {
        assert_eq!(verify(&good(&claims)), Err(AuthError::Invalid), "{claims}");
    }
    assert!(verify(&good(&with("nbf", json!(NOW + 30)))).is_ok());
    assert!(verify(&good(&with("sub", json!("x".repeat(128))))).is_ok());
}

#[test]
fn it_ends_within_thirty_seconds_of_its_end() {
    assert!(verify(&good(&with("exp", json!(NOW - 29)))).is_ok());
    assert_eq!(verify(&good(&with("exp", json!(NOW - 30)))), Err(AuthError::Expired));
    assert_eq!(verify(&good(&with("exp", json!(0)))), Err(AuthError::Expired));
    assert!(verify(&good(&with("exp", json!(i64::MAX)))).is_ok());
}

#[test]
fn a_wrong_signature_or_algorithm_is_refused() {
    let header = json!({ "alg": "HS256" });
    let bad = [
        token(&header, &claims(), hs256(b"another secret of at least thirty-two")),
        token(&header, &claims(), |_| Vec::new()),
        token(&json!({ "alg": "none" }), &claims(), |_| Vec::new()),
        token(&json!({ "alg": "None" }), &claims(), hs256(SECRET)),
        token(&json!({ "alg": "HS384" }), &claims(), hs256(SECRET)),
        token(&json!({ "alg": "RS256" }), &claims(), hs256(SECRET)),
        token(&json!({}), &claims(), hs256(SECRET)),
        Token::new(""),
        Token::new("a.b.c"),
        Token::new(format!("{}.x", good(&claims()).expose())),
        Token::new("x".repeat(TOKEN_BYTES_MAX + 1)),
    ];
    for (at, token) in bad.iter().enumerate() {
        assert_eq!(verify(token), Err(AuthError::Invalid), "{at}");
    }
    // The claims of one token under the signature of another.
    let (one, two) = (good(&claims()), good(&with("sub", json!("bob"))));
    let parts: Vec<&str> = one.expose().split('.').collect();
    let claims = two.expose().split('.').nth(1).unwrap();
    assert_eq!(verify(&Token::new(format!("{}.{claims}.{}", parts[0], parts[2]))), Err(AuthError::Invalid));
}

#[test]
fn a_short_secret_and_a_strange_key_are_refused() {
    assert_eq!(AuthConfig::from_secret(&[b'x'; 31]).unwrap_err(), KeyError::TooShort);
    assert!(AuthConfig::from_secret(&[b'x'; 32]).is_ok());
    for pem in [&b""[..], b"no key", RSA_PRIVATE, SECRET] {
        assert_eq!(AuthConfig::from_public_key(pem).unwrap_err(), KeyError::NotAKey);
    }
}

#[test]
fn an_rsa_key_takes_its_family_alone() {
    let config = AuthConfig::from_public_key(RSA_PUBLIC).unwrap();
    let key = RsaKeyPair::from_pkcs8(RSA_PRIVATE).unwrap();
    let sign = |encoding: &'static dyn ring::signature::RsaEncoding| {
        let key = &key;
        move |text: &[u8]| {
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(encoding, &SystemRandom::new(), text, &mut signature).unwrap();
            signature
        }
    };
    let now = NOW * 1_000;
    assert!(
        config.verify(&token(&json!({ "alg": "RS256" }), &claims(), sign(&RSA_PKCS1_SHA256)), now).is_ok()
    );
    assert!(config.verify(&token(&json!({ "alg": "PS256" }), &claims(), sign(&RSA_PSS_SHA256)), now).is_ok());
    assert!(
        config.verify(&token(&json!({ "alg": "RS384" }), &claims(), sign(&RSA_PKCS1_SHA256)), now).is_err()
    );
    // The confusion of old: the public key, which everybody has, as the secret of an HMAC.
    for secret in [RSA_PUBLIC, config.key().as_bytes()] {
        let confused = token(&json!({ "alg": "HS256" }), &claims(), hs256(secret));
        assert_eq!(config.verify(&confused, now), Err(AuthError::Invalid));
    }
    assert_eq!(
        config.issue(&Owner::subject("a"), Default::default(), std::time::UNIX_EPOCH),
        Err(KeyError::CannotSign)
    );
}

#[test]
fn an_ec_key_takes_its_curves_algorithm_alone() {
    let check = |algorithm: &'static EcdsaSigningAlgorithm, prefix: &[u8], name: &str, other: &str| {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let config = AuthConfig::from_public_key(&pem(prefix, key.public_key().as_ref())).unwrap();
        let sign = |text: &[u8]| key.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec();
        let now = NOW * 1_000;
        assert!(config.verify(&token(&json!({ "alg": name }), &claims(), sign), now).is_ok());
        assert!(config.verify(&token(&json!({ "alg": other }), &claims(), sign), now).is_err());
        assert!(config.verify(&good(&claims()), now).is_err());
    };
    check(&ECDSA_P256_SHA256_FIXED_SIGNING, P256, "ES256", "ES384");
    check(&ECDSA_P384_SHA384_FIXED_SIGNING, P384, "ES384", "ES256");
}

#[test]
fn an_ed25519_key_takes_eddsa_alone() {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let config = AuthConfig::from_public_key(&pem(ED25519, key.public_key().as_ref())).unwrap();
    let sign = |text: &[u8]| key.sign(text).as_ref().to_vec();
    let now = NOW * 1_000;
    assert!(config.verify(&token(&json!({ "alg": "EdDSA" }), &claims(), sign), now).is_ok());
    assert!(config.verify(&token(&json!({ "alg": "ES256" }), &claims(), sign), now).is_err());
    let confused = token(&json!({ "alg": "HS256" }), &claims(), hs256(key.public_key().as_ref()));
    assert_eq!(config.verify(&confused, now), Err(AuthError::Invalid));
}

#[test]
fn no_debug_shows_a_key_or_a_token() {
    let config = AuthConfig::from_secret(SECRET).unwrap();
    let text = format!("{config:?} {:?}", good(&claims()));
    assert!(!text.contains("thirty-two") && !text.contains("eyJ"));
}
