//! What breaks in the trials of each family.

use std::time::Duration;

use super::county::{HSCN_RESOLVER, INTERNET_RESOLVER};
use super::family::Family;
use super::story::{Story, fault, named, window};
use super::truth::Kind;
use super::waves;
use crate::estate::{Ask, ComponentIx, Practice};
use crate::incident::Cause;
use crate::world::crossings::usual_spare;
use crate::world::scenario::{DnsAnswer, Fault, Mode, Target, Window};

/// Draws up the faults of one trial of this family.
pub(super) fn tell(story: &mut Story<'_>, family: Family) {
    match family {
        Family::SiteCircuit => site_circuit(story),
        Family::SiteDark => site_dark(story),
        Family::SiteLossy => site_lossy(story),
        Family::CarrierTotal => {
            let (cause, target) = story.carrier();
            total(story, cause, &target);
        }
        Family::CarrierPartial => {
            let (cause, target) = story.carrier();
            partial(story, cause, &target);
        }
        Family::FirewallTotal => {
            let (cause, target) = story.firewall();
            total(story, cause, &target);
        }
        Family::FirewallPartial => {
            let (cause, target) = story.firewall();
            partial(story, cause, &target);
        }
        Family::FirewallSticky => sticky(story),
        Family::FirewallReset => firewall(story, Mode::Reset),
        Family::FirewallSessions => sessions(story),
        Family::FirewallTls => {
            let mode = story.draw.pick(Mode::Intercepted, &[Mode::Untrusted]);
            firewall(story, mode);
        }
        Family::FirewallMtu => firewall(story, Mode::Large),
        Family::FirewallBrownout => brownout(story),
        Family::InternetDns => resolver(story, INTERNET_RESOLVER),
        Family::HscnCore => hscn_core(story),
        Family::HscnDns => resolver(story, HSCN_RESOLVER),
        Family::ServiceDown => service_down(story),
        Family::ServicePartial => service_partial(story),
        Family::ServiceSlow => {
            let ms = story.draw.between(1000.0, 4000.0);
            service(story, Mode::Slow { ms });
        }
        Family::ServiceDns => {
            let answer = unnamed(story);
            service(story, Mode::Dns(answer));
        }
        Family::GatewayMornings => waves::mornings(story),
        Family::FirmwareRolling => waves::firmware(story),
        Family::HubUplink => {
            let when = story.usual();
            story.shared(named(Cause::MONITOR, "hub"), vec![fault(&Target::Hub, Mode::Total, when)]);
        }
        Family::TwoFaults => two_faults(story),
        Family::Coincidence => coincidence(story),
        Family::PowerCut => power_cut(story),
        Family::RestartWave => waves::restarts(story),
        Family::Flapping => waves::flapping(story),
        Family::AgentsMissing => any_shared(story),
        Family::ChronicLine => waves::chronic(story),
        Family::Quiet => waves::quiet(story),
        Family::OddHalfNetwork => odd_half_network(story),
        Family::OddSlowStart => waves::slow_start(story),
        Family::OddHiddenGroup => odd_hidden_group(story),
    }
}

fn total(story: &mut Story<'_>, cause: Cause, target: &Target) {
    let when = story.usual();
    story.shared(cause, vec![fault(target, Mode::Total, when)]);
}

fn partial(story: &mut Story<'_>, cause: Cause, target: &Target) {
    let rate = story.partial();
    let when = story.usual();
    story.shared(cause, vec![Fault { rate, ..fault(target, Mode::Total, when) }]);
}

fn firewall(story: &mut Story<'_>, mode: Mode) {
    let (cause, target) = story.firewall();
    let when = story.usual();
    story.shared(cause, vec![fault(&target, mode, when)]);
}

fn service(story: &mut Story<'_>, mode: Mode) {
    let (cause, target) = story.service();
    let when = story.usual();
    story.shared(cause, vec![fault(&target, mode, when)]);
}

fn site(id: &str) -> Target {
    Target::Practices(vec![id.to_owned()])
}

fn site_circuit(story: &mut Story<'_>) {
    let when = story.usual();
    for id in story.practices(1) {
        let only_network = if story.draw.chance(0.5) { Some(story.network()) } else { None };
        let dead = Fault { only_network, ..fault(&site(&id), Mode::Total, when) };
        story.tell(named(Cause::PRACTICE, &id), Kind::Practice, vec![dead]);
    }
}

fn site_dark(story: &mut Story<'_>) {
    let when = story.usual();
    for id in story.practices(1) {
        story.tell(named(Cause::PRACTICE, &id), Kind::Practice, vec![fault(&site(&id), Mode::Off, when)]);
    }
}

