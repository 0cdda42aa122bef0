//! What the mail servers of the world write, and what others do.

use super::*;

const ID: &str = "2026-03-16-1.o1773645132000.0123456789abcdef.00112233445566778899aabbccddeeff@icb.example";
const TO: &str = "manager@g82002.example";

/// A message of `tests/notify/bounces/`, about the mail ID to TO.
macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/notify/bounces/", $name, ".eml"))
            .replace("@ID@", ID)
            .replace("@TO@", TO)
            .replace('\n', "\r\n")
    };
}

fn one(text: &str) -> (Report, Recipient) {
    let report = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    let [recipient] = &report.recipients[..] else { panic!("one recipient: {report:?}") };
    let recipient = recipient.clone();
    (report, recipient)
}

fn why(text: &str) -> String {
    let (report, recipient) = one(text);
    super::super::fate_of(&recipient, report.reporter.as_deref(), TO).expect("a fate").why
}

#[test]
fn postfix_exim_and_exchange_are_understood() {
    let (report, recipient) = one(&sample!("postfix"));
    assert_eq!(
        (report.message_ids, report.reporter.as_deref()),
        (vec![ID.to_owned()], Some("relay.icb.example"))
    );
    assert_eq!((recipient.original.as_deref(), recipient.last.as_deref()), (Some(TO), Some(TO)));
    assert_eq!((recipient.action.as_str(), recipient.status.as_deref()), ("failed", Some("5.1.1")));
    assert_eq!(
        why(&sample!("postfix")),
        "bounced: 5.1.1 <m***@g82002.example>: Recipient address rejected: User unknown in virtual mailbox table, said by mx.g82002.example"
    );
    assert_eq!(one(&sample!("exim")).0.message_ids, [ID]);
    assert_eq!(why(&sample!("exim")), "bounced: 5.0.0 5.1.1 no such user, said by mx.g82002.example");
    let ids = one(&sample!("exchange")).0.message_ids;
    assert_eq!(ids, [ID, "2026-03-16-1.older@icb.example"], "the mail itself comes first");
    assert_eq!(
        why(&sample!("exchange")),
        "bounced: 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient m***@g82002.example not found by SMTP address lookup, said by LO2P265MB0002.GBRP265.PROD.EXAMPLE"
    );
    let (_, delayed) = one(&sample!("delayed"));
    assert_eq!((delayed.action.as_str(), delayed.status.as_deref()), ("delayed", Some("4.4.1")));
    assert_eq!(
        why(&sample!("delayed")),
        "delayed, and still tried: 4.4.1 connect to mx.g82002.example[192.0.2.25]:25: Connection timed out, said by relay.icb.example"
    );
}

#[test]
fn a_reason_that_stands_in_words_alone_is_taken_from_there_and_no_other_is() {
    let local = |words: &str| {
        let text = sample!("exim").replace("Remote-MTA: dns; mx.g82002.example\r\n", "");
        let text = text.replace("Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n", "");
        let (before, rest) = text.split_once("  manager@g82002.example\r\n").expect("the address");
        let (_, after) = rest.split_once("\r\n\r\n").expect("an end");
        format!("{before}{}\r\n\r\n{after}", words.replace('\n', "\r\n"))
    };
    let said_so = "bounced: 5.0.0 5.1.1 no such mailbox here, said by relay.icb.example";
    assert_eq!(why(&local("  manager@g82002.example\n    5.1.1 no such\n    mailbox here")), said_so);
    assert_eq!(why(&local("<Manager@G82002.example>:\n\t5.1.1 no such mailbox here")), said_so);
    let other = "  jo@elsewhere.example\n    5.2.2 mailbox full\n\n  manager@g82002.example\n    5.1.1 no such mailbox here";
    assert_eq!(why(&local(other)), said_so);
    // Nobody's reason, and no address of anybody.
    for nothing in [
        "  manager@g82002.example",
        "  jo@elsewhere.example\n    5.2.2 mailbox full",
        "manager@g82002.example\nis gone",
    ] {
        assert_eq!(why(&local(nothing)), "bounced: 5.0.0, said by relay.icb.example", "{nothing}");
    }
    let masked = why(&local("  manager@g82002.example\n    jo@elsewhere.example is unknown"));
    assert_eq!(masked, "bounced: 5.0.0 j***@elsewhere.example is unknown, said by relay.icb.example");
    // What the report says itself counts.
    let text = sample!("exim").replace("    550 5.1.1 no such user", "    another reason");
    assert!(why(&text).ends_with("5.1.1 no such user, said by mx.g82002.example"), "{text}");
}

