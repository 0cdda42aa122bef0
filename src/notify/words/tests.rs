//! The letters as people get them, as snapshots; and names that mean harm.

mod changes;
mod grade;
mod hands;
mod routing;
mod subjects;
mod told_again;
mod truth;

use std::time::Duration;

use super::*;
use crate::estate::{
    Ask, Component, ComponentIx, HostPort, Icb, Network, NetworkIx, Practice, Probe, RoleUse, Service,
    ServiceIx, TcpAsk,
};
use crate::incident::{Alternative, Cause, EventKind, Evidence, Reason, Signature};
use crate::notify::notice::{NoticeKind, NoticeState};

fn estate() -> Estate {
    let component = |id: &str, kind: &str, name: &str, owner: Option<&str>| Component {
        id: id.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        owner: owner.map(str::to_owned),
        contact: owner.map(|_| "01622 000000".to_owned()),
        target_percent: None,
        addresses: Vec::new(),
    };
    let service =
        |id: &str, name: &str, used_for: &str, instead: Option<&str>, needs: Vec<ServiceIx>| Service {
            id: id.to_owned(),
            name: name.to_owned(),
            used_for: Some(used_for.to_owned()),
            instead: instead.map(str::to_owned),
            catch_up: None,
            needs,
        };
    let probe = |id: &str, network: usize, service: Option<usize>| Probe {
        id: id.to_owned(),
        network: NetworkIx::new(network),
        service: service.map(ServiceIx::new),
        every: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        also: Vec::new(),
        resolver: None,
        ask: Ask::Tcp(TcpAsk::to(HostPort { host: "127.0.0.1".to_owned(), port: 1 })),
    };
    let practice = |id: &str, name: &str, email: &[&str]| Practice {
        id: id.to_owned(),
        name: name.to_owned(),
        postcode: None,
        list_size: None,
        email: email.iter().map(|address| (*address).to_owned()).collect(),
        source: None,
        via: vec![RoleUse { role: "firewall".to_owned(), any: vec![ComponentIx::new(0)] }],
        through: Vec::new(),
    };
    Estate {
        icb: Icb {
            code: "QKS".to_owned(),
            name: "NHS Kent and Medway".to_owned(),
            timezone: jiff::tz::TimeZone::get("Europe/London").expect("bundled"),
        },
        components: vec![
            component(
                "fw-maidstone",
                "firewall",
                "ICB internet firewall, Maidstone",
                Some("ICB network team"),
            ),
            component("bt", "carrier", "BT", Some("BT")),
        ],
        networks: vec![
            Network {
                id: "internet".to_owned(),
                name: "the internet".to_owned(),
                through: vec!["firewall".to_owned()],
            },
            Network { id: "hscn".to_owned(), name: "the NHS network".to_owned(), through: Vec::new() },
        ],
        services: vec![
            service(
                "accurx",
                "Accurx",
                "texting patients",
                Some("Phone patients. Print tomorrow's list before 18:00."),
                vec![],
            ),
            service("smartcard", "smartcard log-in", "signing prescriptions", None, vec![]),
            service(
                "eps",
                "Prescriptions (EPS)",
                "sending prescriptions to pharmacies",
                Some("Print paper prescriptions."),
                vec![ServiceIx::new(1)],
            ),
            service("emis", "EMIS Web", "patient records", Some("Use the printed appointment list."), vec![]),
        ],
        probes: vec![
            probe("accurx-https", 0, Some(0)),
            probe("smartcard-tcp", 0, Some(1)),
            probe("eps-tcp", 1, Some(2)),
            probe("emis-tcp", 1, Some(3)),
        ],
        practices: vec![
            practice("G82002", "St James' Surgery", &["manager@g82002.example"]),
            practice("G82002/westfield", "Westfield", &["manager@g82002.example"]),
            practice("G82003", "The Cedars", &[]),
        ],
        hub_via: Vec::new(),
    }
}

fn firewall() -> Event {
    Event {
        at: "2023-03-16T08:12:06.120Z".parse().expect("a time"),
        event: EventKind::Opened,
        incident: "2023-03-16-1".to_owned(),
        cause: vec![Cause { kind: "firewall".to_owned(), id: "fw-maidstone".to_owned() }],
        probability: 0.9983,
        alternatives: vec![Alternative {
            cause: vec![Cause { kind: "carrier".to_owned(), id: "bt".to_owned() }],
            probability: 0.001,
        }],
        signature: Signature::Dropped,
        network: Some("internet".to_owned()),
        since: "2023-03-16T08:12:00Z".parse().expect("a time"),
        practices: vec!["G82002".to_owned(), "G82003".to_owned()],
        services: vec!["accurx".to_owned(), "smartcard".to_owned()],
        evidence: Evidence { behind: 174, failing: 174, fine: Some(0), elsewhere: 1, elsewhere_failing: 0 },
        reason: None,
        into: None,
        lost: Vec::new(),
        sentence: "ICB internet firewall, Maidstone has failed; 174 of the 174 practices behind it lost the internet, all 175 still have the NHS network.".to_owned(),
    }
}

