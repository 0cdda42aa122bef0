//! What `check` can say before the outage: groups that no check can tell apart, and other traps.

use linewatch::config::{Ambiguities, Summary, hints};

use super::{GOOD, parse, with};

fn hint_texts(text: &str) -> Vec<String> {
    let config = parse(text).unwrap_or_else(|errors| panic!("{errors}"));
    hints(&config).into_iter().map(|hint| format!("{} | {}", hint.text, hint.help)).collect()
}

/// What looks the same, and what would part it.
fn ambiguous(text: &str) -> Vec<String> {
    let config = parse(text).unwrap_or_else(|errors| panic!("{errors}"));
    let found = Ambiguities::of(&config.estate).groups;
    found.into_iter().map(|group| format!("{} | {}", group.text, group.splitter)).collect()
}

/// Two practices: behind the same firewall, on the same carrier.
fn two_alike() -> String {
    format!(
        "{GOOD}\n[[practice]]\nods = \"G82003\"\nname = \"Two\"\nsource = \"127.1.0.3\"\nvia = {{ carrier = \"bt\", firewall = \"fw-maidstone\" }}\n"
    )
}

#[test]
fn a_firewall_and_a_carrier_that_everybody_shares_on_one_network_look_the_same() {
    // With the NHS network gone, the carrier and the firewall carry exactly the same checks.
    let one_network = two_alike().replace("network = \"hscn\"", "network = \"internet\"");
    let found = ambiguous(&one_network);
    let both = |said: &&String| said.contains("The carrier bt and the firewall fw-maidstone carry the same");
    let said = found.iter().find(both).expect("an ambiguity");
    assert!(said.contains("A practice behind the firewall fw-maidstone with another carrier"), "{said}");
}

#[test]
fn the_second_network_tells_the_carrier_from_the_firewall() {
    let found = ambiguous(&two_alike());
    let outage = |said: &&String| said.contains("no check can tell");
    assert!(
        !found.iter().filter(outage).any(|said| said.contains("carrier bt") && said.contains("fw-maidstone")),
        "{found:#?}"
    );
}

#[test]
fn a_practice_and_its_own_circuit_look_the_same() {
    let circuit =
        |ods| format!("\n[[component]]\nid = \"c-{ods}\"\nkind = \"circuit\"\nname = \"circuit\"\n");
    let circuits = circuit("G82002") + &circuit("G82003");
    let text = two_alike()
        .replace("ods = \"G82002\"", "ods = \"G82002\"\nvia.circuit = \"c-G82002\"")
        .replace("ods = \"G82003\"", "ods = \"G82003\"\nvia.circuit = \"c-G82003\"")
        .replace(
            "via = { carrier = \"bt\", firewall = \"fw-maidstone\" }",
            "via.carrier = \"bt\"\nvia.firewall = \"fw-maidstone\"",
        )
        .replace("[\"carrier\"", "[\"circuit\", \"carrier\"");
    let found = ambiguous(&format!("{text}{circuits}"));
    let said = found.iter().find(|said| said.contains("practice itself")).expect("one line for both");
    assert!(said.contains("At 2 practices the circuit"), "{said}");
}

#[test]
fn a_network_with_one_check_or_none_is_pointed_out() {
    let found = ambiguous(GOOD);
    let said = found.iter().find(|said| said.contains("The network hscn and what hscn-dns asks"));
    assert!(said.is_some_and(|said| said.contains("A second probe on the network hscn")), "{found:#?}");
    let silent = hint_texts(&with("network = \"hscn\"", "network = \"internet\""));
    assert!(silent.iter().any(|hint| hint.contains("nothing is asked on \"hscn\"")), "{silent:#?}");
}

#[test]
fn what_nothing_crosses_is_pointed_out() {
    let text = format!("{GOOD}\n[[component]]\nid = \"spare\"\nkind = \"firewall\"\nname = \"Spare\"\n");
    let hints = hint_texts(&text);
    assert!(hints.iter().any(|hint| hint.contains("no check crosses spare")), "{hints:#?}");
    assert!(hints.iter().any(|hint| hint.contains("nothing asks whether smartcard")), "{hints:#?}");
}

#[test]
fn a_role_that_is_almost_one_of_a_network_is_pointed_out() {
    let hints = hint_texts(&with("firewall = \"fw-maidstone\" }", "firewal = \"fw-maidstone\" }"));
    assert!(
        hints.iter().any(|hint| hint.contains("\"firewal\"") && hint.contains("\"firewall\"")),
        "{hints:#?}"
    );
}

#[test]
fn sources_and_mail_are_mentioned_when_they_are_missing() {
    let without = hint_texts(&with("source = \"127.1.0.2\"\n", ""));
    assert!(without.iter().any(|hint| hint.contains("no practice has a `source`")), "{without:#?}");
    assert!(without.iter().any(|hint| hint.contains("there is no [mail]")), "{without:#?}");
    let shared = hint_texts(&two_alike().replace("127.1.0.3", "127.1.0.2"));
    assert!(shared.iter().any(|hint| hint.contains("2 practices share the source 127.1.0.2")), "{shared:#?}");
}

#[test]
fn the_rate_of_a_target_adds_up_over_probes_and_practices() {
    let text = format!("{}\n[schedule]\ntarget_rate = 0.05\n", two_alike());
    let summary = Summary::of(&parse(&text).expect("a good file"));
    // Two practices and the hub, once in 30 s each.
    let dns =
        summary.targets.iter().find(|target| target.target == "127.90.0.53:8053").expect("the name server");
    assert!((dns.checks_per_second - 0.1).abs() < 1e-9 && dns.above_target_rate);
    assert!((summary.checks_per_minute - 12.0).abs() < 1e-9);
    assert!(summary.targets.iter().any(|target| target.target == "accurx.example:443"));
}

#[test]
fn a_kind_that_run_cannot_ask_yet_is_named() {
    let text = with("kind = \"https\"", "kind = \"imap\"")
        .replace("url = \"https://accurx.example/\"", "target = \"127.80.0.1:143\"");
    let summary = Summary::of(&parse(&text).expect("a good file"));
    assert_eq!(summary.later_kinds[0].kind, "imap");
    assert_eq!(summary.later_kinds[0].probes, ["accurx-https"]);
}

#[test]
fn a_family_that_a_practice_has_no_source_of_is_pointed_out() {
    let url = "url = \"https://accurx.example/\"";
    let text = |family: &str| with(url, &format!("{url}\nfamily = \"{family}\""));
    let found = hint_texts(&text("ipv6"));
    let hint = |said: &&String| said.contains("accurx-https asks over IPv6 alone") && said.contains("G82002");
    assert!(found.iter().any(|said| hint(&said)), "{found:?}");
    assert!(!hint_texts(&text("ipv4")).iter().any(|said| said.contains("asks over")));
}
