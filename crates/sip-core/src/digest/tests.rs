use super::*;
use crate::{
    header::{Name, NameAddrBuf},
    ids::Mint,
    message::{self, Request},
    method::Method,
    status::StatusCode,
};
use std::time::{Duration, Instant};

const RFC7616: hash::Response<'static> = hash::Response {
    algorithm: Algorithm::Md5,
    username: "Mufasa",
    realm: "http-auth@example.org",
    password: "Circle of Life",
    nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    method: "GET",
    uri: "/dir/index.html",
    body: b"",
    qop: Some((Qop::Auth, "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
};

#[test]
fn rfc7616_vectors() {
    assert_eq!(RFC7616.compute(), "8ca523f5e9506fed4657c9700eebdbec");
    let sha256 = hash::Response { algorithm: Algorithm::Sha256, ..RFC7616 };
    assert_eq!(sha256.compute(), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    // §3.9.2 as corrected by erratum 4897: the RFC printed a truncated SHA-512.
    let sha512_256 = hash::Response {
        algorithm: Algorithm::Sha512_256,
        username: "Jäsøn Doe",
        realm: "api@example.org",
        password: "Secret, or not?",
        nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        uri: "/doe.json",
        qop: Some((Qop::Auth, "00000001", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")),
        ..RFC7616
    };
    assert_eq!(sha512_256.compute(), "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
}

#[test]
fn rfc2617_vector_and_the_ways_of_rfc2069() {
    let rfc2617 = hash::Response {
        realm: "testrealm@host.com",
        password: "Circle Of Life",
        nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        qop: Some((Qop::Auth, "00000001", "0a4f113b")),
        ..RFC7616
    };
    assert_eq!(rfc2617.compute(), "6629fae49393a05397450978507c4ef1");
    // By hand: MD5(MD5("Mufasa:testrealm@host.com:Circle Of Life"):nonce:MD5("GET:/dir/index.html"))
    assert_eq!(hash::Response { qop: None, ..rfc2617 }.compute(), "670fd8c2df070c60b045671b8b24ff02");
}

#[test]
fn session_keys_and_bodies_change_the_response() {
    let plain = RFC7616.compute();
    let session = hash::Response { algorithm: Algorithm::Md5Sess, ..RFC7616 }.compute();
    let qop = Some((Qop::AuthInt, "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"));
    let body = |body| hash::Response { qop, body, ..RFC7616 }.compute();
    // By an independent implementation of RFC 7616.
    assert_eq!(session, "e783283f46242139c486a698fec7211d");
    assert_eq!(body(b"v=0\r\n"), "d1b8e2ac3f6782372de4bf3d8735b406");
    assert!(plain != session && body(b"") != body(b"v=0\r\n"));
}

#[test]
fn what_a_real_phone_answered() {
    // From recordings of a PJSIP phone at Asterisk.
    let sha256 = hash::Response {
        algorithm: Algorithm::Sha256,
        username: "1010",
        realm: "asterisk",
        password: "secret1010",
        nonce: "1795354515/ead380f46c75f08d871bef7c11ee3874",
        method: "REGISTER",
        uri: "sip:127.0.0.1:5160",
        body: b"",
        qop: Some((Qop::Auth, "00000001", "Ao0RX3zUZh202m3v0O6MykpFZZYZ5xw")),
    };
    assert_eq!(sha256.compute(), "320c870774daca354ca84ae49729875e9591c9e935305260dc87eb16bbf6d90d");
    let md5 = hash::Response {
        algorithm: Algorithm::Md5,
        username: "1001",
        password: "secret1001",
        nonce: "1795353332/a348f75e461bc39931336786b42960a0",
        qop: Some((Qop::Auth, "00000001", "wrnLxEchFT9lkchjVBTHiETkaajxUd")),
        ..sha256
    };
    assert_eq!(md5.compute(), "f3d3c53ec1da596f65155a43e44df5b7");
}

fn register() -> Request {
    let uri = "sip:example.com".parse().unwrap();
    Request::builder(Method::Register, &uri)
        .header(Name::Via, "SIP/2.0/UDP a;branch=z9hG4bK1")
        .header(Name::To, NameAddrBuf::new("sip:a@example.com".parse().unwrap()))
        .header(Name::CallId, "x")
        .header(Name::CSeq, "1 REGISTER")
        .build()
}

fn refused(challenges: &[&str]) -> message::Response {
    let reply = message::Response::reply_to(&register(), StatusCode::UNAUTHORIZED, Some("t"));
    challenges.iter().fold(reply, |reply, challenge| reply.header(Name::WwwAuthenticate, challenge)).build()
}

#[allow(clippy::disallowed_methods)] // Any instant will do.
fn now() -> Instant {
    Instant::now()
}

struct Client {
    auth: Authenticator,
    mint: Mint,
}

impl Client {
    fn new() -> Self {
        Client { auth: Authenticator::new(Credentials::new("a\"b", "secret")), mint: Mint::new([3; 32]) }
    }

    fn send(&mut self) -> Request {
        let builder = register().rebuild();
        self.auth.authorize(builder, &Method::Register, "sip:example.com", b"", &mut self.mint).build()
    }
}

#[test]
fn the_strongest_known_algorithm_is_taken() {
    let mut client = Client::new();
    let challenges = [
        r#"Digest realm="r", nonce="0", algorithm=SHA-3, qop="auth""#,
        r#"Digest realm="r", nonce="1", algorithm=MD5, qop="auth""#,
        r#"Digest realm="r", nonce="2", algorithm=SHA-512-256, qop="auth""#,
        r#"Digest realm="r", nonce="3", algorithm=SHA-256, qop="auth""#,
        r#"Basic realm="r""#,
    ];
    client.auth.challenged(&refused(&challenges), &register()).unwrap();
    let sent = client.send();
    let answer = sent.get::<crate::header::Authorization<'_>>().unwrap();
    assert_eq!(answer.param("nonce").unwrap(), "2");
    assert_eq!(answer.param("algorithm").unwrap(), "SHA-512-256");
    assert_eq!(answer.param("username").unwrap(), "a\"b");
    assert_eq!(sent.raw_all(&Name::Authorization).count(), 1);
}

#[test]
fn the_count_grows_and_the_cnonce_stays() {
    let mut client = Client::new();
    client
        .auth
        .challenged(&refused(&[r#"Digest realm="r", nonce="1", qop="auth-int,auth", opaque="o""#]), &register())
        .unwrap();
    let answers: Vec<_> = (0..2).map(|_| client.send()).collect();
    let params = |i: usize, name: &str| {
        answers[i].get::<crate::header::Authorization<'_>>().unwrap().param(name).map(|v| v.into_owned())
    };
    assert_eq!((params(0, "nc").unwrap(), params(1, "nc").unwrap()), ("00000001".into(), "00000002".into()));
    assert_eq!(params(0, "cnonce"), params(1, "cnonce"));
    assert_eq!(params(0, "qop").unwrap(), "auth");
    assert_eq!(params(0, "opaque").unwrap(), "o");
    assert_eq!(params(0, "algorithm"), None, "not sent to those that did not name it");
}

#[test]
fn a_wrong_password_is_tried_once() {
    let mut client = Client::new();
    let first = r#"Digest realm="r", nonce="1", qop="auth""#;
    client.auth.challenged(&refused(&[first]), &register()).unwrap();
    let sent = client.send();
    assert_eq!(client.auth.challenged(&refused(&[first]), &sent), Err(Refusal::WrongPassword));

    let mut client = Client::new();
    client.auth.challenged(&refused(&[first]), &register()).unwrap();
    let sent = client.send();
    let again = r#"Digest realm="r", nonce="2", qop="auth""#;
    assert_eq!(client.auth.challenged(&refused(&[again]), &sent), Err(Refusal::WrongPassword));
}

#[test]
fn a_stale_nonce_is_replaced_but_not_for_ever() {
    let mut client = Client::new();
    client.auth.challenged(&refused(&[r#"Digest realm="r", nonce="1", qop="auth""#]), &register()).unwrap();
    let mut refusals = 0;
    for n in 2.. {
        let sent = client.send();
        let stale = format!(r#"Digest realm="r", nonce="{n}", qop="auth", stale=TRUE"#);
        if client.auth.challenged(&refused(&[&stale]), &sent).is_err() {
            break;
        }
        refusals += 1;
    }
    assert_eq!(refusals, 2);
}

#[test]
fn a_nonce_that_served_may_run_out_without_a_word() {
    let mut client = Client::new();
    client.auth.challenged(&refused(&[r#"Digest realm="r", nonce="1", qop="auth""#]), &register()).unwrap();
    client.send();
    let second = client.send();
    let fresh = refused(&[r#"Digest realm="r", nonce="2", qop="auth""#]);
    assert_eq!(client.auth.challenged(&fresh, &second), Ok(()));
    let third = client.send();
    assert_eq!(client.auth.challenged(&fresh, &third), Err(Refusal::WrongPassword));
}

#[test]
fn challenges_that_cannot_be_answered() {
    let mut client = Client::new();
    assert_eq!(client.auth.challenged(&refused(&[]), &register()), Err(Refusal::NoChallenge));
    for bad in [
        r#"Basic realm="r""#,
        r#"Digest realm="r", qop="auth""#,
        r#"Digest realm="r", nonce="1", qop="other""#,
        r#"Digest realm="r", nonce="1", algorithm=AKAv1-MD5"#,
        r#"Digest realm="r nonce="1""#,
    ] {
        assert_eq!(client.auth.challenged(&refused(&[bad]), &register()), Err(Refusal::Unsupported), "{bad}");
    }
}

#[test]
fn realms_are_bounded() {
    let mut client = Client::new();
    for n in 0..100 {
        let challenge = format!(r#"Digest realm="{n}", nonce="1", qop="auth""#);
        client.auth.challenged(&refused(&[&challenge]), &register()).unwrap();
    }
    assert_eq!(client.send().raw_all(&Name::Authorization).count(), client::MAX_REALMS);
}

#[test]
fn client_and_server_agree() {
    let now = now();
    for algorithm in [
        Algorithm::Md5,
        Algorithm::Md5Sess,
        Algorithm::Sha256,
        Algorithm::Sha256Sess,
        Algorithm::Sha512_256,
        Algorithm::Sha512_256Sess,
    ] {
        for qop in [None, Some(Qop::Auth), Some(Qop::AuthInt)] {
            let mut server = Verifier::new("r", [algorithm], Duration::from_secs(60), [4; 32]).with_qop(qop);
            let mut client = Client::new();
            let challenge = server.challenge(now, false).remove(0);
            client.auth.challenged(&refused(&[&challenge]), &register()).unwrap();
            for _ in 0..2 {
                let verdict = server.verify(now, &client.send(), &Name::Authorization, |_| Some("secret".into()));
                assert_eq!(verdict.as_deref(), Ok("a\"b"), "{algorithm:?} {qop:?}");
            }
        }
    }
}

#[test]
fn what_a_server_refuses() {
    let now = now();
    let mut server = Verifier::new("r", [Algorithm::Sha256, Algorithm::Md5], Duration::from_secs(60), [4; 32]);
    let mut client = Client::new();
    let secret = |_: &str| Some("secret".to_owned());
    assert_eq!(server.verify(now, &register(), &Name::Authorization, secret), Err(Denied::Missing));
    let challenges = server.challenge(now, false);
    assert_eq!(challenges.len(), 2);
    client.auth.challenged(&refused(&[&challenges[0], &challenges[1]]), &register()).unwrap();
    let sent = client.send();
    assert_eq!(server.verify(now, &sent, &Name::ProxyAuthorization, secret), Err(Denied::Missing));
    assert_eq!(server.verify(now, &sent, &Name::Authorization, |_| None), Err(Denied::Wrong));
    assert_eq!(server.verify(now, &sent, &Name::Authorization, |_| Some("other".into())), Err(Denied::Wrong));
    assert!(server.verify(now, &sent, &Name::Authorization, secret).is_ok());
    assert_eq!(server.verify(now, &sent, &Name::Authorization, secret), Err(Denied::Stale), "the same count twice");
    let later = now + Duration::from_secs(59);
    assert!(server.verify(later, &client.send(), &Name::Authorization, secret).is_ok());
    let too_late = now + Duration::from_secs(60);
    assert_eq!(server.verify(too_late, &client.send(), &Name::Authorization, secret), Err(Denied::Stale));
    let broken = register().rebuild().header(Name::Authorization, r#"Digest realm="r", nonce="1""#).build();
    assert_eq!(server.verify(now, &broken, &Name::Authorization, secret), Err(Denied::Malformed));
}

#[test]
fn nothing_secret_is_printed_for_debugging() {
    let auth = Authenticator::new(Credentials::new("name-of-user", "pass-of-user"));
    assert!(!format!("{auth:?}").contains("of-user"));
}
