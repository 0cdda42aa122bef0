//! The name servers that this machine's own resolver asks, as `resolv.conf` lists them.

use std::net::IpAddr;

/// Where glibc and musl look.
const FILE: &str = "/etc/resolv.conf";

/// None where it can't be told: without the file or without a server in it, a resolver asks this machine itself.
pub(super) fn of_system() -> Vec<IpAddr> {
    std::fs::read_to_string(FILE).map_or_else(|_| Vec::new(), |text| listed(&text))
}

/// A zone behind an address (`fe80::1%eth0`) is left out: it is no part of the address.
fn listed(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = (words.next()? == "nameserver").then(|| words.next()).flatten()?;
            address.split('%').next()?.parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_name_servers_are_taken_from_the_file() {
        let text = "# nameserver 192.0.2.9\nsearch nhs.uk\nnameserver 10.1.2.3\n nameserver\tfe80::1%eth0 # ours\n\
                    nameserver\nnameserver none\noptions ndots:1 nameserver\nnameservers 192.0.2.8\n";
        let found: Vec<IpAddr> = ["10.1.2.3", "fe80::1"].map(|one| one.parse().expect("an address")).to_vec();
        assert_eq!(listed(text), found);
        assert_eq!(listed(""), Vec::<IpAddr>::new());
    }
}
