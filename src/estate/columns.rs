//! Which checks cross which thing, for a whole estate at once: the columns of the table "check × thing that can
//! fail".
//!
//! Two things with equal columns look the same in every outage, so columns must be compared exactly and quickly.
//! Practices that name the same components share their paths, so a column is kept by *template* (a distinct set
//! of names), not by practice; and it isn't kept as a list but as a fingerprint: the sum over its checks of
//! T · P, with a fixed mixed number T for each template and P for each probe. Sums over a template's probes
//! factor out, so a template costs one step for each network that it crosses, however many probes there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{ComponentIx, Estate, NetworkIx, PracticeIx, ProbeIx, RoleUse, ServiceIx};

/// Something that can fail and take checks with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// Its own site: power, the agent, all that is there and isn't declared.
    Practice(PracticeIx),
    Component(ComponentIx),
    /// Several components of which any will do, all failed at once.
    Spares(Vec<ComponentIx>),
    Network(NetworkIx),
    Service(ServiceIx),
    /// The far end of one probe.
    Target(ProbeIx),
    /// All that looks names up on a network.
    Names(NetworkIx),
    /// This program's own machine and its lines.
    Monitor,
}

/// Faults that show in the same checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Down or slow: shows in every check.
    Down,
    Dns,
    Tls,
    /// Refused or reset.
    Stream,
    /// Large answers are lost.
    Large,
}

impl Family {
    pub const ALL: [Self; 5] = [Self::Down, Self::Dns, Self::Tls, Self::Stream, Self::Large];

    /// The word of the JSON form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Stream => "refused",
            Self::Large => "large answers",
        }
    }

    /// Whether faults of this family show in this probe.
    pub fn shows_in(self, ask: &super::Ask) -> bool {
        match self {
            Self::Down => true,
            Self::Dns => ask.looks_up_name(),
            Self::Tls => ask.speaks_tls(),
            Self::Stream => ask.opens_stream(),
            Self::Large => ask.answers_large(),
        }
    }
}

/// Whose checks count.
pub struct Askers<'a> {
    pub practices: &'a dyn Fn(PracticeIx) -> bool,
    pub probes: &'a dyn Fn(ProbeIx) -> bool,
    /// The hub asks too.
    pub hub: bool,
}

impl Askers<'static> {
    /// Everybody that a configuration names, the hub included.
    pub const fn everybody() -> Self {
        Self { practices: &|_| true, probes: &|_| true, hub: true }
    }

    /// Everybody but the hub.
    pub const fn practices_only() -> Self {
        Self { practices: &|_| true, probes: &|_| true, hub: false }
    }
}

/// The set of checks that cross something, as their number and a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Column {
    pub checks: u64,
    mark: u128,
}

impl Column {
    const fn add(&mut self, other: Self) {
        self.checks = self.checks.wrapping_add(other.checks);
        self.mark = self.mark.wrapping_add(other.mark);
    }

    const fn less(self, other: Self) -> Self {
        Self { checks: self.checks.wrapping_sub(other.checks), mark: self.mark.wrapping_sub(other.mark) }
    }

    /// A set of probes, asked by all practices of a template.
    const fn asked_by(self, asker: Asker) -> Self {
        Self { checks: self.checks * asker.count, mark: self.mark.wrapping_mul(asker.mark) }
    }
}

/// The practices of one template, or the hub, or sums of such.
#[derive(Clone, Copy)]
struct Asker {
    count: u64,
    mark: u128,
}

/// A spare carries the checks of its row only sometimes: the column of one spare isn't that of all of them.
const SPARED: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// `SplitMix64`: spreads neighbouring integers over all 64 bits.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Odd, so that multiplying by it loses nothing.
fn wide(kind: u64, position: usize) -> u128 {
    let seed = (kind << 56) ^ position as u64;
    (u128::from(mix(seed)) << 64) | u128::from(mix(!seed)) | 1
}

/// By family.
type Columns = [Column; Family::ALL.len()];

/// The columns of everything that at least one check crosses, in the order of [`Node`].
pub fn columns(estate: &Estate, askers: &Askers<'_>) -> Vec<(Node, Columns)> {
    let mut found: BTreeMap<Node, Columns> = BTreeMap::new();
    let sides = Sides::of(estate, askers);
    let mut everybody = Asker { count: 0, mark: 0 };
    for template in templates(estate, askers) {
        everybody.count += template.asker.count;
        everybody.mark = everybody.mark.wrapping_add(template.asker.mark);
        if template.asker.count == 1 {
            let all = sides.of_networks(!0).map(|column| column.asked_by(template.asker));
            found.insert(Node::Practice(PracticeIx::new(template.first)), all);
        }
        for (node, crossed) in template.crossed {
            sides.cross(&mut found, node, &crossed, template.asker);
        }
    }
    if askers.hub {
        let hub = Asker { count: 1, mark: wide(2, 0) };
        everybody.count += 1;
        everybody.mark = everybody.mark.wrapping_add(hub.mark);
        let mut crossed: BTreeMap<Node, Crossed> = BTreeMap::new();
        for used in &estate.hub_via {
            note(&mut crossed, used, !0);
        }
        for (node, crossed) in crossed {
            sides.cross(&mut found, node, &crossed, hub);
        }
        found.insert(Node::Monitor, sides.of_networks(!0).map(|column| column.asked_by(hub)));
    }
    for (node, columns) in sides.far {
        let entry = found.entry(node).or_default();
        for (column, more) in entry.iter_mut().zip(columns) {
            column.add(more.asked_by(everybody));
        }
    }
    found.into_iter().filter(|(_, columns)| columns[0].checks > 0).collect()
}

