//! What a trial is made from while it is drawn up: faults, and what an incident must say about them.

use std::time::Duration;

use super::draw::Draw;
use super::family::Tier;
use super::truth::Kind;
use crate::estate::{ComponentIx, Estate};
use crate::incident::Cause;
use crate::world::scenario::{Fault, Mode, Target, Window};

/// From the first healthy asking to the onset of the first fault.
pub(super) const WARM_UP_MINS: (f64, f64) = (8.0, 20.0);
/// How long a fault lasts.
pub(super) const FAULT_MINS: (f64, f64) = (5.0, 30.0);
/// How long the estate is watched after the last fault.
pub(super) const RECOVERY_MINS: (f64, f64) = (8.0, 10.0);
/// A shared fault is only asked for where so many practices behind it report, if anything has as many.
const REPORTING_MIN: usize = 3;

/// Something that breaks, and the faults of the script that break it.
#[derive(Debug)]
pub(super) struct Plot {
    pub cause: Cause,
    pub kind: Kind,
    /// Positions in [`Story::faults`].
    pub faults: Vec<usize>,
    /// Practices of which any may be named as well.
    pub group: Vec<String>,
}

/// A trial while it is drawn up. Offsets count from its first moment.
#[derive(Debug)]
pub(super) struct Story<'a> {
    pub real: &'a Estate,
    pub tier: Tier,
    /// By practice: whether its agent ever reports.
    pub reports: Vec<bool>,
    pub draw: Draw,
    /// The onset of the first fault.
    pub onset: Duration,
    /// When the last fault is over.
    pub over: Duration,
    pub faults: Vec<Fault>,
    pub plots: Vec<Plot>,
}

