//! The letters to those who hear because of what they look after, and the digest.

use super::grade::{GRADE_MAX, grade};
use super::*;
use crate::notify::policy::{Became, Digest, Line};

fn pcn() -> Audience {
    Audience::Pcn { id: "east".to_owned(), practices: vec!["G82002".to_owned(), "G82003".to_owned()] }
}

fn owner() -> Audience {
    Audience::Owner { name: "ICB network team".to_owned() }
}

#[test]
fn a_primary_care_network_reads_of_its_own_practices() {
    let letter = write(NoticeKind::Opening, pcn(), &firewall(), &[], &estate());
    insta::assert_snapshot!("pcn_opening", shown(&letter));
    let event = over(firewall(), Reason::Recovered);
    insta::assert_snapshot!("pcn_back", shown(&write(NoticeKind::Back, pcn(), &event, &[], &estate())));
}

#[test]
fn an_owner_reads_what_a_ticket_needs() {
    let letter = write(NoticeKind::Opening, owner(), &firewall(), &[firewall()], &estate());
    insta::assert_snapshot!("owner_opening", shown(&letter));
    let event = over(firewall(), Reason::Recovered);
    insta::assert_snapshot!("owner_back", shown(&write(NoticeKind::Back, owner(), &event, &[], &estate())));
}

#[test]
fn an_owner_who_may_be_meant_reads_that_it_is_not_certain_and_later_that_it_was_not_theirs() {
    let mut either = firewall();
    either.cause.push(Cause { kind: "carrier".to_owned(), id: "bt".to_owned() });
    let letter = write(NoticeKind::Opening, owner(), &either, &[], &estate());
    assert!(letter.text.contains("ICB internet firewall, Maidstone may have failed"), "{}", letter.text);
    let mut theirs = firewall();
    theirs.cause = vec![Cause { kind: "carrier".to_owned(), id: "bt".to_owned() }];
    // While it goes on, and when it is over.
    let at_last = over(theirs.clone(), Reason::Recovered);
    for (kind, event) in [(NoticeKind::Update, theirs), (NoticeKind::Correction, at_last)] {
        let letter = write(kind, owner(), &event, &[], &estate());
        assert!(letter.text.contains("it is not yours after all, but: BT (carrier bt)."), "{}", letter.text);
        assert!(letter.subject.starts_with("[linewatch] Not yours: "), "{}", letter.subject);
        assert!(!letter.text.contains("asks you to look into this"), "{}", letter.text);
    }
}

fn line(number: u32, what: Became, practices: &[&str]) -> Line {
    let mut event = firewall();
    event.incident = format!("2023-03-16-{number}");
    if matches!(what, Became::Over | Became::CameAndWent) {
        event =
            Event { at: "2023-03-16T09:12:00Z".parse().expect("a time"), ..over(event, Reason::Recovered) };
    }
    Line {
        event: Arc::new(event),
        what,
        person: "somebody".to_owned(),
        practices: practices.iter().map(|id| (*id).to_owned()).collect(),
    }
}

fn written(digest_of: &Digest, audience: Audience) -> Letter {
    let mut notice = notice(NoticeKind::Digest, audience, &firewall());
    notice.due = "2023-03-17T08:00:00Z".parse().expect("a time");
    written_for(&notice, digest_of, &estate(), &Histories::new())
}

fn written_for(notice: &Notice, digest_of: &Digest, estate: &Estate, earlier: &Histories) -> Letter {
    let beside = Beside { estate, link: |_: &Line| None, earlier };
    digest(notice, digest_of, &beside, &Texts::shipped()).expect("templates render")
}

fn said(digest_of: &Digest, audience: Audience) -> String {
    shown(&written(digest_of, audience))
}

#[test]
fn every_kind_of_digest_is_as_plain_as_a_letter() {
    let practices = ["G82002"];
    let all = [Became::Over, Became::New, Became::Changed, Became::CameAndWent];
    for audience in [manager(), pcn(), owner(), Audience::Staff] {
        for what in all {
            let of = if matches!(audience, Audience::Staff | Audience::Owner { .. }) {
                &[][..]
            } else {
                &practices
            };
            let lines = vec![line(1, what, of), line(2, what, of)];
            let text = written(&Digest { lines, unnamed: 2, ..Digest::default() }, audience.clone()).text;
            assert!(grade(&text) <= GRADE_MAX, "{:.1} years of school to read\n{text}", grade(&text));
        }
    }
}

#[test]
fn a_digest_has_a_line_for_each_and_what_to_do() {
    let lines = vec![
        line(1, Became::Over, &["G82002"]),
        line(2, Became::New, &["G82002", "G82002/westfield"]),
        line(3, Became::CameAndWent, &["G82002"]),
    ];
    insta::assert_snapshot!(
        "manager_digest",
        said(&Digest { lines, unnamed: 2, ..Digest::default() }, manager())
    );
    let lines = vec![line(1, Became::Changed, &[]), line(2, Became::CameAndWent, &[])];
    insta::assert_snapshot!(
        "staff_digest",
        said(&Digest { lines, unnamed: 0, ..Digest::default() }, Audience::Staff)
    );
}

