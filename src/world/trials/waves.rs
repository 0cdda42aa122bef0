//! The families whose faults come and go, wander, climb, or never amount to anything.

use std::time::Duration;

use super::story::{Plot, Story, fault, named, window};
use super::truth::Kind;
use crate::incident::Cause;
use crate::world::scenario::{Fault, Mode, Rolling, Target};

const DAY: Duration = Duration::from_hours(24);
/// Monday to Friday.
const WORKDAYS: u32 = 5;

/// A saturated gateway, on each weekday that the story's span has. The story begins at its midnight plus
/// something, and its onset is the first morning's.
pub(super) fn mornings(story: &mut Story<'_>) {
    let (cause, target) = story.gateway();
    let days = u32::try_from(story.draw.count(3, 5)).unwrap_or(WORKDAYS).min(WORKDAYS);
    let rate = if story.tier == super::family::Tier::Hard { 0.3 } else { story.draw.between(0.3, 0.5) };
    let ms = story.draw.between(300.0, 1200.0);
    for day in 0..days {
        let from = story.onset + DAY * day + story.draw.mins(0.0, 8.0);
        let lasts = story.draw.mins(92.0, 104.0);
        let when = window(from, lasts);
        let slow = fault(&target, Mode::Slow { ms }, when);
        let lossy = Fault { rate, ..fault(&target, Mode::Total, when) };
        story.shared(cause.clone(), vec![slow, lossy]);
    }
}

/// One device model after another site, each for a while.
pub(super) fn firmware(story: &mut Story<'_>) {
    let (cause, target) = story.firmware();
    let over = story.draw.mins(120.0, 720.0);
    let lasts = story.draw.mins(10.0, 40.0);
    let only_network = if story.draw.chance(0.6) { Some("internet".to_owned()) } else { None };
    let rolling = Some(Rolling { over, lasts });
    let when = window(story.onset, over + lasts);
    story.shared(cause, vec![Fault { only_network, rolling, ..fault(&target, Mode::Total, when) }]);
}

/// Firewalls restart one after another, or the routers of several practices do within the hour.
pub(super) fn restarts(story: &mut Story<'_>) {
    if story.draw.chance(0.5) {
        let mut from = story.onset;
        let many = story.draw.count(1, 3);
        for _ in 0..many {
            let (cause, target) = if story.draw.chance(0.3) { story.gateway() } else { story.firewall() };
            let lasts = story.draw.secs(20.0, 90.0);
            story.shared(cause, vec![fault(&target, Mode::Total, window(from, lasts))]);
            from = from + lasts + story.draw.mins(4.0, 10.0);
        }
    } else {
        let most = (story.reporting() / 2).clamp(2, 20);
        let many = story.draw.count(2, most);
        let wave = story.practices(many);
        let over = story.draw.mins(15.0, 60.0);
        let lasts = story.draw.secs(60.0, 150.0);
        let when = window(story.onset, over + lasts);
        let rolling = Some(Rolling { over, lasts });
        let reboots = Fault { rolling, ..fault(&Target::Practices(wave.clone()), Mode::Off, when) };
        story.tell_group(wave, vec![reboots]);
    }
}

/// Down for 20 to 120 s of every 1 to 6 minutes, for half an hour.
pub(super) fn flapping(story: &mut Story<'_>) {
    let (cause, target) = match story.draw.count(0, 2) {
        0 => story.carrier(),
        1 => story.firewall(),
        _ => story.gateway(),
    };
    let mut faults = Vec::new();
    let mut from = Duration::ZERO;
    let over = story.draw.mins(25.0, 35.0);
    while from < over {
        let down = story.draw.secs(20.0, 120.0);
        faults.push(fault(&target, Mode::Total, window(story.onset + from, down)));
        from += story.draw.secs(60.0, 360.0).max(down + Duration::from_secs(20));
    }
    story.shared(cause, faults);
}

/// Checks that are always bad: a note, never an incident.
pub(super) fn chronic(story: &mut Story<'_>) {
    let many = story.draw.count(1, 4);
    let when = window(Duration::ZERO, Duration::from_hours(3));
    for id in story.practices(many) {
        let at = story.draw.count(0, story.real.probes.len().saturating_sub(1));
        let only_probes = story.real.probes.get(at).map(|probe| probe.id.clone()).into_iter().collect();
        let rate = story.draw.between(0.05, 0.2);
        let target = Target::Practices(vec![id.clone()]);
        let flaky = Fault { rate, only_probes, ..fault(&target, Mode::Total, when) };
        story.tell(named(Cause::PRACTICE, &id), Kind::Slight, vec![flaky]);
    }
}

/// Nothing happens, for a day.
pub(super) fn quiet(story: &mut Story<'_>) {
    story.over = DAY;
}

/// A loss that climbs from 2 % to 60 % minute by minute, and stays there for some more.
pub(super) fn slow_start(story: &mut Story<'_>) {
    const STEPS: u32 = 20;
    let (cause, target) = match story.draw.count(0, 2) {
        0 => story.carrier(),
        1 => story.firewall(),
        _ => story.service(),
    };
    let stays = story.draw.mins(4.0, 10.0);
    let mut faults = Vec::new();
    for step in 0..STEPS {
        let is_last = step + 1 == STEPS;
        let rate = 0.02 + 0.58 * f64::from(step) / f64::from(STEPS - 1);
        let from = story.onset + Duration::from_mins(u64::from(step));
        let lasts = Duration::from_mins(1) + if is_last { stays } else { Duration::ZERO };
        faults.push(story.add(Fault { rate, ..fault(&target, Mode::Total, window(from, lasts)) }));
    }
    story.plots.push(Plot { cause, kind: Kind::Shared, faults, group: Vec::new() });
}
