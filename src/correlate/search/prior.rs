//! How likely each way to fail was before anything was seen, and how likely it is that what was told of goes on.

use super::super::model::Mode;
use super::super::topology::{NodeIx, NodeKind};
use super::super::window::Span;
use super::Search;
use super::candidates::{STICKY, UNMAPPED};

/// P(what people were told of a while ago has just ended).
const ENDS: f64 = 2.5e-3;

/// P(what people were told of goes on), once the evidence that named it is too old to be weighed again.
const GOES_ON: f64 = 0.5;
/// P(what has just been mended, or fails afresh, fails) at least.
const AGAIN: f64 = 1e-3;
/// The share of the likeliest mode.
const LIKELIEST_MODE: f64 = 0.5;

/// P(a thing of this kind has failed within the time that evidence counts).
const fn usual(kind: NodeKind) -> f64 {
    match kind {
        NodeKind::Component(_) | NodeKind::SharedRisk(_) | NodeKind::Unmapped => 1e-5,
        NodeKind::AllSpares | NodeKind::Network(_) => 1e-6,
        NodeKind::Service(_) => 5e-5,
        NodeKind::Target(_) => 2e-4,
        NodeKind::Monitor => 2e-5,
    }
}

impl Search<'_> {
    /// log P(this has failed in this way through this span).
    pub fn prior(&self, node: NodeIx, facet: Option<usize>, mode: Mode, span: Span) -> f64 {
        let open = self.known.of(node);
        // What began a moment ago isn't what has failed all along.
        let goes_on = open.filter(|open| !mode.uniform() || span.since <= open.latest);
        let kind_of = self.topology.nodes[node].kind;
        let usual = usual(kind_of);
        let kind: f64 = match goes_on {
            Some(open) => usual.powf(1.0 - open.settled) * GOES_ON.powf(open.settled),
            None if open.is_some() => usual.max(AGAIN),
            None => usual.max(self.again(node)),
        };
        // What people were told of goes on unless much speaks for its end; and of what they weren't, what is over
        // already is a blip of a far end, and seldom anything else.
        let over: f64 = match (span.until.is_some(), goes_on, kind_of) {
            (false, ..) => 1.0,
            (true, Some(open), _) => ENDS.powf(open.settled) * 0.1_f64.powf(1.0 - open.settled),
            (true, None, NodeKind::Target(_) | NodeKind::Service(_)) => 0.5,
            (true, None, _) if mode.uniform() => 0.3,
            (true, None, _) => 0.1,
        };
        let resolver = self.topology.nodes[node].resolver;
        let how: f64 = match mode {
            // Names are the business of resolvers, and of the services that they are of.
            Mode::Dns if !matches!(kind_of, NodeKind::Service(_) | NodeKind::Target(_)) && !resolver => 0.001,
            Mode::Total => LIKELIEST_MODE,
            Mode::Refused | Mode::Rejected | Mode::Content | Mode::SharedMachine => 0.1,
            Mode::Tls | Mode::Dns | Mode::Policy | Mode::Slow => 0.05,
            Mode::Partial(..) => 0.06,
            Mode::Brownout | Mode::Saturated | Mode::Streams | Mode::Large => 0.03,
            Mode::Sticky(share, _) if kind_of == NodeKind::Unmapped => 0.1 * self.unmapped_chance(share),
            Mode::Sticky(share, _) => 0.05 * sticky_chance(share),
        };
        let where_: f64 = match (facet, mode) {
            (None, _) => 1.0,
            // The hub has a line for each, and each has been cut by a digger; a machine that asks for everybody and loses one of its
            // networks only is rarer than that network.
            (Some(_), mode) if kind_of == NodeKind::Monitor && mode != Mode::SharedMachine => 0.5,
            (Some(_), Mode::SharedMachine) => 0.005,
            // What a few share is often a line of one network.
            (Some(_), _) if kind_of == NodeKind::Unmapped => 0.1,
            // What carries both hardly ever loses one of them for everybody: then it is the network.
            (Some(_), _) => 0.003,
        };
        (kind * how * where_ * over).ln()
    }

    /// At least as much as [`Self::prior`] says of any way in which this fails.
    pub fn prior_at_most(&self, node: NodeIx) -> f64 {
        let kind = if self.known.has(node) { GOES_ON } else { self.again(node) };
        (kind.max(usual(self.topology.nodes[node].kind)) * LIKELIEST_MODE).ln()
    }

    /// P(what answers again fails again); 0: it hadn't failed. Where one of several had, each has its share of that, since which of
    /// them it was is no better known than before.
    fn again(&self, node: NodeIx) -> f64 {
        let usually = |node: &NodeIx| usual(self.topology.nodes[*node].kind);
        let groups = self.known.recovering.iter().filter(|nodes| nodes.contains(&node));
        let shares = groups.map(|nodes| usually(&node) / nodes.iter().map(usually).sum::<f64>());
        AGAIN * shares.fold(0.0, f64::max)
    }

    fn unmapped_chance(&self, share: f64) -> f64 {
        let known =
            UNMAPPED.iter().find(|(practices, _)| (self.unmapped_share(*practices) - share).abs() < 1e-9);
        known.map_or(1e-3, |(_, chance)| *chance)
    }
}

fn sticky_chance(share: f64) -> f64 {
    let known = STICKY.iter().find(|(known, _)| (known - share).abs() < 1e-9);
    known.map_or(1e-3, |(_, chance)| *chance)
}
