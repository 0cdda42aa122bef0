//! What answers and what doesn't, as far as some practices are concerned.

use std::collections::BTreeSet;

use super::plain;
use crate::estate::{Estate, ServiceIx};
use crate::incident::{Cause, Event};

/// Names of networks and services, in the estate's order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    pub networks_down: Vec<String>,
    pub networks_up: Vec<String>,
    pub services_down: Vec<Service>,
    pub services_up: Vec<Service>,
    pub reduced: Vec<Reduced>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub name: String,
    pub used_for: Option<String>,
    pub instead: Option<String>,
    pub catch_up: Option<String>,
}

/// A service that answers, and what it needs that doesn't.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reduced {
    pub service: Service,
    pub lacks: Vec<String>,
}

impl Reach {
    /// What these practices have while these incidents go on. Only what is checked is spoken of.
    pub(super) fn of<'a>(
        estate: &Estate,
        practices: &[String],
        incidents: impl Iterator<Item = &'a Event>,
    ) -> Self {
        let mut down = BTreeSet::new();
        let mut networks = BTreeSet::new();
        for incident in incidents.filter(|incident| concerns(incident, practices)) {
            down.extend(incident.services.iter().filter_map(|id| estate.service(id)));
            if hits_networks(incident) {
                networks.extend(
                    (0..estate.networks.len()).filter(|ix| {
                        incident.network.as_ref().is_none_or(|id| *id == estate.networks[*ix].id)
                    }),
                );
            }
        }
        let mut reach = Self::default();
        for (ix, network) in estate.networks.iter().enumerate() {
            let checked = estate.probes.iter().any(|probe| probe.network.at() == ix);
            if networks.contains(&ix) {
                reach.networks_down.push(plain::name(&network.name));
            } else if checked {
                reach.networks_up.push(plain::name(&network.name));
            }
        }
        for ix in (0..estate.services.len()).map(ServiceIx::new) {
            let checked = estate.probes.iter().any(|probe| probe.service == Some(ix));
            if down.contains(&ix) {
                reach.services_down.push(service(estate, ix));
            } else if checked {
                let lacks = lacks(estate, ix, &down);
                if lacks.is_empty() {
                    reach.services_up.push(service(estate, ix));
                } else {
                    reach.reduced.push(Reduced { service: service(estate, ix), lacks });
                }
            }
        }
        reach
    }
}

/// The services that these events hit at these practices at any time.
pub(super) fn ever_hit<'a>(
    estate: &Estate,
    practices: &[String],
    events: impl Iterator<Item = &'a Event>,
) -> Vec<Service> {
    let hit: BTreeSet<ServiceIx> = events
        .filter(|event| concerns(event, practices))
        .flat_map(|event| event.services.iter().filter_map(|id| estate.service(id)))
        .collect();
    hit.into_iter().map(|ix| service(estate, ix)).collect()
}

/// Whether the incident is one of whole networks, rather than of a service that is reached over them.
pub(super) fn hits_networks(event: &Event) -> bool {
    event.cause.is_empty() || event.cause.iter().any(|cause| cause.kind != Cause::SERVICE)
}

fn concerns(event: &Event, practices: &[String]) -> bool {
    practices.iter().any(|practice| event.practices.contains(practice))
}

/// What a service needs, however indirectly, that is down.
pub(crate) fn lacks(estate: &Estate, service: ServiceIx, down: &BTreeSet<ServiceIx>) -> Vec<String> {
    let mut seen = BTreeSet::from([service]);
    let mut ask = vec![service];
    while let Some(ix) = ask.pop() {
        for need in &estate.services[ix.at()].needs {
            if seen.insert(*need) {
                ask.push(*need);
            }
        }
    }
    seen.iter().filter(|ix| down.contains(ix)).map(|ix| plain::name(&estate.services[ix.at()].name)).collect()
}

/// A service as it is spoken of.
pub(crate) fn service(estate: &Estate, ix: ServiceIx) -> Service {
    let service = &estate.services[ix.at()];
    Service {
        name: plain::name(&service.name),
        used_for: service.used_for.as_deref().map(plain::name),
        instead: service.instead.as_deref().map(plain::sentences),
        catch_up: service.catch_up.as_deref().map(plain::sentences),
    }
}

impl Service {
    /// `Accurx, used for texting patients`.
    pub(crate) fn with_use(&self) -> String {
        let name = plain::capital(&self.name);
        match &self.used_for {
            Some(used_for) => format!("{name}, used for {used_for}"),
            None => name,
        }
    }
}
