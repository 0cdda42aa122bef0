//! What is otherwise than it was in the reader's last message.

use super::*;

fn at(clock: &str) -> At {
    format!("2023-03-16T{clock}:00Z").parse().expect("a time")
}

fn changed(clock: &str, practices: &[&str]) -> Event {
    let practices = practices.iter().map(|id| (*id).to_owned()).collect();
    Event { event: EventKind::Changed, at: at(clock), practices, ..firewall() }
}

fn bt() -> Vec<Cause> {
    vec![Cause { kind: "carrier".to_owned(), id: "bt".to_owned() }]
}

fn told(audience: Audience, kind: NoticeKind, events: &[Event], last_told: Option<At>) -> Letter {
    let estate = estate();
    let (event, earlier) = events.split_last().expect("at least one event");
    let context = Context { earlier, last_told, ..context(&estate, event) };
    letter(&notice(kind, audience, event), &context, &Texts::shipped()).expect("templates render")
}

/// The part of a letter to staff that is about changes; empty where there is none.
fn changes(events: &[Event], last_told: Option<At>) -> String {
    let text = told(Audience::Staff, NoticeKind::Update, events, last_told).text;
    let from = text.find("CHANGES SINCE").unwrap_or(text.len());
    text[from..].split("\nSERVICES AFFECTED").next().unwrap_or_default().to_owned()
}

/// Three at eight, one mended at nine, another lost at ten, and by eleven the cause is held to be another.
fn story() -> [Event; 4] {
    let first =
        Event { signature: Signature::Slow, ..changed("08:15", &["G82002", "G82003", "G82002/westfield"]) };
    let fixed = changed("09:00", &["G82003", "G82002/westfield"]);
    let broken = Event {
        services: vec!["accurx".to_owned(), "emis".to_owned()],
        ..changed("10:00", &["G82001", "G82003", "G82002/westfield"])
    };
    let other = Event { cause: bt(), network: None, ..changed("11:00", &["G82003"]) };
    [first, fixed, broken, other]
}

#[test]
fn staff_read_who_is_back_who_is_hit_and_what_the_cause_was_held_to_be() {
    let events = story();
    let letter = told(Audience::Staff, NoticeKind::Update, &events, Some(events[0].at));
    insta::assert_snapshot!("staff_changed", shown(&letter));
    for part in [
        "<h2",
        "Changes since our last message, as of 08:15",
        "<li>09:00: 1 practice back",
        "Practices back</th>",
    ] {
        assert!(letter.html.contains(part), "{part} is missing in {}", letter.html);
    }
}

#[test]
fn it_is_counted_from_what_this_reader_last_got() {
    let events = story();
    let since_nine = changes(&events, Some(events[1].at));
    assert!(since_nine.starts_with("CHANGES SINCE OUR LAST MESSAGE, AS OF 09:00\n"), "{since_nine}");
    assert!(!since_nine.contains("Signature before"), "{since_nine}");
    // What came and went between two messages is in the steps alone.
    assert!(!since_nine.contains("newly affected: 1"), "{since_nine}");
    assert!(
        since_nine.contains("- 10:00: 1 practice newly affected; 3 practices affected now.\n"),
        "{since_nine}"
    );
    // A message between two events told of the earlier.
    assert_eq!(changes(&events, Some(at("09:30"))), since_nine);
    // Where only one thing happened, the rows have said it.
    let since_ten = changes(&events, Some(events[2].at));
    assert!(since_ten.contains("Practices back: 2: G82001, G82002/westfield\n"), "{since_ten}");
    assert!(since_ten.contains("Services back: 1: EMIS Web\n"), "{since_ten}");
    assert!(!since_ten.contains("STEP BY STEP"), "{since_ten}");
}

#[test]
fn who_hears_for_the_first_time_or_of_nothing_new_reads_of_no_changes() {
    let events = story();
    assert_eq!(changes(&events, None), "");
    assert_eq!(changes(&events, Some(events[3].at)), "", "a second letter about the same");
    assert_eq!(changes(&events, Some(at("08:00"))), "", "nothing is known of then");
    let same = [changed("09:00", &["G82003"]), changed("10:00", &["G82003"])];
    assert_eq!(changes(&same, Some(same[0].at)), "");
}