#[test]
fn a_digest_says_what_to_catch_up_on_of_what_is_over_and_not_away_with_what_goes_on() {
    let mut estate = estate();
    estate.services[0].catch_up = Some("Look for replies.".to_owned());
    estate.services[3].catch_up = Some("Enter the paper forms.".to_owned());
    let [first, fourth] = [0, 3].map(|ix: usize| estate.services[ix].id.clone());
    let notice = notice(NoticeKind::Digest, manager(), &firewall());
    let hit = |number: u32, what: Became, services: &[&String]| {
        let mut line = line(number, what, &["G82002"]);
        let event =
            Event { services: services.iter().map(|id| (*id).clone()).collect(), ..(*line.event).clone() };
        line.event = Arc::new(event);
        line
    };
    let said = |lines: Vec<Line>, earlier: &Histories| {
        let told = Digest { lines, unnamed: 0, ..Digest::default() };
        written_for(&notice, &told, &estate, earlier).text
    };
    // At its end nothing of it is hit; what was is known from before.
    let end = hit(1, Became::Over, &[]);
    assert!(!said(vec![end.clone()], &Histories::new()).contains("CATCH UP"));
    let before = Event { services: vec![first.clone(), fourth.clone()], ..firewall() };
    let earlier = Histories::from([(end.event.incident.clone(), Arc::from([before]))]);
    let text = said(vec![end.clone()], &earlier);
    assert!(text.contains("Look for replies.") && text.contains("Enter the paper forms."), "{text}");
    let text = said(vec![end, hit(2, Became::New, &[&fourth])], &earlier);
    assert!(text.contains("Look for replies.") && !text.contains("Enter the paper forms."), "{text}");
    // What came and went while it was kept is to be caught up on as well, each once.
    let went = [3, 4].map(|number| hit(number, Became::CameAndWent, &[]));
    let before = || Event { services: vec![first.clone()], ..firewall() };
    let earlier = went.iter().map(|line| (line.event.incident.clone(), Arc::from([before()]))).collect();
    let text = said(went.to_vec(), &earlier);
    assert_eq!(text.matches("Look for replies.").count(), 1, "{text}");
}

#[test]
fn a_name_that_means_harm_means_none_in_any_of_them() {
    let mut estate = estate();
    estate.practices[0].name = "St James'\r\nBcc: everybody@b.example <script>alert(1)</script>".to_owned();
    for audience in [pcn(), owner()] {
        let letter = write(NoticeKind::Opening, audience, &firewall(), &[], &estate);
        assert!(!letter.subject.contains(['\r', '\n']), "{}", letter.subject);
        assert!(!letter.html.contains("<script>"), "{}", letter.html);
    }
    let told = Digest { lines: vec![line(1, Became::New, &["G82002"])], unnamed: 0, ..Digest::default() };
    let notice = notice(NoticeKind::Digest, manager(), &firewall());
    let letter = written_for(&notice, &told, &estate, &Histories::new());
    assert!(!letter.html.contains("<script>") && !letter.text.contains("\nBcc"), "{}", letter.text);
}

#[test]
fn a_digest_says_of_each_incident_how_it_was_at_the_readers_own_practices() {
    let line = line(1, Became::Over, &["G82002"]);
    let hit = |at: &str, event: EventKind, practices: &[&str], lost: &[&str]| Event {
        at: at.parse().expect("a time"),
        event,
        signature: Signature::Partial,
        practices: practices.iter().map(|id| (*id).to_owned()).collect(),
        lost: lost.iter().map(|id| (*id).to_owned()).collect(),
        ..firewall()
    };
    // It goes on since 08:12, and has hit this one for 20 minutes.
    let before = [
        hit("2023-03-16T08:12:06Z", EventKind::Opened, &["G82003"], &[]),
        hit("2023-03-16T08:52:00Z", EventKind::Changed, &["G82002", "G82003"], &["G82002"]),
    ];
    let earlier = Histories::from([(line.event.incident.clone(), Arc::from(before))]);
    let told = Digest { lines: vec![line], unnamed: 0, ..Digest::default() };
    let mut notice = notice(NoticeKind::Digest, manager(), &firewall());
    notice.due = "2023-03-17T08:00:00Z".parse().expect("a time");
    let text = written_for(&notice, &told, &estate(), &earlier).text;
    let said = "The internet answers again at St James' Surgery since 09:12 on 16 March, after 20 minutes.";
    assert!(text.contains(said), "{text}");
}