fn notice(kind: NoticeKind, audience: Audience, event: &Event) -> Notice {
    Notice {
        id: "2023-03-16-1.o1.0".to_owned(),
        incident: event.incident.clone(),
        event_at: event.at,
        event: event.event,
        kind,
        audience,
        recipient: "somebody@g82002.example".to_owned(),
        thread: None,
        due: event.at,
        state: NoticeState::Queued,
    }
}

fn manager() -> Audience {
    Audience::Practices(vec!["G82002".to_owned()])
}

/// Staff were told, and nothing more is known.
fn context<'a>(estate: &'a Estate, event: &'a Event) -> Context<'a> {
    Context {
        estate,
        event,
        earlier: &[],
        last_told: None,
        told_again: false,
        fixes: &[],
        open: &[],
        staff_told: true,
        awaits_approval: false,
        refused: &[],
        next: None,
        deadlines: &[],
        hands: None,
        link: None,
    }
}

fn write(kind: NoticeKind, audience: Audience, event: &Event, open: &[Event], estate: &Estate) -> Letter {
    let open: Vec<Arc<Event>> = open.iter().cloned().map(Arc::new).collect();
    let context = Context { open: &open, ..context(estate, event) };
    letter(&notice(kind, audience, event), &context, &Texts::shipped()).expect("templates render")
}

fn shown(letter: &Letter) -> String {
    format!("Subject: {}\n\n{}", letter.subject, letter.text)
}

fn over(event: Event, reason: Reason) -> Event {
    Event {
        event: EventKind::Resolved,
        reason: Some(reason),
        at: "2023-03-21T16:30:00Z".parse().expect("a time"),
        practices: Vec::new(),
        services: Vec::new(),
        sentence: "ICB internet firewall, Maidstone answers again.".to_owned(),
        ..event
    }
}

#[test]
fn a_manager_reads_what_is_down_what_is_not_and_what_to_do() {
    let letter = write(NoticeKind::Opening, manager(), &firewall(), &[], &estate());
    insta::assert_snapshot!("manager_opening", shown(&letter));
    insta::assert_snapshot!("manager_opening_page", letter.html);
}

#[test]
fn a_manager_of_two_practices_reads_of_both() {
    let both = Audience::Practices(vec!["G82002".to_owned(), "G82002/westfield".to_owned()]);
    let letter = write(NoticeKind::Opening, both, &firewall(), &[], &estate());
    assert_eq!(
        letter.subject,
        "[linewatch] Internet down at St James' Surgery and Westfield since 08:12 (2023-03-16-1)"
    );
}

#[test]
fn a_manager_reads_that_it_is_over() {
    let event = over(firewall(), Reason::Recovered);
    insta::assert_snapshot!(
        "manager_back",
        shown(&write(NoticeKind::Back, manager(), &event, &[], &estate()))
    );
}

#[test]
fn a_manager_reads_that_we_were_wrong() {
    let event = over(firewall(), Reason::Withdrawn);
    insta::assert_snapshot!(
        "manager_correction",
        shown(&write(NoticeKind::Correction, manager(), &event, &[], &estate()))
    );
}

#[test]
fn nothing_is_said_to_answer_that_another_fault_has_hit() {
    let mut hscn = firewall();
    hscn.incident = "2023-03-16-2".to_owned();
    hscn.cause = vec![Cause { kind: Cause::NETWORK.to_owned(), id: "hscn".to_owned() }];
    hscn.network = Some("hscn".to_owned());
    hscn.services = vec!["emis".to_owned(), "eps".to_owned()];
    let opening = write(NoticeKind::Opening, manager(), &firewall(), std::slice::from_ref(&hscn), &estate());
    assert!(opening.text.contains("Nothing else that we check answers."), "{}", opening.text);
    let back = write(NoticeKind::Back, manager(), &over(firewall(), Reason::Recovered), &[hscn], &estate());
    insta::assert_snapshot!("manager_back_but_another_fault", shown(&back));
}

#[test]
fn a_fault_of_a_service_is_not_blamed_on_the_network() {
    let mut event = firewall();
    event.cause = vec![Cause { kind: Cause::SERVICE.to_owned(), id: "emis".to_owned() }];
    event.network = Some("hscn".to_owned());
    event.services = vec!["emis".to_owned()];
    event.signature = Signature::Partial;
    insta::assert_snapshot!(
        "manager_service",
        shown(&write(NoticeKind::Opening, manager(), &event, &[], &estate()))
    );
}

