//! What was said of an incident before the event that a notice tells of: letters at its end speak of what it hit.

use std::sync::{Arc, Mutex, PoisonError};

use crate::incident::Event;
use crate::store::Store;
use crate::time::At;

/// The events before one event. A county's managers are told of the same one, so the last that was asked for is kept.
#[derive(Default)]
pub(super) struct Earlier(Mutex<Option<Kept>>);

/// Of which event of which incident, and what came before it.
type Kept = (String, At, Arc<[Event]>);

impl Earlier {
    /// Oldest first; none when the store can't be read, which costs the letter a list and not its sending.
    pub async fn than(&self, event: &Event, store: &Store) -> Arc<[Event]> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((incident, at, earlier)) = known
            && (incident.as_str(), at) == (event.incident.as_str(), event.at)
        {
            return earlier;
        }
        let history = store.incident_history(&event.incident).await.unwrap_or_default();
        let earlier: Arc<[Event]> = history.into_iter().filter(|other| other.at < event.at).collect();
        let kept = Some((event.incident.clone(), event.at, Arc::clone(&earlier)));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        earlier
    }
}
