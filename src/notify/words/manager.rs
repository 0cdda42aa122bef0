//! The practice manager's letters: what does not answer, what still answers, since when, whose fault it is, that it
//! is already reported, what to do meanwhile, when the next message comes.

use std::time::Duration;

use super::part::{Block, Part};
use super::reach::{self, Reach};
use super::{Context, Draft, hands, phrases, plain};
use crate::config::Deadline;
use crate::estate::NetworkIx;
use crate::incident::{Event, EventKind};
use crate::notify::notice::{Notice, NoticeKind};
use crate::time::At;

/// Deadlines so far ahead are spoken of when something fails: outages of days are rare, and what is later can wait for the next letter.
const DEADLINES_AHEAD: Duration = Duration::from_hours(48);

/// More practices than this behind one address are counted in a subject, not named.
const NAMED_IN_SUBJECT_MAX: usize = 3;

pub(super) fn draft(notice: &Notice, practices: &[String], context: &Context<'_>) -> Draft {
    let letter = Letter { notice, practices, context, place: place(practices, context) };
    match notice.kind {
        NoticeKind::Opening | NoticeKind::Inherited => letter.opening(),
        // Managers aren't escalated to; if they were, it would be the same again.
        NoticeKind::Update | NoticeKind::Escalation => letter.update(),
        // A digest has words of its own, and comes here only when what it told of was lost.
        NoticeKind::Back | NoticeKind::Digest => letter.back(),
        NoticeKind::Correction => letter.correction(),
    }
}

fn place(practices: &[String], context: &Context<'_>) -> String {
    let names = phrases::practice_names(practices, context.estate);
    if names.len() > NAMED_IN_SUBJECT_MAX {
        format!("{} of your practices", names.len())
    } else {
        plain::and(&names)
    }
}

struct Letter<'a> {
    notice: &'a Notice,
    practices: &'a [String],
    context: &'a Context<'a>,
    place: String,
}

