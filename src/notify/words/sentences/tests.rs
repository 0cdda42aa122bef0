//! What an operator may make of a sentence, and what is refused before anybody is written to.

use super::*;
use crate::notify::words::texts::Texts;

fn read(source: &str) -> Result<Texts, Vec<Flaw>> {
    Texts::read(&BTreeMap::from([(FILE, source.to_owned())]))
}

/// The message and the way out of its only flaw, and what stands at its place.
fn refused(source: &str) -> (String, String, String) {
    let flaws = read(source).expect_err("a mistake");
    let [flaw] = flaws.as_slice() else { panic!("one: {flaws:?}") };
    assert_eq!(flaw.file, FILE);
    let at = source.get(flaw.span.clone()).expect("a place in the file");
    (flaw.message.clone(), flaw.help.clone(), at.to_owned())
}

fn said<const N: usize>(texts: &Texts, sentence: &Sentence<N>, values: [Value; N]) -> String {
    let say = texts.say();
    let said = say.with(sentence, values);
    say.end().expect("it can be said");
    said
}

#[test]
fn the_shipped_catalogue_has_every_sentence_once_and_nothing_else() {
    let mut flaws = Vec::new();
    let table = table(SHIPPED, &mut flaws).expect("it can be read");
    let mut there: Vec<&str> = read_all(&table, &mut flaws).iter().map(|placed| placed.entry.name).collect();
    assert_eq!(flaws, []);
    let mut listed: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
    there.sort_unstable();
    listed.sort_unstable();
    assert_eq!(there, listed);
    // As an operator's file it would be as sound.
    assert_eq!(read(SHIPPED).expect("sound").replaced(), [FILE]);
}

fn read_all<'s>(table: &'s DeTable<'s>, flaws: &mut Vec<Flaw>) -> Vec<Placed<'s>> {
    super::read(table, SHIPPED, flaws)
}

