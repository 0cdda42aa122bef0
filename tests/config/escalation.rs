//! `[notices] link` and `[[escalation]]`.

use std::time::Duration;

use linewatch::config::hints;

use super::{GOOD, parse, place_of};

const MAIL: &str = "[mail]\nrelay = \"127.0.0.1\"\nsecurity = \"plain\"\nfrom = \"linewatch@icb.example\"\nstaff = [\"service.desk@icb.example\"]\n";

fn text(extra: &str) -> String {
    format!("{GOOD}\n{MAIL}\n{extra}")
}

fn refused(text: &str) -> String {
    let errors = parse(text).expect_err("a mistake");
    errors.iter().map(|problem| format!("{problem} | {}", problem.help())).collect::<Vec<_>>().join("\n")
}

#[test]
fn steps_stand_in_the_order_of_time_and_a_link_has_a_slash() {
    let config = parse(&text(
        "[[escalation]]\nafter = \"1h\"\nto = \"chief@icb.example\"\n\
         [[escalation]]\nafter = \"15m\"\nto = [\"Boss@icb.example\", \"boss@icb.example\", \"deputy@icb.example\"]\n\
         [notices]\nlink = \"https://linewatch.example/icb\"\n\
         [[contact]]\nemail = \"boss@icb.example\"\nname = \"Sam Poe\"\n",
    ))
    .expect("a good file");
    let steps = &config.acknowledgement.steps;
    assert_eq!((steps[0].after, steps[1].after), (Duration::from_mins(15), Duration::from_hours(1)));
    assert_eq!(steps[0].to, ["Boss@icb.example", "deputy@icb.example"]);
    assert_eq!(config.acknowledgement.link.as_ref().expect("one").as_str(), "https://linewatch.example/icb/");
    assert_eq!(config.ways.contacts[0].name.as_deref(), Some("Sam Poe"));
    let plain = parse(GOOD).expect("a good file").acknowledgement;
    assert_eq!((plain.link, plain.steps), (None, Vec::new()));
}

#[test]
fn every_mistake_is_named_with_its_place_and_the_way_out() {
    let step = |lines: &str| text(&format!("[[escalation]]\n{lines}\n"));
    for (lines, wrong) in [
        ("to = \"a@icb.example\"", "[[escalation]] has no `after` | add after = \"15m\""),
        ("after = \"15m\"", "[[escalation]] has no `to` | add to = [\"on.call@icb.example\"]"),
        ("after = \"15m\"\nto = []", "`to` names 0 people | name one to 50 e-mail addresses"),
        (
            "after = \"30s\"\nto = \"a@icb.example\"",
            "too soon for anybody to have read and answered | write \"1m\" or more",
        ),
        ("after = \"8d\"\nto = \"a@icb.example\"", "longer than any incident should wait"),
        ("after = \"15m\"\nto = \"nobody\"", "\"nobody\" is not an e-mail address"),
        ("after = \"15m\"\nto = \"a@icb.example\"\nwho = \"x\"", "has no key `who`"),
    ] {
        let told = refused(&step(lines));
        assert!(told.contains(wrong), "{lines}: {told}");
    }
    let twice =
        "after = \"15m\"\nto = \"a@icb.example\"\n[[escalation]]\nafter = \"900s\"\nto = \"b@icb.example\"";
    let whole = step(twice);
    let (line, column) = place_of(&whole, "\"900s\"");
    let told = refused(&whole);
    assert!(
        told.contains(&format!(
            "probes.toml:{line}:{column}: there is another [[escalation]] after the same time"
        )),
        "{told}"
    );

    for (link, wrong) in [
        ("linewatch", "is not a URL"),
        ("ftp://linewatch.example/", "is not the address of a page"),
        ("https://linewatch.example/?a=1", "goes on behind the path"),
        ("https://jo:word@linewatch.example/", "has a user name or password in it"),
    ] {
        let told = refused(&text(&format!("[notices]\nlink = \"{link}\"\n")));
        assert!(told.contains(wrong) && told.contains("https://linewatch.example/"), "{link}: {told}");
        assert!(!told.contains("word@"), "{told}");
    }
}

