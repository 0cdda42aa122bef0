//! Asks a running linewatch, for the commands that do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::hub::api::Problem;
use crate::limits::{CLIENT_ANSWER_BYTES_MAX, CLIENT_TIMEOUT};

/// Where the running linewatch is.
#[derive(Debug, Clone, clap::Args)]
pub struct Where {
    /// Where linewatch's page is [default: http://127.0.0.1:9460]
    #[arg(long, env = "LINEWATCH_URL", value_name = "URL")]
    url: Option<String>,
    /// Take the address from `[hub] listen` of this configuration
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    config: Option<PathBuf>,
}

/// Speaks to one running linewatch.
#[derive(Debug)]
pub struct Client {
    base: Url,
    http: reqwest::Client,
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
    #[error("the answer from {url} is not linewatch's: {why}")]
    NotOurs { url: String, why: String },
    /// It answered, and said no.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    NotFound(String),
}

impl Where {
    /// At `[hub] listen` of this configuration, unless the environment says otherwise.
    pub fn of(config: &Path) -> Self {
        let url = std::env::var("LINEWATCH_URL").ok();
        let config = url.is_none().then(|| config.to_owned());
        Self { url, config }
    }

    fn url(&self) -> Result<String, ClientError> {
        if let Some(file) = &self.config {
            let config = crate::config::load(file).map_err(|source| ClientError::Config {
                file: file.display().to_string(),
                source: Box::new(source),
            })?;
            let mut address = config.hub.listen;
            if address.ip().is_unspecified() {
                address.set_ip(if address.is_ipv4() {
                    std::net::Ipv4Addr::LOCALHOST.into()
                } else {
                    std::net::Ipv6Addr::LOCALHOST.into()
                });
            }
            return Ok(format!("http://{address}"));
        }
        Ok(self.url.clone().unwrap_or_else(|| "http://127.0.0.1:9460".to_owned()))
    }
}

impl Client {
    pub fn new(place: &Where) -> Result<Self, ClientError> {
        let url = place.url()?;
        let base = Url::parse(&url)
            .ok()
            .filter(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host())
            .ok_or_else(|| ClientError::Url(url.clone()))?;
        // No proxy: the hub is on this machine or near it, and a proxy in the environment is for elsewhere.
        let http = reqwest::Client::builder()
            .timeout(CLIENT_TIMEOUT)
            .connect_timeout(CLIENT_TIMEOUT.min(Duration::from_secs(5)))
            .no_proxy()
            .build()
            .map_err(|error| ClientError::Unreachable { url, why: reason(&error) })?;
        Ok(Self { base, http })
    }

    /// `segments` are put into the path as they are, each escaped.
    pub async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, ClientError> {
        self.ask(Method::GET, segments, None::<&()>).await
    }

    pub async fn approve<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.ask(Method::POST, segments, Some(body)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        segments: &[&str],
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        let place = self.base.to_string();
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.header("X-Linewatch", "approve").json(body);
        }
        let unreachable =
            |error: &reqwest::Error| ClientError::Unreachable { url: place.clone(), why: reason(error) };
        let mut answer = request.send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| unreachable(&error))? {
            if bytes.len() + piece.len() > CLIENT_ANSWER_BYTES_MAX {
                return Err(ClientError::NotOurs { url: place, why: "it does not end".to_owned() });
            }
            bytes.extend_from_slice(&piece);
        }
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|error| ClientError::NotOurs { url: place, why: error.to_string() });
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) if status == StatusCode::NOT_FOUND => Err(ClientError::NotFound(problem.error)),
            Ok(problem) => Err(ClientError::Refused(problem.error)),
            Err(_) => Err(ClientError::NotOurs { url: place, why: format!("status {status}") }),
        }
    }
}

/// The innermost reason of a failed request: "connection refused", not the layers around it.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", CLIENT_TIMEOUT.as_secs());
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Runs a command's questions on a small runtime of its own.
pub fn block_on<T>(asking: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(asking)
}

/// Text from the network for a terminal: no control characters, which could move the cursor or worse.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