/// Sums of probes, which every asker shares.
struct Sides {
    /// By network.
    networks: Vec<Columns>,
    /// What a probe crosses whoever asks: its network, service and target, its resolver, what it adds.
    far: BTreeMap<Node, Columns>,
    /// Of components that probes name, the part on each network: what a row crosses anyway isn't counted twice.
    named: HashMap<ComponentIx, Vec<Columns>>,
}

impl Sides {
    fn of(estate: &Estate, askers: &Askers<'_>) -> Self {
        let mut networks = vec![Columns::default(); estate.networks.len()];
        let mut far: BTreeMap<Node, Columns> = BTreeMap::new();
        let mut named: HashMap<ComponentIx, Vec<Columns>> = HashMap::new();
        for (position, probe) in estate.probes.iter().enumerate() {
            if !(askers.probes)(ProbeIx::new(position)) {
                continue;
            }
            let one = Column { checks: 1, mark: wide(1, position) };
            let columns =
                Family::ALL.map(|family| if family.shows_in(&probe.ask) { one } else { Column::default() });
            add(&mut networks[probe.network.at()], columns);
            let components: BTreeSet<ComponentIx> =
                probe.resolver.iter().chain(&probe.also).copied().collect();
            for component in &components {
                let parts =
                    named.entry(*component).or_insert_with(|| vec![Columns::default(); networks.len()]);
                add(&mut parts[probe.network.at()], columns);
            }
            let nodes = components
                .into_iter()
                .map(Node::Component)
                .chain([Node::Network(probe.network), Node::Target(ProbeIx::new(position))])
                .chain(probe.service.map(Node::Service))
                .chain(probe.ask.looks_up_name().then_some(Node::Names(probe.network)));
            for node in nodes {
                add(far.entry(node).or_default(), columns);
            }
        }
        Self { networks, far, named }
    }

    /// All probes of these networks.
    fn of_networks(&self, mask: u64) -> Columns {
        sum(&self.networks, mask)
    }

    /// One asker's checks of these networks cross a component or spares.
    fn cross(&self, found: &mut BTreeMap<Node, Columns>, node: Node, crossed: &Crossed, asker: Asker) {
        let own = match &node {
            Node::Component(component) => self.named.get(component),
            _ => None,
        };
        let beyond = |mask: u64| {
            let mut columns = self.of_networks(mask);
            if let Some(own) = own {
                for (column, named) in columns.iter_mut().zip(sum(own, mask)) {
                    *column = column.less(named);
                }
            }
            columns
        };
        let entry = found.entry(node).or_default();
        add(entry, beyond(crossed.plain).map(|column| column.asked_by(asker)));
        let spared = Asker { mark: asker.mark.wrapping_mul(SPARED), ..asker };
        add(entry, beyond(crossed.spared & !crossed.plain).map(|column| column.asked_by(spared)));
    }
}

fn add(to: &mut Columns, more: Columns) {
    for (column, more) in to.iter_mut().zip(more) {
        column.add(more);
    }
}

fn sum(by_network: &[Columns], mask: u64) -> Columns {
    let mut total = Columns::default();
    for (network, columns) in by_network.iter().enumerate() {
        if mask & bit(network) != 0 {
            add(&mut total, *columns);
        }
    }
    total
}

/// `limits::NETWORKS_MAX` is far below; should it ever not be, networks beyond share the last bit.
const fn bit(network: usize) -> u64 {
    1 << if network < 64 { network } else { 63 }
}

/// On which networks a template crosses something, as bits.
#[derive(Default)]
struct Crossed {
    plain: u64,
    /// Only as one of several spares.
    spared: u64,
}

fn note(crossed: &mut BTreeMap<Node, Crossed>, used: &RoleUse, mask: u64) {
    if let [one] = used.any.as_slice() {
        crossed.entry(Node::Component(*one)).or_default().plain |= mask;
        return;
    }
    crossed.entry(Node::Spares(used.any.clone())).or_default().plain |= mask;
    for spare in &used.any {
        crossed.entry(Node::Component(*spare)).or_default().spared |= mask;
    }
}

/// Practices that name the same components.
struct Template {
    /// Position of the first of them.
    first: usize,
    asker: Asker,
    crossed: BTreeMap<Node, Crossed>,
}

fn templates(estate: &Estate, askers: &Askers<'_>) -> Vec<Template> {
    let crossed_roles: BTreeSet<&str> = estate
        .networks
        .iter()
        .flat_map(|network| &network.through)
        .chain(estate.practices.iter().flat_map(|practice| practice.through.iter().flat_map(|(_, r)| r)))
        .map(String::as_str)
        .collect();
    let mut known: HashMap<_, usize> = HashMap::new();
    let mut templates: Vec<Template> = Vec::new();
    for (position, practice) in estate.practices.iter().enumerate() {
        if !(askers.practices)(PracticeIx::new(position)) {
            continue;
        }
        let new = templates.len();
        let at = *known.entry((practice.via.as_slice(), practice.through.as_slice())).or_insert(new);
        if at < new {
            templates[at].asker.count += 1;
            continue;
        }
        let mut crossed: BTreeMap<Node, Crossed> = BTreeMap::new();
        for network in 0..estate.networks.len() {
            for used in estate.crossed(practice, NetworkIx::new(network)) {
                note(&mut crossed, used, bit(network));
            }
        }
        for used in practice.via.iter().filter(|used| !crossed_roles.contains(used.role.as_str())) {
            note(&mut crossed, used, !0);
        }
        templates.push(Template { first: position, asker: Asker { count: 1, mark: wide(3, new) }, crossed });
    }
    templates
}
