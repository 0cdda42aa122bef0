//! Which checks cross which component, for a whole estate at once. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::estate::{ComponentIx, Estate, Hop, NetworkIx, PracticeIx};

/// The set of checks that cross something, as a fingerprint: a sum of well-mixed numbers, one a check. Equal
/// sets have equal sums, and with 128 bits unequal ones don't in practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Checks {
    pub count: u64,
    mark: u128,
}

impl Checks {
    fn of(asker: usize, probe: usize) -> Self {
        let seed = ((asker as u64) << 32) | probe as u64;
        let mark = (u128::from(mix(seed)) << 64) | u128::from(mix(!seed));
        Self { count: 1, mark }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.mark = self.mark.wrapping_add(other.mark);
    }
}

/// `SplitMix64`: spreads neighbouring integers over all 64 bits.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The checks that cross each thing. The same as asking `Estate::path` for every check, but one step a
/// network instead of one a probe.
pub(super) fn crossings(estate: &Estate) -> BTreeMap<Hop, Checks> {
    let mut crossings: BTreeMap<Hop, Checks> = BTreeMap::new();
    let crossed_roles: BTreeSet<&str> = estate
        .networks
        .iter()
        .flat_map(|network| &network.through)
        .chain(estate.practices.iter().flat_map(|practice| practice.through.iter().flat_map(|(_, r)| r)))
        .map(String::as_str)
        .collect();
    for (ix, practice) in estate.practices.iter().enumerate() {
        let by_network = ask_all(estate, ix, &mut crossings);
        let mut all = Checks::default();
        let mut shared: BTreeMap<Hop, Checks> = BTreeMap::new();
        for (network, checks) in by_network.iter().enumerate() {
            all.add(*checks);
            let hops: BTreeSet<Hop> =
                estate.crossed(practice, NetworkIx::new(network)).map(|used| hop(&used.any)).collect();
            for hop in hops {
                shared.entry(hop).or_default().add(*checks);
            }
        }
        for used in practice.via.iter().filter(|used| !crossed_roles.contains(used.role.as_str())) {
            shared.insert(hop(&used.any), all);
        }
        shared.insert(Hop::Practice(PracticeIx::new(ix)), all);
        for (hop, checks) in shared {
            crossings.entry(hop).or_default().add(checks);
        }
    }
    let mut all = Checks::default();
    for checks in ask_all(estate, estate.practices.len(), &mut crossings) {
        all.add(checks);
    }
    let hub: BTreeSet<Hop> = estate.hub_via.iter().map(|used| hop(&used.any)).chain([Hop::Monitor]).collect();
    for hop in hub {
        crossings.entry(hop).or_default().add(all);
    }
    crossings
}

/// One asker's checks by network; what they cross beyond the asker's own lines is counted on the way.
fn ask_all(estate: &Estate, asker: usize, crossings: &mut BTreeMap<Hop, Checks>) -> Vec<Checks> {
    let mut by_network = vec![Checks::default(); estate.networks.len()];
    for (ix, probe) in estate.probes.iter().enumerate() {
        let check = Checks::of(asker, ix);
        by_network[probe.network.at()].add(check);
        crossings.entry(Hop::Network(probe.network)).or_default().add(check);
        let named: BTreeSet<Hop> =
            probe.resolver.iter().chain(&probe.also).copied().map(Hop::Component).collect();
        for hop in named.into_iter().chain(probe.service.map(Hop::Service)) {
            crossings.entry(hop).or_default().add(check);
        }
    }
    by_network
}

fn hop(any: &[ComponentIx]) -> Hop {
    match any {
        [one] => Hop::Component(*one),
        several => Hop::AnyOf(several.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{ProbeIx, Vantage};

    /// Everything that makes paths differ: spares, another way for one practice, a shared risk, a resolver,
    /// `also`, a component that fills two roles, and the hub's own way.
    const ODD: &str = r#"
        icb = { code = "QKS", name = "Kent", timezone = "Europe/London" }
        component = [
            { id = "bt", kind = "carrier", name = "BT" },
            { id = "fw-a", kind = "firewall", name = "A" },
            { id = "fw-b", kind = "firewall", name = "B" },
            { id = "vpn", kind = "gateway", name = "VPN" },
            { id = "mx", kind = "firmware", name = "MX" },
            { id = "dns", kind = "resolver", name = "DNS", address = "127.0.0.53" },
        ]
        network = [
            { id = "internet", name = "the internet", through = ["carrier", "firewall", "exit"] },
            { id = "hscn", name = "the NHS network", through = ["carrier"] },
        ]
        service = [{ id = "accurx", name = "Accurx" }]
        probe = [
            { id = "a", kind = "tcp", network = "internet", service = "accurx", target = "127.0.0.1:1", every = "30s", timeout = "5s", also = ["vpn"] },
            { id = "b", kind = "dns", network = "hscn", server = "127.0.0.53:53", name = "a.example", record = "A", every = "30s", timeout = "5s", also = ["dns"] },
            { id = "c", kind = "tcp", network = "hscn", target = "127.0.0.1:2", every = "30s", timeout = "5s" },
        ]
        practice = [
            { ods = "P1", name = "1", via = { carrier = "bt", firewall = { any = ["fw-a", "fw-b"] }, firmware = "mx" } },
            { ods = "P2", name = "2", via = { carrier = "bt", firewall = "fw-a", exit = "fw-a", gateway = "vpn" }, through = { hscn = ["gateway", "carrier"] } },
            { ods = "P3", name = "3", via = { firewall = "fw-b" } },
        ]
        hub = { via = { carrier = "bt", firewall = { any = ["fw-a", "fw-b"] } } }
    "#;

    #[test]
    fn what_crosses_what_is_what_the_paths_say() {
        let config = crate::config::parse("probes.toml", ODD, std::path::Path::new(""));
        let estate = config.unwrap_or_else(|errors| panic!("{errors}")).estate;
        let mut expected: BTreeMap<Hop, Checks> = BTreeMap::new();
        let askers = (0..estate.practices.len()).map(|ix| Vantage::Practice(PracticeIx::new(ix)));
        for (asker, vantage) in askers.chain([Vantage::Hub]).enumerate() {
            for probe in 0..estate.probes.len() {
                for hop in estate.path(vantage, ProbeIx::new(probe)) {
                    expected.entry(hop).or_default().add(Checks::of(asker, probe));
                }
            }
        }
        let mut found = crossings(&estate);
        found.retain(|_, checks| checks.count > 0);
        for (hop, checks) in &expected {
            assert_eq!(found.get(hop), Some(checks), "{hop:?}");
        }
        assert_eq!(found.len(), expected.len());
    }
}
