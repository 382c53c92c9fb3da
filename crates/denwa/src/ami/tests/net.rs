//! The client against a server of a few lines, on loopback and in real time.
use super::{ACCEPTED, CHALLENGE, GREETING, REFUSED, recorded};
use crate::ami::shell::Dialler;
use crate::ami::{Ami, AmiError, AmiEvent, AmiEvents, AmiLoss, ParkingEvent};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

const ROOT: &[u8] = include_bytes!("certificates/root.pem");
const CERTIFICATE: &[u8] = include_bytes!("certificates/server.pem");
const KEY: &[u8] = include_bytes!("certificates/server.key.pem");

/// Lets one client sign in, says a thing, and leaves when the client does or `stay` is false.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, verdict: &str, then: &str, stay: bool) {
    let mut stream = BufReader::new(stream);
    let _ = stream.write_all(GREETING.as_bytes()).await;
    for answer in [CHALLENGE, verdict] {
        read_action(&mut stream).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    }
    let _ = stream.write_all(then.as_bytes()).await;
    let _ = stream.flush().await;
    while stay && read_action(&mut stream).await {}
}

async fn read_action(stream: &mut (impl AsyncBufReadExt + Unpin)) -> bool {
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|length| length > 0) {
        if line == "\r\n" {
            return true;
        }
        line.clear();
    }
    false
}

async fn next(events: &mut AmiEvents) -> Option<AmiEvent> {
    timeout(Duration::from_secs(20), events.next()).await.expect("an event in 20 s")
}

#[tokio::test]
async fn signs_in_hears_of_a_parked_call_and_comes_back_after_a_loss() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_, parked) = recorded().remove(0);
    let server = tokio::spawn(async move {
        for stay in [false, true] {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, ACCEPTED, &parked, stay).await;
        }
    });
    let mut events = Ami::new("127.0.0.1", port, "dev", "devsecret").start().unwrap();
    for attempt in 0..2 {
        assert!(matches!(next(&mut events).await, Some(AmiEvent::SignedIn { version }) if version == "11.0.0"));
        let parked = next(&mut events).await;
        assert!(
            matches!(&parked, Some(AmiEvent::Parking(ParkingEvent::Parked(call))) if call.slot == "701"),
            "{parked:?}"
        );
        if attempt == 0 {
            let lost = next(&mut events).await;
            assert!(matches!(lost, Some(AmiEvent::Lost { why: AmiLoss::Network(_), retry_in: Some(_) })), "{lost:?}");
        }
    }
    drop(events);
    // The server ends when the client has gone.
    timeout(Duration::from_secs(20), server).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_wrong_secret_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, REFUSED, "", true).await;
        let again = listener.accept().await;
        panic!("it came again: {again:?}");
    });
    let mut events = Ami::new("localhost", port, "dev", "wrong").start().unwrap();
    let lost = next(&mut events).await;
    assert!(matches!(lost, Some(AmiEvent::Lost { why: AmiLoss::Refused, retry_in: None })), "{lost:?}");
    assert!(next(&mut events).await.is_none());
}

#[tokio::test]
async fn nobody_there_is_told_with_a_growing_pause() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut events = Ami::new("127.0.0.1", port, "dev", "devsecret").start().unwrap();
    for seconds in [1, 2] {
        match next(&mut events).await {
            Some(AmiEvent::Lost { why: AmiLoss::Network(_), retry_in: Some(pause) }) => {
                assert_eq!(pause, Duration::from_secs(seconds));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_started() {
    let start = |host: &str, user: &str| Ami::new(host, 5038, user, "s").start().map(drop);
    for host in ["192.0.2.1", "pbx.example.com", "::ffff:192.0.2.1", "localhost.example.com", "0.0.0.0"] {
        assert!(matches!(start(host, "dev"), Err(AmiError::Plaintext)), "{host}");
    }
    for host in ["127.0.0.1", "127.8.8.8", "::1", "LOCALHOST"] {
        assert!(start(host, "dev").is_ok(), "{host}");
    }
    for user in ["", "dev\r\nAction: Originate"] {
        assert!(matches!(start("127.0.0.1", user), Err(AmiError::Invalid { what: "the user" })), "{user:?}");
    }
    let over_tls = |host: &str, pem: &[u8]| Ami::new(host, 5039, "dev", "s").tls_trusting(pem).start().map(drop);
    assert!(matches!(over_tls("not a host", ROOT), Err(AmiError::Invalid { what: "the host" })));
    assert!(matches!(over_tls("localhost", b"no PEM"), Err(AmiError::Certificates { .. })));
    assert!(Ami::new("pbx.example.com", 5039, "dev", "s").tls().start().is_ok());
}

/// Behind the check by name: a name may lead anywhere.
#[tokio::test]
async fn nothing_is_sent_in_the_clear_to_another_machine() {
    let ami = Ami::new("192.0.2.1", 5038, "dev", "s");
    let dialled = Dialler::new(&ami).unwrap().dial(&ami).await;
    assert!(matches!(dialled.map(drop), Err(AmiLoss::Plaintext)));
}

#[test]
fn not_without_a_runtime() {
    assert!(matches!(Ami::new("127.0.0.1", 5038, "dev", "s").start(), Err(AmiError::NoRuntime)));
}

/// A server with a certificate for `localhost`.
async fn tls_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, ACCEPTED, "", true).await;
            }
        }
    });
    port
}

#[tokio::test]
async fn over_tls_with_a_root_of_ones_own() {
    let port = tls_server().await;
    let mut events = Ami::new("localhost", port, "dev", "devsecret").tls_trusting(ROOT).start().unwrap();
    let first = next(&mut events).await;
    assert!(matches!(first, Some(AmiEvent::SignedIn { .. })), "{first:?}");
}

#[tokio::test]
async fn a_certificate_of_nobody_or_for_another_is_refused() {
    let port = tls_server().await;
    for ami in [
        Ami::new("localhost", port, "dev", "devsecret").tls(), // the system does not know our root
        Ami::new("127.0.0.1", port, "dev", "devsecret").tls_trusting(ROOT), // it is for the name
        Ami::new("localhost", port, "dev", "devsecret").tls_trusting(CERTIFICATE), // no root, and not that of its issuer
    ] {
        let shown = format!("{ami:?}");
        let lost = next(&mut ami.start().unwrap()).await;
        assert!(matches!(&lost, Some(AmiEvent::Lost { why: AmiLoss::Network(_), .. })), "{shown}: {lost:?}");
    }
}