#[test]
fn lines_may_end_as_unix_has_them_and_a_report_may_be_cut_off_behind_the_headers() {
    for text in [sample!("postfix"), sample!("exim"), sample!("exchange"), sample!("delayed")] {
        let whole = one(&text);
        assert_eq!(one(&text.replace("\r\n", "\n")), whole);
        let end = text.rfind(ID).expect("the id") + ID.len() + 3;
        assert_eq!(one(&text[..end]), whole);
    }
}

#[test]
fn the_mail_is_known_by_what_the_report_refers_to_where_it_returns_nothing() {
    let text = sample!("exchange");
    let (before, _) = text.split_once("Content-Type: text/rfc822-headers").expect("the headers");
    assert_eq!(one(before).0.message_ids[0], ID);
    let none = before.replace("In-Reply-To", "X-One").replace("References", "X-Two");
    assert_eq!(read(none.as_bytes()), Err(NoBounce::NoMessageId));
}

#[test]
fn what_is_no_report_is_refused_with_why() {
    for (text, why) in [
        (sample!("holiday"), NoBounce::AutoReply),
        (sample!("spam"), NoBounce::NoReport),
        (String::new(), NoBounce::NoMail),
        ("\r\n\r\n".to_owned(), NoBounce::NoMail),
        ("Hello?".to_owned(), NoBounce::NoReport),
        (sample!("exim").replace("\nAction: failed", "\nX: failed"), NoBounce::NoRecipient),
    ] {
        assert_eq!(read(text.as_bytes()), Err(why), "{text}");
    }
    // A bounce that somebody forwards is their word, not the server's.
    let forwarded = format!(
        "From: jo@x.example\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n--f--\r\n",
        sample!("exim")
    );
    assert_eq!(read(forwarded.as_bytes()), Err(NoBounce::NoReport));
}

#[test]
fn messages_within_messages_cost_nothing() {
    let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(60_000);
    assert_eq!(read(deep.as_bytes()), Err(NoBounce::Parts));
    let deep = "content-TYPE: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\n".repeat(30_000);
    assert_eq!(read(deep.as_bytes()), Err(NoBounce::Parts));
    let most = "Content-Type: message/rfc822\r\n\r\n".repeat(BOUNCE_PARTS_MAX);
    assert_eq!(read(most.as_bytes()), Err(NoBounce::NoReport));
}

#[test]
fn words_and_lists_have_their_bounds() {
    let group = format!("\r\nFinal-Recipient: rfc822;{TO}\r\nAction: failed\r\n");
    let many = sample!("exim").replacen("\r\nAction: failed\r\n", &group.repeat(1_000), 1);
    assert_eq!(read(many.as_bytes()).expect("a report").recipients.len(), BOUNCE_RECIPIENTS_MAX);
    let ids: Vec<String> = (0..10_000).map(|n| format!(" <{n}@x.example>\r\n")).collect();
    let many = sample!("exim").replacen(&format!(" <{ID}>\r\n"), &ids.concat(), 1);
    let report = read(many.as_bytes()).expect("a report");
    assert_eq!((report.message_ids.len(), report.message_ids[0].as_str()), (BOUNCE_IDS_MAX, ID));
    let long = sample!("exim").replace("no such user", &"é".repeat(100_000));
    let said = one(&long).1.said.expect("words");
    assert_eq!(said.chars().count(), crate::limits::BOUNCE_SAID_CHARS_MAX);
    let rude = sample!("exim").replace("no such user", "no\u{7}\u{1b}[31m user");
    assert_eq!(one(&rude).1.said.as_deref(), Some("550 5.1.1 no [31m user"));
}

proptest::proptest! {
    #[test]
    fn whatever_is_altered_in_a_report_what_is_read_keeps_its_bounds(
        which in 0_usize..4,
        edits in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), proptest::prelude::any::<u8>()), 0..24),
        cut in proptest::prelude::any::<proptest::sample::Index>(),
        again in proptest::prelude::any::<proptest::sample::Index>(),
    ) {
        let text = [sample!("postfix"), sample!("exim"), sample!("exchange"), sample!("delayed")][which].clone();
        let mut bytes = text.into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fuzz(&bytes);
        let middle = again.index(bytes.len());
        fuzz(&[&bytes[..middle], &bytes[..]].concat());
        bytes.truncate(cut.index(bytes.len()));
        fuzz(&bytes);
    }
}