#[test]
fn a_practices_own_line_and_two_suspects_are_named_plainly() {
    let mut event = firewall();
    event.cause = vec![Cause { kind: Cause::PRACTICE.to_owned(), id: "G82002".to_owned() }];
    event.network = None;
    event.practices = vec!["G82002".to_owned()];
    event.signature = Signature::Silent;
    event.services = ["accurx", "smartcard", "eps", "emis"].map(str::to_owned).to_vec();
    insta::assert_snapshot!(
        "manager_own_line",
        shown(&write(NoticeKind::Opening, manager(), &event, &[], &estate()))
    );
    event.cause = firewall().cause;
    event.cause.push(Cause { kind: "carrier".to_owned(), id: "bt".to_owned() });
    let letter = write(NoticeKind::Opening, manager(), &event, &[], &estate());
    assert!(
        letter.text.contains(
            "One of these, and we cannot tell yet which: ICB internet firewall, Maidstone (looked after by: ICB network team) or BT."
        ),
        "{}",
        letter.text
    );
}

#[test]
fn staff_read_the_evidence() {
    let letter = write(NoticeKind::Opening, Audience::Staff, &firewall(), &[], &estate());
    insta::assert_snapshot!("staff_opening", shown(&letter));
    insta::assert_snapshot!("staff_opening_page", letter.html);
    let event = over(firewall(), Reason::Recovered);
    insta::assert_snapshot!(
        "staff_resolved",
        shown(&write(NoticeKind::Back, Audience::Staff, &event, &[], &estate()))
    );
}

#[test]
fn staff_read_how_to_approve_and_whom_nobody_could_reach() {
    let (estate, event) = (estate(), firewall());
    let refused = ["G82002".to_owned()];
    let context = Context { awaits_approval: true, refused: &refused, ..context(&estate, &event) };
    let letter = letter(&notice(NoticeKind::Update, Audience::Staff, &event), &context, &Texts::shipped())
        .expect("templates render");
    assert!(letter.text.contains("linewatch approve 2023-03-16-1"), "{}", letter.text);
    assert!(
        letter.text.contains("MANAGERS WHOSE ADDRESS THE MAIL SERVER REFUSED\n- G82002"),
        "{}",
        letter.text
    );
}

fn deadline(at: &str, name: &str, instead: Option<&str>) -> Deadline {
    Deadline { at: at.parse().expect("a time"), name: name.to_owned(), instead: instead.map(str::to_owned) }
}

#[test]
fn deadlines_that_fall_into_an_outage_are_spoken_of_and_no_others() {
    let deadlines = [
        deadline("2023-03-16T07:00:00Z", "this morning's upload", None),
        deadline("2023-03-17T18:00:00Z", "payroll", Some("Phone the payroll office.")),
        deadline("2023-03-31T22:59:00Z", "QOF year end", None),
    ];
    let (estate, opened) = (estate(), firewall());
    let ended = Event {
        event: EventKind::Resolved,
        practices: Vec::new(),
        at: "2023-03-21T16:30:00Z".parse().expect("a time"),
        ..firewall()
    };
    let text = |event: &Event, kind: NoticeKind| {
        let context = Context { deadlines: &deadlines, ..context(&estate, event) };
        letter(&notice(kind, manager(), event), &context, &Texts::shipped()).expect("templates render").text
    };
    let opening = text(&opened, NoticeKind::Opening);
    assert!(
        opening.contains("DEADLINES IN THE NEXT TWO DAYS\n- Payroll: Friday 17 March 2023, 18:00. Phone the payroll office.\n\n"),
        "{opening}"
    );
    let back = text(&ended, NoticeKind::Back);
    assert!(
        back.contains("DEADLINES THAT PASSED MEANWHILE\n- Payroll: Friday 17 March 2023, 18:00."),
        "{back}"
    );
    assert!(!opening.contains("QOF") && !back.contains("QOF") && !back.contains("upload"), "{opening}{back}");
}

#[test]
fn the_last_letter_says_what_to_catch_up_on_of_what_was_hit_and_is_back() {
    let mut estate = estate();
    estate.services[0].catch_up = Some("Look for replies.".to_owned());
    estate.services[3].catch_up = Some("Enter the paper forms.".to_owned());
    let before = [firewall()];
    let ended = over(firewall(), Reason::Recovered);
    let text = |open: &[Arc<Event>]| {
        let context = Context { earlier: &before, open, ..context(&estate, &ended) };
        letter(&notice(NoticeKind::Back, manager(), &ended), &context, &Texts::shipped())
            .expect("templates render")
            .text
    };
    let all_back = text(&[]);
    assert!(all_back.contains("WHAT TO CATCH UP ON\n- Accurx: Look for replies.\n\n"), "{all_back}");
    assert!(!all_back.contains("paper forms"), "EMIS Web was never hit: {all_back}");
    let other = Event { incident: "2023-03-20-1".to_owned(), ..firewall() };
    let still = text(&[Arc::new(other)]);
    assert!(!still.contains("CATCH UP"), "another fault keeps it away: {still}");
}

