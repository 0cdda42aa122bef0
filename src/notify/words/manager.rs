//! The practice manager's letters: what does not answer, what still answers, since when, whose fault it is, that it
//! is already reported, what to do meanwhile, when the next message comes.

use super::reach::Reach;
use super::{Block, Context, Draft, phrases, plain};
use crate::incident::{Event, EventKind};
use crate::notify::notice::{Notice, NoticeKind};

/// More practices than this behind one address are counted in a subject, not named.
const NAMED_IN_SUBJECT_MAX: usize = 3;

pub(super) fn draft(notice: &Notice, practices: &[String], context: &Context<'_>) -> Draft {
    let letter = Letter { notice, practices, context, place: place(practices, context) };
    match notice.kind {
        NoticeKind::Opening | NoticeKind::Update | NoticeKind::Inherited => letter.opening(),
        NoticeKind::Back => letter.back(),
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
        let event = self.context.event;
        let estate = self.context.estate;
        let since = self.clock(event.since);
        let reach =
            Reach::of(estate, self.practices, self.context.open.iter().map(AsRef::as_ref).chain([event]));
        let mut blocks = vec![Block::Paragraph(format!("It began at about {since}.{}", self.not_alone()))];
        blocks.push(down(event, &reach));
        blocks.extend(up(&reach));
        blocks.push(Block::Paragraph(
            "“Answers” means that our check gets a reply. It does not prove that everything behind it works."
                .to_owned(),
        ));
        blocks.push(Block::Section {
            heading: "Where the fault is".to_owned(),
            sentences: phrases::whose_fault(event, self.practices, estate),
        });
        let own = event.cause.iter().any(|cause| phrases::is_own(cause, self.practices));
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
            blocks.push(Block::List { heading: "What to do meanwhile".to_owned(), items: instead });
        }
        let mut next = Vec::new();
        if self.context.staff_told {
            next.push(format!(
                "{} has been told. You do not need to report it.",
                plain::name(&estate.icb.name)
            ));
        }
        next.push("We will write once more, when it is over. We will not write in between.".to_owned());
        blocks.push(Block::Section { heading: "What happens next".to_owned(), sentences: next });
        Draft {
            subject: format!(
                "[linewatch] {} at {} since {since} ({})",
                phrases::short(event, estate),
                self.place,
                plain::name(&event.incident)
            ),
            title: format!("{} at {}", phrases::says(event, estate), self.place),
            blocks,
            footer: self.footer(),
        }
    }

    fn back(&self) -> Draft {
        let event = self.context.event;
        let estate = self.context.estate;
        let (since, now) = (self.clock(event.since), self.clock(event.at));
        let mut blocks = vec![Block::Paragraph(format!(
            "It began at about {since} and was over by {now}: {}.",
            plain::length(event.since, event.at)
        ))];
        let open = self.context.open.iter().map(AsRef::as_ref);
        let others = open.filter(|other: &&Event| other.incident != event.incident);
        let reach = Reach::of(estate, self.practices, others);
        let still: Vec<String> = still_down(&reach);
        if !still.is_empty() {
            blocks.push(Block::List {
                heading: "What another fault still keeps from answering".to_owned(),
                items: still,
            });
        }
        blocks.push(Block::List {
            heading: "What to do now".to_owned(),
            items: vec![
                "If a program hangs, close it and log in again.".to_owned(),
                "If something still does not work, report it as you always do. Our checks show that a service replies, not that everything behind it works.".to_owned(),
            ],
        });
        let next = if event.event == EventKind::Changed {
            "Other practices still wait. Should your practice be hit once more while the work goes on, we will not write about it again."
        } else {
            "This is over. You will get no more messages about it."
        };
        blocks.push(Block::Paragraph(next.to_owned()));
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
            Block::Paragraph(format!(
                "We wrote to you about {}: “{}.” Further checks do not bear that out. We are sorry for the false alarm.",
                self.place,
                phrases::says(event, estate)
            )),
            Block::List {
                heading: "What to do now".to_owned(),
                items: vec![
                    "Work as usual.".to_owned(),
                    "If something does not work, report it as you always do.".to_owned(),
                ],
            },
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

    fn not_alone(&self) -> String {
        let total = self.context.event.practices.len();
        let others = total.saturating_sub(self.practices.len());
        match others {
            0 => String::new(),
            1 => " One other practice is affected too.".to_owned(),
            others => format!(" {others} other practices are affected too."),
        }
    }

    fn clock(&self, at: crate::time::At) -> String {
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
    Block::List { heading: phrases::phrase(event.signature).heading.to_owned(), items: still_down(reach) }
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
        blocks.push(Block::Paragraph("Nothing else that we check answers.".to_owned()));
    } else {
        blocks.push(Block::List { heading: "What still answers".to_owned(), items: up });
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
        blocks.push(Block::List { heading: "What works only in part".to_owned(), items: reduced });
    }
    blocks
}
