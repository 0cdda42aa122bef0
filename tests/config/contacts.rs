//! `[[contact]]`, `[[pcn]]` and `[notices] per_hour`: at which hours, of what, and how much.

use jiff::civil::{Weekday, time};
use linewatch::notify::policy::severity::Severity;

use super::{GOOD, parse, place_of};

fn contact(lines: &str) -> String {
    format!("{GOOD}\n[[contact]]\nemail = \"manager@g82002.example\"\n{lines}\n")
}

/// Where the one error is, and what it says with its way out.
fn refused(text: &str) -> ((usize, usize), String) {
    let errors = parse(text).expect_err("a mistake");
    let [problem] = &errors.iter().collect::<Vec<_>>()[..] else { panic!("one error, and not {errors}") };
    ((problem.line(), problem.column()), format!("{problem} {}", problem.help()))
}

#[test]
fn hours_are_the_core_hours_or_any() {
    let text = contact("hours = \"working\"\nquiet_unless = \"never\"")
        + "[report]\ncore_hours = \"07:30-18:00\"\nbank_holidays = [\"2026-12-24\"]\n";
    let config = parse(&text).expect("a good file");
    let terms = &config.ways.contacts[0].terms;
    let hours = terms.hours.as_ref().expect("hours");
    assert_eq!((hours.from, hours.until), (time(7, 30, 0, 0), time(18, 0, 0, 0)));
    assert!(!hours.on_holidays && hours.also_off.len() == 1);
    assert_eq!((terms.min_severity, terms.quiet_unless), (Severity::Note, None));

    let night =
        "hours = { days = [\"fri-mon\", \"wed\"], from = \"22:00\", until = \"06:00\", holidays = true }";
    let config = parse(&contact(night)).expect("a good file");
    let terms = &config.ways.contacts[0].terms;
    let hours = terms.hours.as_ref().expect("hours");
    let days = [Weekday::Monday, Weekday::Wednesday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];
    assert_eq!(hours.days, days);
    assert!(hours.on_holidays);
    assert_eq!(terms.quiet_unless, Some(Severity::Critical), "what nobody should sleep through");
}

