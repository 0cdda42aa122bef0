//! The rules by which checks are judged, and the key of `probes.toml` that sets each. A fault knows the rule that made
//! it one: where a check compares with what was configured it says so itself, and for the rest it follows from the kind
//! of failure. Pure.

use serde::Serialize;

use crate::observation::Failure;

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $word:literal, $key:expr;)*) => {
        /// What must hold of an answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $word)] $rule,)*
        }

        impl Rule {
            pub const ALL: &[Self] = &[$(Self::$rule,)*];

            /// As in the JSON form.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$rule => $word,)* }
            }

            /// The key that sets it; `None`: it holds of every check of its kind.
            pub const fn key(self) -> Option<&'static str> {
                match self { $(Self::$rule => $key,)* }
            }
        }
    };
}

rules! {
    // What is the same for every kind.
    /// This machine can ask at all.
    CanAsk = "can_ask", None;
    /// This machine has a way to the target: a route, and a cable that is in.
    HasWay = "has_way", None;
    /// The whole check ends in time.
    InTime = "in_time", Some("timeout");
    /// The target's name has an address.
    Resolves = "resolves", None;
    /// The target takes the question, and answers it.
    Answers = "answers", None;
    /// What it says is of the protocol.
    Speaks = "speaks", None;
    /// What it says is what was expected.
    Expect = "expect", Some("expect");

    // TLS.
    /// The handshake succeeds.
    Handshake = "handshake", None;
    /// The chain leads to a root that is trusted, for the right name.
    Trusted = "trusted", Some("trust_file");
    /// No certificate of the chain has expired.
    Unexpired = "unexpired", None;
    /// The server's certificate has days enough left.
    CertificateDays = "certificate_days", Some("certificate_days");
    /// One that is pinned has issued the certificate.
    Issuer = "issuer", Some("issuer");
    /// Nobody on the way answers in the server's place.
    Genuine = "genuine", None;

    // The web.
    /// The status is an expected one.
    ExpectStatus = "expect_status", Some("expect_status");
    /// The body holds a text.
    ExpectBody = "expect_body", Some("expect_body");
    /// Redirects end, within their number.
    Redirects = "redirects", Some("redirects");
    /// Redirects lead no further inside than the service stands.
    RedirectsPrivate = "redirects_private", Some("redirects_private");
    /// Redirects lead to nobody else.
    OwnPage = "own_page", Some("redirects_to");
    /// The page isn't one of those that filters and portals are known by.
    KnownPages = "known_pages", Some("expect_body");
    /// Nor has it the operator's own mark of such pages.
    BlockedBody = "blocked_body", Some("blocked_body");
    /// The network wants no log-in.
    NoLogIn = "no_log_in", None;
    /// The version of HTTP that was asked for is spoken.
    Version = "version", Some("version");
    /// The proxy gives the tunnel.
    Proxy = "proxy", Some("proxy");

    // Name servers.
    /// The response code is the expected one.
    ExpectRcode = "expect_rcode", Some("expect_rcode");
    /// There is such a record.
    Record = "record", Some("record");
    /// The answers live long enough.
    TtlMin = "ttl_min", Some("ttl_min");
    /// The answers don't live too long.
    TtlMax = "ttl_max", Some("ttl_max");
    /// The answer bears flags.
    ExpectFlags = "expect_flags", Some("expect_flags");
    /// The server knows EDNS.
    Edns = "edns_size", Some("edns_size");
    /// A random name isn't there.
    Hijack = "hijack", Some("hijack");
    /// Two servers say the same, or don't.
    Compare = "compare", Some("compare_expect");

    // The rest.
    /// STARTTLS is offered.
    Starttls = "starttls", Some("starttls");
    /// The directory isn't busy or unavailable.
    Serves = "serves", None;
    /// The time server tells the time.
    TellsTime = "tells_time", None;
    /// It isn't too far from a reference clock.
    StratumMax = "stratum_max", Some("stratum_max");
    /// The two clocks agree.
    OffsetMax = "offset_max", Some("offset_max");
    /// Few enough packets are lost.
    LossMax = "loss_max", Some("loss_max");
    /// A call would sound well enough.
    Call = "call", Some("jitter_max, delay_max, mos_min");
    /// A router is on the way.
    Through = "through", Some("through");
    /// Ports pass the firewall.
    PortsOpen = "ports_open", Some("tcp_open, udp_open");
    /// Ports don't pass the firewall.
    PortsBlocked = "ports_blocked", Some("tcp_blocked, udp_blocked");
    /// Large packets pass.
    Mtu = "mtu", Some("mtu");
    /// A silent connection is kept.
    Idle = "idle", Some("idle");
    /// It answers soon enough.
    Soon = "soon", None;
}

impl Rule {
    /// The rule that a failure breaks by itself, where the check doesn't say a finer one.
    pub(super) const fn of(failure: Failure) -> Self {
        match failure {
            Failure::Timeout => Self::InTime,
            Failure::Refused | Failure::Reset | Failure::Unreachable => Self::Answers,
            Failure::Nxdomain | Failure::Servfail | Failure::DnsRefused | Failure::NoAnswer => Self::Resolves,
            Failure::WrongAnswer => Self::Expect,
            Failure::Tls => Self::Handshake,
            Failure::Untrusted => Self::Trusted,
            Failure::Intercepted => Self::Genuine,
            Failure::Expired => Self::Unexpired,
            Failure::Status => Self::ExpectStatus,
            Failure::Body => Self::ExpectBody,
            Failure::BlockedPage => Self::KnownPages,
            Failure::TooSlow => Self::Soon,
            Failure::Loss => Self::LossMax,
            Failure::Open => Self::PortsBlocked,
            Failure::Protocol => Self::Speaks,
            Failure::Local => Self::CanAsk,
        }
    }
}
