//! The page as the people in the building read it.

use std::time::Duration;

use super::board::tests::{START, seen};
use super::*;
use crate::agent::schedule::tests::estate;
use crate::estate::{Network, NetworkIx, Service, ServiceIx};
use crate::observation::Failure;

/// A practice with two networks; texting and letters over the internet, records over the NHS network, which letters need.
fn surgery() -> Arc<Estate> {
    let mut estate = estate(1, &[10, 10, 10]);
    "St James' <Surgery>".clone_into(&mut estate.practices[0].name);
    estate.networks.push(Network { id: "hscn".into(), name: "the NHS network".into(), through: Vec::new() });
    let service = |id: &str, used_for: &str, instead: &str, needs: &[u32]| Service {
        id: id.to_owned(),
        name: id.to_owned(),
        used_for: Some(used_for.to_owned()),
        instead: Some(instead.to_owned()),
        catch_up: None,
        needs: needs.iter().map(|ix| ServiceIx(*ix)).collect(),
    };
    estate.services = vec![
        service("texting", "texting patients", "Phone patients.", &[]),
        service("letters", "hospital letters", "Ring the ward.", &[2]),
        service("records", "patients' records", "Use paper.", &[]),
    ];
    for (position, probe) in estate.probes.iter_mut().enumerate() {
        probe.service = Some(ServiceIx::new(position));
        probe.network = NetworkIx(u32::from(position == 2));
    }
    Arc::new(estate)
}

fn site() -> Site {
    let site = Site::new("G82002");
    site.asks(surgery(), PracticeIx(0));
    site
}

/// The page ten seconds after each of the three checks was told this, in all its turns.
fn page(told: [&[Option<Failure>]; 3], word: Option<LastWord>) -> String {
    let site = site();
    for (position, results) in told.into_iter().enumerate() {
        for (turn, failure) in results.iter().enumerate() {
            let mut seen = seen(i64::try_from(turn).expect("few") * 10, *failure);
            seen.probe = format!("probe-{position}");
            site.take(&seen);
        }
    }
    if let Some(word) = word {
        site.heard(word);
    }
    site.page(START + Duration::from_secs(20), true).expect("a page")
}

