//! What is posted over HTTP: webhooks, Alertmanager, Microsoft Teams, and text messages through GOV.UK Notify.
//!
//! One request a notice, on a connection of reqwest's own, under a deadline. No redirect is followed: it would carry the
//! signature to wherever somebody else says. Errors name the channel, never its address, which is a secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Certificate, Client, StatusCode, Url, header};
use ring::hmac;
use serde_json::{Value, json};

use super::notice::Notice;
use super::policy::severity::Severity;
use super::smtp::{Trouble, one_line};
use super::words::Letter;
use crate::config::{ChannelKind, ChannelSettings};
use crate::estate::SharedSecret;
use crate::hex::hex;
use crate::incident::{Event, EventKind};
use crate::limits::{
    ALERT_OPEN_FOR, CHANNEL_ANSWER_BYTES_MAX, CHANNEL_CONNECT_TIMEOUT, CHANNEL_TIMEOUT, SMS_CHARS_MAX,
};
use crate::time::At;
use crate::uplink::http::{body, reason};

/// One channel and how to speak to it.
#[derive(Clone)]
pub(super) struct Hook {
    http: Client,
    url: Url,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Webhook(hmac::Key),
    Alertmanager,
    Teams,
    Sms { service: String, key: hmac::Key, template: String },
}

/// What is told.
pub(super) struct Message<'a> {
    pub notice: &'a Notice,
    pub event: &'a Event,
    pub letter: &'a Letter,
    /// The worst that the incident has been.
    pub severity: Severity,
    /// Where a text message goes.
    pub mobile: Option<&'a str>,
    /// Nothing has happened: whatever reads this must be able to tell.
    pub is_exercise: bool,
    /// By which the reader says that they have it in hand.
    pub link: Option<&'a str>,
}

impl Hook {
    /// # Errors
    ///
    /// A fragment that says what can't be used, and never what it is.
    pub(super) fn new(channel: &ChannelSettings) -> Result<Self, String> {
        // No proxy of the environment: it is for browsers, and would see what is posted where.
        let mut http = Client::builder()
            .no_proxy()
            .timeout(CHANNEL_TIMEOUT)
            .connect_timeout(CHANNEL_CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("linewatch/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &channel.trust_pem {
            let roots = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| reason(&error))?;
            http = http.tls_certs_merge(roots);
        }
        let http = http.build().map_err(|error| reason(&error.without_url()))?;
        let (path, kind) = match &channel.kind {
            ChannelKind::Webhook { secret } => (None, Kind::Webhook(key(secret))),
            ChannelKind::Alertmanager => (Some("api/v2/alerts"), Kind::Alertmanager),
            ChannelKind::Teams => (None, Kind::Teams),
            ChannelKind::Sms { api_key, template_id } => {
                (Some("v2/notifications/sms"), govuk(api_key, template_id)?)
            }
        };
        let mut url = channel.url.clone();
        if let Some(path) = path {
            let base = url.path().trim_end_matches('/').to_owned();
            url.set_path(&format!("{base}/{path}"));
        }
        Ok(Self { http, url, kind })
    }

    /// Posts one message; gives the answer's first line.
    pub(super) async fn post(&self, message: &Message<'_>, now: At) -> Result<String, Trouble> {
        let content = match &self.kind {
            Kind::Webhook(_) => webhook(message),
            Kind::Alertmanager => alert(message),
            Kind::Teams => card(message),
            Kind::Sms { template, .. } => sms(message, template)?,
        };
        let content = content.to_string();
        let seconds = now.as_millis().div_euclid(1_000);
        let mut request = self
            .http
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("X-Linewatch-Notice", &message.notice.id);
        match &self.kind {
            Kind::Webhook(key) => {
                request = request
                    .header("X-Linewatch-Timestamp", seconds)
                    .header("X-Linewatch-Signature", signature(key, seconds, &content));
            }
            Kind::Sms { service, key, .. } => request = request.bearer_auth(token(service, key, seconds)),
            Kind::Alertmanager | Kind::Teams => {}
        }
        let answer = request.body(content).send().await.map_err(broken)?;
        let status = answer.status();
        let said = body(answer, CHANNEL_ANSWER_BYTES_MAX).await.unwrap_or_default();
        let said = one_line(&format!("{status} {}", String::from_utf8_lossy(&said)));
        judge(status, said)
    }
}

/// What an answer's status means.
fn judge(status: StatusCode, said: String) -> Result<String, Trouble> {
    match status {
        _ if status.is_success() => Ok(said),
        _ if status.is_redirection() => Err(Trouble::Relay(format!(
            "{said}: it answers with a redirect, which isn't followed; name the address where it leads"
        ))),
        // About us, or about everything: the message is not to blame.
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS => Err(Trouble::Relay(said)),
        _ if status.is_server_error() => Err(Trouble::Relay(said)),
        _ => Err(Trouble::Refused(said)),
    }
}

fn broken(error: reqwest::Error) -> Trouble {
    let is_unsent = error.is_connect() || error.is_builder();
    let why = one_line(&reason(&error.without_url()));
    // Once a request is out, nobody knows whether it was taken.
    if is_unsent { Trouble::Relay(why) } else { Trouble::Unknown(why) }
}

fn key(secret: &SharedSecret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.bytes())
}

/// `v1=` and the HMAC-SHA256, in hexadecimal digits, of the timestamp, a dot and the body: a message that was overheard can't
/// be sent again later.
fn signature(key: &hmac::Key, seconds: i64, content: &str) -> String {
    let tag = hmac::sign(key, format!("{seconds}.{content}").as_bytes());
    format!("v1={}", hex(tag.as_ref()))
}

