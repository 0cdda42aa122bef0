//! The estate as the model sees it: rows (practices, and the hub), nodes (what can fail), and which checks
//! of which rows each node carries.
//!
//! Practices that name the same components share their paths, so paths are worked out once for each
//! distinct set of names. A *cover* is a set of probes; the same few covers serve all rows.

use std::collections::HashMap;
use std::collections::{BTreeMap, BTreeSet};

use crate::estate::{Ask, ComponentIx, Estate, Hop, PracticeIx, ProbeIx, RoleUse, Vantage};
use crate::incident::Cause;
use crate::observation::HUB;

use super::series::Group;

/// A practice by its position in the estate, or the hub, which stands last.
pub type Row = u32;
/// Position in [`Topology::nodes`].
pub type NodeIx = usize;

#[derive(Debug)]
pub struct Topology {
    pub nodes: Vec<Node>,
    pub covers: Vec<Cover>,
    pub probes: Vec<ProbeFacts>,
    pub networks: usize,
    /// Practices, plus one for the hub.
    pub rows: usize,
    /// By row: what its checks cross besides nodes that every row has.
    pub row_nodes: Vec<Vec<NodeIx>>,
    /// What checks cross, far ends included: by route, then by probe.
    routes: Vec<Vec<Vec<u32>>>,
    /// By row: its route. Practices that name the same components share one.
    route_of: Vec<u32>,
    rows_by_id: HashMap<String, Row>,
    probes_by_id: HashMap<String, u32>,
}

/// What the model needs to know of a probe.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a probe does and doesn't do, each apart from the others"
)]
pub struct ProbeFacts {
    pub network: usize,
    pub service: Option<usize>,
    pub every_ms: i64,
    pub timeout_ms: i64,
    /// Nothing is asked: it says something of the work, and nothing of the network or of the agent.
    pub passive: bool,
    /// It speaks TLS, so interception would show.
    pub tls: bool,
    /// It opens a connection, which can be refused or reset.
    pub stream: bool,
    pub sort: Sort,
    /// Its answers are large: what lets only small packets through stops them.
    pub large: bool,
    /// It looks a name up, so a DNS fault would show.
    pub named: bool,
}

/// What a check's failures can look like at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Sort {
    /// It asks a resolver, and does nothing else.
    Lookup,
    /// It sends datagrams.
    Bare,
    /// It opens a connection, and may look a name up before.
    Stream,
}

pub const SORTS: usize = 3;

impl ProbeFacts {
    /// A result older than this says nothing about now: two askings and a time-out.
    pub const fn stale_ms(&self) -> i64 {
        2 * self.every_ms + self.timeout_ms
    }

    /// How far back results are weighed together: an asking more than what says something about now, so that a
    /// weak fault shows through the practices' own bad luck.
    pub const fn lag_ms(&self) -> i64 {
        3 * self.every_ms + self.timeout_ms
    }
}

/// What a node is, which decides its prior and how it can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A component of a role that networks list.
    Component(ComponentIx),
    /// A component of a role that no network lists, such as a firmware.
    SharedRisk(ComponentIx),
    /// Several components of which any will do, all failed at once.
    AllSpares,
    Network(usize),
    Service(usize),
    /// The far end of one probe. It has no name in an incident; it keeps a dead anchor from being blamed on
    /// the lines that lead to it.
    Target(usize),
    Monitor,
    /// Something that the map doesn't hold: a street, a landlord, a power cut. It has no name either; it keeps
    /// what took a few practices at once from being blamed on what they happen to share.
    Unmapped,
}

impl NodeKind {
    /// The map says who is behind it.
    pub const fn is_of_the_map(self) -> bool {
        matches!(self, Self::Component(_) | Self::AllSpares)
    }
}

#[derive(Debug)]
pub struct Node {
    pub kind: NodeKind,
    /// It resolves the names of every check that crosses it, and does nothing else.
    pub resolver: bool,
    /// Every row behind it has spares for it.
    pub spared: bool,
    /// What an incident calls it; several for spares that failed together.
    pub causes: Vec<Cause>,
    pub members: Members,
}

