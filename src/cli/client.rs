//! Asks a running linewatch, for the commands that do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Method, StatusCode, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use x509_parser::extensions::GeneralName;

use crate::hub::api::Problem;
use crate::limits::{CLIENT_ANSWER_BYTES_MAX, CLIENT_TIMEOUT};
use crate::uplink::http::{self, NoBody, reason};

/// Where the running linewatch is.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Where {
    /// Where linewatch's page is [default: http://127.0.0.1:9460]
    #[arg(long, env = "LINEWATCH_URL", value_name = "URL")]
    url: Option<String>,
    /// Take address, certificate and token from `[hub]` of this configuration
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    config: Option<PathBuf>,
    /// Certificates to trust for it, PEM [default: this machine's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The viewer's or administrator's token
    #[arg(long, env = "LINEWATCH_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Speaks to one running linewatch.
#[derive(Debug)]
pub struct Client {
    base: Url,
    http: reqwest::Client,
    token: Option<SecretString>,
}

/// What is known of the place to ask.
struct Place {
    url: String,
    ca_pem: Option<String>,
    token: Option<SecretString>,
    /// The name in the certificate, and where it really is: here.
    here: Option<(String, SocketAddr)>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("\"{0}\" is not a URL such as http://127.0.0.1:9460")]
    Url(String),
    #[error("{file}: the configuration is broken, so the address is not known; give it with --url")]
    Config { file: String, source: Box<crate::config::Errors> },
    #[error(
        "linewatch does not answer at {url}: {why}. Is `linewatch run` running there? Say where with --url"
    )]
    Unreachable { url: String, why: String },
    #[error("{} can't be read: {why}", file.display())]
    File { file: PathBuf, why: std::io::Error },
    #[error("the answer from {url} is not linewatch's: {why}")]
    NotOurs { url: String, why: String },
    /// It answered, and said no.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing, or not any more.
    #[error("{0}")]
    NotFound(String),
}

impl Where {
    /// At `[hub] listen` of this configuration, unless the environment says otherwise.
    pub fn of(config: &Path) -> Self {
        let url = std::env::var("LINEWATCH_URL").ok();
        let config = url.is_none().then(|| config.to_owned());
        Self { url, config, ..Self::default() }
    }

    fn place(&self) -> Result<Place, ClientError> {
        let read = |file: &PathBuf| {
            let unreadable = |why: std::io::Error| ClientError::File { file: file.clone(), why };
            std::fs::read_to_string(file).map_err(unreadable)
        };
        let ca_pem = self.ca.as_ref().map(read).transpose()?;
        let token = self.token_file.as_ref().map(read).transpose()?;
        let token = token.map(|text| SecretString::from(text.trim_end()));
        let Some(file) = &self.config else {
            let url = self.url.clone().unwrap_or_else(|| "http://127.0.0.1:9460".to_owned());
            return Ok(Place { url, ca_pem, token, here: None });
        };
        let hub = crate::config::load(file)
            .map_err(|source| ClientError::Config {
                file: file.display().to_string(),
                source: Box::new(source),
            })?
            .hub;
        let mut address = hub.listen;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        let of_file = hub.tokens.admin.or(hub.tokens.viewer);
        let of_file =
            of_file.map(|token| SecretString::from(String::from_utf8_lossy(token.bytes()).into_owned()));
        let token = token.or(of_file);
        let Some(tls) = hub.tls else {
            return Ok(Place { url: format!("http://{address}"), ca_pem, token, here: None });
        };
        let name = name_in(&tls.certificate_pem);
        let url = match &name {
            Some(name) => format!("https://{name}:{}", address.port()),
            None => format!("https://{address}"),
        };
        let ca_pem = ca_pem.or(Some(tls.certificate_pem));
        Ok(Place { url, ca_pem, token, here: name.map(|name| (name, address)) })
    }
}

/// The first name that a certificate is for.
fn name_in(pem: &str) -> Option<String> {
    let first = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&first).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.replacen('*', "hub", 1)),
        _ => None,
    })
}

impl Client {
    pub fn new(place: &Where) -> Result<Self, ClientError> {
        let Place { url, ca_pem, token, here } = place.place()?;
        let base = Url::parse(&url)
            .ok()
            .filter(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host())
            .ok_or_else(|| ClientError::Url(url.clone()))?;
        // No proxy: the hub is on this machine or near it, and a proxy in the environment is for elsewhere.
        let mut builder = reqwest::Client::builder()
            .timeout(CLIENT_TIMEOUT)
            .connect_timeout(CLIENT_TIMEOUT.min(Duration::from_secs(5)))
            .no_proxy();
        if let Some((name, address)) = here {
            builder = builder.resolve(&name, address);
        }
        let unusable =
            |error: reqwest::Error| ClientError::Unreachable { url: url.clone(), why: reason(&error) };
        if let Some(pem) = ca_pem {
            builder =
                builder.tls_certs_merge(Certificate::from_pem_bundle(pem.as_bytes()).map_err(unusable)?);
        }
        let http = builder.build().map_err(unusable)?;
        Ok(Self { base, http, token })
    }

    /// `segments` are put into the path as they are, each escaped.
    pub async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, ClientError> {
        self.get_with(segments, &[]).await
    }

    /// The same with a query: keys and values, escaped.
    pub async fn get_with<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ClientError> {
        self.ask(Method::GET, segments, query, None::<&()>).await
    }

    /// Changes something.
    pub async fn change<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.ask(Method::POST, segments, &[], Some(body)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let place = self.base.to_string();
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.header("X-Linewatch", "approve").json(body);
        }
        let unreachable =
            |error: &reqwest::Error| ClientError::Unreachable { url: place.clone(), why: reason(error) };
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let bytes = http::body(answer, CLIENT_ANSWER_BYTES_MAX).await.map_err(|error| match error {
            NoBody::Broken(error) => unreachable(&error),
            NoBody::TooLong => ClientError::NotOurs { url: place.clone(), why: error.to_string() },
        })?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|error| ClientError::NotOurs { url: place, why: error.to_string() });
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) => {
                Err(ClientError::NotFound(problem.error))
            }
            Ok(problem) => Err(ClientError::Refused(problem.error)),
            Err(_) => Err(ClientError::NotOurs { url: place, why: format!("status {status}") }),
        }
    }
}

/// Runs a command's questions on a small runtime of its own.
pub fn block_on<T>(asking: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(asking)
}

/// Text from the network for a terminal: no control characters, which could move the cursor or worse.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
