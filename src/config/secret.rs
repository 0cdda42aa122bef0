//! Secrets that stand in a file or in an environment variable, never in the configuration itself.

use super::errors::Placed;
use super::names::shorten;
use super::reader::Reader;
use super::section::Section;
use crate::estate::SharedSecret;

/// The keys for one secret.
pub(super) struct Keys {
    pub file: &'static str,
    pub variable: &'static str,
    /// What somebody may write who knows no better.
    pub itself: &'static str,
    /// An environment variable's name, for help.
    pub example: &'static str,
    /// What the secret must be, for help.
    pub must: &'static str,
}

/// The secret that a reflector has too.
pub(super) const OF_REFLECTOR: Keys = Keys {
    file: "secret_file",
    variable: "secret_env",
    itself: "secret",
    example: "LINEWATCH_REFLECTOR_SECRET",
    must: "it must hold the secret alone, on one line, as the reflector has it",
};

/// The secret that the addresses of heartbeats are made from.
pub(super) const OF_BEATS: Keys = Keys {
    file: "beat_secret_file",
    variable: "beat_secret_env",
    itself: "beat_secret",
    example: "LINEWATCH_BEAT_SECRET",
    must: "it must hold the secret alone, on one line: openssl rand -hex 32 makes one",
};

/// What people and Prometheus show to read the page.
pub(super) const OF_VIEWER: Keys = Keys {
    file: "viewer_token_file",
    variable: "viewer_token_env",
    itself: "viewer_token",
    example: "LINEWATCH_VIEWER_TOKEN",
    must: "it must hold the token alone, on one line: openssl rand -hex 32 makes one",
};

/// What administrators show.
pub(super) const OF_ADMIN: Keys = Keys {
    file: "admin_token_file",
    variable: "admin_token_env",
    itself: "admin_token",
    example: "LINEWATCH_ADMIN_TOKEN",
    must: "it must hold the token alone, on one line: openssl rand -hex 32 makes one",
};

/// What a mail server shows that hands over what came back.
pub(super) const OF_BOUNCES: Keys = Keys {
    file: "bounce_token_file",
    variable: "bounce_token_env",
    itself: "bounce_token",
    example: "LINEWATCH_BOUNCE_TOKEN",
    must: "it must hold the token alone, on one line: openssl rand -hex 32 makes one",
};

/// The secret, where one of the keys for it is there.
pub(super) fn shared(reader: &mut Reader<'_>, section: &Section<'_>, keys: &Keys) -> Option<SharedSecret> {
    let Keys { file: file_key, variable: variable_key, itself, example, must } = keys;
    if let Some((key, _)) = section.entries().into_iter().find(|(key, _)| key.value == *itself) {
        reader.refuse(
            key.span,
            "a secret doesn't belong in this file, which others may read",
            format!(
                "put it into a file that only linewatch can read and write {file_key} = \"…\", or into an environment variable and write {variable_key} = \"{example}\""
            ),
        );
    }
    let file = section.text(reader, file_key);
    let variable = section.text(reader, variable_key);
    if let (Some(_), Some(variable)) = (file, variable) {
        reader.refuse(
            variable.span,
            "the secret is named twice",
            format!("keep {file_key} or {variable_key}"),
        );
        return None;
    }
    let (key, name, text): (_, Placed<&str>, _) = match (file, variable) {
        (Some(name), _) => (file_key, name, super::side_file(reader, file_key, name)?),
        (None, Some(name)) => {
            let Ok(text) = std::env::var(name.value) else {
                let message = format!("`{variable_key}`: {:?} is not set", shorten(name.value));
                reader.refuse(
                    name.span,
                    message,
                    format!("set this environment variable, or use {file_key}"),
                );
                return None;
            };
            (variable_key, name, text)
        }
        (None, None) => return None,
    };
    match SharedSecret::new(&text) {
        Ok(secret) => Some(secret),
        Err(why) => {
            let message = format!("`{key}`: what {:?} holds is not a secret: {why}", shorten(name.value));
            reader.refuse(name.span, message, *must);
            None
        }
    }
}
