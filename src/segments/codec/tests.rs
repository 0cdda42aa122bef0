//! What goes in comes out.

use super::*;
use crate::segments::samples;

proptest::proptest! {
    #[test]
    fn lossless(records in samples::records(20)) {
        let (mut writing, mut reading) = (Context::default(), Context::default());
        for record in records {
            let mut bytes = Vec::new();
            encode(&record, &mut writing, &mut bytes);
            proptest::prop_assert_eq!(decode(&bytes, &mut reading), Ok(record.clone()));
            // Alone, with what a later version might add.
            let mut alone = Vec::new();
            encode(&record, &mut Context::default(), &mut alone);
            alone.extend(b"\x01\x05later");
            proptest::prop_assert_eq!(decode(&alone, &mut Context::default()), Ok(record));
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _either = decode(&bytes, &mut Context::default());
    }
}

#[test]
fn every_word_has_a_code_of_its_own() {
    for (place, failure) in FAILURES.iter().enumerate() {
        assert_eq!(usize::from(super::place(&FAILURES, *failure)), place, "{failure:?}");
    }
    for stopped in STOPS {
        assert_ne!(super::place(&STOPS, stopped), u8::MAX);
    }
}

#[test]
fn a_word_of_a_newer_version_costs_its_record_only() {
    let mut seen = samples::failing(1);
    let (mut writing, mut reading) = (Context::default(), Context::default());
    let mut first = Vec::new();
    encode(&Record { seq: 1, entry: Entry::Seen(seen.clone()) }, &mut writing, &mut first);
    let code = place(&FAILURES, Failure::Timeout);
    let phase = place(&Phase::ALL, Phase::Connect);
    let at = first.windows(2).rposition(|two| two == [code, phase]).expect("the two codes");
    first[at] = 200;
    assert_eq!(decode(&first, &mut reading), Err(Unreadable::Newer));
    seen.detail = None;
    let second = Record { seq: 2, entry: Entry::Seen(seen) };
    let mut bytes = Vec::new();
    encode(&second, &mut writing, &mut bytes);
    assert_eq!(decode(&bytes, &mut reading), Ok(second));
}

#[test]
fn lengths_that_are_no_numbers_keep_their_bits() {
    for ms in [f64::NAN, f64::INFINITY, -0.0, -1.5, 1e300, f64::MIN_POSITIVE] {
        let mut seen = samples::routine(1);
        seen.ms = ms;
        let mut bytes = Vec::new();
        encode(&Record { seq: 1, entry: Entry::Seen(seen) }, &mut Context::default(), &mut bytes);
        let Ok(Record { entry: Entry::Seen(back), .. }) = decode(&bytes, &mut Context::default()) else {
            panic!("{ms}");
        };
        assert_eq!(back.ms.to_bits(), ms.to_bits());
    }
}
