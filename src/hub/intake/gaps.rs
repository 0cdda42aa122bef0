//! What a batch says that its agent let go of, as one entry of the journal. Pure.
//!
//! Each line stands in the archive as it came. The journal is for ever and costs much more a byte, so it gets what people ask it: of which
//! check how much is missing, and of which time.

use serde_json::json;

use crate::limits::THINNED_TOLD_MAX;
use crate::segments::{MANY, Thinned};

/// The lines of one batch, in order, those of a check together.
#[derive(Debug, Default)]
pub struct Gaps {
    lines: usize,
    first: u64,
    last: u64,
    told: Vec<Thinned>,
}

impl Gaps {
    /// One more line. Beyond [`THINNED_TOLD_MAX`] checks the others share an entry, for each thing that may be let go of.
    pub fn add(&mut self, seq: u64, thinned: Thinned) {
        if self.lines == 0 {
            self.first = seq;
        }
        (self.lines, self.last) = (self.lines + 1, seq);
        let is_room = self.told.len() < THINNED_TOLD_MAX;
        let with = |told: &mut Vec<Thinned>, probe: &str| {
            let same = told.iter_mut().find(|told| told.probe == probe && told.what == thinned.what);
            same.map(|same| same.add(&thinned)).is_some()
        };
        if with(&mut self.told, &thinned.probe) {
            return;
        }
        if is_room {
            self.told.push(thinned);
        } else if !with(&mut self.told, MANY) {
            self.told.push(Thinned { probe: MANY.to_owned(), ..thinned });
        }
    }

    /// The entry; `None`: nothing was let go of.
    pub fn entry(self) -> Option<String> {
        let Self { lines, first, last, told } = self;
        let practice = &told.first()?.practice;
        let entry = json!({
            "did": "thinned", "practice": practice, "lines": lines, "seqs": [first, last], "thinned": told,
        });
        Some(entry.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::What;
    use crate::time::At;

    const NOW: At = At::from_millis(1_773_644_400_000);

    fn line(probe: &str, hours_ago: i64, what: What) -> Thinned {
        let from = NOW.plus_millis(-3_600_000 * hours_ago);
        let to = from.plus_millis(60_000);
        Thinned { practice: "G82002".to_owned(), probe: probe.to_owned(), from, to, count: 10, what }
    }

    fn told(gaps: Gaps) -> (serde_json::Value, usize) {
        let text = gaps.entry().expect("lines");
        (serde_json::from_str(&text).expect("JSON"), text.len())
    }

    #[test]
    fn lines_of_one_check_are_told_together_and_what_was_let_go_of_apart() {
        assert_eq!(Gaps::default().entry(), None);
        let mut gaps = Gaps::default();
        gaps.add(4, line("web", 5, What::Successes));
        gaps.add(5, line("dns", 5, What::Successes));
        gaps.add(9, line("web", 3, What::Successes));
        gaps.add(10, line("web", 2, What::Failures));
        let (entry, _) = told(gaps);
        assert_eq!((&entry["lines"], &entry["seqs"]), (&4.into(), &serde_json::json!([4, 10])));
        let thinned = entry["thinned"].as_array().expect("a list");
        let counts: Vec<_> =
            thinned.iter().map(|one| (one["probe"].as_str(), one["count"].as_u64())).collect();
        assert_eq!(counts, [(Some("web"), Some(20)), (Some("dns"), Some(10)), (Some("web"), Some(10))]);
        let web = line("web", 3, What::Successes);
        assert_eq!(thinned[0]["to"], serde_json::json!(web.to), "the last of them");
    }

    #[test]
    fn a_thousand_lines_are_one_short_entry_that_still_counts_them_all() {
        let mut gaps = Gaps::default();
        let all = [What::Successes, What::Failures, What::Everything];
        for (seq, what) in (1..=1_000).zip(all.into_iter().cycle()) {
            gaps.add(seq, line(&format!("{seq:064}"), 1, what));
        }
        let (entry, bytes) = told(gaps);
        assert!(bytes < 12 * 1024, "{bytes}");
        let thinned = entry["thinned"].as_array().expect("a list");
        assert_eq!(thinned.len(), THINNED_TOLD_MAX + 3);
        assert_eq!(thinned.iter().filter_map(|one| one["count"].as_u64()).sum::<u64>(), 10_000);
    }
}
