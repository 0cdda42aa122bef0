//! The practice manager's letters: what does not answer, what still answers, since when, whose fault it is, that it
//! is already reported, what to do meanwhile, when the next message comes.

use std::time::Duration;

use minijinja::value::Value;

use super::part::{Block, Part};
use super::reach::{self, Reach};
use super::sentences::{self, Say, Sentence};
use super::{Context, Draft, hands, phrases, plain, signature, subject_of};
use crate::config::Deadline;
use crate::incident::{Event, EventKind};
use crate::notify::notice::{Notice, NoticeKind};
use crate::time::At;

/// Deadlines so far ahead are spoken of when something fails: outages of days are rare, and what is later can wait for the next letter.
const DEADLINES_AHEAD: Duration = Duration::from_hours(48);

pub(super) fn draft(notice: &Notice, practices: &[String], context: &Context<'_>, say: &Say<'_>) -> Draft {
    let letter =
        Letter { notice, practices, context, say, place: phrases::place_of(practices, context.estate) };
    match notice.kind {
        NoticeKind::Opening | NoticeKind::Inherited => letter.opening(),
        // Managers aren't escalated to; if they were, it would be the same again.
        NoticeKind::Update | NoticeKind::Escalation => letter.update(),
        // A digest has words of its own, and comes here only when what it told of was lost.
        NoticeKind::Back | NoticeKind::Digest => letter.back(),
        NoticeKind::Correction => letter.correction(),
    }
}

struct Letter<'a> {
    notice: &'a Notice,
    practices: &'a [String],
    context: &'a Context<'a>,
    say: &'a Say<'a>,
    place: String,
}

