//! What a report means for the mail that it is about, in words that can be shown: no address of anybody stands in them.

use super::{Recipient, ReturnOutcome};
use crate::notify::masked::anonymous;
use crate::notify::policy::key;

/// What became of a mail, as far as one recipient of a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    pub outcome: ReturnOutcome,
    /// Mails to this recipient come back until somebody does something about it, as against a mail that was given up.
    pub is_permanent: bool,
    /// The server that said so.
    pub via: String,
    /// What it said.
    pub answer: String,
    /// `bounced: 5.1.1 no such user, said by mx.example`
    pub why: String,
}

/// What follows for a mail that was sent to `address`. `None`: nothing is wrong with it (it was delivered, or passed on).
///
/// A mail that was passed on and bounced there has arrived where we sent it: of a mailbox that three people read, one may be gone.
pub fn fate_of(recipient: &Recipient, reporter: Option<&str>, address: &str) -> Option<Fate> {
    let is_ours = |other: &String| key(other) == key(address);
    let named = [&recipient.original, &recipient.last];
    let is_elsewhere = named.iter().any(|it| it.is_some()) && !named.into_iter().flatten().any(is_ours);
    let status = recipient.status.as_deref().filter(|status| is_status(status));
    let outcome = match recipient.action.as_str() {
        "delayed" => ReturnOutcome::Delayed,
        "failed" if is_elsewhere => ReturnOutcome::Beyond,
        "failed" => ReturnOutcome::Bounced,
        _ => return None,
    };
    let via = recipient.remote.as_deref().or(reporter).map_or_else(|| "a mail server".to_owned(), anonymous);
    let said = recipient.said.as_deref().map(anonymous).unwrap_or_default();
    let class = status.unwrap_or(&said).chars().next();
    let is_permanent = outcome == ReturnOutcome::Bounced && class == Some('5');
    let words: Vec<&str> = [status.unwrap_or_default(), without_codes(&said, status)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let words = if words.is_empty() { "no reason given".to_owned() } else { words.join(" ") };
    let begins = match outcome {
        ReturnOutcome::Bounced => "bounced",
        ReturnOutcome::Delayed => "delayed, and still tried",
        ReturnOutcome::Beyond => "bounced at an address that it was passed on to",
    };
    let why = format!("{begins}: {words}, said by {via}");
    let answer = if said.is_empty() { words } else { said };
    Some(Fate { outcome, is_permanent, via, answer, why })
}

/// `5.1.1` (RFC 3463)
fn is_status(text: &str) -> bool {
    let mut parts = text.split('.');
    let is_number = |part: Option<&str>, digits: usize| {
        part.is_some_and(|part| {
            (1..=digits).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        })
    };
    is_number(parts.next(), 1)
        && is_number(parts.next(), 3)
        && is_number(parts.next(), 3)
        && parts.next().is_none()
}

/// What a server said without the numbers in front of it: the reply code, and the status that is said already.
fn without_codes<'a>(said: &'a str, status: Option<&str>) -> &'a str {
    let code = said.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
    let rest = match (code, said.get(3..)) {
        (Some(_), Some(rest)) if rest.is_empty() || rest.starts_with([' ', '-']) => {
            &rest[rest.len().min(1)..]
        }
        _ => said,
    };
    let rest = rest.trim_start();
    let rest = status.and_then(|status| rest.strip_prefix(status)).unwrap_or(rest);
    rest.trim_start().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "manager@g82002.example";

    fn failed(status: &str, said: &str) -> Recipient {
        Recipient {
            original: Some(format!("{ADDRESS} ").trim().to_owned()),
            last: Some("Manager@G82002.example".to_owned()),
            action: "failed".to_owned(),
            status: Some(status.to_owned()),
            remote: Some("mx.g82002.example".to_owned()),
            said: Some(said.to_owned()),
        }
    }

    fn why(recipient: &Recipient) -> String {
        fate_of(recipient, Some("relay.icb.example"), ADDRESS).expect("a fate").why
    }

    #[test]
    fn a_fate_is_said_in_one_line_with_whose_word_it_is() {
        assert_eq!(
            why(&failed("5.1.1", "550 5.1.1 no such user")),
            "bounced: 5.1.1 no such user, said by mx.g82002.example"
        );
        assert_eq!(
            why(&failed("5.2.2", "552-mailbox full.")),
            "bounced: 5.2.2 mailbox full, said by mx.g82002.example"
        );
        let silent = Recipient { remote: None, said: None, status: None, ..failed("", "") };
        assert_eq!(why(&silent), "bounced: no reason given, said by relay.icb.example");
        assert_eq!(
            fate_of(&silent, None, ADDRESS).expect("a fate").why,
            "bounced: no reason given, said by a mail server"
        );
        for strange in ["5.1", "five", "5.1.1.1", "5.1.1111", "5.1.x", ""] {
            assert_eq!(
                why(&failed(strange, "gone")),
                "bounced: gone, said by mx.g82002.example",
                "{strange}"
            );
        }
    }

    #[test]
    fn nobodys_address_stands_in_it() {
        let said = "550 5.1.1 <manager@g82002.example>: unknown; was MANAGER@g82002.example, try jo.bloggs@elsewhere.example";
        let fate = fate_of(&failed("5.1.1", said), None, ADDRESS).expect("a fate");
        assert_eq!(
            fate.why,
            "bounced: 5.1.1 <m***@g82002.example>: unknown; was M***@g82002.example, try j***@elsewhere.example, said by mx.g82002.example"
        );
        assert!(!fate.answer.contains("manager@") && !fate.answer.contains("bloggs@"), "{}", fate.answer);
    }

    #[test]
    fn what_was_given_up_is_no_fault_of_the_address_and_what_is_delayed_no_failure() {
        let given_up = fate_of(&failed("4.4.7", "expired"), None, ADDRESS).expect("a fate");
        assert_eq!((given_up.outcome, given_up.is_permanent), (ReturnOutcome::Bounced, false));
        let gone = fate_of(&failed("5.1.1", "gone"), None, ADDRESS).expect("a fate");
        assert_eq!((gone.outcome, gone.is_permanent), (ReturnOutcome::Bounced, true));
        let late = Recipient { action: "delayed".to_owned(), ..failed("5.1.1", "gone") };
        let late = fate_of(&late, None, ADDRESS).expect("a fate");
        assert_eq!((late.outcome, late.is_permanent), (ReturnOutcome::Delayed, false));
        for fine in ["delivered", "relayed", "expanded", "", "anything"] {
            let fine = Recipient { action: fine.to_owned(), ..failed("5.1.1", "gone") };
            assert_eq!(fate_of(&fine, None, ADDRESS), None);
        }
    }

    #[test]
    fn one_of_those_whom_an_address_is_passed_on_to_is_not_the_address() {
        let beyond = Recipient {
            original: Some("jo@elsewhere.example".to_owned()),
            last: Some("jo@elsewhere.example".to_owned()),
            ..failed("5.1.1", "gone")
        };
        let fate = fate_of(&beyond, None, ADDRESS).expect("a fate");
        assert_eq!((fate.outcome, fate.is_permanent), (ReturnOutcome::Beyond, false));
        // A server that knows what we wrote says so, wherever it led.
        let alias = Recipient { original: Some(ADDRESS.to_owned()), ..beyond };
        assert_eq!(fate_of(&alias, None, ADDRESS).expect("a fate").outcome, ReturnOutcome::Bounced);
        let unsaid = Recipient { original: None, last: None, ..alias };
        assert_eq!(fate_of(&unsaid, None, ADDRESS).expect("a fate").outcome, ReturnOutcome::Bounced);
    }
}