impl Letter<'_> {
    fn opening(&self) -> Draft {
        let since = self.clock(self.context.event.since);
        self.fault("", format!("It began at about {since}.{}", self.not_alone()))
    }

    /// The same again at the time that was promised, so that nobody wonders whether they are forgotten.
    fn update(&self) -> Draft {
        let began = self.context.event.since;
        let (since, lasts) = (self.clock(began), plain::length(began, self.notice.due));
        self.fault("Still: ", format!("It began at about {since}, {lasts} ago.{}", self.not_alone()))
    }

    /// What is the matter, and what to do. `word`: before the subject and the title.
    fn fault(&self, word: &str, first: String) -> Draft {
        let event = self.context.event;
        let estate = self.context.estate;
        let since = self.clock(event.since);
        let reach =
            Reach::of(estate, self.practices, self.context.open.iter().map(AsRef::as_ref).chain([event]));
        let mut blocks = vec![Block::paragraph(Part::Began, first)];
        blocks.push(down(event, &reach));
        blocks.extend(up(&reach));
        blocks.push(Block::paragraph(
            Part::Means,
            "“Answers” means that our check gets a reply. It does not prove that everything behind it works.",
        ));
        let whose = phrases::whose_fault(event, self.practices, estate);
        blocks.push(Block::section(Part::Where, "Where the fault is", whose));
        let own = event.cause.iter().any(|cause| phrases::is_own(cause, self.practices));
        let call = if own { self.whom_to_call(&since) } else { None };
        let is_theirs_to_report = call.is_some();
        blocks.extend(call);
        let router = own.then(|| "Check that your router has power, and that its cables are in.".to_owned());
        let instead = reach
            .services_down
            .iter()
            .chain(reach.reduced.iter().map(|reduced| &reduced.service))
            .filter_map(|service| {
                service
                    .instead
                    .as_ref()
                    .map(|instead| format!("{}: {instead}", plain::capital(&service.name)))
            });
        let instead: Vec<String> = router.into_iter().chain(instead).collect();
        if !instead.is_empty() {
            blocks.push(Block::list(Part::Meanwhile, "What to do meanwhile", instead));
        }
        blocks.extend(self.deadlines("Deadlines in the next two days", event.at, event.at + DEADLINES_AHEAD));
        let mut next = Vec::new();
        if self.context.staff_told {
            let icb = plain::name(&estate.icb.name);
            next.push(if is_theirs_to_report {
                format!("{icb} has been told as well.")
            } else {
                format!("{icb} has been told. You do not need to report it.")
            });
        }
        next.extend(hands::who_has_it_there(self.context, self.notice.due));
        next.push(match self.context.next {
            Some(at) => format!("We will write when it is over, and else again at {}.", self.clock(at)),
            None => "We will write once more, when it is over. We will not write in between.".to_owned(),
        });
        blocks.push(Block::section(Part::Next, "What happens next", next));
        blocks.extend(hands::for_managers(self.context));
        Draft {
            subject: format!(
                "[linewatch] {word}{} at {} since {since} ({})",
                phrases::short(event, estate),
                self.place,
                plain::name(&event.incident)
            ),
            title: format!("{word}{} at {}", phrases::says(event, estate), self.place),
            blocks,
            footer: self.footer(),
        }
    }

    fn back(&self) -> Draft {
        let event = self.context.event;
        let estate = self.context.estate;
        let (since, now) = (self.clock(event.since), self.clock(event.at));
        let lasted = plain::length(event.since, event.at);
        let began = format!("It began at about {since} and was over by {now}: {lasted}.");
        let mut blocks = vec![Block::paragraph(Part::Began, began)];
        let open = self.context.open.iter().map(AsRef::as_ref);
        let others = open.filter(|other: &&Event| other.incident != event.incident);
        let reach = Reach::of(estate, self.practices, others);
        let still: Vec<String> = still_down(&reach);
        if !still.is_empty() {
            blocks.push(Block::list(Part::Still, "What another fault still keeps from answering", still));
        }
        let now = vec![
            "If a program hangs, close it and log in again.".to_owned(),
            "If something still does not work, report it as you always do. Our checks show that a service replies, not that everything behind it works.".to_owned(),
        ];
        blocks.push(Block::list(Part::Now, "What to do now", now));
        let catch_up = self.catch_up(&reach);
        if !catch_up.is_empty() {
            blocks.push(Block::list(Part::CatchUp, "What to catch up on", catch_up));
        }
        blocks.extend(self.deadlines("Deadlines that passed meanwhile", event.since, event.at));
        let next = match event.event {
            EventKind::Changed if event.practices.is_empty() => {
                "We go on checking that it stays so. Should it come back soon, we will not write about it again."
            }
            EventKind::Changed => {
                "Other practices still wait. Should your practice be hit once more while the work goes on, we will not write about it again."
            }
            _ => "This is over. You will get no more messages about it.",
        };
        blocks.push(Block::paragraph(Part::Next, next));
        Draft {
            subject: format!(
                "[linewatch] {} at {} ({})",
                short_again(event, self.context),
                self.place,
                plain::name(&event.incident)
            ),
            title: format!("{} at {}", phrases::says_again(event, estate), self.place),
            blocks,
            footer: self.footer(),
        }
    }

    fn correction(&self) -> Draft {
        let event = self.context.event;
        let estate = self.context.estate;
        let blocks = vec![
            Block::paragraph(
                Part::Wrong,
                format!(
                    "We wrote to you about {}: “{}.” Further checks do not bear that out. We are sorry for the false alarm.",
                    self.place,
                    phrases::says(event, estate)
                ),
            ),
            Block::list(
                Part::Now,
                "What to do now",
                vec![
                    "Work as usual.".to_owned(),
                    "If something does not work, report it as you always do.".to_owned(),
                ],
            ),
        ];
        Draft {
            subject: format!(
                "[linewatch] Correction: false alarm at {} ({})",
                self.place,
                plain::name(&event.incident)
            ),
            title: format!("Correction: our message about {} was wrong", self.place),
            blocks,
            footer: self.footer(),
        }
    }

    /// Services that were hit and answer again, with what to do about it.
    fn catch_up(&self, now: &Reach) -> Vec<String> {
        let context = self.context;
        let events = context.earlier.iter().chain([context.event]);
        let hit = reach::ever_hit(context.estate, self.practices, events);
        hit.into_iter()
            .filter(|service| !now.services_down.contains(service))
            .filter_map(|service| Some(format!("{}: {}", plain::capital(&service.name), service.catch_up?)))
            .collect()
    }

    /// What must be done between these times.
    fn deadlines(&self, heading: &str, from: At, to: At) -> Option<Block> {
        let between = |deadline: &&Deadline| deadline.at >= from && deadline.at <= to;
        let zone = &self.context.estate.icb.timezone;
        let items: Vec<String> = self
            .context
            .deadlines
            .iter()
            .filter(between)
            .map(|deadline| {
                let what = plain::capital(&plain::name(&deadline.name));
                let line = format!("{what}: {}.", plain::day_and_clock(deadline.at, zone));
                match &deadline.instead {
                    Some(instead) => format!("{line} {}", plain::sentences(instead)),
                    None => line,
                }
            })
            .collect();
        (!items.is_empty()).then(|| Block::list(Part::Deadlines, heading, items))
    }

    /// Nobody else has this fault, so somebody has to report it; whoever mends the line is asked for what is said here.
    fn whom_to_call(&self, since: &str) -> Option<Block> {
        let (estate, event) = (self.context.estate, self.context.event);
        let [id] = self.practices else { return None };
        let practice = &estate.practices[estate.practice(id)?.at()];
        // Roles stand from the practice outwards: the nearest that anybody answers for is the likeliest to be theirs to mend.
        let network = event.network.as_ref().and_then(|id| estate.network(id)).unwrap_or(NetworkIx(0));
        let roles = estate.networks.get(network.at())?.through.iter();
        let mut used = roles
            .flat_map(|role| practice.via.iter().filter(move |used| used.role == *role))
            .flat_map(|used| used.any.iter().map(|ix| &estate.components[ix.at()]));
        let (component, contact) = used.find_map(|one| Some((one, one.contact.as_ref()?)))?;
        let who = plain::name(component.owner.as_ref().unwrap_or(&component.name));
        let sentences = vec![
            format!("Call {who}: {}.", plain::name(contact)),
            format!(
                "Say: “Since {since} the line of {}, {}, {}. It is only us. We have looked at the router and its cables. The record of it is {}.”",
                plain::name(&practice.name),
                plain::name(id),
                phrases::phrase(event.signature).one,
                plain::name(&event.incident)
            ),
        ];
        Some(Block::section(Part::Call, "Whom to call", sentences))
    }

    fn not_alone(&self) -> String {
        let total = self.context.event.practices.len();
        let others = total.saturating_sub(self.practices.len());
        match others {
            0 => String::new(),
            1 => " One other practice is affected too.".to_owned(),
            others => format!(" {others} other practices are affected too."),
        }
    }

    fn clock(&self, at: At) -> String {
        plain::clock(at, self.notice.due, &self.context.estate.icb.timezone)
    }

    fn footer(&self) -> Vec<String> {
        let icb = &self.context.estate.icb;
        vec![
            format!("linewatch, for {}", plain::name(&icb.name)),
            format!(
                "Incident {}, {}",
                plain::name(&self.notice.incident),
                plain::day_and_clock(self.notice.due, &icb.timezone)
            ),
            "This message was sent automatically.".to_owned(),
        ]
    }
}

