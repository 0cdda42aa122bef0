//! What an operator may make of a letter's text, and what is refused before anybody is written to.

use super::*;

fn read(file: &'static str, source: &str) -> Result<Texts, Vec<Flaw>> {
    Texts::read(&BTreeMap::from([(file, source.to_owned())]))
}

/// The message of its only flaw, and what stands at its place.
fn refused(file: &'static str, source: &str) -> (String, String) {
    let flaws = read(file, source).expect_err("a mistake");
    let [flaw] = flaws.as_slice() else { panic!("one: {flaws:?}") };
    assert_eq!(flaw.file, file);
    assert!(!flaw.help.is_empty());
    (flaw.message.clone(), source.get(flaw.span.clone()).unwrap_or_default().to_owned())
}

fn shipped(file: &str) -> &'static str {
    SHIPPED.iter().find(|(name, _)| *name == file).expect("a shipped text").1
}

fn draft() -> Draft {
    Draft {
        subject: "Internet <down> (2026-03-16-1)".to_owned(),
        title: "The internet & more".to_owned(),
        blocks: vec![
            Block::paragraph(Part::Began, "It began at 08:12, at St James' \"Surgery\"."),
            Block::list(Part::Meanwhile, "What to do meanwhile", vec!["{{ Phone }} patients.".to_owned()]),
        ],
        footer: vec!["Incident 2026-03-16-1".to_owned()],
    }
}

#[test]
fn the_shipped_texts_are_sound_by_the_rules_for_all() {
    let all = SHIPPED.iter().map(|(file, text)| (*file, (*text).to_owned())).collect();
    let texts = Texts::read(&all).expect("sound");
    assert_eq!(texts.replaced().len(), SHIPPED.len());
    assert!(Texts::shipped().replaced().is_empty());
}

#[test]
fn a_letter_is_laid_out_as_the_operator_wants_and_names_stay_harmless() {
    let text =
        format!("Dear colleague,\n\n{}Call 01622 000000 about anything else.\n", shipped("manager.txt"));
    let texts = read("manager.txt", &text).expect("sound");
    let letter = texts.write(Reader::Manager, &draft()).expect("a letter");
    assert!(letter.text.starts_with("Dear colleague,\n\nThe internet & more\n"), "{}", letter.text);
    assert!(
        letter.text.contains("- {{ Phone }} patients."),
        "what it shows is never read as a text: {}",
        letter.text
    );
    assert!(
        letter.html.contains("The internet &#38; more")
            && letter.html.contains("James&#39; &#34;Surgery&#34;")
    );
    let staff = texts.write(Reader::Staff, &draft()).expect("a letter");
    assert!(!staff.text.contains("Dear"));
    // One that chooses by what a part tells.
    let chooses = format!(
        "{}{{% for block in blocks %}}{{% if block.part == \"meanwhile\" %}}{{{{ block.items[0]|upper }}}}{{% endif %}}{{% endfor %}}",
        shipped("manager.txt")
    );
    let letter =
        read("manager.txt", &chooses).expect("sound").write(Reader::Manager, &draft()).expect("a letter");
    assert!(letter.text.ends_with("{{ PHONE }} PATIENTS."), "{}", letter.text);
}

#[test]
fn what_a_letter_does_not_have_is_refused_where_it_stands() {
    let text = format!("{{{{ title }}}}\n{{{{ surname }}}}\n{}", shipped("staff.txt"));
    let (message, at) = refused("staff.txt", &text);
    assert_eq!((message.as_str(), at.as_str()), ("a letter has nothing by this name", "surname"));
    let (message, at) = refused("manager.txt", "{% for block in blocks %}{{ block.txet }}{% endfor %}");
    assert_eq!((message.as_str(), at.as_str()), ("a letter has nothing by this name", "block.txet"));
    let (message, _) = refused("manager.txt", "{% for block in blocks %}\n{{ block.text\n");
    assert!(!message.is_empty());
}

#[test]
fn a_letter_that_leaves_out_what_its_reader_must_know_is_refused() {
    let without = shipped("manager.txt").replace("- {{ item }}", "- see our page");
    let flaws = read("manager.txt", &without).expect_err("lists are gone");
    let messages: Vec<&str> = flaws.iter().map(|flaw| flaw.message.as_str()).collect();
    assert!(messages.contains(&"this text leaves out \"what to do meanwhile\""), "{messages:?}");
    assert!(flaws.iter().any(|flaw| flaw.help.contains("\"meanwhile\"")));
    let (message, _) = refused("staff.html", &shipped("staff.html").replace("{{ line }}", ""));
    assert_eq!(message, "this text leaves out who writes, and about which incident");
    let (message, _) = refused("manager-subject.txt", "linewatch has news\n");
    assert_eq!(message, "this text leaves out the incident's number");
}

#[test]
fn a_text_neither_loops_for_ever_nor_fills_the_memory() {
    let nested = "{% for a in blocks %}".repeat(12) + "{{ title }}" + &"{% endfor %}".repeat(12);
    assert_eq!(refused("manager.txt", &nested).0, "this text repeats itself too often");
    // Long, and often: before there is no memory left.
    let long = format!(
        "{{% for a in blocks %}}{{% for b in blocks %}}{}{{% endfor %}}{{% endfor %}}",
        "x".repeat(60_000)
    );
    assert_eq!(refused("manager.txt", &long).0, "the letter would be too long");
    for grows in [
        "{% set x = title ~ title %}{{ x }}",
        "{{ title * 100000000 }}",
        "{{ title ~ title }}",
        "{% macro a() %}{{ a() }}{% endmacro %}",
        "{% for x in range(1000000) %}{% endfor %}",
        "{% for x in blocks recursive %}{{ loop(blocks) }}{% endfor %}",
        "{% include \"/etc/passwd\" %}",
    ] {
        assert!(refused("manager.txt", grows).0.starts_with("a text can't do this"), "{grows}");
    }
    assert_eq!(refused("manager.txt", "{{ title|replace }}").1, "replace");
}

#[test]
fn what_stands_in_quotes_is_not_read_as_reckoning() {
    let text =
        format!("{}{{% if title == \"a * b ~ c\" %}}{{{{ title }}}}{{% endif %}}", shipped("staff.txt"));
    assert!(read("staff.txt", &text).is_ok());
}
