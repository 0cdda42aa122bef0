//! One exchange with a hub: what is asked, and what its answer means for what the agent does next.

use std::net::IpAddr;

use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::{
    ASKS_HELD_FOR, UPLINK_ALIVE_EVERY, UPLINK_ALIVE_WITHIN, UPLINK_ANSWER_BYTES_MAX, UPLINK_CONNECT_TIMEOUT,
    UPLINK_EXCHANGE_TIMEOUT, UPLINK_HUBS_MAX, UPLINK_IDLE,
};
use crate::uplink::batch::Packed;
use crate::uplink::http::{body, reason};
use crate::uplink::message::{
    AsksAnswer, BatchAnswer, BatchProblem, Bundle, ENCODING, EnrolAnswer, EnrolRequest, KeyRequest, LINES,
    SPOOL, STATE, State,
};

/// One address of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub url: Url,
    /// The network that it is on, where that is known.
    pub network: Option<String>,
}

impl Address {
    /// `hub.example:9460`: what of it people know, without what a URL may hold besides.
    pub fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

impl std::str::FromStr for Address {
    type Err = String;

    /// `https://hub.example:9460`, or with its network: `hscn=https://…`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (network, url) = match text.split_once('=') {
            Some((network, url)) if !network.contains(':') => (Some(network.to_owned()), url),
            _ => (None, text),
        };
        let url = Url::parse(url).map_err(|error| format!("{url:?} is no URL: {error}"))?;
        let host = url.host_str().ok_or_else(|| format!("{url} names no host"))?;
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_loopback = ip.map_or(host == "localhost", |ip| ip.is_loopback());
        match url.scheme() {
            "https" => Ok(Self { url, network }),
            "http" if is_loopback => Ok(Self { url, network }),
            "http" => {
                Err(format!("{url} isn't encrypted, and the agent's key would be seen: write https://"))
            }
            other => Err(format!("{other}: is nothing that a hub speaks: write https://")),
        }
    }
}

/// Why there is no answer that helps.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody is there, or something on the way isn't right; another address may do.
    #[error("{0}")]
    Unreachable(String),
    /// The hub has no room for this just now.
    #[error("the hub asks to come later: {0}")]
    Later(String),
    /// The hub doesn't know this key.
    #[error("the hub doesn't let this agent in: {0}")]
    Denied(String),
    /// The batch can't be taken as it is.
    #[error("the hub doesn't take this batch: {}", .0.error)]
    Refused(BatchProblem),
    #[error("the hub finds this batch too large: {0}")]
    TooLarge(String),
    #[error("the hub says no: {0}")]
    No(String),
}

/// Asks.
#[derive(Debug, Clone)]
pub struct Talk {
    http: Client,
    addresses: Vec<Address>,
}

impl Talk {
    /// `ca_pem`: whom to trust instead of this machine's roots.
    pub fn new(addresses: Vec<Address>, ca_pem: Option<&str>) -> Result<Self, String> {
        if addresses.is_empty() || addresses.len() > UPLINK_HUBS_MAX {
            return Err(format!("name one to {UPLINK_HUBS_MAX} addresses of the hub"));
        }
        // No proxy of the environment: it is for browsers, and would see which addresses are asked.
        let mut builder = Client::builder()
            .no_proxy()
            .timeout(UPLINK_EXCHANGE_TIMEOUT)
            .connect_timeout(UPLINK_CONNECT_TIMEOUT)
            .pool_idle_timeout(UPLINK_IDLE)
            // Over one connection go all of an agent's requests. One that a firewall has forgotten is found out, and another made.
            .http2_keep_alive_interval(UPLINK_ALIVE_EVERY)
            .http2_keep_alive_timeout(UPLINK_ALIVE_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("linewatch/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = ca_pem {
            let roots = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| reason(&error))?;
            if roots.is_empty() {
                return Err("there is no certificate in it: it must be PEM".to_owned());
            }
            builder = builder.tls_certs_only(roots);
        }
        let http = builder.build().map_err(|error| reason(&error))?;
        Ok(Self { http, addresses })
    }

    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    fn url(&self, to: usize, path: &str) -> Url {
        // There is at least one, and a link counts within them.
        let mut url = self.addresses[to % self.addresses.len()].url.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url
    }

    pub async fn enrol(&self, to: usize, request: &EnrolRequest) -> Result<EnrolAnswer, NoAnswer> {
        read(send(self.http.post(self.url(to, "/api/v1/agent/enrol")), request).await?).await
    }

    pub async fn next_key(&self, to: usize, bearer: &str, request: &KeyRequest) -> Result<(), NoAnswer> {
        let asked = self.http.post(self.url(to, "/api/v1/agent/key")).header(header::AUTHORIZATION, bearer);
        send(asked, request).await.map(drop)
    }

