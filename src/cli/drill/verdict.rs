//! The last page of a drill: each step with its time, and what it came to.

use comfy_table::{CellAlignment, Table, presets};

use super::paper::{Paper, Style};
use super::tale::{Summary, Tale, seconds};
use super::teller::percent;
use crate::time::At;

/// The table of steps, and the verdict under it.
/// `is_exercise`: what was sent went elsewhere than to the county's own mail server.
pub fn page(tale: &Tale, paper: &Paper, is_exercise: bool) -> String {
    let mut table = Table::new();
    table.load_preset(if paper.has_blocks() {
        presets::UTF8_BORDERS_ONLY
    } else {
        presets::ASCII_BORDERS_ONLY
    });
    table.set_header(["step", "at", "took"]);
    let [fault, failure, named, first_mail, last_mail, over] = tale.moments();
    let steps = [
        ("the fault begins", fault, None, ""),
        ("first failed check", failure, fault, "after the fault"),
        ("cause named", named, fault, "after the fault"),
        ("first e-mail accepted", first_mail, named, "after the cause was named"),
        ("last e-mail of that wave", last_mail, named, "after the cause was named"),
        ("all over", over, None, ""),
    ];
    // The county's own mail server gets nothing in an exercise; its report says when notices were accepted.
    let steps = steps.into_iter().enumerate().filter(|(place, _)| !is_exercise || !(3..5).contains(place));
    for (_, (step, at, from, since)) in steps {
        let took = seconds(from, at).map_or_else(String::new, |took| format!("{took:.2} s {since}"));
        table.add_row([step.to_owned(), when(at, paper), took]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("\n{table}\n\n{}\n", verdict(&tale.summary(), paper, is_exercise))
}

fn when(at: Option<At>, paper: &Paper) -> String {
    at.map_or_else(|| "never".to_owned(), |at| format!("{:.2} s", paper.seconds(at)))
}

fn verdict(summary: &Summary, paper: &Paper, is_exercise: bool) -> String {
    let cause: Vec<String> = summary.cause.iter().map(ToString::to_string).collect();
    let named = match (cause.is_empty(), summary.probability) {
        (false, Some(probability)) => format!("{}, {} sure", cause.join(" or "), percent(probability)),
        _ => "no cause".to_owned(),
    };
    let judged = if summary.expected {
        paper.paint("RIGHT", Style::Green) + ": named as the scenario demands: " + &named
    } else {
        paper.paint("WRONG", Style::Red)
            + ": the scenario demands something else than what was named: "
            + &named
    };
    let twice = match summary.duplicates {
        0 => "none twice".to_owned(),
        some => format!("{some} of them repeats"),
    };
    let unexpected = match summary.unexpected {
        0 => String::new(),
        some => format!(", {some} of which the scenario says nothing"),
    };
    let open = match summary.still_open {
        0 => String::new(),
        some => format!(", {some} still open"),
    };
    let told = if is_exercise {
        "What was sent is in the exercise's report".to_owned()
    } else {
        format!("{} e-mails to {} recipients, {twice}", summary.notices, summary.recipients)
    };
    format!(
        "{judged}\n{told}; {} {}{unexpected}{open}.",
        summary.incidents,
        if summary.incidents == 1 { "incident" } else { "incidents" },
    )
}
