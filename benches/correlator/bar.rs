//! CORRELATOR.md's bar beside what linewatch got.

use linewatch::world::trials::{Family, Tier};

use crate::marks::{Marks, Named, rate_at_most, share};
use crate::tables::{Results, interval, number, percent, rate, ratio};

/// Faults that let nothing through.
const TOTAL: [Family; 3] = [Family::FirewallTotal, Family::HscnCore, Family::CarrierTotal];
/// What takes only a share of the sites or of the askings.
const PARTIAL: [Family; 5] = [
    Family::FirewallPartial,
    Family::CarrierPartial,
    Family::ServicePartial,
    Family::FirewallSticky,
    Family::FirewallBrownout,
];
/// What hits its practices one after another, or begins too slight to be seen: at onset + 1 there may be nothing to name.
const BY_DEGREES: [Family; 2] = [Family::FirmwareRolling, Family::OddSlowStart];
const FLOCK: &str = "flock";
/// How many points fewer may be named with agents missing, or a wrong map.
const POINTS_LOST_MAX: f64 = 2.0;

/// `reask`: the agents asked again what had changed.
pub fn bar(results: &Results, reask: bool) {
    println!("\n### The bar\n\n| | target | got (95 %) | |\n|---|---|---|---|");
    let ours = |wanted: &dyn Fn(Tier, Family) -> bool| results.sum(0, wanted);
    let everything = ours(&|_, _| true);
    let many = &everything.shared_many;
    at_least(
        "shared fault named, 25 or more practices reporting, onset + 1",
        99.5,
        many.right[0],
        many.truths,
    );
    at_least("the same, onset + 3", 99.8, many.right[1], many.truths);
    let sudden = ours(&|_, family| !BY_DEGREES.contains(&family));
    for (n, (when, target)) in [("1", 99.5), ("3", 99.8)].into_iter().enumerate() {
        let what = format!("without faults that begin by degrees, onset + {when}");
        at_least(&what, target, sudden.shared_many.right[n], sudden.shared_many.truths);
    }
    let few = ours(&|_, family| PARTIAL.contains(&family)).shared_few;
    at_least("fewer than 25 reporting, partial or sticky, onset + 1", 93.0, few.right[0], few.truths);
    at_least("the same, onset + 3", 93.0, few.right[1], few.truths);
    below_flock(results);
    let own = &everything.own;
    at_least("single-practice fault, onset + 3", 99.0, own.right[1], own.truths);
    for (set, faults, precision, recall) in [
        (everything.sets[0], "one fault", 99.5, 99.0),
        (sudden.sets[0], "one fault that does not begin by degrees", 99.5, 99.0),
        (everything.sets[1], "two faults", 98.0, 95.0),
    ] {
        at_least(&format!("set precision, {faults}"), precision, set.open_right, set.open);
        at_least(&format!("set recall, {faults}"), recall, set.due_found, set.due);
    }
    for (tier, what) in [(Tier::Missing, "agents missing"), (Tier::WrongMap, "5 % wrong map")] {
        points_lost(&ours(&|of, _| of == Tier::Easy), &ours(&|of, _| of == tier), what);
    }
    let quiet = everything.quiet;
    row(
        "false shared-cause outages a quiet ICB-year",
        "≤ .1",
        &format!("{} in {:.3} years", rate(quiet.false_shared, quiet.years), quiet.years),
        below_a_tenth(quiet.false_shared, quiet.years),
    );
    let named_what_worked = quiet.false_shared - quiet.blips;
    row(
        "the same, blips of a target left out",
        "≤ .1",
        &format!("{} in {:.3} years", rate(named_what_worked, quiet.years), quiet.years),
        below_a_tenth(named_what_worked, quiet.years),
    );
    for family in TOTAL {
        let total = ours(&|_, of| of == family).shared();
        soon(&format!("{}: median", family.name()), &total, 0.5, 0.3);
        soon(&format!("{}: p95", family.name()), &total, 0.95, 1.0);
    }
    for family in [Family::FirewallPartial, Family::CarrierPartial] {
        soon(
            &format!("{} (.15 and more): p95", family.name()),
            &ours(&|_, of| of == family).shared(),
            0.95,
            1.0,
        );
    }
    soon("firewall-brownout: p95", &ours(&|_, of| of == Family::FirewallBrownout).shared(), 0.95, 2.0);
    let how = if reask { "with re-asking" } else { "no re-asking here" };
    soon(&format!("practice fault, confirmed ({how}): p95"), own, 0.95, 2.5);
    let flapping = ours(&|_, of| of == Family::Flapping);
    at_most("flapping: incidents a fault", 1.0, flapping.incidents, flapping.truths);
    at_most("flapping: notices a recipient", 2.0, flapping.notices, flapping.recipients);
    for (of, marks) in [("", &everything), (", without faults that begin by degrees", &sudden)] {
        let (brier, error) = (marks.calibration.brier(), marks.calibration.error());
        row(&format!("Brier score{of}"), "≤ .01", &number(brier), brier.map(|it| it <= 0.01));
        row(&format!("expected calibration error{of}"), "≤ .02", &number(error), error.map(|it| it <= 0.02));
    }
    println!("\nSpeed: `cargo bench --bench speed`.");
}

fn row(what: &str, target: &str, got: &str, met: Option<bool>) {
    let met = match met {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "no data",
    };
    println!("| {what} | {target} | {got} | {met} |");
}

/// Whether so few in so many years say that there are at most .1 a year.
fn below_a_tenth(events: u32, years: f64) -> Option<bool> {
    rate_at_most(events, years).map(|most| most <= 0.1)
}

fn at_least(what: &str, target: f64, part: u32, whole: u32) {
    let met = share(part, whole).map(|share| 100.0 * share >= target);
    row(what, &format!("≥ {target} %"), &format!("{} of {whole}", percent(part, whole)), met);
}

fn at_most(what: &str, target: f64, part: u32, whole: u32) {
    row(what, &format!("≤ {target}"), &ratio(part, whole), share(part, whole).map(|share| share <= target));
}

fn soon(what: &str, named: &Named, at: f64, target: f64) {
    let got = named.quantile(at);
    let text = got.map_or("-".to_owned(), |got| format!("{} of {} truths", interval(got), named.truths));
    row(what, &format!("≤ {target} intervals"), &text, got.map(|got| got <= target));
}

fn points_lost(plain: &Marks, harder: &Marks, what: &str) {
    let named = |marks: &Marks| share(marks.all().right[1], marks.all().truths).map(|it| 100.0 * it);
    let lost = named(plain).zip(named(harder)).map(|(plain, harder)| plain - harder);
    let text = lost.map_or("-".to_owned(), |lost| format!("{lost:.1} points"));
    row(
        &format!("{what}, onset + 3, against tier easy"),
        &format!("≤ {POINTS_LOST_MAX} points lost"),
        &text,
        lost.map(|lost| lost <= POINTS_LOST_MAX),
    );
}

/// Families in which fewer small estates' faults are named than Flock-like names.
fn below_flock(results: &Results) {
    let Some(flock) = results.names.iter().position(|name| *name == FLOCK) else { return };
    let below: Vec<&str> = PARTIAL
        .iter()
        .filter(|family| {
            let few = |it: usize| results.sum(it, |_, of| of == **family).shared_few.right;
            few(0)[0] < few(flock)[0] || few(0)[1] < few(flock)[1]
        })
        .map(|family| family.name())
        .collect();
    let got = if below.is_empty() { "in all".to_owned() } else { format!("not in {}", below.join(", ")) };
    row("the same, at least Flock-like in every family", "all", &got, Some(below.is_empty()));
}