/// An API key of GOV.UK Notify is a name, the service's id and the secret, the last two as UUIDs.
fn govuk(api_key: &SharedSecret, template: &str) -> Result<Kind, String> {
    const UUID: usize = 36;
    let wrong = || "its API key is not one of GOV.UK Notify's: name-service-secret".to_owned();
    let text = std::str::from_utf8(api_key.bytes()).map_err(|_| wrong())?;
    let (rest, secret) = text.split_at_checked(text.len().saturating_sub(UUID)).ok_or_else(wrong)?;
    let rest = rest.strip_suffix('-').ok_or_else(wrong)?;
    let (_, service) = rest.split_at_checked(rest.len().saturating_sub(UUID)).ok_or_else(wrong)?;
    if service.len() != UUID {
        return Err(wrong());
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    Ok(Kind::Sms { service: service.to_owned(), key, template: template.to_owned() })
}

/// A JSON Web Token as Notify asks for it: who, and when, signed (HS256).
fn token(service: &str, key: &hmac::Key, seconds: i64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!(
        "{}.{}",
        part(json!({ "typ": "JWT", "alg": "HS256" })),
        part(json!({ "iss": service, "iat": seconds }))
    );
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(key, signed.as_bytes()));
    format!("{signed}.{tag}")
}

fn webhook(Message { notice, event, letter, severity, is_exercise, link, .. }: &Message<'_>) -> Value {
    let mut told = json!({
        "severity": severity,
        "notice": notice.id, "kind": notice.kind, "incident": notice.incident,
        "subject": letter.subject, "text": letter.text, "event": event, "acknowledge": link,
    });
    if *is_exercise {
        told["exercise"] = Value::Bool(true);
    }
    told
}

/// The labels are what the alert is known by, so they stay the same until it is over; everything else may change.
fn alert(Message { event, letter, severity, is_exercise, link, .. }: &Message<'_>) -> Value {
    let mut annotations =
        json!({ "summary": letter.subject, "description": letter.text, "severity": severity });
    if let Some(link) = link {
        annotations["acknowledge"] = (*link).into();
    }
    let ends = if event.event == EventKind::Resolved { event.at } else { event.at + ALERT_OPEN_FOR };
    let mut labels =
        json!({ "alertname": "LinewatchIncident", "incident": event.incident, "service": "linewatch" });
    // A label, so that a route can tell them apart, and so that it is another alert than a real incident of that number.
    if *is_exercise {
        labels["exercise"] = json!("true");
    }
    json!([{
        "labels": labels,
        "annotations": annotations,
        "startsAt": event.since.min(event.at).to_string(),
        "endsAt": ends.to_string(),
    }])
}

fn card(Message { letter, link, .. }: &Message<'_>) -> Value {
    let block = |text: &str| json!({ "type": "TextBlock", "text": unmarked(text), "wrap": true });
    let mut blocks = vec![
        json!({ "type": "TextBlock", "text": unmarked(&letter.subject), "weight": "Bolder", "wrap": true }),
    ];
    blocks.extend(letter.text.split("\n\n").filter(|part| !part.trim().is_empty()).map(block));
    let button = |link: &&str| json!({ "type": "Action.OpenUrl", "title": "Acknowledge", "url": link });
    let actions: Vec<Value> = link.iter().map(button).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard", "version": "1.4", "body": blocks, "actions": actions,
            },
        }],
    })
}

/// A card's text is Markdown: a name must not become a link.
fn unmarked(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if matches!(c, '[' | ']' | '*' | '_' | '\\' | '`' | '#') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

fn sms(message: &Message<'_>, template: &str) -> Result<Value, Trouble> {
    let Some(mobile) = message.mobile else {
        return Err(Trouble::Unsendable("there is no mobile number for it".to_owned()));
    };
    let words: String = message.letter.subject.chars().take(SMS_CHARS_MAX).collect();
    Ok(json!({
        "phone_number": mobile, "template_id": template, "reference": message.notice.id,
        // A template that has no place for the link leaves it out.
        "personalisation": {
            "message": words, "incident": message.notice.incident, "link": message.link.unwrap_or_default(),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_and_a_token_are_what_others_work_out() {
        // openssl dgst -sha256 -hmac "a secret of sixteen" <<< '1700000000.{}' without its line end.
        let secret = SharedSecret::new("a secret of sixteen").expect("a secret");
        let signed = signature(&key(&secret), 1_700_000_000, "{}");
        assert_eq!(signed, "v1=9e0f98fb6d96af0b7ebef51d30bd6c877daee8bce9b06dccbaa91614ae5b1e5b");
        let api_key = "reports-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0";
        let api_key = SharedSecret::new(api_key).expect("a key");
        let Ok(Kind::Sms { service, key, .. }) = govuk(&api_key, "template") else { panic!("it is one") };
        assert_eq!(service, "26785a09-ab16-4eb0-8407-a37497a57506");
        assert_eq!(
            token(&service, &key, 1_700_000_000),
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsImlzcyI6IjI2Nzg1YTA5LWFiMTYtNGViMC04NDA3LWEzNzQ5N2E1NzUwNiJ9.NXsWcbR6gWmLcSTze2s86_nBVWGdkkm8vS6QLlbK3_g"
        );
        assert!(govuk(&secret, "template").is_err());
    }

    #[test]
    fn a_name_in_a_card_is_no_link() {
        assert_eq!(unmarked("[free](https://evil.example)"), "\\[free\\](https://evil.example)");
    }
}