fn site_lossy(story: &mut Story<'_>) {
    let when = story.usual();
    for id in story.practices(1) {
        let only_network = Some(story.network());
        let rate = story.draw.between(0.3, 0.5);
        let lossy = Fault { rate, only_network, ..fault(&site(&id), Mode::Total, when) };
        story.tell(named(Cause::PRACTICE, &id), Kind::Practice, vec![lossy]);
    }
}

fn sticky(story: &mut Story<'_>) {
    let when = story.usual();
    // As often as practices are stuck to it.
    let stuck = |practice: &Practice| {
        let pair = practice.via.iter().find(|used| used.any.len() > 1)?;
        pair.any.get(usual_spare(&practice.id, pair.any.len())).copied()
    };
    let usual: Vec<ComponentIx> = story.real.practices.iter().filter_map(stuck).collect();
    if let [pair] = story.draw.some(&usual, 1).as_slice() {
        let id = story.real.components[pair.at()].id.clone();
        let target = Target::Component(id.clone());
        let dead = Fault { failover: false, ..fault(&target, Mode::Total, when) };
        story.shared(named("firewall", &id), vec![dead]);
    } else {
        let (cause, target) = story.firewall();
        let sites = story.draw.between(0.3, 0.7);
        story.shared(cause, vec![Fault { sites, ..fault(&target, Mode::Total, when) }]);
    }
}

fn sessions(story: &mut Story<'_>) {
    let (cause, target) = story.firewall();
    let when = story.usual();
    let streams = story.probes(|probe| matches!(probe.ask, Ask::Http(_) | Ask::Tcp(_)));
    // Some connections are reset, and of the others some never stand: together 70 to 100 %.
    let fails = story.draw.between(0.7, 1.0);
    let reset = story.draw.between(0.1, 0.5);
    let dropped = 1.0 - (1.0 - fails) / (1.0 - reset);
    let part =
        |mode: Mode, rate: f64| Fault { rate, only_probes: streams.clone(), ..fault(&target, mode, when) };
    story.shared(cause, vec![part(Mode::Total, dropped), part(Mode::Reset, reset)]);
}

fn brownout(story: &mut Story<'_>) {
    let (cause, target) = story.firewall();
    let when = story.usual();
    let ms = story.draw.between(300.0, 1500.0);
    let rate = story.draw.between(0.1, 0.2);
    let slow = fault(&target, Mode::Slow { ms }, when);
    story.shared(cause, vec![slow, Fault { rate, ..fault(&target, Mode::Total, when) }]);
}

fn unnamed(story: &mut Story<'_>) -> DnsAnswer {
    story.draw.pick(DnsAnswer::Servfail, &[DnsAnswer::Nxdomain, DnsAnswer::Timeout, DnsAnswer::Timeout])
}

fn resolver(story: &mut Story<'_>, id: &str) {
    let answer = story.draw.pick(DnsAnswer::Servfail, &[DnsAnswer::Timeout, DnsAnswer::Refused]);
    let when = story.usual();
    let target = Target::Component(id.to_owned());
    story.shared(named("resolver", id), vec![fault(&target, Mode::Dns(answer), when)]);
}

fn hscn_core(story: &mut Story<'_>) {
    let target = Target::Network("hscn".to_owned());
    total(story, named(Cause::NETWORK, "hscn"), &target);
}

fn service_down(story: &mut Story<'_>) {
    let mode = story.draw.pick(Mode::Total, &[Mode::Refused, Mode::Status(503), Mode::Total]);
    service(story, mode);
}

fn service_partial(story: &mut Story<'_>) {
    let (cause, target) = story.service();
    let mode = story.draw.pick(Mode::Total, &[Mode::Status(503), Mode::Status(502)]);
    let rate = story.partial();
    let when = story.usual();
    story.shared(cause, vec![Fault { rate, ..fault(&target, mode, when) }]);
}

/// One of the plain shared faults, from the story's onset.
fn any_shared(story: &mut Story<'_>) {
    match story.draw.count(0, 4) {
        0 => {
            let (cause, target) = story.firewall();
            total(story, cause, &target);
        }
        1 => {
            let (cause, target) = story.carrier();
            partial(story, cause, &target);
        }
        2 => hscn_core(story),
        3 => service_down(story),
        _ => {
            let (cause, target) = story.firewall();
            partial(story, cause, &target);
        }
    }
}

