//! The families of faults that the benchmark draws from, and how hard it makes them.

/// Makes the enum, its list and its names from one table.
macro_rules! families {
    ($($(#[$doc:meta])+ $family:ident = $name:literal,)+) => {
        /// A kind of story. Each trial of a family tells it about another estate, target, time and rate.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Family {
            $($(#[$doc])+ $family,)+
        }

        impl Family {
            pub const ALL: &[Self] = &[$(Self::$family,)+];

            /// In kebab case, for tables and command lines.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$family => $name,)+
                }
            }
        }
    };
}

families! {
    /// One practice loses both networks, or one of them. With both gone nothing is reported until it is over,
    /// and then all of it.
    SiteCircuit = "site-circuit",
    /// One practice loses its power or its agent: nothing is asked and nothing ever reported.
    SiteDark = "site-dark",
    /// One practice loses 30 to 50 % of its askings on one network.
    SiteLossy = "site-lossy",
    /// A carrier lets nothing through, reports included.
    CarrierTotal = "carrier-total",
    /// A carrier loses .15, .3, .5 or .7 of the askings (.15 or .3 on tier Hard).
    CarrierPartial = "carrier-partial",
    /// A firewall lets nothing through.
    FirewallTotal = "firewall-total",
    /// A firewall loses .15, .3, .5 or .7 of the askings (.15 or .3 on tier Hard).
    FirewallPartial = "firewall-partial",
    /// One of a pair of firewalls is dead, and the sites that are stuck to it with it; or the same of a firewall
    /// that the map shows as one.
    FirewallSticky = "firewall-sticky",
    /// A firewall resets TCP connections; datagrams live.
    FirewallReset = "firewall-reset",
    /// A firewall's session table is full: 70 to 100 % of new connections time out or are reset; datagrams live.
    FirewallSessions = "firewall-sessions",
    /// A firewall reads along in TLS, so that every certificate is somebody else's or nobody's.
    FirewallTls = "firewall-tls",
    /// A firewall loses large packets: web answers stall, all else lives.
    FirewallMtu = "firewall-mtu",
    /// A firewall is 300 to 1,500 ms slow and loses 10 to 20 %.
    FirewallBrownout = "firewall-brownout",
    /// The internet's resolver: names don't resolve, addresses live.
    InternetDns = "internet-dns",
    /// The NHS network lets nothing through, for the hub neither.
    HscnCore = "hscn-core",
    /// The NHS network's resolver.
    HscnDns = "hscn-dns",
    /// A service answers nobody: no answer, refused, or an HTTP error.
    ServiceDown = "service-down",
    /// A service fails a share of the askings (at most .3 on tier Hard).
    ServicePartial = "service-partial",
    /// A service answers 1 to 4 s late.
    ServiceSlow = "service-slow",
    /// A service's names don't resolve.
    ServiceDns = "service-dns",
    /// A gateway is saturated from about 08:10 to 09:50 on each of three to five weekdays: slow, and .3 to .5
    /// lost. One truth a morning.
    GatewayMornings = "gateway-mornings",
    /// A device model: its sites fail at different times within hours, each for 10 to 40 minutes.
    FirmwareRolling = "firmware-rolling",
    /// The hub's own line: nothing is reported, and its own checks fail.
    HubUplink = "hub-uplink",
    /// Two independent faults that overlap: two shared ones, or a shared one and a practice's.
    TwoFaults = "two-faults",
    /// Two to four unrelated practices fail within five minutes.
    Coincidence = "coincidence",
    /// The practices of one town go dark; no map has towns.
    PowerCut = "power-cut",
    /// Maintenance: firewalls restart for 20 to 90 s, one after another; or the routers of several practices do.
    RestartWave = "restart-wave",
    /// A carrier, firewall or gateway is down for 20 to 120 s of every 1 to 6 minutes for half an hour.
    Flapping = "flapping",
    /// A shared fault while 10 to 40 % of the agents never report, whatever the tier.
    AgentsMissing = "agents-missing",
    /// One to four checks fail 5 to 20 times in a hundred, all along.
    ChronicLine = "chronic-line",
    /// A day of nothing but noise.
    Quiet = "quiet",
    /// Outside the usual models: a firewall drops only what is meant for two services.
    OddHalfNetwork = "odd-half-network",
    /// Outside the usual models: a loss that climbs from 2 % to 60 % within 20 minutes.
    OddSlowStart = "odd-slow-start",
    /// Outside the usual models: practices that share something that no map shows lose one network.
    OddHiddenGroup = "odd-hidden-group",
}

impl Family {
    /// The family of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|family| family.name() == name)
    }
}

/// How hard a trial is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// One ICB of 40 to 120 practices.
    Easy,
    /// One ICB of 5 to 25 practices, and partial rates of at most .3.
    Hard,
    /// One ICB of which 10 to 40 % of the agents never report.
    Missing,
    /// One ICB in which 5 % of the practices go another way than the estate file says.
    WrongMap,
    /// 8 or 42 ICBs with firewalls of their own, on carriers that they share.
    Large,
}

impl Tier {
    pub const ALL: &[Self] = &[Self::Easy, Self::Hard, Self::Missing, Self::WrongMap, Self::Large];

    /// In kebab case, for tables and command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Hard => "hard",
            Self::Missing => "missing",
            Self::WrongMap => "wrong-map",
            Self::Large => "large",
        }
    }

    /// The tier of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|tier| tier.name() == name)
    }
}
