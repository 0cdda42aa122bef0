//! The results as Markdown: a table a tier, the totals, where others are better, and how sure everybody may be.

use std::collections::BTreeMap;

use linewatch::world::trials::{Family, Tier};

use crate::marks::{Marks, Named, rate_at_most, share, wilson};

/// Marks of each diagnoser, by tier and family.
pub struct Results {
    pub names: Vec<&'static str>,
    pub cells: BTreeMap<(Tier, Family), Vec<Marks>>,
}

impl Results {
    /// The marks of one diagnoser over all families and tiers that `wanted` holds of.
    pub fn sum(&self, diagnoser: usize, wanted: impl Fn(Tier, Family) -> bool) -> Marks {
        let mut sum = Marks::default();
        let cells = self.cells.iter().filter(|((tier, family), _)| wanted(*tier, *family));
        cells.for_each(|(_, marks)| sum.merge(&marks[diagnoser]));
        sum
    }

    fn tiers(&self) -> Vec<Tier> {
        let mut tiers: Vec<Tier> = self.cells.keys().map(|(tier, _)| *tier).collect();
        tiers.dedup();
        tiers
    }
}

/// By tier: how many truths each diagnoser named, family by family.
pub fn by_tier(results: &Results) {
    for tier in results.tiers() {
        println!("\n### Tier {}\n", tier.name());
        println!(
            "Named at onset + 1 / + 3 intervals, per cent, up to ambiguity; `F` false shared-cause incidents,"
        );
        println!("`N` needless or false practice incidents, in all runs of the row.\n");
        println!("| family | truths | {} |", results.names.join(" | "));
        println!("|---|---{}|", "|---".repeat(results.names.len()));
        for ((_, family), marks) in results.cells.iter().filter(|((of, _), _)| *of == tier) {
            let cells: Vec<String> = marks.iter().map(cell).collect();
            println!("| {} | {} | {} |", family.name(), marks[0].truths, cells.join(" | "));
        }
        let sums: Vec<Marks> =
            (0..results.names.len()).map(|it| results.sum(it, |of, _| of == tier)).collect();
        let cells: Vec<String> = sums.iter().map(cell).collect();
        println!("| **all** | {} | {} |", sums[0].truths, cells.join(" | "));
    }
}

fn cell(marks: &Marks) -> String {
    let all = marks.all();
    let mut parts = Vec::new();
    if all.truths > 0 {
        parts.push(format!("{} / {}", whole(all.right[0], all.truths), whole(all.right[1], all.truths)));
    }
    if marks.false_shared > 0 {
        parts.push(format!("F{}", marks.false_shared));
    }
    let practice = marks.needless_incidents() + marks.false_practice;
    if practice > 0 {
        parts.push(format!("N{practice}"));
    }
    if parts.is_empty() { "-".to_owned() } else { parts.join(" ") }
}

/// Every metric, for each tier and for all, a column a diagnoser.
pub fn totals(results: &Results) {
    println!(
        "\n### Totals\n\nShares in per cent with Wilson's interval at 95 %; times in intervals, misses as infinite."
    );
    for tier in results.tiers() {
        println!("\n#### Tier {}\n", tier.name());
        metrics(results, |of, _| of == tier);
    }
    if results.tiers().len() > 1 {
        println!("\n#### All tiers\n");
        metrics(results, |_, _| true);
    }
}

