//! The county's certificate authorities, made anew at each start: one that its checks trust, and one of the
//! kind that an inspecting firewall brings along, which nobody trusts. And a server that vouches for itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How long ago a firewall made its certificate: long enough for a clock that is a little behind.
const MOMENT: Duration = Duration::from_mins(5);

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
        self.vouch(names, &params(names)?)
    }

    /// The same, made a moment ago, as a firewall that decrypts makes them: that is what it is known by.
    pub fn server_made_now(&self, names: &[String]) -> Result<Arc<ServerConfig>, CertificateError> {
        let mut params = params(names)?;
        params.not_before = (SystemTime::now() - MOMENT).into();
        self.vouch(names, &params)
    }

    fn vouch(
        &self,
        names: &[String],
        params: &CertificateParams,
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let failed = |source| CertificateError::Make { names: names.to_vec(), source };
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        settings(names, vec![certificate.der().clone(), self.issuer.der().clone()], &key)
    }
}

/// TLS settings of a server that nobody vouches for but itself.
pub fn self_signed_server(names: &[String]) -> Result<Arc<ServerConfig>, CertificateError> {
    let failed = |source| CertificateError::Make { names: names.to_vec(), source };
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params(names)?.self_signed(&key).map_err(failed)?;
    settings(names, vec![certificate.der().clone()], &key)
}

fn params(names: &[String]) -> Result<CertificateParams, CertificateError> {
    let failed = |source| CertificateError::Make { names: names.to_vec(), source };
    let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
    let common = names.first().map_or("county.example", String::as_str);
    params.distinguished_name.push(DnType::CommonName, common);
    Ok(params)
}

fn settings(
    names: &[String],
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |source| CertificateError::Use { names: names.to_vec(), source };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