#[derive(Debug)]
pub enum Members {
    /// Every row, the hub included, with the same cover.
    Every(usize),
    Some(Vec<Member>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub row: Row,
    pub cover: usize,
    /// The row has spares for it, so that its failure takes only a share of the row's checks.
    pub spared: bool,
}

/// A set of probes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Cover {
    pub probes: Vec<u32>,
    /// By probe: whether it is among them; as long as the last of them needs.
    has: Vec<bool>,
    /// It holds every probe of every network, so that no report gets out either.
    pub everything: bool,
}

impl Cover {
    pub fn new(probes: Vec<u32>, everything: bool) -> Self {
        let count = probes.iter().max().map_or(0, |last| *last as usize + 1);
        let mut has = vec![false; count];
        for probe in &probes {
            has[*probe as usize] = true;
        }
        Self { probes, has, everything }
    }

    pub fn carries(&self, probe: u32) -> bool {
        self.has.get(probe as usize).copied().unwrap_or(false)
    }
}

impl Node {
    /// Rows behind it, with what it carries of each.
    pub fn members(&self, rows: usize) -> impl Iterator<Item = Member> + '_ {
        let (every, some): (Option<usize>, &[Member]) = match &self.members {
            Members::Every(cover) => (Some(*cover), &[]),
            Members::Some(list) => (None, list),
        };
        let all = every.into_iter().flat_map(move |cover| {
            (0..rows).map(move |row| Member { row: PracticeIx::new(row).0, cover, spared: false })
        });
        all.chain(some.iter().copied())
    }

    /// One row behind it.
    pub fn member(&self, row: Row) -> Option<Member> {
        match &self.members {
            Members::Every(cover) => Some(Member { row, cover: *cover, spared: false }),
            Members::Some(list) => {
                list.binary_search_by_key(&row, |member| member.row).ok().map(|found| list[found])
            }
        }
    }

    /// One row alone crosses it, so that its failure is that row's own.
    pub fn is_private(&self, rows: usize) -> bool {
        self.kind != NodeKind::Monitor && self.member_count(rows) < 2
    }

    pub fn member_count(&self, rows: usize) -> usize {
        match &self.members {
            Members::Every(_) => rows,
            Members::Some(list) => list.len(),
        }
    }

    /// What it carries of one row.
    pub fn cover_of(&self, row: Row) -> Option<usize> {
        self.member(row).map(|member| member.cover)
    }
}

/// What an asker's checks cross: (node, cover, whether it has spares for it).
type Template = Vec<(NodeIx, usize, bool)>;

/// Collects nodes while paths are walked.
#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    covers: Vec<Cover>,
    cover_ix: HashMap<Cover, usize>,
    hop_ix: BTreeMap<Hop, NodeIx>,
    /// By component: it resolves names, and does nothing else.
    resolvers: Vec<bool>,
}

