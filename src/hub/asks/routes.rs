//! `GET /api/v1/agent/asks`: an agent waits for what it is to ask.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;

use crate::hub::api::problem;
use crate::hub::credentials::routes::answer;
use crate::hub::intake::routes::who;
use crate::hub::numbers::AgentRequest;
use crate::hub::server::source;
use crate::hub::state::Hub;
use crate::limits::ASKS_HELD_FOR;
use crate::uplink::message::AsksAnswer;

/// For agents. Outside of the limit on how long a request may take: it has its own.
pub fn of_agents() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/agent/asks", get(listen))
}

/// Answers as soon as there is something to ask, and with nothing after a while.
async fn listen(State(hub): State<Arc<Hub>>, asked: Parts) -> Response {
    let who = match who(&hub, &asked).await {
        Ok(who) => who,
        Err(refusal) => {
            return answer(&hub, AgentRequest::Asks, source(&asked.extensions), Err(refusal));
        }
    };
    let heard = tokio::time::timeout(ASKS_HELD_FOR, hub.asks.listen(&who.practice, &who.agent)).await;
    match heard {
        Ok(Some(probes)) => Json(AsksAnswer { probes }).into_response(),
        // Whoever hears this waits before it asks again.
        Ok(None) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "nothing more will be asked by this: ask again later")
        }
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}
