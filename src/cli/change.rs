//! Has a running linewatch change something, and says what came of it: what all commands do that change anything.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Exit;
use super::client::{Client, ClientError, Where, block_on, plain};
use super::status::print;

/// Prints the answer, as JSON or in words. Exit status: 0 done, 2 there is no such thing.
pub fn change<A: DeserializeOwned + Serialize>(
    (place, json): (&Where, bool),
    path: &[&str],
    request: &impl Serialize,
    words: impl FnOnce(&A) -> String,
) -> anyhow::Result<Exit> {
    block_on(async {
        let client = Client::new(place)?;
        match client.change::<A>(path, request).await {
            Ok(answer) => {
                print(json, &answer, || Ok(words(&answer)))?;
                Ok(Exit::Fine)
            }
            Err(ClientError::NotFound(error)) => {
                eprintln!("linewatch: {}", plain(&error));
                Ok(Exit::Usage)
            }
            Err(error) => Err(error.into()),
        }
    })
}

/// `2026-03-16-1 goes on as 2026-03-16-2. `, where it isn't the incident that was asked for.
pub fn goes_on(asked: &str, incident: &str) -> String {
    if asked == incident {
        return String::new();
    }
    format!("{} goes on as {}. ", plain(asked), plain(incident))
}