impl Topology {
    pub fn new(estate: &Estate) -> Self {
        let probes: Vec<ProbeFacts> = estate.probes.iter().map(probe_facts).collect();
        let rows = estate.practices.len() + 1;
        let mut builder = Builder { resolvers: resolvers(estate), ..Builder::default() };
        // Probe-side nodes carry the same checks of every row.
        for (kind, cause, matching) in probe_side(estate) {
            let cover = builder.cover(Cover::new(matching, false));
            builder.nodes.push(Node {
                kind,
                resolver: false,
                spared: false,
                causes: cause,
                members: Members::Every(cover),
            });
        }
        builder.monitor(&probes, rows);
        let all = (0..probes.len()).map(|probe| ProbeIx::new(probe).0).collect();
        let cover = builder.cover(Cover::new(all, true));
        builder.nodes.push(Node {
            kind: NodeKind::Unmapped,
            resolver: false,
            spared: false,
            causes: Vec::new(),
            members: Members::Every(cover),
        });
        // Practice-side nodes: once for each distinct set of names.
        let mut templates: HashMap<_, Template> = HashMap::new();
        let mut row_nodes = vec![Vec::new(); rows];
        let mut routes = Vec::new();
        let mut route_of = Vec::with_capacity(rows);
        let mut numbers: HashMap<_, u32> = HashMap::new();
        for (position, practice) in estate.practices.iter().enumerate() {
            let names = (practice.via.as_slice(), practice.through.as_slice());
            let template = templates.entry(names).or_insert_with(|| {
                builder.template(estate, Vantage::Practice(PracticeIx::new(position)), &probes)
            });
            let number = numbers.entry(names).or_insert_with(|| {
                routes.push(builder.route(template, probes.len(), false));
                PracticeIx::new(routes.len() - 1).0
            });
            route_of.push(*number);
            builder.join(position, template, &mut row_nodes);
        }
        let hub = builder.template(estate, Vantage::Hub, &probes);
        route_of.push(PracticeIx::new(routes.len()).0);
        routes.push(builder.route(&hub, probes.len(), true));
        builder.join(rows - 1, &hub, &mut row_nodes);
        builder.mark_spared();
        // What one row alone crosses fails as that row does; it is named beside it, and never tried by itself.
        for crossed in routes.iter_mut().flatten() {
            crossed.retain(|node| !builder.nodes[*node as usize].is_private(rows));
        }
        let mut rows_by_id: HashMap<String, Row> = estate
            .practices
            .iter()
            .enumerate()
            .map(|(position, practice)| (practice.id.clone(), PracticeIx::new(position).0))
            .collect();
        rows_by_id.insert(HUB.to_owned(), PracticeIx::new(rows - 1).0);
        let probes_by_id = estate
            .probes
            .iter()
            .enumerate()
            .map(|(position, probe)| (probe.id.clone(), ProbeIx::new(position).0))
            .collect();
        Self {
            nodes: builder.nodes,
            covers: builder.covers,
            probes,
            networks: estate.networks.len(),
            rows,
            row_nodes,
            routes,
            route_of,
            rows_by_id,
            probes_by_id,
        }
    }

    pub fn row(&self, id: &str) -> Option<Row> {
        self.rows_by_id.get(id).copied()
    }

    pub fn probe(&self, id: &str) -> Option<u32> {
        self.probes_by_id.get(id).copied()
    }

    pub fn hub(&self) -> Row {
        PracticeIx::new(self.rows - 1).0
    }

    /// The nodes that a check of this row crosses.
    pub fn crossed(&self, row: Row, probe: u32) -> &[u32] {
        &self.routes[self.route_of[row as usize] as usize][probe as usize]
    }

    /// Position of a check in the flat list of all checks.
    pub fn check(&self, row: Row, probe: u32) -> usize {
        row as usize * self.probes.len() + probe as usize
    }

    /// The practices behind each component that no network lists.
    pub fn risk_groups(&self) -> Vec<Group> {
        let risks = self.nodes.iter().enumerate();
        risks
            .filter(|(_, node)| matches!(node.kind, NodeKind::SharedRisk(_)))
            .map(|(ix, node)| Group {
                node: ix,
                members: node.members(self.rows).map(|member| member.row).collect(),
            })
            .collect()
    }

    /// Of these rows, those that the map has behind none of these nodes, though it says who is behind each.
    pub fn strays(&self, rows: &BTreeSet<Row>, nodes: &[NodeIx]) -> Vec<Row> {
        if nodes.is_empty() || !nodes.iter().all(|node| self.nodes[*node].kind.is_of_the_map()) {
            return Vec::new();
        }
        let listed = |row: &Row| nodes.iter().any(|node| self.nodes[*node].member(*row).is_some());
        rows.iter().copied().filter(|row| !listed(row)).collect()
    }

    /// The node that an incident's cause names.
    pub fn node_of(&self, cause: &Cause) -> Option<NodeIx> {
        self.nodes.iter().position(|node| node.causes.len() == 1 && node.causes[0] == *cause)
    }
}

