//! A message → what it reports.
//!
//! The message comes from whoever wrote to an address, so it may be anything: an answer from somebody on holiday, advertising, or
//! made to cost. It is read as MIME by mail-parser, within bounds; the fields of the report (RFC 3464, 2.1) are headers by another
//! name, and are read here. A message that is no report of a mail server is refused with a reason: guessing from prose what became
//! of a mail would let anybody say it. Only where the report gives no reason is one taken from the words for people beside it: Exim
//! says there alone what it found out by itself.

use mail_parser::{HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::{Recipient, Report};
use crate::limits::{BOUNCE_BYTES_MAX, BOUNCE_IDS_MAX, BOUNCE_PARTS_MAX, BOUNCE_RECIPIENTS_MAX};

/// Why a message isn't taken for what a mail server says about a mail of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoBounce {
    #[error("it is empty, or no mail at all; give one whole message, with its headers")]
    NoMail,
    #[error("it has more than {BOUNCE_PARTS_MAX} parts, which no mail server's report has")]
    Parts,
    #[error(
        "it is an automatic answer, such as somebody's out-of-office note, and says nothing about a mail's fate"
    )]
    AutoReply,
    #[error(
        "it is no delivery status notification (RFC 3464): it has no part of the type message/delivery-status"
    )]
    NoReport,
    #[error("its report names no recipient with an Action")]
    NoRecipient,
    #[error("it doesn't say which mail it is about: it returns no Message-ID, and refers to none")]
    NoMessageId,
}

/// Reads one message, the first [`BOUNCE_BYTES_MAX`] bytes of it.
///
/// # Errors
///
/// It is no report of a mail server, or doesn't say of what.
pub fn read(bytes: &[u8]) -> Result<Report, NoBounce> {
    let bytes = &bytes[..bytes.len().min(BOUNCE_BYTES_MAX)];
    if parts(bytes) > BOUNCE_PARTS_MAX {
        return Err(NoBounce::Parts);
    }
    let message = MessageParser::default().parse(bytes).ok_or(NoBounce::NoMail)?;
    if message.headers().is_empty() {
        return Err(NoBounce::NoMail);
    }
    let Some(status) = message.parts.iter().find(|part| is_status(part)) else {
        return Err(if is_auto_reply(&message) { NoBounce::AutoReply } else { NoBounce::NoReport });
    };
    let (reporter, mut recipients) = fields(status.contents());
    let words = message.parts.iter().find_map(words_for_people).unwrap_or_default();
    for recipient in recipients.iter_mut().filter(|recipient| recipient.said.is_none()) {
        let mut named = [&recipient.original, &recipient.last].into_iter().flatten();
        recipient.said = named.find_map(|address| reason(words, address));
    }
    let mut message_ids = returned(&message);
    // Exchange names the mail in one, Exim in the other.
    for header in [HeaderName::InReplyTo, HeaderName::References] {
        // The last is the mail itself, those before it are what it answered.
        message_ids.extend(message.header(header).map(ids).unwrap_or_default().into_iter().rev());
    }
    let mut seen = std::collections::BTreeSet::new();
    message_ids.retain(|id| seen.insert(id.clone()));
    message_ids.truncate(BOUNCE_IDS_MAX);
    if recipients.is_empty() {
        return Err(NoBounce::NoRecipient);
    }
    Report { message_ids, reporter, recipients }.bounded().ok_or(NoBounce::NoMessageId)
}

/// How many parts it may have at most. Each that has parts of its own, or is a message, says so in a header; counting those before
/// anything is read keeps parts within parts few, however they are written.
fn parts(bytes: &[u8]) -> usize {
    const NAME: &[u8] = b"content-type";
    bytes.windows(NAME.len()).filter(|window| window.eq_ignore_ascii_case(NAME)).count()
}

/// Whether a part is the report itself; of a mail beyond ASCII it has a type of its own (RFC 6533).
fn is_status(part: &MessagePart<'_>) -> bool {
    is_type(part, "message", &["delivery-status", "global-delivery-status"])
}

/// The part that says in words what the report says in fields.
fn words_for_people<'m>(part: &'m MessagePart<'_>) -> Option<&'m str> {
    let is_plain = part.content_type().is_none() || is_type(part, "text", &["plain"]);
    match &part.body {
        PartType::Text(words) if is_plain => Some(words),
        _ => None,
    }
}

/// What stands in words under an address: the lines that are further in than its own, up to an empty one.
///
/// ```text
///   manager@g82002.example
///     5.1.1 no such mailbox here
/// ```
fn reason(words: &str, address: &str) -> Option<String> {
    let further_in = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_of = |line: &str| {
        let line = line.trim().trim_end_matches(':');
        let bare = line.strip_prefix('<').and_then(|line| line.strip_suffix('>')).unwrap_or(line);
        bare.eq_ignore_ascii_case(address)
    };
    let mut lines = words.lines().skip_while(|line| !is_of(line));
    let indent = further_in(lines.next()?);
    let under = lines.take_while(|line| !line.trim().is_empty() && further_in(line) > indent);
    let under: Vec<&str> = under.map(str::trim).collect();
    (!under.is_empty()).then(|| under.join(" "))
}

fn is_type(part: &MessagePart<'_>, kind: &str, subtypes: &[&str]) -> bool {
    part.content_type().is_some_and(|is| {
        let subtype = is.subtype().unwrap_or_default();
        is.ctype().eq_ignore_ascii_case(kind)
            && subtypes.iter().any(|other| subtype.eq_ignore_ascii_case(other))
    })
}

