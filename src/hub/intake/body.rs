//! What an agent's request, or that of one who would be an agent, says in its body: bounded in length and in time.

use axum::body::BodyDataStream;
use axum::http::{HeaderMap, header};
use futures::StreamExt as _;

use super::refusal::Refusal;
use crate::hub::server::let_go;
use crate::limits::BODY_WITHIN;

/// The body. One that says that it is longer than it may be isn't read at all.
pub async fn read(
    headers: &HeaderMap,
    pieces: &mut BodyDataStream,
    bytes_max: usize,
) -> Result<Vec<u8>, Refusal> {
    let says = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if says.is_some_and(|says: usize| says > bytes_max) {
        return Err(Refusal::Huge { bytes_max });
    }
    tokio::time::timeout(BODY_WITHIN, whole(pieces, bytes_max)).await.unwrap_or(Err(Refusal::Slow))
}

async fn whole(pieces: &mut BodyDataStream, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Refusal::Cut)?;
        if bytes.len() + piece.len() > bytes_max {
            return Err(Refusal::Huge { bytes_max });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// What is left of a refused one is taken and dropped, up to a bound, so that its sender hears why. Nothing more is heard of whoever asks
/// too often, or doesn't come to an end.
pub async fn drop_rest(refusal: &Refusal, pieces: BodyDataStream, bytes_max: usize) {
    if !matches!(refusal, Refusal::Flood | Refusal::Slow) {
        let_go(pieces, bytes_max).await;
    }
}