fn probe_facts(probe: &crate::estate::Probe) -> ProbeFacts {
    let millis = |length: std::time::Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 8);
    let (every, timeout) = probe.rhythm();
    ProbeFacts {
        network: probe.network.at(),
        service: probe.service.map(crate::estate::ServiceIx::at),
        every_ms: millis(every).max(1),
        timeout_ms: millis(timeout),
        passive: probe.ask.is_passive(),
        tls: probe.ask.speaks_tls(),
        stream: probe.ask.opens_stream(),
        sort: match &probe.ask {
            // A question over TCP or TLS fails as connections do, and not as datagrams do.
            ask if ask.opens_stream() => Sort::Stream,
            Ask::Dns(_) => Sort::Lookup,
            _ => Sort::Bare,
        },
        named: probe.ask.looks_up_name(),
        large: probe.ask.answers_large(),
    }
}

/// Networks, services and targets: the same for every asker.
fn probe_side(estate: &Estate) -> Vec<(NodeKind, Vec<Cause>, Vec<u32>)> {
    let matching = |wanted: &dyn Fn(&crate::estate::Probe) -> bool| -> Vec<u32> {
        estate
            .probes
            .iter()
            .enumerate()
            .filter(|(_, probe)| wanted(probe))
            .map(|(position, _)| ProbeIx::new(position).0)
            .collect()
    };
    let cause = |kind: &str, id: &str| vec![Cause { kind: kind.to_owned(), id: id.to_owned() }];
    let mut nodes = Vec::new();
    for (ix, network) in estate.networks.iter().enumerate() {
        let probes = matching(&|probe| probe.network.at() == ix);
        nodes.push((NodeKind::Network(ix), cause(Cause::NETWORK, &network.id), probes));
    }
    for (ix, service) in estate.services.iter().enumerate() {
        let probes = matching(&|probe| probe.service.is_some_and(|service| service.at() == ix));
        nodes.push((NodeKind::Service(ix), cause(Cause::SERVICE, &service.id), probes));
    }
    for (ix, _) in estate.probes.iter().enumerate() {
        nodes.push((NodeKind::Target(ix), Vec::new(), vec![ProbeIx::new(ix).0]));
    }
    nodes.retain(|(_, _, probes)| !probes.is_empty());
    nodes
}

impl Builder {
    fn cover(&mut self, cover: Cover) -> usize {
        if let Some(known) = self.cover_ix.get(&cover) {
            return *known;
        }
        let new = self.covers.len();
        self.covers.push(cover.clone());
        self.cover_ix.insert(cover, new);
        new
    }

    fn monitor(&mut self, probes: &[ProbeFacts], rows: usize) {
        let all = (0..probes.len()).map(|probe| ProbeIx::new(probe).0).collect();
        let cover = self.cover(Cover::new(all, true));
        let hub = PracticeIx::new(rows - 1).0;
        self.nodes.push(Node {
            kind: NodeKind::Monitor,
            resolver: false,
            spared: false,
            causes: vec![Cause { kind: Cause::MONITOR.to_owned(), id: "hub".to_owned() }],
            members: Members::Some(vec![Member { row: hub, cover, spared: false }]),
        });
    }

    fn template(&mut self, estate: &Estate, from: Vantage, probes: &[ProbeFacts]) -> Template {
        let shared: Vec<&RoleUse> = match from {
            Vantage::Practice(ix) => estate.shared_risks(&estate.practices[ix.at()]).collect(),
            Vantage::Hub => Vec::new(),
        };
        let mut carried: BTreeMap<(NodeIx, bool), Vec<u32>> = BTreeMap::new();
        for position in 0..probes.len() {
            let probe = ProbeIx::new(position);
            for hop in estate.path(from, probe) {
                match &hop {
                    Hop::Component(ix) => {
                        let risk = shared.iter().any(|used| used.any.contains(ix));
                        let node = self.component(estate, *ix, risk);
                        carried.entry((node, false)).or_default().push(probe.0);
                    }
                    Hop::AnyOf(spares) => {
                        for ix in spares {
                            let node = self.component(estate, *ix, false);
                            carried.entry((node, true)).or_default().push(probe.0);
                        }
                        let node = self.all_spares(estate, &hop, spares);
                        carried.entry((node, false)).or_default().push(probe.0);
                    }
                    Hop::Practice(_) | Hop::Network(_) | Hop::Service(_) | Hop::Monitor => {}
                }
            }
        }
        carried
            .into_iter()
            .map(|((node, spared), covered)| {
                let everything = covered.len() == probes.len();
                (node, self.cover(Cover::new(covered, everything)), spared)
            })
            .collect()
    }

