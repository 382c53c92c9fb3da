//! The socket of the client: connects, feeds the [`Protocol`], comes back.
use super::protocol::{Fault, Output, Protocol};
use super::{Ami, AmiError, AmiEvent, AmiLoss, BACK_OFF};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// How long a connection may take to come about, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// The chunk that is read at once, in bytes.
const CHUNK: usize = 8 * 1024;

/// How to get a connection.
pub(super) struct Dialler {
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Dialler {
    pub(super) fn new(ami: &Ami) -> Result<Self, AmiError> {
        let Some(tls) = &ami.tls else { return Ok(Self { tls: None }) };
        let name = ServerName::try_from(ami.host.clone()).map_err(|_| AmiError::Invalid { what: "the host" })?;
        let unusable = |detail: String| AmiError::Certificates { detail };
        // Named, and not the process's default: another part of the program may have chosen none, or another.
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?;
        let config = match &tls.roots {
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                    roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(unusable("no certificate in it".into()));
                }
                builder.with_root_certificates(roots)
            }
            None => {
                let verifier =
                    rustls_platform_verifier::Verifier::new(provider).map_err(|error| unusable(error.to_string()))?;
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
        };
        Ok(Self { tls: Some((TlsConnector::from(Arc::new(config.with_no_client_auth())), name)) })
    }

    pub(super) async fn dial(&self, ami: &Ami) -> Result<Box<dyn Stream>, AmiLoss> {
        let mut last = AmiLoss::Network(io::ErrorKind::NotFound.into());
        for address in lookup_host((ami.host.as_str(), ami.port)).await.map_err(AmiLoss::Network)? {
            if self.tls.is_none() && !address.ip().is_loopback() {
                last = AmiLoss::Plaintext; // `localhost` may have been made to lead elsewhere
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return self.wrap(stream).await.map_err(AmiLoss::Network),
                Err(error) => last = AmiLoss::Network(error),
            }
        }
        Err(last)
    }

    async fn wrap(&self, stream: TcpStream) -> io::Result<Box<dyn Stream>> {
        Ok(match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        })
    }
}

/// Connects, listens, and comes back, until nobody listens to it or the sign-in is refused.
pub(super) async fn run(ami: Ami, dialler: Dialler, events: Sender<AmiEvent>) {
    let (first, longest) = BACK_OFF;
    let mut pause = first;
    loop {
        let once = async {
            let stream = match timeout(CONNECT, dialler.dial(&ami)).await {
                Ok(stream) => stream?,
                Err(_) => return Err(AmiLoss::Silent),
            };
            listen(stream, &ami, &events, || pause = first).await
        };
        let why = tokio::select! {
            // Dropping the connection signs off.
            () = events.closed() => return,
            ended = once => match ended {
                Ok(()) => return,
                Err(why) => why,
            },
        };
        let refused = matches!(why, AmiLoss::Refused);
        let retry_in = (!refused).then_some(pause);
        tracing::debug!(?retry_in, "AMI: the connection is lost");
        tracing::trace!(%why, "AMI: lost"); // may name the host
        if events.send(AmiEvent::Lost { why, retry_in }).await.is_err() || refused {
            return;
        }
        tokio::select! {
            () = events.closed() => return,
            () = sleep(pause) => {}
        }
        pause = (2 * pause).min(longest);
    }
}

/// One connection, to its end. `Ok`: nobody listens any more.
async fn listen(
    mut stream: Box<dyn Stream>,
    ami: &Ami,
    events: &Sender<AmiEvent>,
    mut signed_in: impl FnMut(),
) -> Result<(), AmiLoss> {
    let mut protocol = Protocol::new(Instant::now(), ami.clone());
    let mut chunk = vec![0; CHUNK];
    loop {
        while let Some(text) = protocol.poll_transmit() {
            stream.write_all(text.as_bytes()).await.map_err(AmiLoss::Network)?;
            stream.flush().await.map_err(AmiLoss::Network)?;
        }
        while let Some(output) = protocol.poll_event() {
            let event = match output {
                Output::SignedIn(version) => {
                    signed_in();
                    AmiEvent::SignedIn { version }
                }
                Output::Parking(event) => AmiEvent::Parking(event),
            };
            if events.send(event).await.is_err() {
                return Ok(());
            }
        }
        let result = tokio::select! {
            read = stream.read(&mut chunk) => match read.map_err(AmiLoss::Network)? {
                0 => return Err(AmiLoss::Network(io::ErrorKind::UnexpectedEof.into())),
                length => protocol.handle_bytes(Instant::now(), &chunk[..length]),
            },
            () = sleep_until(protocol.poll_timeout().into()) => protocol.handle_timeout(Instant::now()),
        };
        result.map_err(|fault| match fault {
            Fault::NotAmi => AmiLoss::NotAmi,
            Fault::Refused => AmiLoss::Refused,
            Fault::Silent => AmiLoss::Silent,
        })?;
    }
}
