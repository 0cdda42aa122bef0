//! Files that nobody wrote in good faith: large, deep, endless, random. None may panic, and none may take
//! long.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use linewatch::config;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use proptest::prelude::*;

use super::{GOOD, parse};

/// Of the processor, in a debug build, which stands for "not quadratic". How long it takes by the clock is the machine's affair.
const SOON: Duration = Duration::from_secs(20);

/// What this thread has had of the processor.
fn busy() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("the system counts it");
    let micros =
        [usage.user_time(), usage.system_time()].map(|time| time.num_microseconds()).iter().sum::<i64>();
    Duration::from_micros(u64::try_from(micros).expect("it isn't negative"))
}

#[test]
fn megabytes_of_anything_is_refused_soon() {
    let begun = busy();
    for text in [
        "[".repeat(250_000),
        "a.".repeat(125_000),
        "x = 1\n".repeat(50_000),
        format!("x = {}", "[".repeat(50_000)),
        "\u{0}".repeat(250_000),
        "=".repeat(250_000),
        format!("x = \"{}\"", "a".repeat(5_000_000)),
    ] {
        let errors = parse(&text).expect_err("not a configuration");
        // Showing them must be bounded as well.
        assert!(errors.iter().all(|problem| problem.excerpt(false).len() < 10_000));
        assert!(errors.to_string().len() < 10_000_000);
    }
    let took = busy().saturating_sub(begun);
    assert!(took < SOON, "took {took:?}");
}

#[test]
fn a_file_beyond_the_bound_is_not_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("probes.toml");
    let file = std::fs::File::create(&path).expect("created");
    file.set_len(linewatch::limits::CONFIG_FILE_BYTES_MAX + 1).expect("a sparse file");
    let errors = config::load(&path).expect_err("too large");
    assert!(errors.could_not_read() && errors.to_string().contains("larger"), "{errors}");
}

#[test]
fn a_thousand_wrong_references_are_bounded_in_number_and_in_time() {
    let begun = busy();
    let mut text = GOOD.to_owned();
    for number in 0..3000 {
        let _ = write!(
            text,
            "\n[[component]]\nid = \"circuit-{number}\"\nkind = \"circuit\"\nname = \"c\"\n\
             [[practice]]\nods = \"P{number}\"\nname = \"p\"\nvia = {{ circuit = \"circut-{number}\" }}\n"
        );
    }
    let errors = parse(&text).expect_err("3,000 mistakes");
    assert_eq!(errors.count(), 3000);
    assert_eq!(errors.left_out(), 2000);
    let took = busy().saturating_sub(begun);
    assert!(took < SOON, "took {took:?}");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let errors =
        parse("[icb]\nname = \"\u{1b}[2J\u{202e}\"\n\u{1b}]0;x\u{7} = 1\n").expect_err("not allowed");
    for problem in errors.iter() {
        let shown = format!("{problem}{}{}", problem.help(), problem.excerpt(false));
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
    }
}

#[test]
fn all_of_england_loads_from_csv() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut csv = "ods,name,postcode,list_size,email,source,carrier,firewall,circuit\n".to_owned();
    let mut toml = format!("practices = \"practices.csv\"\n{GOOD}");
    for number in 0..6200 {
        let _ = writeln!(
            csv,
            "X{number:05},\"Surgery {number}, High Street\",CT16 1SF,9000,m{number}@x.example,127.{}.{}.{},bt,fw-maidstone,c{number}",
            2 + number / 62_500,
            number / 250 % 250,
            number % 250 + 1
        );
        let _ = write!(toml, "[[component]]\nid = \"c{number}\"\nkind = \"circuit\"\nname = \"circuit\"\n");
    }
    std::fs::write(dir.path().join("practices.csv"), csv).expect("written");
    std::fs::write(dir.path().join("probes.toml"), toml).expect("written");
    let begun = busy();
    let config = config::load(&dir.path().join("probes.toml")).expect("a good file");
    assert_eq!(config.estate.practices.len(), 6201);
    let took = busy().saturating_sub(begun);
    assert!(took < SOON, "took {took:?}");
    eprintln!("6,200 practices: {took:?}");
}

/// Reads and shows; returning at all is the point.
fn survives(text: &str) {
    if let Err(errors) = config::parse("probes.toml", text, Path::new("/nonexistent")) {
        for problem in errors.iter() {
            assert!(problem.line() >= 1 && problem.column() >= 1);
            assert!(!problem.message().is_empty());
            let _ = problem.excerpt(false);
        }
        assert!(errors.count() >= 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn no_bytes_in_a_good_file_panic(at in 0..GOOD.len(), cut in 0usize..40, put in "[\\PC\\n\"'=\\[\\]{}#,.]{0,12}") {
        let mut text = GOOD.to_owned();
        let start = (0..=at).rev().find(|at| GOOD.is_char_boundary(*at)).unwrap_or(0);
        let end = (start + cut).min(text.len());
        text.replace_range(start..end, &put);
        survives(&text);
    }

    #[test]
    fn no_value_panics(value in "[ -~é\\n]{0,40}", key in 0usize..12) {
        let from = [
            "\"QKS\"", "\"Europe/London\"", "\"bt\"", "\"https\"", "\"https://accurx.example/\"", "\"30s\"", "\"5s\"",
            "\"127.90.0.53:8053\"", "\"emis.example\"", "\"G82002\"", "9800", "\"127.1.0.2\"",
        ][key];
        survives(&GOOD.replacen(from, &format!("{value:?}"), 1));
        survives(&GOOD.replacen(from, &value, 1));
    }

    #[test]
    fn no_csv_panics(csv in prop::collection::vec(any::<u8>(), 0..300), good_header in any::<bool>()) {
        let dir = tempfile::tempdir().expect("a folder");
        let mut bytes = if good_header { b"ods,name,carrier,list_size\n".to_vec() } else { Vec::new() };
        bytes.extend(csv);
        std::fs::write(dir.path().join("p.csv"), bytes).expect("written");
        let text = format!("practices = \"p.csv\"\n{GOOD}");
        if let Err(errors) = config::parse("probes.toml", &text, dir.path()) {
            for problem in errors.iter() {
                let _ = (problem.line(), problem.column(), problem.excerpt(false));
            }
        }
    }
}