    /// The configuration and its tag; `None`: it is the one that the agent has.
    pub async fn config(
        &self,
        to: usize,
        bearer: &str,
        has: Option<&str>,
    ) -> Result<Option<(String, Bundle)>, NoAnswer> {
        let mut asked =
            self.http.get(self.url(to, "/api/v1/agent/config")).header(header::AUTHORIZATION, bearer);
        if let Some(has) = has {
            asked = asked.header(header::IF_NONE_MATCH, format!("\"{has}\""));
        }
        let answer = judge(asked.send().await).await?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let tag = tag.map(|tag| tag.trim_matches('"').to_owned()).unwrap_or_default();
        Ok(Some((tag, read(answer).await?)))
    }

    /// What the hub wishes to have asked now. It answers when there is something, and with nothing after [`ASKS_HELD_FOR`].
    pub async fn asks(&self, to: usize, bearer: &str) -> Result<Vec<String>, NoAnswer> {
        let asked = self
            .http
            .get(self.url(to, "/api/v1/agent/asks"))
            .header(header::AUTHORIZATION, bearer)
            .timeout(ASKS_HELD_FOR + UPLINK_EXCHANGE_TIMEOUT);
        let answer = judge(asked.send().await).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(Vec::new());
        }
        let AsksAnswer { probes } = read(answer).await?;
        Ok(probes)
    }

    pub async fn batch(
        &self,
        to: usize,
        bearer: &str,
        spool: &str,
        state: &State,
        packed: Packed,
    ) -> Result<BatchAnswer, NoAnswer> {
        let state = state.header().map_err(|error| NoAnswer::No(error.to_string()))?;
        let asked = self
            .http
            .post(self.url(to, "/api/v1/observations"))
            .header(header::AUTHORIZATION, bearer)
            .header(header::CONTENT_TYPE, LINES)
            .header(SPOOL, spool)
            .header(STATE, state);
        let asked = if packed.is_gzip { asked.header(header::CONTENT_ENCODING, ENCODING) } else { asked };
        let asked = asked.body(packed.bytes);
        read(judge(asked.send().await).await?).await
    }
}

async fn send(asked: RequestBuilder, body: &impl Serialize) -> Result<Response, NoAnswer> {
    judge(asked.json(body).send().await).await
}

/// What an answer's status means.
async fn judge(answered: Result<Response, reqwest::Error>) -> Result<Response, NoAnswer> {
    let answer = answered.map_err(|error| NoAnswer::Unreachable(reason(&error)))?;
    let status = answer.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(answer);
    }
    let bytes = body(answer, UPLINK_ANSWER_BYTES_MAX).await.unwrap_or_default();
    let Ok(problem) = serde_json::from_slice::<BatchProblem>(&bytes) else {
        // A captive portal, a block page, a proxy in front: not the hub.
        return Err(NoAnswer::Unreachable(format!("status {status}, and not from a linewatch hub")));
    };
    Err(match status {
        _ if !problem.refused.is_empty() => NoAnswer::Refused(problem),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => NoAnswer::Denied(problem.error),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT => {
            NoAnswer::Later(problem.error)
        }
        StatusCode::PAYLOAD_TOO_LARGE => NoAnswer::TooLarge(problem.error),
        // It came to harm on the way.
        StatusCode::BAD_REQUEST | StatusCode::REQUEST_TIMEOUT => NoAnswer::Unreachable(problem.error),
        _ => NoAnswer::No(problem.error),
    })
}

async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, NoAnswer> {
    let bytes = body(answer, UPLINK_ANSWER_BYTES_MAX).await;
    let bytes = bytes.map_err(|error| NoAnswer::Unreachable(error.to_string()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| NoAnswer::Unreachable(format!("the answer is not a linewatch hub's: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_its_network_and_is_encrypted_beyond_this_machine() {
        let address: Address = "hscn=https://10.0.0.5:9460".parse().expect("an address");
        assert_eq!(
            (address.network.as_deref(), address.url.as_str()),
            (Some("hscn"), "https://10.0.0.5:9460/")
        );
        assert_eq!(address.place(), "10.0.0.5:9460");
        assert_eq!(
            "https://user:word@hub.example/".parse::<Address>().expect("an address").place(),
            "hub.example"
        );
        let plain: Address = "http://127.0.0.1:9460".parse().expect("this machine");
        assert_eq!(plain.network, None);
        for wrong in
            ["http://10.0.0.5:9460", "ftp://127.0.0.1", "hub", "https://", "http://127.0.0.1.evil.example"]
        {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
        assert!("https://hub.example/?a=b".parse::<Address>().is_ok_and(|address| address.network.is_none()));
    }
}
