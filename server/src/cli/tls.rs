use std::{path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::Failure;

/// TLS 1.2 and 1.3 with this chain and key, HTTP/1.1 alone.
pub(super) fn load(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>, Failure> {
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| Failure::usage(format!("{}: {error}", chain.display())))?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| Failure::usage(format!("{}: {error}", key.display())))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Failure::failed)?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(|error| Failure::usage(format!("certificate and key: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