fn metrics(results: &Results, wanted: impl Fn(Tier, Family) -> bool) {
    let sums: Vec<Marks> = (0..results.names.len()).map(|it| results.sum(it, &wanted)).collect();
    println!("| | {} |", results.names.join(" | "));
    println!("|---{}|", "|---".repeat(results.names.len()));
    let row = |name: &str, value: &dyn Fn(&Marks) -> String| {
        println!("| {name} | {} |", sums.iter().map(value).collect::<Vec<_>>().join(" | "));
    };
    row("trials", &|it| it.trials.to_string());
    for (n, when) in ["+ 1", "+ 3"].iter().enumerate() {
        row(&format!("shared, named at onset {when}"), &|it| named(&it.shared(), n));
        row("the same, the true cause alone", &|it| percent(it.shared().raw[n], it.shared().truths));
        row("the same, the true cause among several", &|it| percent(it.shared().held[n], it.shared().truths));
    }
    row("practice's own, named at onset + 1", &|it| named(&it.own, 0));
    row("practice's own, named at onset + 3", &|it| named(&it.own, 1));
    row("time to name, shared: median, p95", &|it| times(&it.shared()));
    row("time to name, practice: median, p95", &|it| times(&it.own));
    for (n, faults) in ["one fault", "several faults"].iter().enumerate() {
        row(&format!("set precision, {faults}"), &|it| percent(it.sets[n].open_right, it.sets[n].open));
        row(&format!("set recall, {faults}"), &|it| percent(it.sets[n].due_found, it.sets[n].due));
    }
    row("false shared-cause incidents", &|it| it.false_shared.to_string());
    row("of those, blips of a target told", &|it| it.blips.to_string());
    row("a false shared cause, corrected", &|it| it.corrected.to_string());
    row("needless practice incidents: before, during, after", &|it| {
        format!("{}, {}, {}", it.needless[0], it.needless[1], it.needless[2])
    });
    row("false practice incidents", &|it| it.false_practice.to_string());
    row("incidents per true incident", &|it| ratio(it.incidents, it.truths));
    row("notices per true incident and practice hit", &|it| ratio(it.notices, it.recipients));
    row("Brier score", &|it| number(it.calibration.brier()));
    row("expected calibration error", &|it| number(it.calibration.error()));
    row("quiet: years watched", &|it| format!("{:.3}", it.quiet.years));
    row("quiet: false shared causes, at most a year (95 %)", &|it| {
        rate(it.quiet.false_shared, it.quiet.years)
    });
    row("the same without blips told", &|it| rate(it.quiet.false_shared - it.quiet.blips, it.quiet.years));
    row("quiet: false practice incidents, at most a practice-year (95 %)", &|it| {
        rate(it.quiet.false_practice, it.quiet.practice_years)
    });
}

/// Families of a tier in which a baseline named more than linewatch; and those in which it named as much, with fewer
/// false alarms.
pub fn wins(results: &Results) {
    println!("\n### Where a baseline is better than linewatch");
    println!("\nNamed more truths at onset + 1 or at + 3 intervals:\n");
    better(results, |a, b| {
        let (a, b) = (a.all().right, b.all().right);
        a[0] > b[0] || a[1] > b[1]
    });
    println!("\nNamed as many at both, with fewer false, needless or corrected incidents:\n");
    let alarms = |it: &Marks| it.false_shared + it.corrected + it.false_practice + it.needless_incidents();
    better(results, |a, b| a.all().right == b.all().right && alarms(a) < alarms(b));
}

/// Lists the tiers and families in which some baseline is better than linewatch, by what `is_better` holds of.
fn better(results: &Results, is_better: impl Fn(&Marks, &Marks) -> bool) {
    let mut any = false;
    for ((tier, family), marks) in &results.cells {
        let Some((ours, others)) = marks.split_first() else { continue };
        let better: Vec<String> = others
            .iter()
            .zip(&results.names[1..])
            .filter(|(it, _)| is_better(it, ours))
            .map(|(it, name)| format!("{name} ({})", cell(it)))
            .collect();
        if !better.is_empty() {
            any = true;
            println!(
                "- {}, {}: linewatch ({}); {}",
                tier.name(),
                family.name(),
                cell(ours),
                better.join(", ")
            );
        }
    }
    if !any {
        println!("Nowhere in this run.");
    }
}

/// What was said with how much confidence, and how much of it was true.
pub fn calibration(results: &Results) {
    println!(
        "\n### Calibration of linewatch\n\n| from | events | mean probability | came true |\n|---|---|---|---|"
    );
    for (from, events, mean, came_true) in results.sum(0, |_, _| true).calibration.bins() {
        println!("| {from} | {events} | {mean:.4} | {came_true:.4} |");
    }
}

/// `98.5 (97.0 to 99.3)`.
pub fn percent(part: u32, whole: u32) -> String {
    match (share(part, whole), wilson(part, whole)) {
        (Some(share), Some((low, high))) => {
            format!("{:.1} ({:.1} to {:.1})", 100.0 * share, 100.0 * low, 100.0 * high)
        }
        _ => "-".to_owned(),
    }
}

fn whole(part: u32, of: u32) -> String {
    share(part, of).map_or("-".to_owned(), |share| format!("{:.0}", 100.0 * share))
}

fn named(named: &Named, n: usize) -> String {
    percent(named.right[n], named.truths)
}

pub fn times(named: &Named) -> String {
    match (named.quantile(0.5), named.quantile(0.95)) {
        (Some(median), Some(p95)) => format!("{}, {}", interval(median), interval(p95)),
        _ => "-".to_owned(),
    }
}

pub fn interval(length: f64) -> String {
    if length.is_finite() { format!("{length:.2}") } else { "∞".to_owned() }
}

pub fn ratio(part: u32, of: u32) -> String {
    share(part, of).map_or("-".to_owned(), |share| format!("{share:.2}"))
}

pub fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.4}"))
}

pub fn rate(events: u32, years: f64) -> String {
    rate_at_most(events, years).map_or("-".to_owned(), |most| format!("{events}, ≤ {most:.2}"))
}
