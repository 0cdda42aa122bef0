//! The county's certificate authorities, made anew at each start: one that its checks trust, and one of the
//! kind that an inspecting firewall brings along, which nobody trusts.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// A certificate authority with its private key; both live in memory only.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate couldn't be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("making a certificate for {names:?}: {source}")]
    Make { names: Vec<String>, source: rcgen::Error },
    #[error("using the certificate for {names:?}: {source}")]
    Use { names: Vec<String>, source: rustls::Error },
}

impl Authority {
    /// A new authority that calls itself `name`.
    pub fn new(name: &str) -> Result<Self, CertificateError> {
        let failed = |source| CertificateError::Make { names: vec![name.to_owned()], source };
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, "linewatch drill");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        Ok(Self { issuer })
    }

    /// What checks are told to trust.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// TLS settings of a server with a certificate for these host names and addresses.
    pub fn server(&self, names: &[String]) -> Result<Arc<ServerConfig>, CertificateError> {
        let failed = |source| CertificateError::Make { names: names.to_vec(), source };
        let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
        let common = names.first().map_or("county.example", String::as_str);
        params.distinguished_name.push(DnType::CommonName, common);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let unusable = |source| CertificateError::Use { names: names.to_vec(), source };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone(), self.issuer.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
