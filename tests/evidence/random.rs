//! Whatever is done to a chain at random, it is found. In memory: the store's own ways are in `journal.rs`.

use linewatch::journal::{Hash, Kept, Tip, Verifier, content, link};
use linewatch::time::At;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    seq: i64,
    at: i64,
    fields: [Vec<u8>; 3],
    hash: Vec<u8>,
}

fn chain(bodies: &[Vec<u8>]) -> Vec<Entry> {
    let mut before = Hash::NONE;
    let mut entries = Vec::new();
    for (seq, body) in (1_i64..).zip(bodies) {
        let fields = [b"event".to_vec(), format!("2026-03-16-{}", seq % 3).into_bytes(), body.clone()];
        before = link(before, seq, At::from_millis(seq * 10), content(&fields[0], &fields[1], &fields[2]));
        entries.push(Entry { seq, at: seq * 10, fields, hash: before.bytes().to_vec() });
    }
    entries
}

fn faults(entries: &[Entry], tip: Option<Tip>) -> Vec<i64> {
    let mut verifier = Verifier::new(None, Vec::new(), None);
    for Entry { seq, at, fields: [subject, incident, body], hash } in entries {
        verifier.kept(Kept { seq: *seq, at: At::from_millis(*at), subject, incident, body, hash });
    }
    verifier.end(tip, None).faults.into_iter().map(|fault| fault.entry).collect()
}

fn tip(entries: &[Entry]) -> Option<Tip> {
    let last = entries.last()?;
    Some(Tip { seq: last.seq, at: At::from_millis(last.at), hash: Hash::from_bytes(&last.hash)? })
}

#[derive(Debug, Clone)]
enum Deed {
    Flip {
        entry: usize,
        field: usize,
        byte: usize,
        bit: u8,
    },
    Time {
        entry: usize,
        by: i64,
    },
    Take {
        entry: usize,
        count: usize,
    },
    Swap {
        one: usize,
        other: usize,
    },
    /// With its number, so that the numbers are as they were.
    SwapContents {
        one: usize,
        other: usize,
    },
    Repeat {
        entry: usize,
    },
    Cut {
        from: usize,
    },
    Reverse,
}

fn deed() -> impl Strategy<Value = Deed> {
    let n = || 0_usize..1_000;
    prop_oneof![
        (n(), 0_usize..4, n(), 0_u8..8).prop_map(|(entry, field, byte, bit)| Deed::Flip {
            entry,
            field,
            byte,
            bit
        }),
        (n(), prop_oneof![-5_i64..0, 1_i64..5]).prop_map(|(entry, by)| Deed::Time { entry, by }),
        (n(), 1_usize..4).prop_map(|(entry, count)| Deed::Take { entry, count }),
        (n(), n()).prop_map(|(one, other)| Deed::Swap { one, other }),
        (n(), n()).prop_map(|(one, other)| Deed::SwapContents { one, other }),
        n().prop_map(|entry| Deed::Repeat { entry }),
        n().prop_map(|from| Deed::Cut { from }),
        Just(Deed::Reverse),
    ]
}

fn done(entries: &mut Vec<Entry>, deed: &Deed) {
    let length = entries.len();
    match *deed {
        Deed::Flip { entry, field, byte, bit } => {
            let entry = &mut entries[entry % length];
            let bytes = entry.fields.get_mut(field).unwrap_or(&mut entry.hash);
            if bytes.is_empty() {
                bytes.push(0);
            } else {
                let byte = byte % bytes.len();
                bytes[byte] ^= 1 << bit;
            }
        }
        Deed::Time { entry, by } => entries[entry % length].at += by,
        Deed::Take { entry, count } => {
            let from = entry % length;
            entries.drain(from..(from + count).min(length));
        }
        Deed::Swap { one, other } => entries.swap(one % length, other % length),
        Deed::SwapContents { one, other } => {
            let (one, other) = (one % length, other % length);
            entries.swap(one, other);
            let seq = entries[one].seq;
            entries[one].seq = entries[other].seq;
            entries[other].seq = seq;
        }
        Deed::Repeat { entry } => {
            let again = entries[entry % length].clone();
            entries.insert(entry % length, again);
        }
        Deed::Cut { from } => entries.truncate(from % length),
        Deed::Reverse => entries.reverse(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_deed_goes_unseen_and_none_is_seen_where_none_was_done(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 1..20),
        deed in deed(),
    ) {
        let before = chain(&bodies);
        let tip = tip(&before);
        prop_assert_eq!(faults(&before, tip), Vec::<i64>::new());
        let mut after = before.clone();
        done(&mut after, &deed);
        prop_assume!(after != before);
        let found = faults(&after, tip);
        prop_assert!(!found.is_empty());
        // Not later than where the two part.
        let parted = before.iter().zip(&after).position(|(a, b)| a != b).unwrap_or(after.len().min(before.len()));
        let there = after.get(parted).map_or(i64::MAX, |entry| entry.seq.max(before.get(parted).map_or(0, |e| e.seq)));
        prop_assert!(found[0] <= there.saturating_add(1), "{found:?}, and they part at {there}");
    }
}