#[test]
fn every_variable_is_explained_to_whoever_changes_a_sentence() {
    let head: String =
        SHIPPED.lines().take_while(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n");
    for variable in ALL.iter().flat_map(|entry| entry.shows) {
        let word = variable.word();
        assert!(
            head.contains(&format!(" {word} ")) || head.contains(&format!("`{word}`")),
            "{word} isn't in the head of the file"
        );
    }
}

#[test]
fn one_sentence_is_replaced_and_the_others_are_as_shipped() {
    let texts = read("[manager]\nnext_letter = \"Expect our next note at {{ time }}.\"\n").expect("sound");
    assert_eq!(said(&texts, &MANAGER_NEXT_LETTER, ["09:00".into()]), "Expect our next note at 09:00.");
    assert_eq!(said(&texts, &MANAGER_WORK_AS_USUAL, []), "Work as usual.");
    let shipped = Texts::shipped();
    assert_eq!(
        said(&shipped, &MANAGER_NEXT_LETTER, ["09:00".into()]),
        "We will write when it is over, and else again at 09:00."
    );
    for (others, says) in [
        (0_usize, "It began at about 08:12."),
        (1, "It began at about 08:12. One other practice is affected too."),
        (173, "It began at about 08:12. 173 other practices are affected too."),
    ] {
        assert_eq!(said(&shipped, &MANAGER_BEGAN, ["08:12".into(), others.into()]), says);
    }
    // What a name holds is never read as a sentence, and lines become one.
    let several = read("[manager]\nfalse_alarm = \"\"\"\nSorry\nabout {{ fault }}.\"\"\"\n").expect("sound");
    let values = ["{{ icb }}".into(), "{% if %}".into()];
    assert_eq!(said(&several, &MANAGER_FALSE_ALARM, values), "Sorry about {% if %}.");
    assert!(read("").is_ok(), "a file with nothing in it changes nothing");
}

#[test]
fn what_a_sentence_does_not_have_is_refused_where_it_stands() {
    let (message, help, at) = refused("[manager]\n\nnext_letter = \"At {{ time }}, or {{ tiem }}.\"\n");
    assert_eq!((message.as_str(), at.as_str()), ("`manager.next_letter` has nothing by this name", "tiem"));
    assert_eq!(help, "it shows time");
    // One that only some letters would come to.
    let (message, _, at) =
        refused("[manager]\nbegan = \"{{ since }}{% if others > 1 %}{{ practices }}{% endif %}\"\n");
    assert_eq!((message.as_str(), at.as_str()), ("`manager.began` has nothing by this name", "practices"));
    let (message, help, at) = refused("[manager]\nnext_leter = \"Soon.\"\n");
    assert_eq!((message.as_str(), at.as_str()), ("no letter says \"manager.next_leter\"", "next_leter"));
    assert_eq!(help, "did you mean `manager.next_letter`?");
    let (_, help, _) = refused("[manager]\nwholly_different = \"Soon.\"\n");
    assert!(help.contains("linewatch notices texts --out"), "{help}");
    let (message, _, at) = refused("next_letter = \"Soon.\"\n");
    assert_eq!((message.as_str(), at.as_str()), ("\"next_letter\" stands in no section", "next_letter"));
    let (message, _, at) = refused("[manager]\nnext_letter = 5\n");
    assert_eq!((message.as_str(), at.as_str()), ("`manager.next_letter` is no text", "5"));
    let (message, _, _) = refused("[manager]\nnext_letter = \"At {{ time \"\n");
    assert!(!message.is_empty());
    let (message, _, _) = refused("[manager\n");
    assert!(!message.is_empty());
}

#[test]
fn a_sentence_that_leaves_out_what_its_reader_must_know_is_refused() {
    let (message, help, at) = refused("[manager]\nnext_letter = \"We will write again.\"\n");
    assert_eq!(message, "`manager.next_letter` leaves out {{ time }}");
    assert!(help.contains("{{ time }}"), "{help}");
    assert_eq!(at, "We will write again.");
    // Left out for one number, and there for the others.
    let (message, ..) =
        refused("[manager]\nbegan = \"{% if others == 1 %}{{ since }}{% endif %}Since a while.\"\n");
    assert_eq!(message, "`manager.began` leaves out {{ since }}");
    let (message, ..) = refused("[escalation]\ntake_it_on = \"  \"\n");
    assert_eq!(message, "`escalation.take_it_on` says nothing");
    // These may be.
    assert!(
        read("[manager]\ngreeting = \"Dear colleague,\"\nclosing = \"\"\nanswers_means = \"\"\n").is_ok()
    );
    // The ICB may call itself what it likes, and needn't count.
    assert!(
        read(
            "[manager]\nalready_reported = \"We know.\"\n[staff]\nwithout_an_address = \"Some have none.\"\n"
        )
        .is_ok()
    );
}

#[test]
fn a_sentence_neither_loops_nor_grows_and_a_place_is_right_whatever_the_quotes() {
    for grows in [
        "{% set x = time ~ time %}{{ x }}",
        "{{ time * 100000000 }}",
        "{% include '/etc/passwd' %}",
        "{% for x in range(1000000) %}{% endfor %}",
    ] {
        let (message, ..) = refused(&format!("[manager]\nnext_letter = \"{grows}\"\n"));
        assert!(message.starts_with("a text can't do this"), "{grows}: {message}");
    }
    for quoted in [
        "'At {{ time }} {{ tiem }}.'",
        "\"\"\"\nAt {{ time }} {{ tiem }}.\"\"\"",
        "\"At {{ time }} {{ tiem }}.\"",
    ] {
        let (.., at) = refused(&format!("[manager]\nnext_letter = {quoted}\n"));
        assert_eq!(at, "tiem", "{quoted}");
    }
    // With an escape in it, what is in the file isn't what was read: its whole is shown.
    let (.., at) = refused("[manager]\nnext_letter = \"At \\\"{{ time }}\\\" {{ tiem }}.\"\n");
    assert!(at.contains("tiem"), "{at}");
}
