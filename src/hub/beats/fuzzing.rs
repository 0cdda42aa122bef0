//! The fuzz target of heartbeats: whoever asks for whatever, only who has a work's own address is heard, and only of that
//! work.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures::executor::block_on;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::token::{Mint, Work, works};
use super::{Beats, routes};
use crate::estate::{Ask, Estate, SharedSecret};
use crate::fuzzing::choice;
use crate::hub::server::Peer;
use crate::time::At;

/// Two kinds of work of each practice, the second the hub's own as well.
const WORK: &str = r#"
[[service]]
id = "letters"
name = "letters"

[[probe]]
id = "letters-sent"
kind = "heartbeat"
network = "internet"
service = "letters"
target = "hospital letters"
every = "24h"
timeout = "1h"

[[probe]]
id = "backup"
kind = "heartbeat"
network = "internet"
service = "letters"
target = "backup"
only = ["G82001", "@hub"]
every = "1h"
timeout = "10m"
"#;
const NOW: At = At::from_millis(1_773_644_400_000);
/// The longest answer is a sentence.
const ANSWER_BYTES_MAX: usize = 128;

/// An estate that waits for work, and the secret in it.
pub(crate) fn estate() -> Option<Arc<Estate>> {
    let mut estate = crate::config::fuzzing::config(WORK)?.estate;
    let secret = SharedSecret::new("correct horse battery").ok();
    for probe in &mut estate.probes {
        if let Ask::Heartbeat(work) = &mut probe.ask {
            work.secret.clone_from(&secret);
        }
    }
    Some(Arc::new(estate))
}

/// All work, with the tokens of each.
struct WaitedFor {
    estate: Arc<Estate>,
    works: Vec<Work>,
    tokens: Vec<String>,
}

impl WaitedFor {
    fn new() -> Option<Self> {
        let estate = estate()?;
        let works = works(&estate);
        let mint = Mint::of(&estate)?;
        let tokens: Vec<String> = works.iter().map(|work| mint.token(work)).collect();
        assert_eq!(tokens.len(), 8, "six practices' letters, and two backups");
        Some(Self { estate, works, tokens })
    }
}

/// The first byte chooses how it is asked, and whether a work's own token stands first. Then come the address behind
/// `/beat/`, up to the end of the line, and what is sent along.
pub(crate) fn beat(bytes: &[u8]) {
    static WAITED_FOR: OnceLock<Option<WaitedFor>> = OnceLock::new();
    let Some(WaitedFor { estate, works, tokens }) = WAITED_FOR.get_or_init(WaitedFor::new) else { return };
    let (how, bytes) = choice(bytes);
    let (line, body) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default()),
        None => (bytes, &[][..]),
    };
    let own = usize::from(how >> 3 & 7);
    let token = tokens.get(own).map_or("", String::as_str);
    let address = format!("/beat/{}{}", if how & 1 != 0 { token } else { "" }, String::from_utf8_lossy(line));
    let asked = Request::builder()
        .method(if how & 2 != 0 { Method::POST } else { Method::GET })
        .uri(&address)
        .body(Body::from(body.to_vec()));
    let Ok(mut asked) = asked else { return };
    if how & 4 != 0 {
        asked.extensions_mut().insert(Peer(SocketAddr::from(([192, 0, 2, 7], 40_000))));
    }
    let beats = Arc::new(Beats::new(Arc::clone(estate), Vec::new(), None, NOW));
    let router: Router = routes::routes(Arc::clone(&beats));
    let Ok(answer) = block_on(router.oneshot(asked));
    let status = answer.status();
    let said = block_on(answer.into_body().collect()).map(http_body_util::Collected::to_bytes);
    assert!(said.is_ok_and(|said| said.len() <= ANSWER_BYTES_MAX), "{address}: {status}");

    let heard = beats.lock().book.take_changed();
    if status == StatusCode::OK {
        assert_eq!(heard.len(), 1, "one address is one work's: {address}");
        let whose = tokens.iter().position(|token| address.to_ascii_lowercase().contains(token.as_str()));
        assert!(
            whose.is_some() || address.contains('%'),
            "nobody's token was taken for somebody's: {address}"
        );
        if let (Some(work), Some(row)) = (whose.and_then(|whose| works.get(whose)), heard.first()) {
            assert_eq!((&row.practice, &row.probe), (&work.practice_id, &work.probe_id), "{address}");
        }
    } else {
        assert!(heard.is_empty(), "{status}, and yet it was heard: {address}");
        let known = matches!(
            status,
            StatusCode::BAD_REQUEST
                | StatusCode::NOT_FOUND
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::METHOD_NOT_ALLOWED
        );
        assert!(known, "{address}: {status}");
    }
    for beat in beats.list(NOW) {
        assert!(beat.detail.is_none_or(|detail| !detail.chars().any(char::is_control)), "{address}");
    }
}