    fn component(&mut self, estate: &Estate, ix: ComponentIx, risk: bool) -> NodeIx {
        let kind = if risk { NodeKind::SharedRisk(ix) } else { NodeKind::Component(ix) };
        let node = self.node(Hop::Component(ix), kind, vec![component_cause(estate, ix)]);
        self.nodes[node].resolver = self.resolvers[ix.at()];
        node
    }

    fn all_spares(&mut self, estate: &Estate, hop: &Hop, spares: &[ComponentIx]) -> NodeIx {
        let causes = spares.iter().map(|ix| component_cause(estate, *ix)).collect();
        self.node(hop.clone(), NodeKind::AllSpares, causes)
    }

    fn node(&mut self, hop: Hop, kind: NodeKind, causes: Vec<Cause>) -> NodeIx {
        if let Some(known) = self.hop_ix.get(&hop) {
            return *known;
        }
        let new = self.nodes.len();
        self.nodes.push(Node {
            kind,
            resolver: false,
            spared: false,
            causes,
            members: Members::Some(Vec::new()),
        });
        self.hop_ix.insert(hop, new);
        new
    }

    /// What each probe's checks cross on this way, the nodes that every row has included.
    fn route(&self, template: &Template, probes: usize, hub: bool) -> Vec<Vec<u32>> {
        let mut crossed = vec![Vec::new(); probes];
        for (ix, node) in self.nodes.iter().enumerate() {
            let cover = match &node.members {
                Members::Every(cover) => *cover,
                Members::Some(list) if hub && node.kind == NodeKind::Monitor => match list.first() {
                    Some(member) => member.cover,
                    None => continue,
                },
                Members::Some(_) => continue,
            };
            for probe in &self.covers[cover].probes {
                crossed[*probe as usize].push(PracticeIx::new(ix).0);
            }
        }
        for (node, cover, _) in template {
            for probe in &self.covers[*cover].probes {
                let node = PracticeIx::new(*node).0;
                if !crossed[*probe as usize].contains(&node) {
                    crossed[*probe as usize].push(node);
                }
            }
        }
        crossed
    }

    fn mark_spared(&mut self) {
        for node in &mut self.nodes {
            if let Members::Some(list) = &node.members {
                node.spared = !list.is_empty() && list.iter().all(|member| member.spared);
            }
        }
    }

    fn join(&mut self, row: usize, template: &[(NodeIx, usize, bool)], row_nodes: &mut [Vec<NodeIx>]) {
        for (node, cover, spared) in template {
            if let Members::Some(list) = &mut self.nodes[*node].members {
                let member = Member { row: PracticeIx::new(row).0, cover: *cover, spared: *spared };
                // A component that a row has both as a spare and on its own counts as its own.
                match list.last_mut() {
                    Some(last) if last.row == member.row => {
                        if last.spared {
                            *last = member;
                        }
                    }
                    _ => list.push(member),
                }
            }
            // A template has a node twice for a row that has it both ways.
            if !row_nodes[row].contains(node) {
                row_nodes[row].push(*node);
            }
        }
    }
}

/// By component: checks name it as their resolver, and nothing else puts it on a path.
fn resolvers(estate: &Estate) -> Vec<bool> {
    let mut resolves = vec![false; estate.components.len()];
    for probe in &estate.probes {
        if let Some(ix) = probe.resolver {
            resolves[ix.at()] = true;
        }
    }
    let also = estate.probes.iter().flat_map(|probe| &probe.also);
    let via = estate.practices.iter().flat_map(|practice| &practice.via).chain(&estate.hub_via);
    for ix in also.chain(via.flat_map(|used| &used.any)) {
        resolves[ix.at()] = false;
    }
    resolves
}

fn component_cause(estate: &Estate, ix: ComponentIx) -> Cause {
    let component = &estate.components[ix.at()];
    Cause { kind: component.kind.clone(), id: component.id.clone() }
}