/// Two people hold the role, one of them for another ICB's practices.
const ON_CALL: &str = "[[role]]\nid = \"on-call\"\nmin_severity = \"critical\"\n\
    [[contact]]\nemail = \"night@icb.example\"\nrole = \"on-call\"\nhours = \"working\"\n\
    [[contact]]\nemail = \"sam@icb.example\"\nrole = \"on-call\"\n";

#[test]
fn a_step_names_roles_beside_addresses_and_check_says_who_holds_them() {
    let step =
        "[[escalation]]\nafter = \"15m\"\nto = [\"role:on-call\", \"boss@icb.example\", \"role: on-call\"]\n";
    let config = parse(&text(&format!("{step}{ON_CALL}"))).expect("a good file");
    let [step] = &config.acknowledgement.steps[..] else { panic!("one step") };
    assert_eq!(
        (&step.to[..], &step.roles[..]),
        (&["boss@icb.example".to_owned()][..], &["on-call".to_owned()][..])
    );
    assert_eq!(step.names().collect::<Vec<_>>(), ["boss@icb.example", "role:on-call"]);
    let [step] = &linewatch::config::Summary::of(&config).escalation[..] else { panic!("one step") };
    assert_eq!((step.after_seconds, &step.to[..]), (900, &["boss@icb.example".to_owned()][..]));
    assert_eq!(step.roles["on-call"], ["night@icb.example", "sam@icb.example"]);
}

#[test]
fn a_role_that_is_not_there_or_is_named_like_an_address_is_refused_with_the_way_out() {
    for (to, wrong) in [
        ("role:on-cal", "no [[role]] is called \"on-cal\" | did you mean \"role:on-call\"?"),
        ("role:", "no [[role]] is called \"\" | "),
        (
            "role:something else",
            "no [[role]] is called \"something else\" | write the `id` of a [[role]] behind \"role:\"",
        ),
        ("on-call", "\"on-call\" is a role, and `to` names addresses | write \"role:on-call\""),
    ] {
        let whole =
            text(&format!("[[escalation]]\nafter = \"15m\"\nto = [\"a@icb.example\", \"{to}\"]\n{ON_CALL}"));
        let (line, column) = place_of(&whole, &format!("\"{to}\"]"));
        let told = refused(&whole);
        assert!(told.contains(&format!("probes.toml:{line}:{column}: {wrong}")), "{to}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    let told = refused(&text("[[escalation]]\nafter = \"15m\"\nto = \"role:on-call\"\n"));
    assert!(told.contains("no [[role]] is called \"on-call\""), "there is none at all: {told}");
    let told = refused(&format!("{GOOD}\n[[escalation]]\nafter = \"15m\"\nto = \"role:on-call\"\n{ON_CALL}"));
    assert!(told.contains("nothing can be sent to whoever holds this role"), "{told}");
    assert!(told.contains("`mobile` and ways = [\"sms\"]"), "{told}");
}

#[test]
fn without_mail_somebody_who_is_escalated_to_needs_a_telephone() {
    let step = "[[escalation]]\nafter = \"15m\"\nto = \"boss@icb.example\"\n";
    let told = refused(&format!("{GOOD}\n{step}"));
    assert!(told.contains("nothing can be sent to this address"), "{told}");
    assert!(told.contains("ways = [\"sms\"]"), "{told}");
}

#[test]
fn check_says_when_nobody_can_stop_it_from_a_letter_and_when_links_travel_in_the_clear() {
    let told = |extra: &str| -> Vec<String> {
        let config = parse(&text(extra)).unwrap_or_else(|errors| panic!("{errors}"));
        hints(&config).into_iter().map(|hint| format!("{} | {}", hint.text, hint.help)).collect()
    };
    let step = "[[escalation]]\nafter = \"15m\"\nto = \"boss@icb.example\"\n";
    let is = |hints: &[String], word: &str| hints.iter().any(|hint| hint.contains(word));
    assert!(is(&told(step), "only `linewatch ack` stops it"));
    let with = |link: &str| told(&format!("{step}[notices]\nlink = \"{link}\"\n"));
    let good = with("https://linewatch.example");
    assert!(!is(&good, "linewatch ack") && !is(&good, "`link` is http"), "{good:?}");
    assert!(is(&with("http://linewatch.example"), "`link` is http"));
    assert!(!is(&with("http://127.0.0.1:9460"), "`link` is http"));
    assert!(!is(&good, "nobody is escalated to"));
}
