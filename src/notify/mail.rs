//! A letter in its envelope: headers that thread, the same bytes each time.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, MultiPartBuilder, SinglePart};

use super::link::LinkKey;
use super::notice::Notice;
use super::policy::stable_hash;
use super::words::Letter;
use crate::time::At;

/// Why a notice can't be made into a mail. Each is a reason never to send it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoMail {
    #[error("the recipient is not an e-mail address; mend `email` of the practice or `staff` of [mail]")]
    Recipient,
    #[error("the mail could not be put together: {0}")]
    Message(String),
}

/// The `Message-ID` of a notice, with its angle brackets. Without a key it is as good for all but for being told apart from what
/// somebody makes up.
pub(super) fn message_id(notice: &str, from: &Mailbox, key: Option<&LinkKey>) -> String {
    let domain = from.email.domain();
    key.map_or_else(|| format!("<{notice}@{domain}>"), |key| key.message_id(notice, domain))
}

/// The whole mail. The same notice and letter give the same bytes, so that a repeat is a repeat.
pub(super) fn mail(
    notice: &Notice,
    letter: Letter,
    from: &Mailbox,
    key: Option<&LinkKey>,
) -> Result<Message, NoMail> {
    let to = notice.recipient.parse().map_err(|_| NoMail::Recipient)?;
    let mut mail = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(letter.subject)
        .date(system_time(notice.due))
        .message_id(Some(message_id(&notice.id, from, key)))
        .header(AutoSubmitted);
    if let Some(thread) = &notice.thread {
        let thread = message_id(thread, from, key);
        mail = mail.in_reply_to(thread.clone()).references(thread);
    }
    let boundary = format!("linewatch-{:016x}", stable_hash(&[notice.id.as_bytes()]));
    let body: MultiPartBuilder =
        MultiPart::builder().kind(lettre::message::MultiPartKind::Alternative).boundary(boundary);
    mail.multipart(
        body.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(letter.text))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(letter.html)),
    )
    .map_err(|error| NoMail::Message(error.to_string()))
}

fn system_time(at: At) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0))
}

/// Keeps out-of-office answers away (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
