//! Asking over HTTP within bounds: shared by the agent and by the commands.

use reqwest::Response;

use crate::distrust;

/// Why an answer has no body that can be used.
#[derive(Debug, thiserror::Error)]
pub enum NoBody {
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
    #[error("it does not end")]
    TooLong,
}

/// The body of an answer, up to so many bytes.
pub async fn body(mut answer: Response, bytes_max: usize) -> Result<Vec<u8>, NoBody> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if bytes.len() + piece.len() > bytes_max {
            return Err(NoBody::TooLong);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// The innermost reason of a failed request: "connection refused", not the layers around it; of a certificate that isn't trusted, in words.
pub fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    if let Some(words) = distrust::in_error(error) {
        return words;
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
