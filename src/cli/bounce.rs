//! `linewatch bounce`: a mail server hands over what came back.
//!
//! Its exit status is for mail servers, which know those of sysexits.h. What is no report of a mail of ours is dropped with status 0,
//! and said: any other status would make the mail server send the message back to whoever it claims to be from.

use std::io::{self, Read};

use super::Exit;
use super::client::{Client, ClientError, Where, block_on, plain};
use super::status::print;
use crate::hub::bounces::{BounceAnswer, BounceLine};
use crate::limits::BOUNCE_BYTES_MAX;
use crate::notify::bounce::{Recipient, Report, read};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only say what the message reports, and tell no hub
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    place: Where,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 recorded, or dropped because it is no report of a mail of ours; 75 not recorded for now: keep it, and try again.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let message = match take(io::stdin().lock()) {
        Ok(message) => message,
        Err(error) => return Ok(later(&format!("the message on the standard input can't be read: {error}"))),
    };
    let report = match read(&message) {
        Ok(report) => report,
        Err(why) => {
            eprintln!("linewatch: nothing is recorded of this message: {why}");
            return Ok(Exit::Fine);
        }
    };
    if args.check {
        print(args.json, &report, || Ok(reported(&report)))?;
        return Ok(Exit::Fine);
    }
    let asked: Result<BounceAnswer, ClientError> = block_on(async {
        Ok(match Client::new(&args.place) {
            Ok(client) => client.change(&["api", "v1", "bounces"], &report).await,
            Err(error) => Err(error),
        })
    })?;
    match asked {
        Ok(answer) => {
            print(args.json, &answer, || Ok(words(&answer)))?;
            Ok(Exit::Fine)
        }
        Err(error) => Ok(later(&error.to_string())),
    }
}

/// The first [`BOUNCE_BYTES_MAX`] bytes. All is read: a mail server whose pipe is closed on it believes that we failed.
fn take(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    from.by_ref().take(BOUNCE_BYTES_MAX as u64).read_to_end(&mut message)?;
    io::copy(&mut from, &mut io::sink())?;
    Ok(message)
}

fn later(why: &str) -> Exit {
    eprintln!("linewatch: not recorded yet, to be tried again: {}", plain(why));
    Exit::TryAgain
}

fn reported(report: &Report) -> String {
    let word = |text: &Option<String>| plain(text.as_deref().unwrap_or("unsaid"));
    let mut lines = vec![format!("of: {}", plain(&report.message_ids.join(" ")))];
    lines.push(format!("by: {}", word(&report.reporter)));
    for recipient in &report.recipients {
        let Recipient { original, last, action, status, remote, said } = recipient;
        lines.push(format!(
            "{} {}: {}, said by {}: {}",
            plain(action),
            word(status),
            plain(original.as_deref().or(last.as_deref()).unwrap_or("nobody in particular")),
            word(remote),
            word(said)
        ));
    }
    lines.join("\n")
}

fn words(answer: &BounceAnswer) -> String {
    let lines: Vec<String> = answer.results.iter().map(one).collect();
    lines.join("\n")
}

/// `2026-03-16-1, to G82002: bounced: 5.1.1 no such user, said by mx.example. It leaves by their other way.`
fn one(line: &BounceLine) -> String {
    let word = |text: &Option<String>| plain(text.as_deref().unwrap_or_default());
    match line.outcome.as_str() {
        "bounced" | "delayed" | "beyond" | "again" => {
            let (incident, about, why) = (word(&line.incident), word(&line.about), word(&line.why));
            let rest = match (line.outcome.as_str(), line.leaves_again) {
                ("again", _) => " It was recorded before.",
                (_, true) => " It leaves by their other way.",
                _ => "",
            };
            format!("{incident}, to {about}: {why}.{rest}")
        }
        "fine" => "Nothing is wrong with the mail: it was delivered, or passed on.".to_owned(),
        "forgotten" => "It is about a mail of ours that is no longer kept: nothing is recorded.".to_owned(),
        "not_ours" => "It names no mail that this hub sent: nothing is recorded.".to_owned(),
        other => format!("The hub answered {}.", plain(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_read_and_no_more_is_kept_than_is_looked_at() {
        let long = vec![b'x'; BOUNCE_BYTES_MAX + 10];
        let mut from = long.as_slice();
        assert_eq!(take(&mut from).expect("read").len(), BOUNCE_BYTES_MAX);
        assert!(from.is_empty());
    }
}