impl Story<'_> {
    /// How long a fault lasts, drawn anew each time.
    pub(super) fn lasting(&mut self) -> Duration {
        self.draw.mins(FAULT_MINS.0, FAULT_MINS.1)
    }

    /// From the story's onset, for as long as faults last.
    pub(super) fn usual(&mut self) -> Window {
        let lasts = self.lasting();
        window(self.onset, lasts)
    }

    /// Adds a fault; the story is over when its last fault is.
    pub(super) fn add(&mut self, fault: Fault) -> usize {
        if let Some(until) = fault.when.until {
            let rolls = fault.rolling.map_or(Duration::ZERO, |rolling| rolling.over + rolling.lasts);
            self.over = self.over.max(until).max(fault.when.from + rolls);
        }
        self.faults.push(fault);
        self.faults.len() - 1
    }

    /// Adds a fault, or several at one place, that one incident must name.
    pub(super) fn shared(&mut self, cause: Cause, faults: Vec<Fault>) {
        self.tell(cause, Kind::Shared, faults);
    }

    pub(super) fn tell(&mut self, cause: Cause, kind: Kind, faults: Vec<Fault>) {
        let faults = faults.into_iter().map(|fault| self.add(fault)).collect();
        self.plots.push(Plot { cause, kind, faults, group: Vec::new() });
    }

    /// The same of practices that have something in common that nobody can know.
    pub(super) fn tell_group(&mut self, group: Vec<String>, faults: Vec<Fault>) {
        let Some(first) = group.first().cloned() else { return };
        let faults = faults.into_iter().map(|fault| self.add(fault)).collect();
        let cause = named(Cause::PRACTICE, &first);
        self.plots.push(Plot { cause, kind: Kind::Unmapped, faults, group });
    }

    /// The rate of a partial fault.
    pub(super) fn partial(&mut self) -> f64 {
        if self.tier == Tier::Hard {
            self.draw.pick(0.15, &[0.3])
        } else {
            self.draw.pick(0.15, &[0.3, 0.5, 0.7])
        }
    }

    /// A component of this kind: one without spares, chosen as often as practices that report are behind it.
    /// `None`: the estate has no such component.
    pub(super) fn component(&mut self, kind: &str) -> Option<String> {
        let weights: Vec<usize> = (0..self.real.components.len())
            .map(|n| if self.real.components[n].kind == kind { self.behind(ComponentIx::new(n)) } else { 0 })
            .collect();
        let most = weights.iter().copied().max().unwrap_or(0);
        let least = REPORTING_MIN.min(most).max(1);
        let weights: Vec<f64> =
            weights.into_iter().map(|n| if n >= least { n as f64 } else { 0.0 }).collect();
        let chosen = self.draw.weighted(&weights)?;
        Some(self.real.components[chosen].id.clone())
    }

    /// Practices that report and have nothing but this component for one of their roles.
    fn behind(&self, component: ComponentIx) -> usize {
        let practices = self.real.practices.iter().zip(&self.reports);
        practices
            .filter(|(practice, reports)| {
                **reports && practice.via.iter().any(|used| used.any == [component])
            })
            .count()
    }

    /// A firewall; where all stand in pairs, a carrier.
    pub(super) fn firewall(&mut self) -> (Cause, Target) {
        let id = self.component("firewall");
        self.or_carrier("firewall", id)
    }

    pub(super) fn carrier(&mut self) -> (Cause, Target) {
        self.or_carrier("carrier", None)
    }

    /// A gateway; where there are none, a firewall.
    pub(super) fn gateway(&mut self) -> (Cause, Target) {
        match self.component("gateway") {
            Some(id) => (named("gateway", &id), Target::Component(id)),
            None => self.firewall(),
        }
    }

    /// Share of the practices that report that are behind nothing but this, 0 to 1.
    pub(super) fn share(&self, target: &Target) -> f64 {
        let Target::Component(id) = target else { return 1.0 };
        let behind = self.real.component(id).map_or(0, |ix| self.behind(ix));
        behind as f64 / self.reporting().max(1) as f64
    }

    /// A model of practice router; where none is known, a carrier.
    pub(super) fn firmware(&mut self) -> (Cause, Target) {
        let id = self.component("firmware");
        self.or_carrier("firmware", id)
    }

    fn or_carrier(&mut self, kind: &str, id: Option<String>) -> (Cause, Target) {
        let (kind, id) = match id {
            Some(id) => (kind, id),
            None => ("carrier", self.component("carrier").unwrap_or_default()),
        };
        (named(kind, &id), Target::Component(id))
    }

    pub(super) fn service(&mut self) -> (Cause, Target) {
        let at = self.draw.count(0, self.real.services.len().saturating_sub(1));
        let id = self.real.services.get(at).map(|service| service.id.clone()).unwrap_or_default();
        (named(Cause::SERVICE, &id), Target::Service(id))
    }

    /// So many different practices that report, or as many as there are.
    pub(super) fn practices(&mut self, many: usize) -> Vec<String> {
        let practices = self.real.practices.iter().zip(&self.reports);
        let ids: Vec<&str> =
            practices.filter(|(_, reports)| **reports).map(|(practice, _)| practice.id.as_str()).collect();
        self.draw.some(&ids, many).into_iter().map(str::to_owned).collect()
    }

    /// How many practices report.
    pub(super) fn reporting(&self) -> usize {
        self.reports.iter().filter(|reports| **reports).count()
    }

    /// `internet` or `hscn`.
    pub(super) fn network(&mut self) -> String {
        self.draw.pick("internet", &["hscn"]).to_owned()
    }

    /// Ids of the probes that this holds of.
    pub(super) fn probes(&self, holds: impl Fn(&crate::estate::Probe) -> bool) -> Vec<String> {
        self.real.probes.iter().filter(|probe| holds(probe)).map(|probe| probe.id.clone()).collect()
    }
}

pub(super) fn named(kind: &str, id: &str) -> Cause {
    Cause { kind: kind.to_owned(), id: id.to_owned() }
}

pub(super) fn window(from: Duration, lasts: Duration) -> Window {
    Window { from, until: Some(from + lasts) }
}

/// A fault of every asking at every site.
pub(super) fn fault(target: &Target, mode: Mode, when: Window) -> Fault {
    Fault {
        id: None,
        target: target.clone(),
        mode,
        rate: 1.0,
        sites: 1.0,
        when,
        drill: None,
        only_network: None,
        only_probes: Vec::new(),
        flapping: None,
        rolling: None,
        recovery: Vec::new(),
        failover: true,
    }
}