/// Two faults neither of which hides the other: one on the internet's side and one on HSCN's, a firewall and a
/// service that others reach, or one shared and one practice's. The second begins while the first is on.
fn two_faults(story: &mut Story<'_>) {
    let first = story.onset;
    let lasts = story.lasting();
    let second = first + story.draw.secs(0.0, lasts.as_secs_f64() * 0.7);
    let lasts_too = story.lasting();
    let swapped = story.draw.chance(0.5);
    let times = [window(first, lasts), window(second, lasts_too)];
    let [one, other] = if swapped { [times[1], times[0]] } else { times };
    let (cause, target) = story.firewall();
    // Within one network: a firewall, and a service that shows at the practices that aren't behind it.
    if story.share(&target) < 0.7 && story.draw.chance(0.4) {
        story.shared(cause, vec![fault(&target, Mode::Total, one)]);
        on_service(story, "accurx", other);
        return;
    }
    internet_side(story, one);
    if story.draw.chance(0.3) {
        // A practice that the first leaves alone, as far as that goes: on HSCN.
        for id in story.practices(1) {
            let only_network = Some("hscn".to_owned());
            let dead = Fault { only_network, ..fault(&site(&id), Mode::Total, other) };
            story.tell(named(Cause::PRACTICE, &id), Kind::Practice, vec![dead]);
        }
    } else {
        hscn_side(story, other);
    }
}

fn internet_side(story: &mut Story<'_>, when: Window) {
    let (cause, target) = story.firewall();
    let rate = story.partial();
    match story.draw.count(0, 5) {
        0 => story.shared(cause, vec![fault(&target, Mode::Total, when)]),
        1 => story.shared(cause, vec![Fault { rate, ..fault(&target, Mode::Total, when) }]),
        2 => story.shared(cause, vec![fault(&target, Mode::Reset, when)]),
        3 => on_service(story, "accurx", when),
        4 => {
            let (cause, target) = story.carrier();
            story.shared(cause, vec![Fault { rate, ..fault(&target, Mode::Total, when) }]);
        }
        _ => {
            let target = Target::Component(INTERNET_RESOLVER.to_owned());
            let failing = fault(&target, Mode::Dns(DnsAnswer::Servfail), when);
            story.shared(named("resolver", INTERNET_RESOLVER), vec![failing]);
        }
    }
}

fn hscn_side(story: &mut Story<'_>, when: Window) {
    match story.draw.count(0, 3) {
        0 => {
            let target = Target::Network("hscn".to_owned());
            story.shared(named(Cause::NETWORK, "hscn"), vec![fault(&target, Mode::Total, when)]);
        }
        1 => {
            let target = Target::Component(HSCN_RESOLVER.to_owned());
            let failing = fault(&target, Mode::Dns(DnsAnswer::Timeout), when);
            story.shared(named("resolver", HSCN_RESOLVER), vec![failing]);
        }
        2 => on_service(story, "emis", when),
        _ => on_service(story, "eps", when),
    }
}

fn on_service(story: &mut Story<'_>, id: &str, when: Window) {
    let mode = story.draw.pick(Mode::Total, &[Mode::Status(503)]);
    let target = Target::Service(id.to_owned());
    story.shared(named(Cause::SERVICE, id), vec![fault(&target, mode, when)]);
}

fn coincidence(story: &mut Story<'_>) {
    let many = story.draw.count(2, 4);
    let mut begins: Vec<Duration> = (0..many).map(|_| story.draw.mins(0.0, 5.0)).collect();
    begins.sort_unstable();
    for (id, later) in story.practices(many).into_iter().zip(begins) {
        let lasts = story.lasting();
        let when = window(story.onset + later, lasts);
        let target = site(&id);
        let one_network = Some(story.network());
        let own = match story.draw.count(0, 2) {
            0 => fault(&target, Mode::Off, when),
            1 => fault(&target, Mode::Total, when),
            _ => Fault { only_network: one_network, ..fault(&target, Mode::Total, when) },
        };
        story.tell(named(Cause::PRACTICE, &id), Kind::Practice, vec![own]);
    }
}

/// Practices that no map connects: a part of the estate, and never most of it.
fn strangers(story: &mut Story<'_>) -> Vec<String> {
    let most = (story.reporting() / 3).clamp(2, 12);
    let many = story.draw.count(2.min(most), most);
    story.practices(many)
}

fn power_cut(story: &mut Story<'_>) {
    let town = strangers(story);
    let when = story.usual();
    story.tell_group(town.clone(), vec![fault(&Target::Practices(town), Mode::Off, when)]);
}

fn odd_hidden_group(story: &mut Story<'_>) {
    let group = strangers(story);
    let when = story.usual();
    let only_network = Some(story.network());
    let cut = Fault { only_network, ..fault(&Target::Practices(group.clone()), Mode::Total, when) };
    story.tell_group(group, vec![cut]);
}

fn odd_half_network(story: &mut Story<'_>) {
    let (cause, target) = story.firewall();
    let when = story.usual();
    let services = story.probes(|probe| probe.service.is_some() && probe.network == super::county::INTERNET);
    let only_probes: Vec<String> = services.into_iter().take(2).collect();
    story.shared(cause, vec![Fault { only_probes, ..fault(&target, Mode::Total, when) }]);
}
