//! Timelines as SVG inside the page: no script, nothing fetched, patterns beside colours, a title and a sentence for whoever
//! doesn't see them.

use std::fmt::Write as _;

use jiff::ToSpan as _;
use jiff::tz::TimeZone;

use crate::spans::Spans;
use crate::time::At;

/// What a chart is drawn over.
pub(super) struct Scale<'a> {
    pub from: At,
    pub to: At,
    pub zone: &'a TimeZone,
    /// Shaded.
    pub core: &'a Spans,
    /// Moments with a line across all rows, in order of time: numbered from one.
    pub marks: &'a [At],
}

/// One line of bars.
pub(super) struct Row {
    pub label: String,
    pub no_answer: Spans,
    pub not_measured: Spans,
    /// Moments with a diamond on the row.
    pub marks: Vec<At>,
}

const WIDTH: f64 = 960.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 10.0;
/// Above the rows; with room for the numbers of marks.
const TOP: f64 = 6.0;
const TOP_OF_MARKED: f64 = 18.0;
/// Numbers of marks that are as near as this on paper stand together.
const MARKS_APART: f64 = 16.0;

impl Scale<'_> {
    const fn top(&self) -> f64 {
        if self.marks.is_empty() { TOP } else { TOP_OF_MARKED }
    }

    fn x(&self, at: At) -> f64 {
        let all = self.to.millis_since(self.from).max(1) as f64;
        let part = at.millis_since(self.from) as f64 / all;
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    /// Local midnights, full hours where the whole is shorter than two days, or minutes of an hour; as many as can be read.
    fn ticks(&self) -> Vec<(At, String)> {
        let first = self.from.to_timestamp().to_zoned(self.zone.clone());
        let minutes = self.to.millis_since(self.from) / 60_000;
        let hours = minutes / 60;
        let (step, format) = match hours {
            ..3 if minutes < 12 => (1.minute(), "%H:%M"),
            ..3 if minutes < 45 => (5.minutes(), "%H:%M"),
            ..3 => (15.minutes(), "%H:%M"),
            3..12 => (1.hour(), "%H:%M"),
            12..48 => (6.hours(), "%a %H:%M"),
            48..336 => (1.day(), "%a %-d %b"),
            336..2400 => (7.days(), "%-d %b"),
            _ => (1.month(), "%b %Y"),
        };
        let begin = match hours {
            ..12 => first.date().to_datetime(jiff::civil::time(first.hour(), 0, 0, 0)),
            12..2400 => first.date().to_datetime(jiff::civil::Time::midnight()),
            _ => first.date().first_of_month().to_datetime(jiff::civil::Time::midnight()),
        };
        let Ok(mut next) = begin.to_zoned(self.zone.clone()) else { return Vec::new() };
        let mut ticks = Vec::new();
        while At::from(next.timestamp()) < self.to && ticks.len() < TICKS_MAX {
            if At::from(next.timestamp()) >= self.from {
                ticks.push((At::from(next.timestamp()), next.strftime(format).to_string()));
            }
            let Ok(after) = next.checked_add(step) else { break };
            next = after;
        }
        ticks
    }

    /// Core hours, the lines of time and their labels.
    fn ground(&self, out: &mut String, height: f64) {
        let (top, bottom) = (self.top(), height - 20.0);
        for (from, to) in self.core.iter() {
            let (x, end) = (self.x(from), self.x(to));
            put(
                out,
                format_args!(
                    "<rect x=\"{x:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#eef2f6\"/>",
                    end - x,
                    bottom - top
                ),
            );
        }
        for (at, label) in self.ticks() {
            let x = self.x(at);
            put(
                out,
                format_args!(
                    "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom:.1}\" stroke=\"#8c959f\" stroke-width=\".5\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
                    x + 2.0,
                    height - 6.0
                ),
            );
        }
    }

    /// A line for each mark, and its number above; on top of everything else.
    fn draw_marks(&self, out: &mut String, height: f64) {
        let bottom = height - 20.0;
        // Where numbers stand, and from which to which.
        let mut labels: Vec<(f64, usize, usize)> = Vec::new();
        for (place, at) in self.marks.iter().enumerate() {
            let (x, number) = (self.x(*at), place + 1);
            put(
                out,
                format_args!(
                    "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP_OF_MARKED}\" y2=\"{bottom:.1}\" stroke=\"#0550ae\" \
                     stroke-width=\"1.5\" stroke-dasharray=\"4 2\"/>"
                ),
            );
            match labels.last_mut() {
                Some((from, _, last)) if x - *from < MARKS_APART => *last = number,
                _ => labels.push((x, number, number)),
            }
        }
        for (x, first, last) in labels {
            let label = if first == last { first.to_string() } else { format!("{first}–{last}") };
            put(
                out,
                format_args!(
                    "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-weight=\"600\" fill=\"#0550ae\">{label}</text>",
                    TOP_OF_MARKED - 4.0
                ),
            );
        }
    }
}