#[test]
fn hours_that_are_none_are_refused_where_they_stand() {
    for (lines, at, says) in [
        ("hours = \"office\"", "\"office\"", "hours = \"working\""),
        ("hours = 8", "8\n", "hours = \"working\""),
        ("hours = { from = \"08:00\" }", "{ from", "need `from` and `until`"),
        ("hours = { from = \"8 am\", until = \"18:30\" }", "\"8 am\"", "write it as \"08:00\""),
        ("hours = { from = \"08:00\", until = \"08:00\" }", "\"08:00\" }", "end when they begin"),
        (
            "hours = { days = \"mon-fry\", from = \"08:00\", until = \"18:30\" }",
            "\"mon-fry\"",
            "mon, tue, wed",
        ),
        (
            "hours = { days = [], from = \"08:00\", until = \"18:30\" }",
            "[], from",
            "nobody would ever be written to",
        ),
        ("min_severity = \"severe\"", "\"severe\"", "note, minor, major, critical"),
        ("quiet_unless = \"major\"", "\"major\"", "is written to at any hour"),
        ("hours = \"working\"\nquiet_unless = \"loud\"", "\"loud\"", "critical, or never"),
    ] {
        let text = contact(lines);
        let (place, said) = refused(&text);
        assert_eq!(place, place_of(&text, at), "{said}");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn whoever_looks_after_something_is_named_by_what_is_declared() {
    let pcn = "[[pcn]]\nid = \"east\"\nname = \"East PCN\"\npractices = [\"G82002\"]\n";
    let text = contact("pcn = \"east\"\nowner = [\"ICB network team\"]\nmin_severity = \"major\"") + pcn;
    let config = parse(&text).expect("a good file");
    let contact_of = &config.ways.contacts[0];
    assert_eq!(
        (&contact_of.pcns[..], &contact_of.owners[..]),
        (&["east".to_owned()][..], &["ICB network team".to_owned()][..])
    );
    assert_eq!(config.ways.pcns[0].practices, ["G82002"]);
    assert_eq!(contact_of.terms.min_severity, Severity::Major);

    for (text, at, says) in [
        (contact("pcn = \"esat\"") + pcn, "\"esat\"", "did you mean \"east\"?"),
        (
            contact("owner = \"ICB network taem\""),
            "\"ICB network taem\"",
            "did you mean \"ICB network team\"?",
        ),
        (contact("owner = \"nobody at all\""), "\"nobody at all\"", "as it is declared there"),
        (
            format!("{GOOD}\n{}", pcn.replace("\"G82002\"", "\"G82003\"")),
            "\"G82003\"",
            "did you mean \"G82002\"?",
        ),
    ] {
        let (place, said) = refused(&text);
        assert_eq!(place, place_of(&text, at), "{said}");
        assert!(said.contains(says), "{said}");
    }
    let (_, said) = refused(&format!("{GOOD}\n[[pcn]]\nid = \"east\"\nname = \"East PCN\"\n"));
    assert!(said.contains("has no `practices`"), "{said}");
    let (_, said) = refused(&format!("{GOOD}\n{pcn}{pcn}"));
    assert!(said.contains("east"), "{said}");
}

#[test]
fn a_cap_is_the_usual_one_another_or_none() {
    let cap =
        |line: &str| parse(&format!("{GOOD}\n[notices]\n{line}")).expect("a good file").notices.per_hour;
    assert_eq!(cap(""), Some(12));
    assert_eq!(cap("per_hour = 4"), Some(4));
    assert_eq!(cap("per_hour = 0"), None);
    let text = format!("{GOOD}\n[notices]\nper_hour = -1\n");
    assert_eq!(refused(&text).0, place_of(&text, "-1"));
}

#[test]
fn agents_are_told_nothing_of_people() {
    let pcn = "[[pcn]]\nid = \"east\"\nname = \"East PCN\"\npractices = [\"G82002\"]\n";
    let config = parse(&(contact("pcn = \"east\"\nhours = \"working\"") + pcn)).expect("a good file");
    let told = serde_json::to_string(&config.handout.bundle(&config.estate, "G82002")).expect("JSON");
    assert!(told.contains("accurx-https"), "{told}");
    assert!(!told.contains("East PCN") && !told.contains("[[contact]]"), "{told}");
}

const ROLE: &str =
    "[[role]]\nid = \"on-call\"\nmin_severity = \"major\"\ncauses = [\"firewall\", \"service\"]\n";
const OTHER: &str = "[[other_icb]]\ncode = \"QNX\"\nname = \"NHS Sussex\"\npractices = [\"G82002\"]\n";

#[test]
fn a_role_is_told_of_kinds_of_cause_from_a_severity_on_and_held_for_an_icb() {
    let text = contact("role = \"on-call\"\nicb = \"QNX\"") + ROLE + OTHER;
    let config = parse(&text).expect("a good file");
    let [role] = &config.ways.roles[..] else { panic!("one role") };
    assert_eq!((role.id.as_str(), role.min_severity), ("on-call", Severity::Major));
    assert_eq!(role.causes, ["firewall", "service"]);
    let contact_of = &config.ways.contacts[0];
    assert_eq!(
        (&contact_of.roles[..], &contact_of.icbs[..]),
        (&["on-call".to_owned()][..], &["QNX".to_owned()][..])
    );
    assert_eq!(config.ways.other_icbs[0].practices, ["G82002"]);

    let plain =
        parse(&(contact("role = \"on-call\"") + "[[role]]\nid = \"on-call\"\n")).expect("a good file");
    assert_eq!((plain.ways.roles[0].min_severity, plain.ways.roles[0].causes.len()), (Severity::Note, 0));
}

#[test]
fn roles_and_icbs_that_are_none_are_refused_where_they_stand() {
    for (text, at, says) in [
        (contact("role = \"on-cal\"") + ROLE, "\"on-cal\"", "did you mean \"on-call\"?"),
        (contact("role = \"nobody\""), "\"nobody\"", "no [[role]] is called"),
        (format!("{GOOD}\n{ROLE}"), "\"on-call\"", "add role = \"on-call\" to a [[contact]]"),
        (
            contact("role = \"on-call\"") + &ROLE.replace("\"firewall\"", "\"firewal\""),
            "\"firewal\"",
            "did you mean \"firewall\"?",
        ),
        (
            contact("role = \"on-call\"") + &ROLE.replace("\"firewall\"", "\"core\""),
            "\"core\"",
            "practice, network, service, monitor",
        ),
        (
            contact("role = \"on-call\"") + "[[role]]\nid = \"on-call\"\ncauses = []\n",
            "[]\n",
            "leave `causes` out",
        ),
        (
            contact("role = \"on-call\"") + &ROLE.replace("\"major\"", "\"bad\""),
            "\"bad\"",
            "note, minor, major, critical",
        ),
        (contact("role = \"on-call\"\nicb = \"QNY\"") + ROLE + OTHER, "\"QNY\"", "did you mean \"QNX\"?"),
        (contact("icb = \"QKS\""), "\"QKS\"\n", "this contact holds none"),
        (
            format!("{GOOD}\n{}", OTHER.replace("QNX", "QKS")),
            "\"QKS\"\nname = \"NHS Sussex",
            "that no [[other_icb]] names",
        ),
        (
            format!("{GOOD}\n{OTHER}{}", OTHER.replace("NHS Sussex", "The same")),
            "\"QNX\"\nname = \"The",
            "put both into one",
        ),
        (
            format!(
                "{GOOD}\n{OTHER}{}",
                OTHER.replace("QNX", "QNY").replace("[\"G82002\"]", "[ \"G82002\" ]")
            ),
            "\"G82002\" ]",
            "as a practice of QNX",
        ),
        (format!("{GOOD}\n{}", OTHER.replace("G82002", "G82003")), "\"G82003\"", "did you mean \"G82002\"?"),
    ] {
        let (place, said) = refused(&text);
        // The first place of `icb = "QKS"` is in the contact; `[icb]` comes before it.
        let expected = match at {
            "\"QKS\"\n" => place_of(&text, "icb = \"QKS\""),
            at => place_of(&text, at),
        };
        let expected = if at == "\"QKS\"\n" { (expected.0, expected.1 + 6) } else { expected };
        assert_eq!(place, expected, "{said}");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn an_icb_that_has_nobody_for_a_role_is_pointed_out() {
    let hints = |contact_lines: &str| {
        let text = contact(contact_lines) + ROLE + OTHER;
        let hints = linewatch::config::hints(&parse(&text).expect("a good file"));
        hints.into_iter().filter(|hint| hint.text.contains("nobody holds")).collect::<Vec<_>>()
    };
    assert_eq!(hints("role = \"on-call\""), []);
    assert_eq!(hints("role = \"on-call\"\nicb = [\"QKS\", \"QNX\"]"), []);
    let [hint] = &hints("role = \"on-call\"\nicb = \"QKS\"")[..] else { panic!("one hint") };
    assert_eq!(hint.text, "nobody holds the role \"on-call\" for QNX (NHS Sussex): it is told nothing there");
    assert!(hint.help.contains("icb = \"QNX\""), "{}", hint.help);
}
