//! The path of a check as a table of hops, and the sentence about it.

use comfy_table::{CellAlignment, Table, presets};

use crate::estate::Estate;
use crate::observation::{PathSeen, Stopped};

/// One line a hop, and the sentence below.
pub(super) fn lines(path: &PathSeen, estate: &Estate) -> Vec<String> {
    let mut lines = Vec::new();
    if !path.hops.is_empty() {
        lines.extend(table(path, estate).lines().map(|line| line.trim_end().to_owned()));
        lines.push(String::new());
    }
    lines.push(format!("PATH: {}", path.sentence));
    lines.push(String::new());
    lines
}

fn table(path: &PathSeen, estate: &Estate) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([" hop", "address", "ms", ""]);
    for hop in &path.hops {
        let (address, what) = match hop.address {
            Some(address) => {
                let component = estate.component_at(address);
                (address.to_string(), component.map(|one| one.name.clone()).unwrap_or_default())
            }
            None => ("*".to_owned(), "silent by policy".to_owned()),
        };
        let ms = hop.ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2}"));
        table.add_row([format!(" {}", hop.ttl), address, ms, what]);
    }
    if path.stopped == Stopped::Silent {
        let next = path.hops.last().map_or(1, |hop| u16::from(hop.ttl) + 1);
        table.add_row([
            format!(" {next}"),
            "*".to_owned(),
            "-".to_owned(),
            "nothing from here on".to_owned(),
        ]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{Component, Icb};
    use crate::observation::Hop;

    #[test]
    fn each_hop_has_its_line_and_its_name() {
        let estate = Estate {
            icb: Icb { code: "QKS".into(), name: "Kent".into(), timezone: jiff::tz::TimeZone::UTC },
            components: vec![Component {
                id: "fw".into(),
                kind: "firewall".into(),
                name: "ICB internet firewall, Maidstone".into(),
                owner: None,
                contact: None,
                target_percent: None,
                addresses: vec!["10.20.0.1".parse().expect("an address")],
            }],
            networks: Vec::new(),
            services: Vec::new(),
            probes: Vec::new(),
            practices: Vec::new(),
            hub_via: Vec::new(),
        };
        let at = |ttl, address: Option<&str>, ms| Hop {
            ttl,
            address: address.map(|address| address.parse().expect("an address")),
            ms,
        };
        let path = PathSeen {
            hops: vec![at(1, None, None), at(2, Some("10.20.0.1"), Some(12.5))],
            last: "10.20.0.1".parse().ok(),
            stopped: Stopped::Silent,
            sentence: "Stops after 10.20.0.1.".to_owned(),
        };
        insta::assert_snapshot!(lines(&path, &estate).join("\n"), @r"
          hop  address       ms
          1    *              -  silent by policy
          2    10.20.0.1  12.50  ICB internet firewall, Maidstone
          3    *              -  nothing from here on

        PATH: Stops after 10.20.0.1.
        ");
    }
}