/// RFC 3834, and what was written before it.
fn is_auto_reply(message: &Message<'_>) -> bool {
    let says = |name: &'static str| message.header(name).and_then(HeaderValue::as_text);
    says("Auto-Submitted").is_some_and(|it| it.trim().to_ascii_lowercase().starts_with("auto-replied"))
        || says("X-Autoreply").is_some()
        || says("X-Auto-Response-Suppress").is_some_and(|it| it.to_ascii_lowercase().contains("oof"))
        || says("Precedence").is_some_and(|it| it.trim().eq_ignore_ascii_case("auto_reply"))
}

/// The ids of mails that came back with the report, whole or by their headers.
fn returned(message: &Message<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for part in &message.parts {
        if let PartType::Message(mail) = &part.body {
            found.extend(mail.header(HeaderName::MessageId).into_iter().flat_map(ids));
        } else if is_type(part, "text", &["rfc822-headers"])
            || is_type(part, "message", &["rfc822", "global", "global-headers"])
        {
            // What is left of a message need not be one.
            let headers = MessageParser::default().parse_headers(part.contents());
            let id = headers.as_ref().and_then(|headers| headers.header(HeaderName::MessageId));
            found.extend(id.into_iter().flat_map(ids));
        }
    }
    found
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![id.to_string()],
        HeaderValue::TextList(all) => all.iter().take(BOUNCE_IDS_MAX).map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// The report: a group of fields about the mail, and one for each recipient, with empty lines between.
fn fields(bytes: &[u8]) -> (Option<String>, Vec<Recipient>) {
    let text = String::from_utf8_lossy(bytes);
    let mut reporter = None;
    let mut recipients = Vec::new();
    for group in groups(&text) {
        let mut recipient = Recipient::default();
        for (name, value) in group {
            let target = match name.to_ascii_lowercase().as_str() {
                "reporting-mta" => &mut reporter,
                "original-recipient" => &mut recipient.original,
                "final-recipient" => &mut recipient.last,
                "status" => &mut recipient.status,
                "remote-mta" => &mut recipient.remote,
                "diagnostic-code" => &mut recipient.said,
                "action" => {
                    recipient.action =
                        value.split([' ', '(']).next().unwrap_or_default().to_ascii_lowercase();
                    continue;
                }
                _ => continue,
            };
            let value = match name.to_ascii_lowercase().as_str() {
                // `5.1.1 (no such user)`
                "status" => value.split([' ', '(']).next().unwrap_or_default().to_owned(),
                _ => untyped(&value).to_owned(),
            };
            // The first counts: what a server adds behind is its comment on another's words.
            if target.is_none() {
                *target = Some(value);
            }
        }
        if !recipient.action.is_empty() && recipients.len() < BOUNCE_RECIPIENTS_MAX {
            recipients.push(recipient);
        }
    }
    (reporter, recipients)
}

/// Fields in groups, each with what its continuation lines add.
fn groups(text: &str) -> Vec<Vec<(&str, String)>> {
    let mut groups = vec![Vec::new()];
    for line in text.lines() {
        let Some(group) = groups.last_mut() else { break };
        if line.trim().is_empty() {
            if !group.is_empty() {
                groups.push(Vec::new());
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = group.last_mut() {
                let value: &mut String = value;
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            group.push((name.trim(), value.trim().to_owned()));
        }
    }
    groups
}

/// `rfc822; manager@g82002.example` → the address; `dns; mx.example` → the name; `smtp; 550 no` → what was said.
fn untyped(value: &str) -> &str {
    let (kind, rest) = value.split_once(';').unwrap_or(("", value));
    let is_kind = !kind.is_empty() && kind.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let value = if is_kind { rest } else { value }.trim();
    value.strip_prefix('<').and_then(|value| value.strip_suffix('>')).unwrap_or(value)
}

/// The fuzz target: what is read keeps its bounds, and reading its words again changes none of them.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    use crate::limits::{BOUNCE_SAID_CHARS_MAX, BOUNCE_WORD_CHARS_MAX};

    let Ok(report) = read(bytes) else { return };
    assert!(!report.message_ids.is_empty() && report.message_ids.len() <= BOUNCE_IDS_MAX);
    assert!(!report.recipients.is_empty() && report.recipients.len() <= BOUNCE_RECIPIENTS_MAX);
    let words = report.message_ids.iter().chain(&report.reporter);
    let recipients = || report.recipients.iter();
    let words = words.chain(
        recipients().flat_map(|it| [&it.original, &it.last, &it.status, &it.remote].into_iter().flatten()),
    );
    for word in words {
        assert!(!word.is_empty() && word.chars().count() <= BOUNCE_WORD_CHARS_MAX, "{word:?}");
        assert!(!word.contains(char::is_control), "{word:?}");
    }
    for recipient in recipients() {
        assert!(recipient.said.iter().all(|said| said.chars().count() <= BOUNCE_SAID_CHARS_MAX));
        let fate = super::fate_of(recipient, report.reporter.as_deref(), "manager@g82002.example");
        if let Some(fate) = fate {
            assert!(!fate.why.contains(char::is_control), "{:?}", fate.why);
            assert!(!fate.why.to_ascii_lowercase().contains("manager@g82002.example"), "{:?}", fate.why);
        }
    }
    assert_eq!(report.clone().bounded(), Some(report));
}

#[cfg(test)]
mod tests;
