//! What changed after a fix, in words: what was measured, and no cause.

use std::time::Duration;

use super::fixes::{FixFigures, PracticesTurned, WindowEnd};
use crate::time::whole_millis;

/// `was_over`: the incident was, when the fix was made. `every`: how often the quickest of its checks is asked.
pub(super) fn sentence(figures: &FixFigures, was_over: bool, every: Duration) -> String {
    if let Some(incident) = &figures.counts_with {
        return format!("By then it was told as incident {incident}, whose report has what changed.");
    }
    if was_over {
        return "The incident was over by then.".to_owned();
    }
    let window = length(figures.window_ms);
    if figures.window_ms < whole_millis(every) {
        return match figures.ends {
            WindowEnd::NextFix => format!(
                "The next fix came {window} later, before the checks had been asked again: which of them did what can't be told."
            ),
            WindowEnd::Window | WindowEnd::Now => {
                "Nothing is known yet: the checks haven't been asked again since.".to_owned()
            }
        };
    }
    let when = match figures.ends {
        WindowEnd::NextFix => format!("In the {window} until the next fix"),
        WindowEnd::Window => format!("In the {window} after it"),
        WindowEnd::Now => format!("In the {window} since then"),
    };
    let mut said = Vec::new();
    let all = &figures.practices;
    let known = all.failing_before + all.newly_failing;
    if known == 0 && all.not_known > 0 {
        return format!(
            "{when} it isn't known what changed: {} measured when the fix was made, or not since.",
            were_not(all.not_known, "none of them was", "the practice wasn't")
        );
    }
    said.push(format!("{when}, {}", changed(all, figures.last_back_ms)));
    let lost: Vec<String> = figures
        .services
        .iter()
        .filter(|service| service.lost > 0)
        .map(|service| format!("{} at {}", service.name, practices(service.lost)))
        .collect();
    if !lost.is_empty() {
        said.push(format!("Lost, though it answered before: {}.", lost.join(", ")));
    }
    if all.not_known > 0 {
        said.push(format!(
            "Of {} it isn't known: {} measured when the fix was made, or not since.",
            practices(all.not_known),
            were_not(all.not_known, "they weren't", "it wasn't")
        ));
    }
    if figures.not_measured_ms > 0 {
        said.push(format!("For {} of that nobody measured.", length(figures.not_measured_ms)));
    }
    said.join(" ")
}

const fn were_not(count: usize, several: &'static str, one: &'static str) -> &'static str {
    if count == 1 { one } else { several }
}

/// `31 of 75 practices came back, the last of them after 12 minutes; 2 practices that had lost nothing lost something; 42 are as they
/// were.`
fn changed(all: &PracticesTurned, last_back_ms: Option<i64>) -> String {
    let PracticesTurned {
        failing_before,
        back,
        partly_back,
        lost_more,
        as_before,
        newly_failing,
        back_between,
        failed_between,
        not_known: _,
    } = *all;
    if back + partly_back + lost_more + newly_failing + back_between + failed_between == 0 {
        return match failing_before {
            0 => "nothing changed: nothing had failed, and nothing did.".to_owned(),
            1 => "no effect shows: the one practice did not come back, and lost nothing more.".to_owned(),
            n => format!("no effect shows: none of {n} practices came back, and none lost anything more."),
        };
    }
    let mut parts = Vec::new();
    if failing_before > 0 {
        let of = if failing_before == back && back > 1 {
            format!("all {back} practices")
        } else if back == 0 {
            format!("none of {}", practices(failing_before))
        } else {
            format!("{back} of {}", practices(failing_before))
        };
        let last = last_back_ms.map(length).filter(|_| back > 0);
        let last = match (last, back) {
            (None, _) => String::new(),
            (Some(after), 1) => format!(", after {after}"),
            (Some(after), _) => format!(", the last of them after {after}"),
        };
        parts.push(format!("{of} came back{last}"));
    }
    if newly_failing > 0 {
        parts.push(format!("{} that had lost nothing lost something", practices(newly_failing)));
    }
    let mut part = |count: usize, what: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    part(partly_back, "got a part of it back");
    part(lost_more, "lost more than they had lost");
    part(as_before, if as_before == 1 { "is as it was" } else { "are as they were" });
    part(back_between, "came back in between and failed again");
    part(failed_between, "failed in between and came back");
    format!("{}.", parts.join("; "))
}

fn practices(count: usize) -> String {
    if count == 1 { "1 practice".to_owned() } else { format!("{count} practices") }
}

/// `45 seconds`, `60 minutes`.
fn length(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        1 => "1 second".to_owned(),
        ..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds / 60),
    }
}
