//! Bytes that are no recording: `replay` reports them and ends well.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::county::County;
use super::stream::{Answer, USUAL, stream, text};
use super::told::{parse, replay};

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[0x6A; 32]))
}

fn ends_well(county: &County, bytes: &[u8]) -> Result<(), TestCaseError> {
    let output = replay(county, bytes);
    let stderr = String::from_utf8_lossy(&output.stderr);
    prop_assert!(output.status.code() == Some(0), "{:?}: {stderr}", output.status);
    prop_assert!(!stderr.contains("panicked"), "{stderr}");
    parse(&output.stdout);
    Ok(())
}

#[test]
fn any_bytes_at_all() {
    let county = County::of(3);
    let bytes = proptest::collection::vec(prop_oneof![8 => any::<u8>(), 1 => Just(b'\n')], 0..4096);
    let outcome = runner(48).run(&bytes, |bytes| ends_well(&county, &bytes));
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// A real recording with bytes changed, cut out and doubled: much of it still parses, into strange values.
#[test]
fn a_recording_that_was_damaged() {
    let county = County::of(3);
    let recording = text(&stream(&county, USUAL, 120, |_| Answer::Well), 120).into_bytes();
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..60);
    let outcome = runner(48).run(&damage, |damage| {
        let mut bytes = recording.clone();
        for (place, byte, how) in damage {
            let place = place.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => drop(bytes.remove(place)),
                2 => bytes.insert(place, b'0' + byte % 10),
                _ => bytes.insert(place, bytes[place]),
            }
        }
        ends_well(&county, &bytes)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Values that JSON allows and that no check ever has.
#[test]
fn numbers_and_times_beyond_all_measure() {
    let county = County::of(3);
    let mut lines = String::new();
    for ms in
        ["1e308", "-1e308", "1e999", "-5", "null", "NaN", "\"5\"", "1e-320", "99999999999999999999999999"]
    {
        for at in [
            "2026-03-16T07:00:00Z",
            "9999-12-30T22:00:00Z",
            "9999-12-31T23:59:59.999Z",
            "-009999-01-02T01:59:59Z",
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-02-30T00:00:00Z",
            "2026-03-16T07:00:60Z",
            "+1000000-01-01T00:00:00Z",
        ] {
            for ok in ["true", "false"] {
                let _ = write!(
                    lines,
                    "{{\"at\":\"{at}\",\"practice\":\"G82001\",\"probe\":\"eps-tcp\",\"ok\":{ok},\"ms\":{ms}}}\n\
                     {{\"at\":\"{at}\",\"received\":\"{at}\",\"practice\":\"@hub\",\"probe\":\"eps-tcp\",\"ok\":{ok},\
                     \"ms\":{ms},\"loss\":{ms}}}\n{{\"at\":\"{at}\",\"end\":true}}\n"
                );
            }
        }
    }
    ends_well(&county, lines.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
}

/// One line longer than memory should hold, deep nesting, and a line of zeros.
#[test]
fn lines_that_are_too_long_or_too_deep() {
    let county = County::of(3);
    let mut bytes = vec![b'{'; 3 << 20];
    bytes.push(b'\n');
    bytes.extend_from_slice("[".repeat(60_000).as_bytes());
    bytes.push(b'\n');
    bytes.extend(std::iter::repeat_n(0, 70_000));
    bytes.push(b'\n');
    bytes.extend_from_slice(text(&stream(&county, USUAL, 60, |_| Answer::Well), 60).as_bytes());
    let output = replay(&county, &bytes);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr.contains("3 broken lines"), "{stderr}");
    assert!(
        stderr.contains("line 1: ") && stderr.contains("line 2: ") && stderr.contains("line 3: "),
        "{stderr}"
    );
}