#[test]
fn whoever_alone_is_hit_reads_whom_to_call_with_which_words() {
    let estate = estate();
    let own = Event {
        cause: vec![Cause { kind: Cause::PRACTICE.to_owned(), id: "G82002".to_owned() }],
        practices: vec!["G82002".to_owned()],
        ..firewall()
    };
    let letter = write(NoticeKind::Opening, manager(), &own, &[], &estate);
    insta::assert_snapshot!("manager_alone", shown(&letter));
}

#[test]
fn staff_read_how_many_patients_that_is_as_far_as_it_is_known() {
    let mut estate = estate();
    let event = Event {
        practices: ["G82002", "G82003", "G82002/westfield"].map(str::to_owned).to_vec(),
        ..firewall()
    };
    let patients = |estate: &Estate| {
        let text = write(NoticeKind::Opening, Audience::Staff, &event, &[], estate).text;
        text.lines().find_map(|line| line.strip_prefix("Patients: ").map(str::to_owned))
    };
    assert_eq!(patients(&estate), None);
    estate.practices[0].list_size = Some(9_800);
    assert_eq!(
        patients(&estate).as_deref(),
        Some("9,800 registered, and those of 2 practices whose list size is not known")
    );
    estate.practices[2].list_size = Some(1_203_400);
    assert_eq!(
        patients(&estate).as_deref(),
        Some("1,213,200 registered, and those of a practice whose list size is not known")
    );
    estate.practices[1].list_size = Some(100);
    assert_eq!(patients(&estate).as_deref(), Some("1,213,300 registered at the practices affected"));
}

#[test]
fn staff_read_that_linewatch_is_blind() {
    let mut event = firewall();
    event.cause = vec![Cause { kind: Cause::MONITOR.to_owned(), id: "hub".to_owned() }];
    event.network = None;
    event.sentence = "linewatch itself is cut off.".to_owned();
    insta::assert_snapshot!(
        "staff_blind",
        shown(&write(NoticeKind::Opening, Audience::Staff, &event, &[], &estate()))
    );
    for (network, signature) in [(Some("hscn"), Signature::Down), (None, Signature::Slow)] {
        let event = Event { network: network.map(str::to_owned), signature, ..event.clone() };
        let letter = write(NoticeKind::Opening, Audience::Staff, &event, &[], &estate());
        assert!(letter.subject.contains(": linewatch’s own line since "), "{}", letter.subject);
        assert!(!letter.text.contains("cannot tell"), "{}", letter.text);
    }
}

#[test]
fn a_name_that_means_harm_stays_a_name() {
    let mut estate = estate();
    estate.practices[0].name = "<script>alert(1)</script>\r\nBcc: all@evil.example".to_owned();
    estate.components[0].name = "fw\n\n<b>bold</b>".to_owned();
    for audience in [manager(), Audience::Staff] {
        let letter = write(NoticeKind::Opening, audience, &firewall(), &[], &estate);
        assert!(!letter.subject.chars().any(char::is_control), "{:?}", letter.subject);
        assert!(!letter.html.contains("<script>") && !letter.html.contains("<b>"), "{}", letter.html);
        assert!(letter.html.contains("&#60;script&#62;"), "{}", letter.html);
        assert!(!letter.text.contains("\nBcc:"), "{}", letter.text);
    }
}

#[test]
fn every_signature_reads_as_a_sentence() {
    use Signature::{Dns, Down, Dropped, Flapping, Intercepted, Partial, Policy, Refused, Silent, Slow, Tls};
    let all = [Down, Dropped, Refused, Dns, Tls, Intercepted, Partial, Slow, Flapping, Policy, Silent];
    let estate = estate();
    let texts = Texts::shipped();
    let say = texts.say();
    let line = |event: &Event| {
        let (says, again) = (phrases::says(event, &estate, &say), phrases::says_again(event, &estate, &say));
        format!("{}: {says}. {again}.\n", event.signature.as_str())
    };
    let lines: String = all
        .into_iter()
        .flat_map(|signature| {
            let one = Event { signature, ..firewall() };
            let both = Event { network: None, ..one.clone() };
            [line(&one), line(&both)]
        })
        .collect();
    insta::assert_snapshot!("signatures", lines);
}
