//! What the hub wishes to have asked now. The agent calls, and the hub answers when there is something: agents sit behind
//! firewalls that let nobody in.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::link::share;
use super::talk::{NoAnswer, Talk};
use crate::chance::draw;
use crate::limits::{ASKS_HELD_FOR, ASKS_WAIT};

/// Through which address the hub was last heard, and with which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub place: usize,
    pub bearer: String,
}

/// Listens until it is stopped. Whether the hub is there, and where, it learns from the reports.
pub async fn listen(
    talk: Arc<Talk>,
    mut heard: watch::Receiver<Option<Heard>>,
    wishes: mpsc::Sender<String>,
    stop: CancellationToken,
) {
    let mut is_said = false;
    while !stop.is_cancelled() {
        let Some(Heard { place, bearer }) = heard.borrow_and_update().clone() else {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = heard.changed() => if changed.is_err() { return },
            }
            continue;
        };
        let begun = Instant::now();
        let answer = tokio::select! {
            () = stop.cancelled() => return,
            // The hub is heard elsewhere: listen there.
            Ok(()) = heard.changed() => continue,
            answer = talk.asks(place, &bearer) => answer,
        };
        let is_all_right = answer.is_ok();
        match answer {
            // What finds no room is asked when its turn comes.
            Ok(probes) => probes.into_iter().for_each(|probe| drop(wishes.try_send(probe))),
            Err(NoAnswer::Unreachable(why)) if begun.elapsed() >= ASKS_HELD_FOR => {
                tracing::debug!("the hub was listened to in vain: {why}");
            }
            Err(why) => {
                if !std::mem::replace(&mut is_said, true) {
                    tracing::info!("what the hub wishes isn't heard for now: {why}");
                }
            }
        }
        if is_all_right {
            is_said = false;
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            changed = heard.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(ASKS_WAIT / 2 + share(ASKS_WAIT / 2, draw())) => {}
        }
    }
}