fn short_again(event: &Event, context: &Context<'_>) -> String {
    let hit: Vec<String> = phrases::hit(event, context.estate)
        .iter()
        .map(|name| plain::without_article(name).to_owned())
        .collect();
    format!("{} back", plain::capital(&plain::and(&hit)))
}

fn down(event: &Event, reach: &Reach) -> Block {
    Block::list(Part::Down, phrases::phrase(event.signature).heading, still_down(reach))
}

fn still_down(reach: &Reach) -> Vec<String> {
    let networks = reach.networks_down.iter().map(|network| plain::capital(network));
    networks.chain(reach.services_down.iter().map(super::reach::Service::with_use)).collect()
}

fn up(reach: &Reach) -> Vec<Block> {
    let mut blocks = Vec::new();
    let up: Vec<String> = reach
        .networks_up
        .iter()
        .map(|network| plain::capital(network))
        .chain(reach.services_up.iter().map(super::reach::Service::with_use))
        .collect();
    if up.is_empty() {
        blocks.push(Block::paragraph(Part::Up, "Nothing else that we check answers."));
    } else {
        blocks.push(Block::list(Part::Up, "What still answers", up));
    }
    let reduced: Vec<String> = reach
        .reduced
        .iter()
        .map(|reduced| {
            format!(
                "{} answers, but needs {}, which does not. Expect parts of it to fail.",
                plain::capital(&reduced.service.name),
                plain::and(&reduced.lacks)
            )
        })
        .collect();
    if !reduced.is_empty() {
        blocks.push(Block::list(Part::Reduced, "What works only in part", reduced));
    }
    blocks
}