#[test]
fn the_last_letter_has_the_steps_and_takes_nobody_for_newly_back() {
    let [first, fixed, broken, _] = story();
    let end = Event { at: at("12:00"), ..over(broken.clone(), Reason::Recovered) };
    let events = [first, fixed, broken, end];
    let text = told(Audience::Staff, NoticeKind::Back, &events, Some(events[0].at)).text;
    assert!(text.contains("- 12:00: over.\n") && text.contains("- 09:00: 1 practice back"), "{text}");
    assert!(!text.contains("Practices back"), "{text}");
}

#[test]
fn an_owner_reads_it_too_and_a_manager_does_not() {
    let events = story();
    let owner = Audience::Owner { name: "BT".to_owned() };
    let text = told(owner, NoticeKind::Update, &events, Some(events[2].at)).text;
    assert!(
        text.contains("CHANGES SINCE OUR LAST MESSAGE, AS OF 10:00\nCause before: ICB internet firewall"),
        "{text}"
    );
    let text = told(manager(), NoticeKind::Update, &events, Some(events[2].at)).text;
    assert!(!text.contains("CHANGES"), "{text}");
}

/// What was done at a time, and when it was said.
fn fix(done: &str, said: &str, what: &str) -> Fix {
    Fix {
        incident: "2023-03-16-1".to_owned(),
        at: at(done),
        said_at: at(said),
        by: "Jo\nBloggs".to_owned(),
        what: what.to_owned(),
    }
}

fn with_fixes(
    audience: Audience,
    kind: NoticeKind,
    events: &[Event],
    last_told: Option<At>,
    fixes: &[Fix],
    texts: &Texts,
) -> String {
    let estate = estate();
    let (event, earlier) = events.split_last().expect("at least one event");
    let context = Context { earlier, last_told, fixes, ..context(&estate, event) };
    let notice = Notice { due: event.at.plus_millis(60_000), ..notice(kind, audience, event) };
    letter(&notice, &context, texts).expect("templates render").text
}