/// What stands under a heading, as text.
fn under(page: &str, id: &str) -> String {
    let start = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no section {id} in {page}"));
    let section = &page[start..];
    let section =
        &section[section.find('>').map_or(0, |at| at + 1)..section.find("</section>").expect("an end")];
    let mut text = String::new();
    let mut inside = false;
    for c in section.replace("<br>", " ").chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const FINE: &[Option<Failure>] = &[None, None];
const GONE: &[Option<Failure>] = &[None, Some(Failure::Timeout), Some(Failure::Timeout)];

#[test]
fn all_is_well() {
    let page = page([FINE; 3], None);
    assert!(page.contains("Everything that we check answers."), "{page}");
    assert!(!page.contains("id=\"down\"") && !page.contains("id=\"partly\""));
    assert!(under(&page, "up").contains("Texting, used for texting patients"), "{page}");
    assert!(under(&page, "word").contains("has not heard from it yet"));
}

#[test]
fn a_service_is_gone_and_what_needs_it_works_in_part() {
    let page = page([FINE, FINE, GONE], None);
    assert!(page.contains("One service does not answer."), "{page}");
    assert!(
        under(&page, "not-known").contains("The NHS network"),
        "one check alone says nothing of it: {page}"
    );
    let down = under(&page, "down");
    assert!(
        down.contains("Records (used for patients&#39; records) does not answer. Since 22:13 (less than a minute). Meanwhile: Use paper."),
        "{down}"
    );
    let partly = under(&page, "partly");
    assert!(
        partly.contains("Letters (used for hospital letters) answers, but needs records, which does not."),
        "{partly}"
    );
    assert!(under(&page, "up").contains("The internet"));
    assert!(!under(&page, "up").contains("Letters"), "what is reduced is not said to answer");
}

#[test]
fn the_headline_names_a_network_before_it_counts_services() {
    assert!(page([GONE, GONE, FINE], None).contains("> The internet does not answer.</p>"));
    assert!(page([GONE, FINE, FINE], None).contains("> One service does not answer.</p>"));
    assert!(page([&[], &[], &[]], None).contains("Nothing is known yet."));
    assert!(page([FINE, FINE, &[]], None).contains("Of some things nothing is known."));
}

#[test]
fn a_failure_is_told_as_a_person_would_meet_it() {
    for (failure, words) in [
        (Failure::Untrusted, "answers, but no secure connection can be made"),
        (Failure::Servfail, "cannot be reached, because names are not found"),
        (Failure::TooSlow, "is very slow"),
        (Failure::Intercepted, "something on the way opens the secure connection"),
        (Failure::Status, "does not answer"),
    ] {
        let page = page([&[Some(failure), Some(failure)], FINE, FINE], None);
        assert!(under(&page, "down").contains(words), "{failure:?}: {page}");
    }
}

#[test]
fn what_the_hub_said_is_there_with_its_age() {
    let word = |before_s: i64| LastWord {
        heard: START.plus_millis((20 - before_s) * 1_000),
        sentences: vec!["ICB firewall <b> has failed\u{202e}.".to_owned()],
    };
    let young = page([FINE; 3], Some(word(60)));
    assert!(under(&young, "word").contains("ICB firewall &#60;b&#62; has failed ."), "{young}");
    assert!(under(&young, "word").contains("(1 minute ago)"), "{young}");
    assert!(!young.contains("That is some time ago"));
    assert!(page([FINE; 3], Some(word(3_600))).contains("That is some time ago"));
    let quiet = LastWord { heard: START, sentences: Vec::new() };
    assert!(under(&page([FINE; 3], Some(quiet)), "word").contains("nothing was known of a fault"));
}

#[test]
fn names_cannot_break_the_page() {
    let page = page([FINE; 3], None);
    assert!(page.contains("St James&#39; &#60;Surgery&#62;") && !page.contains("<Surgery>"), "{page}");
}

#[test]
fn it_renews_itself_unless_it_is_held() {
    let site = site();
    assert!(site.page(START, true).expect("a page").contains("http-equiv=\"refresh\" content=\"10\""));
    let held = site.page(START, false).expect("a page");
    assert!(!held.contains("http-equiv=\"refresh\"") && held.contains("href=\"/\""));
}

#[test]
fn the_practices_own_trouble_comes_first() {
    let site = site();
    let mut local = seen(0, Some(Failure::Local));
    local.probe = "probe-0".to_owned();
    local.detail = Some("no route to 127.0.0.9".to_owned());
    site.take(&local);
    let page = site.page(START, true).expect("a page");
    assert!(
        under(&page, "own").contains("No route to 127.0.0.9 (at 22:13). See first whether its cable is in"),
        "{page}"
    );
}

#[test]
fn before_there_is_a_configuration_it_says_so() {
    let site = Site::new("G82002");
    site.take(&seen(0, None));
    let page = site.page(START, true).expect("a page");
    assert!(page.contains("G82002") && page.contains("Nothing is checked yet"), "{page}");
}

#[test]
fn the_hubs_word_is_kept_when_it_is_news_and_now_and_then() {
    let site = site();
    let word = |after_mins: u64, said: &str| LastWord {
        heard: START + Duration::from_mins(after_mins),
        sentences: vec![said.to_owned()],
    };
    let kept = [(0, "a"), (1, "a"), (2, "b"), (11, "b"), (13, "b"), (14, "b")]
        .map(|(at, said)| site.heard(word(at, said)));
    assert_eq!(kept, [true, false, true, false, true, false]);
}

#[test]
fn the_state_of_each_way_to_the_hub_is_told_with_since_when() {
    let site = site();
    let before = site.page(START, true).expect("a page");
    assert!(!before.contains("id=\"ways\""), "nothing is known of them");
    let path = |network: Option<&str>, works: Option<bool>| PathState {
        network: network.map(str::to_owned),
        hub: "hub.example:9460".to_owned(),
        works,
        since: works.map(|_| START),
        ..PathState::default()
    };
    site.reached(vec![
        path(Some("hscn"), Some(false)),
        path(Some("internet"), Some(true)),
        path(Some("<b>"), None),
        path(None, None),
    ]);
    let page = site.page(START + Duration::from_mins(23), true).expect("a page");
    let ways = under(&page, "ways");
    assert!(ways.contains("Over the NHS network: ✕ it is not reached since 22:13 (23 minutes)"), "{ways}");
    assert!(ways.contains(": ✓ it is reached since 22:13"), "{ways}");
    assert!(ways.contains("Over &#60;b&#62;: ? not tried yet"), "{ways}");
    assert!(ways.contains("At hub.example:9460: ? not tried yet"), "{ways}");
    assert!(!ways.contains("doesn't take"), "{ways}");

    // Its key was revoked: no way is of any use, and one that isn't reached is so still.
    site.denied(true);
    let page = site.page(START + Duration::from_mins(23), true).expect("a page");
    let ways = under(&page, "ways").replace("&#39;", "'");
    assert!(ways.contains(": ✕ it is reached, and doesn't take what this computer reports"), "{ways}");
    assert!(
        ways.contains("has to enrol it again") && ways.contains("it is not reached since 22:13"),
        "{ways}"
    );
    site.denied(false);
    assert!(!ways.contains("would not take"), "{ways}");
    site.refused(1);
    let page = site.page(START + Duration::from_mins(23), true).expect("a page");
    let ways = under(&page, "ways");
    assert!(ways.contains(": ✓ it is reached since 22:13"), "{ways}");
    assert!(ways.contains("It has let go of one result that") && ways.contains("would not take"), "{ways}");
    site.refused(12);
    let page = site.page(START, true).expect("a page");
    assert!(under(&page, "ways").contains("let go of 12 results"), "{page}");
}
