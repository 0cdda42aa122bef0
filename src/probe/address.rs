//! Which addresses stand for the inside of a network, and which hosts belong to one organisation. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far inside an address stands. Who stands further inside isn't reached by those further outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// The internet.
    Public,
    /// A private network, such as the NHS network or a practice's own; and what carriers share (NAT).
    Private,
    /// This machine, or its own line: loopback, link-local, multicast, unspecified and reserved addresses.
    Own,
}

/// Of IPv6 addresses with an IPv4 address inside (mapped, compatible, NAT64, 6to4) the deeper of the two counts.
///
/// Addresses for documentation count as public, since tests and examples use them so; nobody routes them.
pub(super) fn depth(address: IpAddr) -> Depth {
    match address {
        IpAddr::V4(v4) => depth_v4(v4),
        IpAddr::V6(v6) => depth_v6(v6),
    }
}

fn depth_v4(v4: Ipv4Addr) -> Depth {
    let [first, second, third, _] = v4.octets();
    let own = v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        // "This network", and all that was kept for later, the broadcast address among it.
        || first == 0
        || first >= 240
        // Benchmarks, and protocol assignments.
        || (first == 198 && second & 0xfe == 18)
        || (first == 192 && second == 0 && third == 0);
    if own {
        Depth::Own
    } else if v4.is_private() || (first == 100 && second & 0xc0 == 64) {
        Depth::Private
    } else {
        Depth::Public
    }
}

fn depth_v6(v6: Ipv6Addr) -> Depth {
    let segments = v6.segments();
    let itself = if v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_multicast()
    {
        Depth::Own
    // Site-local is the older form of unique local.
    } else if v6.is_unique_local() || segments[0] & 0xffc0 == 0xfec0 {
        Depth::Private
    } else {
        Depth::Public
    };
    itself.max(v4_within(v6).map_or(Depth::Public, depth_v4))
}

/// The IPv4 address that whoever carries this IPv6 address onwards would connect to.
fn v4_within(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let [one, two] = high.to_be_bytes();
        let [three, four] = low.to_be_bytes();
        Some(Ipv4Addr::new(one, two, three, four))
    };
    match v6.segments() {
        // Mapped and compatible; NAT64; its form for local use (RFC 8215) in its commonest length; 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

/// The same of a host as a URL has it; a name counts as public unless it can only be this machine's.
pub(super) fn depth_of_host(host: &str) -> Depth {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    match host.parse::<IpAddr>() {
        Ok(address) => depth(address),
        Err(_) if host == "localhost" || host.ends_with(".localhost") => Depth::Own,
        Err(_) => Depth::Public,
    }
}

/// The part of a host name that one organisation registered: its last two labels, or three under suffixes such as
/// `co.uk`. All of `nhs.uk` counts as one organisation: its services send people to each other's log-in pages, and its
/// own certificate authority vouches for many of them. An address stands for itself.
pub(super) fn organisation(host: &str) -> String {
    const SUFFIXES: [&str; 12] = [
        "co.uk", "org.uk", "me.uk", "ltd.uk", "plc.uk", "net.uk", "ac.uk", "sch.uk", "com.au", "co.nz",
        "co.za", "uk.com",
    ];
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let last = |count: usize| labels.get(labels.len().saturating_sub(count)..).unwrap_or(&labels).join(".");
    if SUFFIXES.contains(&last(2).as_str()) { last(3) } else { last(2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inside_of_networks_is_told_from_the_public_internet() {
        for inside in [
            "127.0.0.1",
            "127.255.255.254",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "192.0.0.8",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::192.168.0.1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
        ] {
            assert!(depth(inside.parse().expect("an address")) > Depth::Public, "{inside}");
        }
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.1.1",
            "192.0.1.1",
            "198.17.0.1",
            "203.0.113.5",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(depth(public.parse().expect("an address")), Depth::Public, "{public}");
        }
    }

    #[test]
    fn private_networks_are_told_from_the_machine_itself() {
        for private in
            ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "fec0::1", "::ffff:10.0.0.1"]
        {
            assert_eq!(depth(private.parse().expect("an address")), Depth::Private, "{private}");
        }
        for own in [
            "127.0.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "64:ff9b::127.0.0.1",
        ] {
            assert_eq!(depth(own.parse().expect("an address")), Depth::Own, "{own}");
        }
    }

    #[test]
    fn hosts_of_urls_are_judged_without_a_look_up() {
        for inside in
            ["localhost", "LOCALHOST.".to_ascii_lowercase().as_str(), "a.localhost", "[::1]", "10.0.0.1"]
        {
            assert!(depth_of_host(inside) > Depth::Public, "{inside}");
        }
        for name in ["accurx.example", "localhost.example"] {
            assert_eq!(depth_of_host(name), Depth::Public, "{name}");
        }
    }

    #[test]
    fn hosts_of_one_organisation_are_known() {
        for (host, whose) in [
            ("accurx.com", "accurx.com"),
            ("web.Accurx.com.", "accurx.com"),
            ("digital.nhs.uk", "nhs.uk"),
            ("portal.smoothwall.co.uk", "smoothwall.co.uk"),
            ("co.uk", "co.uk"),
            ("localhost", "localhost"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(organisation(host), whose, "{host}");
        }
    }
}