#[test]
fn what_was_done_stands_among_what_changed_and_in_one_letter_only() {
    let events = story();
    let fixes = [
        fix("08:20", "08:50", "rebooted the inside firewall"),
        fix("09:40", "09:40", "changed\u{7} a rule"),
        fix("09:50", "10:30", "unplugged it"),
    ];
    let told = |audience: Audience, events: &[Event], last_told: At| {
        with_fixes(audience, NoticeKind::Update, events, Some(last_told), &fixes, &Texts::shipped())
    };
    let text = told(Audience::Staff, &events[..3], events[0].at);
    let steps =
        text.split("STEP BY STEP\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("steps");
    assert_eq!(
        steps,
        "- 08:20: fix by Jo Bloggs: rebooted the inside firewall (said at 08:50)\n\
         - 09:00: 1 practice back, the signature is now dropped; 2 practices affected now.\n\
         - 09:40: fix by Jo Bloggs: changed a rule\n\
         - 10:00: 1 practice newly affected; 3 practices affected now."
    );
    // In the next letter there is what was said since, though it was done before.
    let text = told(Audience::Staff, &events, events[2].at);
    assert!(text.contains("- 09:50: fix by Jo Bloggs: unplugged it (said at 10:30)\n- 11:00: "), "{text}");
    assert!(!text.contains("rebooted") && !text.contains("changed a rule"), "{text}");
    let owner = told(Audience::Owner { name: "BT".to_owned() }, &events, events[2].at);
    assert!(owner.contains("unplugged it"), "{owner}");
    let manager = told(manager(), &events, events[2].at);
    assert!(!manager.contains("unplugged"), "{manager}");
}

#[test]
fn who_hears_late_and_for_the_first_time_reads_what_was_done_before() {
    let events = [firewall()];
    let fixes = [fix("08:12", "08:12", "rebooted it"), fix("08:13", "09:00", "said after the letter left")];
    let to = |last_told| {
        with_fixes(Audience::Staff, NoticeKind::Escalation, &events, last_told, &fixes, &Texts::shipped())
    };
    assert!(
        to(None).contains("WHAT HAS BEEN DONE\n- 08:12: fix by Jo Bloggs: rebooted it\n\n"),
        "{}",
        to(None)
    );
    assert!(!to(Some(events[0].at)).contains("rebooted"), "whoever knows of the incident isn't told again");
    let own = "[fix]\nheading = \"Bisher getan\"\ndone = \"{{ who }}: {{ fix }}\"\n";
    let texts =
        Texts::read(&std::collections::BTreeMap::from([("sentences.toml", own.to_owned())])).expect("sound");
    let text = with_fixes(Audience::Staff, NoticeKind::Escalation, &events, None, &fixes, &texts);
    assert!(text.contains("BISHER GETAN\n- 08:12: Jo Bloggs: rebooted it\n"), "{text}");
    let many: Vec<Fix> = (0..30).map(|n| fix("08:12", "08:12", &format!("step {n}"))).collect();
    let text = with_fixes(Audience::Staff, NoticeKind::Opening, &events, None, &many, &Texts::shipped());
    assert!(
        text.contains("- 20 earlier ones: see linewatch why\n- 08:12: fix by Jo Bloggs: step 20\n"),
        "{text}"
    );
}

#[test]
fn of_many_steps_the_last_are_told_and_of_many_practices_the_first_named() {
    let all: Vec<String> = (0..30).map(|number| format!("G{number:05}")).collect();
    let mut events: Vec<Event> = Vec::new();
    for minute in 0..30 {
        let mut event = changed(&format!("09:{minute:02}"), &[]);
        event.practices = all[minute..].to_vec();
        events.push(event);
    }
    let told = changes(&events, Some(events[0].at));
    assert!(told.contains("Practices back: 29: G00000, G00001,"), "{told}");
    assert!(told.contains("G00019 and 9 more\n"), "{told}");
    assert!(told.contains("STEP BY STEP\n- 9 earlier ones: see linewatch why\n- 09:10:"), "{told}");
    assert_eq!(told.lines().filter(|line| line.starts_with("- 09:")).count(), 20, "{told}");
}

#[test]
fn what_stands_before_each_fact_is_the_operators_to_change() {
    let rows =
        sentences::SHIPPED.split_once("[row]\n").expect("the labels").1.split_once("\n\n").expect("an end").0;
    let labels: Vec<&str> =
        rows.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect();
    assert!(labels.len() > 20, "{labels:?}");
    let own: Vec<String> = labels.iter().map(|key| format!("{key} = \"a label, {key}\"")).collect();
    let own = format!("[row]\n{}\n", own.join("\n"));
    let texts = Texts::read(&std::collections::BTreeMap::from([("sentences.toml", own)])).expect("sound");

    let mut estate = estate();
    estate.practices.iter_mut().for_each(|practice| practice.list_size = Some(9_800));
    let owner = Audience::Owner { name: "ICB network team".to_owned() };
    let [first, .., last] = story();
    let events = [first, Event { services: vec!["emis".to_owned()], ..last }];
    let end = over(firewall(), Reason::Recovered);
    let opened = Event { practices: vec!["G82002/westfield".to_owned()], ..firewall() };
    let letters = [
        (Audience::Staff, NoticeKind::Update, &events[1], &events[..1]),
        (Audience::Staff, NoticeKind::Update, &events[0], std::slice::from_ref(&opened)),
        (Audience::Staff, NoticeKind::Back, &end, &[]),
        (owner.clone(), NoticeKind::Opening, &events[0], &[]),
        (owner, NoticeKind::Back, &end, &[]),
    ];
    let text: String = letters
        .into_iter()
        .map(|(audience, kind, event, earlier)| {
            let last_told = earlier.first().map(|event| event.at);
            let context = Context { earlier, last_told, ..context(&estate, event) };
            letter(&notice(kind, audience, event), &context, &texts).expect("templates render").text
        })
        .collect();
    for label in labels {
        assert!(text.contains(&format!("\na label, {label}: ")), "{label} stands in no letter\n{text}");
    }
    let shipped =
        ["\nCause", "\nProbability", "\nSince: ", "\nNetwork", "\nPractices back", "\nBehind the cause"];
    assert!(shipped.iter().all(|label| !text.contains(label)), "{text}");
}
