use std::sync::{Arc, OnceLock};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use sha2::{Digest, Sha256};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::dial::BoxedIo;
use crate::status::LineTrouble;

/// What the config says about TLS.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsOptions {
    /// Roots beside the platform's.
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    /// SHA-256 of the keys that the server may have; any where there is none here.
    pub(crate) pinned_keys: Vec<[u8; 32]>,
}

/// The client's end of TLS. Reading the platform's roots takes a while, so it happens at the first dial and once.
pub(super) struct TlsClient {
    options: TlsOptions,
    config: OnceLock<Result<Arc<ClientConfig>, Error>>,
}

impl TlsClient {
    pub(super) fn new(options: TlsOptions) -> Self {
        Self { options, config: OnceLock::new() }
    }

    pub(super) async fn connect(&self, host: &str, io: BoxedIo) -> Result<TlsStream<BoxedIo>, LineTrouble> {
        let config = self.config.get_or_init(|| build(&self.options)).clone().map_err(|error| {
            tracing::error!(%error, "TLS cannot be set up");
            LineTrouble::Tls
        })?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| LineTrouble::Tls)?;
        TlsConnector::from(config).connect(name, io).await.map_err(|error| {
            // rustls wraps its own errors; anything else is the network's.
            let is_ours = error.get_ref().is_some_and(|inner| inner.is::<Error>());
            if is_ours {
                tracing::warn!(%error, "the TLS handshake failed");
            }
            if is_ours { LineTrouble::Tls } else { LineTrouble::Lost }
        })
    }
}

fn build(options: &TlsOptions) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(options, Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The extra roots, then the platform's verifier, then the pins.
#[derive(Debug)]
struct Verifier {
    extra: Option<Arc<WebPkiServerVerifier>>,
    platform: Option<rustls_platform_verifier::Verifier>,
    pinned_keys: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(options: &TlsOptions, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let extra = match options.extra_roots.is_empty() {
            true => None,
            false => Some(webpki(&options.extra_roots, Arc::clone(&provider))?),
        };
        let platform = match rustls_platform_verifier::Verifier::new(Arc::clone(&provider)) {
            Ok(platform) => Some(platform),
            // A container may have no roots at all; the app's own are enough then.
            Err(error) if extra.is_some() => {
                tracing::debug!(%error, "the platform's certificates cannot be used");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self { extra, platform, pinned_keys: options.pinned_keys.clone(), provider })
    }

    fn check_pin(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if self.pinned_keys.is_empty() {
            return Ok(());
        }
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let digest: [u8; 32] = Sha256::digest(key.as_ref()).into();
        if self.pinned_keys.contains(&digest) {
            return Ok(());
        }
        tracing::warn!("the server's key is not among the pinned ones");
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |verifier: &dyn ServerCertVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        // The app's own roots come first: the platform's verifier logs each failure as an error.
        let verified = match (&self.extra, &self.platform) {
            (Some(extra), Some(platform)) => verify(extra.as_ref()).or_else(|_| verify(platform)),
            (Some(extra), None) => verify(extra.as_ref()),
            (None, Some(platform)) => verify(platform),
            (None, None) => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }?;
        // A pin narrows what is trusted; it never replaces the check of the chain.
        self.check_pin(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn webpki(
    certificates: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone())?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}