/// A year in weeks.
const TICKS_MAX: usize = 60;

/// Writing into a text doesn't fail.
fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    let _infallible = out.write_fmt(what);
}

fn open(out: &mut String, id: &str, title: &str, says: &str, height: f64) {
    put(
        out,
        format_args!(
            "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"#1b1f23\"><title id=\"{id}-t\">{title}</title>\
         <desc id=\"{id}-d\">{says}</desc><defs><pattern id=\"{id}-h\" width=\"6\" height=\"6\" \
         patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"#ffffff\"/>\
         <rect width=\"2.5\" height=\"6\" fill=\"#59636e\"/></pattern></defs>",
            title = escaped(title),
            says = escaped(says),
        ),
    );
}

/// How many of the rows had no answer, over time. `says`: the same in words.
pub(super) fn steps(scale: &Scale<'_>, rows: &[Row], says: &str) -> String {
    const HEIGHT: f64 = 190.0;
    let bottom = HEIGHT - 20.0;
    let mut turns: Vec<(At, i64)> = Vec::new();
    for (from, to) in rows.iter().flat_map(|row| row.no_answer.iter()) {
        turns.extend([(from, 1), (to, -1)]);
    }
    turns.sort_unstable();
    let most = i64::try_from(rows.len()).unwrap_or(i64::MAX).max(1) as f64;
    let y = |count: i64| bottom - count as f64 / most * (bottom - scale.top());
    let mut out = String::new();
    open(&mut out, "steps", "Practices without an answer, over time", says, HEIGHT);
    scale.ground(&mut out, HEIGHT);
    // One step a tenth of a pixel at most: what lies closer is drawn as its highest.
    let mut path = format!("M{:.1} {bottom:.1}", scale.x(scale.from));
    let (mut count, mut next) = (0, 0);
    while let Some((at, _)) = turns.get(next) {
        let x = scale.x(*at);
        let mut highest = count;
        while let Some((at, by)) = turns.get(next) {
            if scale.x(*at) - x > 0.1 {
                break;
            }
            count += by;
            highest = highest.max(count);
            next += 1;
        }
        put(&mut path, format_args!("H{x:.1}V{:.1}V{:.1}", y(highest), y(count)));
    }
    put(&mut path, format_args!("H{:.1}V{bottom:.1}Z", scale.x(scale.to)));
    put(
        &mut out,
        format_args!("<path d=\"{path}\" fill=\"#f3c6cb\" stroke=\"#a40e26\" stroke-width=\"1.2\"/>"),
    );
    for count in [0, rows.len() / 2, rows.len()] {
        let y = y(i64::try_from(count).unwrap_or(0));
        put(
            &mut out,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{count}</text>",
                LEFT - 6.0,
                y + 4.0
            ),
        );
    }
    scale.draw_marks(&mut out, HEIGHT);
    out.push_str("</svg>");
    out
}

/// A bar a row, from when to when; hatched where nobody measured.
pub(super) fn bars(scale: &Scale<'_>, id: &str, title: &str, rows: &[Row], says: &str) -> String {
    const STEP: f64 = 15.0;
    let height = scale.top() + rows.len() as f64 * STEP + 26.0;
    let mut out = String::new();
    open(&mut out, id, title, says, height);
    scale.ground(&mut out, height);
    for (place, row) in rows.iter().enumerate() {
        let y = scale.top() + place as f64 * STEP + 2.0;
        put(
            &mut out,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 10.0,
                escaped(&row.label)
            ),
        );
        for (spans, fill) in
            [(&row.no_answer, "#a40e26".to_owned()), (&row.not_measured, format!("url(#{id}-h)"))]
        {
            for (from, to) in drawn(scale, spans) {
                put(
                    &mut out,
                    format_args!(
                        "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"11\" fill=\"{fill}\"/>",
                        (to - from).max(1.0)
                    ),
                );
            }
        }
        for at in &row.marks {
            let (x, y) = (scale.x(*at), y + 5.5);
            put(
                &mut out,
                format_args!(
                    "<path d=\"M{:.1} {y:.1}l5 -5l5 5l-5 5z\" fill=\"#ffffff\" stroke=\"#1b1f23\" stroke-width=\"1.5\"/>",
                    x - 5.0
                ),
            );
        }
    }
    scale.draw_marks(&mut out, height);
    out.push_str("</svg>");
    out
}

/// From where to where, what touches on paper drawn as one.
fn drawn(scale: &Scale<'_>, spans: &Spans) -> Vec<(f64, f64)> {
    let mut drawn: Vec<(f64, f64)> = Vec::new();
    for (from, to) in spans.iter() {
        let (from, to) = (scale.x(from), scale.x(to));
        match drawn.last_mut() {
            Some((_, end)) if from - *end < 0.5 => *end = end.max(to),
            _ => drawn.push((from, to)),
        }
    }
    drawn
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