impl Letter<'_> {
    fn opening(&self) -> Draft {
        let since = self.clock(self.since()).into();
        let began = if self.context.told_again {
            let values = [self.place.as_str().into(), since, self.others().into()];
            self.say.with(&sentences::MANAGER_BEGAN_AGAIN, values)
        } else {
            self.say.with(&sentences::MANAGER_BEGAN, [since, self.others().into()])
        };
        self.fault(&sentences::MANAGER_SUBJECT, &sentences::MANAGER_TITLE, began)
    }

    /// The same again at the time that was promised, so that nobody wonders whether they are forgotten.
    fn update(&self) -> Draft {
        let began = self.since();
        let (since, lasts) = (self.clock(began), plain::length(began, self.notice.due));
        let (since, lasts, others) = (since.into(), lasts.into(), self.others().into());
        let began = if self.context.told_again {
            let place = self.place.as_str().into();
            self.say.with(&sentences::MANAGER_GOES_ON_AGAIN, [place, since, lasts, others])
        } else {
            self.say.with(&sentences::MANAGER_GOES_ON, [since, lasts, others])
        };
        self.fault(&sentences::MANAGER_SUBJECT_AGAIN, &sentences::MANAGER_TITLE_AGAIN, began)
    }

    /// What is the matter, and what to do. `first`: since when, and who else.
    fn fault(&self, subject: &Sentence<3>, title: &Sentence<2>, first: String) -> Draft {
        let event = self.context.event;
        let estate = self.context.estate;
        let say = self.say;
        let since = self.clock(self.since());
        let reach = Reach::of(estate, self.practices, self.open().chain([event]));
        let own = event.cause.iter().any(|cause| phrases::is_own(cause, self.practices));
        let call = if own { self.whom_to_call(&since) } else { None };
        let is_theirs_to_report = call.is_some();
        let mut blocks = if phrases::is_unheard(event) {
            self.unheard(&since, &reach, call)
        } else {
            self.answers(first, &reach, own, call)
        };
        let ahead = &sentences::MANAGER_DEADLINES_HEADING;
        // What is ahead of the reader: the last event may be days old.
        blocks.extend(self.deadlines(ahead, self.notice.due, self.notice.due + DEADLINES_AHEAD));
        let mut next = Vec::new();
        if self.context.staff_told {
            let told = if is_theirs_to_report {
                &sentences::MANAGER_REPORTED_AS_WELL
            } else {
                &sentences::MANAGER_ALREADY_REPORTED
            };
            next.push(say.with(told, [plain::name(&estate.icb.name).into()]));
        }
        next.extend(hands::who_has_it_there(self.context, self.notice.due, say));
        next.push(match self.context.next {
            Some(at) => say.with(&sentences::MANAGER_NEXT_LETTER, [self.clock(at).into()]),
            None => say.plain(&sentences::MANAGER_NEXT_LETTER_AT_THE_END),
        });
        blocks.push(Block::section(Part::Next, say.plain(&sentences::MANAGER_NEXT_HEADING), next));
        blocks.extend(hands::for_managers(self.context, say));
        Draft {
            subject: self.subject(&say.with(
                subject,
                [phrases::short(event, estate, say), self.place.clone(), since].map(Value::from),
            )),
            title: say.with(title, [phrases::says(event, estate, say), self.place.clone()].map(Value::from)),
            blocks,
            footer: self.footer(),
        }
    }

    /// What doesn't answer and what does, whose fault that is, and what to do. `reach`: with all that is open.
    fn answers(&self, first: String, reach: &Reach, own: bool, call: Option<Block>) -> Vec<Block> {
        let (event, say) = (self.context.event, self.say);
        let heading = phrases::heading(event.signature, say);
        let mut blocks = vec![Block::list(Part::Down, heading, still_down(&self.of_this()))];
        blocks.extend(self.of_others(reach));
        blocks.extend(up(reach, say));
        let means = say.plain(&sentences::MANAGER_ANSWERS_MEANS);
        if !means.is_empty() {
            blocks.push(Block::paragraph(Part::Means, means));
        }
        blocks.push(Block::paragraph(Part::Began, first));
        blocks.push(self.whose());
        blocks.extend(call);
        let router = own.then(|| say.plain(&sentences::MANAGER_CHECK_YOUR_ROUTER));
        let todo = router.into_iter().chain(instead(reach)).collect();
        blocks.extend(list_of(Part::Meanwhile, &sentences::MANAGER_MEANWHILE_HEADING, todo, say));
        blocks
    }

    /// The same where nothing is heard of the practice: what that may mean, which the people there can see, and what to do in each case.
    fn unheard(&self, since: &str, reach: &Reach, call: Option<Block>) -> Vec<Block> {
        let say = self.say;
        let icb = plain::name(&self.context.estate.icb.name);
        let first = say.with(&sentences::MANAGER_UNHEARD, [self.place.as_str().into(), since.into()]);
        let mut blocks = vec![Block::paragraph(Part::Began, first)];
        blocks.extend(self.of_others(reach));
        blocks.push(self.whose());
        let look = vec![
            say.with(&sentences::MANAGER_UNHEARD_SCREENS_WORK, [icb.into()]),
            say.plain(&sentences::MANAGER_UNHEARD_SCREENS_DO_NOT),
        ];
        let heading = say.plain(&sentences::MANAGER_UNHEARD_LOOK_HEADING);
        blocks.push(Block::list(Part::Meanwhile, heading, look));
        blocks.extend(call);
        let heading = &sentences::MANAGER_UNHEARD_MEANWHILE_HEADING;
        blocks.extend(list_of(Part::Meanwhile, heading, instead(reach), say));
        blocks
    }

    fn whose(&self) -> Block {
        let whose = phrases::whose_fault(self.context.event, self.practices, self.context.estate, self.say);
        Block::section(Part::Where, self.say.plain(&sentences::MANAGER_WHERE_HEADING), whose)
    }

    /// The last events of all that is open.
    fn open(&self) -> impl Iterator<Item = &Event> {
        self.context.open.iter().map(AsRef::as_ref)
    }

    /// What this incident alone has hit.
    fn of_this(&self) -> Reach {
        let event = self.context.event;
        let this = self.open().filter(|open| open.incident == event.incident);
        Reach::of(self.context.estate, self.practices, this.chain([event]))
    }

    /// What it hasn't, of all that is hit: that fails in another way, and is another's fault.
    fn of_others(&self, reach: &Reach) -> Option<Block> {
        let this = still_down(&self.of_this());
        let others = still_down(reach).into_iter().filter(|hit| !this.contains(hit)).collect();
        list_of(Part::Still, &sentences::MANAGER_OTHER_FAULT_HEADING, others, self.say)
    }

    fn back(&self) -> Draft {
        let event = self.context.event;
        let estate = self.context.estate;
        let say = self.say;
        let hit = self.since();
        let (since, until) = (self.clock(hit).into(), self.clock(event.at).into());
        let lasted = plain::length(hit, event.at).into();
        let began = if self.context.told_again {
            let place = self.place.as_str().into();
            say.with(&sentences::MANAGER_IS_OVER_AGAIN, [place, since, until, lasted])
        } else {
            say.with(&sentences::MANAGER_IS_OVER, [since, until, lasted])
        };
        let mut blocks = vec![Block::paragraph(Part::Began, began)];
        let others = self.open().filter(|other| other.incident != event.incident);
        let reach = Reach::of(estate, self.practices, others);
        let still = still_down(&reach);
        blocks.extend(list_of(Part::Still, &sentences::MANAGER_STILL_DOWN_HEADING, still, say));
        // Whether their programs had anything to do with it isn't known.
        let unheard = phrases::is_unheard(event);
        let hung = (!unheard).then(|| say.plain(&sentences::MANAGER_NOW_LOG_IN_AGAIN));
        let left = say.plain(&sentences::MANAGER_NOW_REPORT_WHAT_IS_LEFT);
        let now = hung.into_iter().chain([left]).collect();
        blocks.push(Block::list(Part::Now, say.plain(&sentences::MANAGER_NOW_HEADING), now));
        let heading = if unheard {
            &sentences::MANAGER_UNHEARD_CATCH_UP_HEADING
        } else {
            &sentences::MANAGER_CATCH_UP_HEADING
        };
        blocks.extend(list_of(Part::CatchUp, heading, self.catch_up(&reach), say));
        let passed = &sentences::MANAGER_DEADLINES_PASSED_HEADING;
        blocks.extend(self.deadlines(passed, hit, event.at));
        let next = match event.event {
            EventKind::Changed if event.practices.is_empty() => &sentences::MANAGER_WE_WATCH_WHETHER_IT_STAYS,
            EventKind::Changed => &sentences::MANAGER_OTHERS_STILL_WAIT,
            _ => &sentences::MANAGER_LAST_LETTER,
        };
        blocks.push(Block::paragraph(Part::Next, say.plain(next)));
        Draft {
            subject: self.subject(&say.with(
                &sentences::MANAGER_SUBJECT_OVER,
                [phrases::hit_short(event, estate), self.place.clone()].map(Value::from),
            )),
            title: say.with(
                &sentences::MANAGER_TITLE_OVER,
                [phrases::says_again(event, estate, say), self.place.clone()].map(Value::from),
            ),
            blocks,
            footer: self.footer(),
        }
    }

    fn correction(&self) -> Draft {
        let event = self.context.event;
        let estate = self.context.estate;
        let say = self.say;
        let values = [self.place.as_str().into(), phrases::says(event, estate, say).into()];
        let now = vec![
            say.plain(&sentences::MANAGER_WORK_AS_USUAL),
            say.plain(&sentences::MANAGER_REPORT_AS_ALWAYS),
        ];
        let blocks = vec![
            Block::paragraph(Part::Wrong, say.with(&sentences::MANAGER_FALSE_ALARM, values)),
            Block::list(Part::Now, say.plain(&sentences::MANAGER_NOW_HEADING), now),
        ];
        Draft {
            subject: self
                .subject(&say.with(&sentences::MANAGER_SUBJECT_CORRECTION, [self.place.as_str().into()])),
            title: say.with(&sentences::MANAGER_TITLE_CORRECTION, [self.place.as_str().into()]),
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
    fn deadlines(&self, heading: &Sentence<0>, from: At, to: At) -> Option<Block> {
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
        list_of(Part::Deadlines, heading, items, self.say)
    }

    /// Nobody else has this fault, so somebody has to report it; whoever mends the line is asked for what is said here.
    fn whom_to_call(&self, since: &str) -> Option<Block> {
        let (estate, event) = (self.context.estate, self.context.event);
        let [id] = self.practices else { return None };
        let practice = plain::name(&estate.practices[estate.practice(id)?.at()].name);
        let say = self.say;
        let call = match phrases::mender_of(id, event, estate) {
            Some(mender) => say.with(&sentences::MANAGER_CALL, <[String; 2]>::from(mender).map(Value::from)),
            // Nobody said who mends this line.
            None => say.with(&sentences::MANAGER_CALL_THE_ICB, [plain::name(&estate.icb.name).into()]),
        };
        let (ods, incident) = (plain::name(id), plain::name(&event.incident));
        let (heading, what) = if phrases::is_unheard(event) {
            let names = [since, &practice, &ods, &incident].map(Value::from);
            let what = say.with(&sentences::MANAGER_CALL_AND_SAY_UNHEARD, names);
            (&sentences::MANAGER_UNHEARD_CALL_HEADING, what)
        } else {
            let fault = phrases::one(event.signature, say);
            let names = [since, &practice, &ods, &fault, &incident].map(Value::from);
            (&sentences::MANAGER_CALL_HEADING, say.with(&sentences::MANAGER_CALL_AND_SAY, names))
        };
        Some(Block::section(Part::Call, say.plain(heading), vec![call, what]))
    }

    /// Since when the reader is hit, or was.
    fn since(&self) -> At {
        self.context.since(self.practices)
    }

    /// How many others have it too.
    fn others(&self) -> usize {
        self.context.event.practices.len().saturating_sub(self.practices.len())
    }

    fn subject(&self, subject: &str) -> String {
        subject_of(subject, &self.context.event.incident, self.say)
    }

    fn clock(&self, at: At) -> String {
        plain::clock(at, self.notice.due, &self.context.estate.icb.timezone)
    }

    fn footer(&self) -> Vec<String> {
        let estate = self.context.estate;
        let when = plain::day_and_clock(self.notice.due, &estate.icb.timezone);
        let about = format!("Incident {}, {when}", plain::name(&self.notice.incident));
        signature(vec![about], estate, self.say)
    }
}

/// A list under its heading; nothing where it would be empty.
fn list_of(part: Part, heading: &Sentence<0>, items: Vec<String>, say: &Say<'_>) -> Option<Block> {
    (!items.is_empty()).then(|| Block::list(part, say.plain(heading), items))
}

/// What can be done while services are away, or lack something.
fn instead(reach: &Reach) -> Vec<String> {
    let services = reach.services_down.iter().chain(reach.reduced.iter().map(|reduced| &reduced.service));
    let instead = services.filter_map(|service| {
        let instead = service.instead.as_ref()?;
        Some(format!("{}: {instead}", plain::capital(&service.name)))
    });
    instead.collect()
}

fn still_down(reach: &Reach) -> Vec<String> {
    let networks = reach.networks_down.iter().map(|network| plain::capital(network));
    networks.chain(reach.services_down.iter().map(super::reach::Service::with_use)).collect()
}

fn up(reach: &Reach, say: &Say<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let up: Vec<String> = reach
        .networks_up
        .iter()
        .map(|network| plain::capital(network))
        .chain(reach.services_up.iter().map(super::reach::Service::with_use))
        .collect();
    if up.is_empty() {
        blocks.push(Block::paragraph(Part::Up, say.plain(&sentences::MANAGER_NOTHING_ANSWERS)));
    } else {
        blocks.push(Block::list(Part::Up, say.plain(&sentences::MANAGER_ANSWERS_HEADING), up));
    }
    let reduced: Vec<String> = reach
        .reduced
        .iter()
        .map(|reduced| {
            let (service, needs) = (plain::capital(&reduced.service.name), plain::and(&reduced.lacks));
            say.with(&sentences::MANAGER_PARTLY, [service.into(), needs.into()])
        })
        .collect();
    if !reduced.is_empty() {
        blocks.push(Block::list(Part::Reduced, say.plain(&sentences::MANAGER_PARTLY_HEADING), reduced));
    }
    blocks
}
