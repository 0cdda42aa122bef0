//! Why a check failed, or why it is fine: the rule, the key of `probes.toml` that sets it, what was expected, and what
//! was seen. The rule comes with the answer; here it gets its words.

use std::time::Duration;

use serde::Serialize;

use crate::estate::{
    Ask, DnsAsk, DnsFlag, EgressAsk, HttpAsk, HttpVersion, IssuerPin, Matching, Probe, RtpAsk, SmtpTls,
    TlsAsk,
};
use crate::probe::{Answer, Rule};

/// A rule as it holds for one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Explained {
    /// Its name.
    name: &'static str,
    /// The key that sets it; absent: it holds of every check of its kind.
    key: Option<&'static str>,
    /// What the key says; absent: it isn't set, and the default holds.
    value: Option<String>,
    expected: String,
    /// Absent where nothing is told of it.
    seen: Option<String>,
}

/// The rule that this answer broke; `None`: it is fine.
pub(super) fn broken(probe: &Probe, answer: &Answer) -> Option<Explained> {
    let seen = answer.detail.clone();
    let behind = answer.facts.redirects.last().filter(|_| answer.rule == Some(Rule::Answers));
    answer.rule.map(|rule| {
        let explained = Explained { seen, ..explained(rule, probe) };
        match behind {
            // Whom a redirect leads to is who was to answer, and not whom the check names.
            Some(there) => {
                Explained { expected: format!("{there} takes the question and answers it"), ..explained }
            }
            None => explained,
        }
    })
}

/// The person's form: lines to stand below the verdict.
pub(super) fn words(probe: &Probe, answer: &Answer) -> String {
    let mut lines = vec![String::new()];
    let mut row = |what: &str, is: &str| lines.push(format!("  {what:<12} {is}"));
    if let Some(broken) = broken(probe, answer) {
        row("broken rule", broken.name);
        row("set by", &set_by(&broken));
        row("expected", &broken.expected);
        row("seen", broken.seen.as_deref().unwrap_or("nothing is told of it"));
    } else {
        let spoke_tls = answer.facts.tls_version.is_some();
        for rule in rules(&probe.ask, spoke_tls) {
            let kept = explained(rule, probe);
            row("kept", &format!("{}: {} ({})", kept.name, kept.expected, set_by(&kept)));
        }
    }
    lines.join("\n") + "\n"
}

fn set_by(rule: &Explained) -> String {
    match (rule.key, &rule.value) {
        (None, _) => "no key: it holds of every check of this kind".to_owned(),
        (Some(keys), Some(value)) if keys.contains(',') => format!("{keys}: {value}"),
        (Some(key), Some(value)) => format!("{key} = {value}"),
        (Some(key), None) => format!("the default; {key} is not set"),
    }
}

fn explained(rule: Rule, probe: &Probe) -> Explained {
    let (expected, value) = said(rule, probe);
    Explained { name: rule.as_str(), key: rule.key(), value, expected, seen: None }
}

/// What a rule demands of this probe's answer, and what its key says where it is set. A value that is also the default
/// is said, too: which of the two it was, nothing hangs on.
fn said(rule: Rule, probe: &Probe) -> (String, Option<String>) {
    let ask = &probe.ask;
    let always = |text: &str| (text.to_owned(), None);
    match rule {
        Rule::CanAsk => always("this machine can ask: it has the address, the rights and the descriptors"),
        Rule::HasWay => always("this machine has a way out: a route to the address, and a cable that is in"),
        Rule::InTime => {
            let seconds = probe.timeout.as_secs_f64();
            (format!("the whole check ends within {seconds} s"), Some(format!("\"{seconds}s\"")))
        }
        Rule::Resolves => always("each name that is to be connected to has an address"),
        Rule::Answers => (format!("{} takes the question and answers it", ask.bothers()), None),
        Rule::Speaks => (format!("the answer is what a server for `{}` sends, and whole", ask.kind()), None),
        Rule::Expect => expect(ask),
        Rule::Handshake => always("the TLS handshake succeeds"),
        Rule::Trusted => trusted(ask),
        Rule::Unexpired => always("no certificate of the chain has expired"),
        Rule::CertificateDays => {
            let days = days_min(ask);
            let text = days.map_or_else(String::new, |days| format!("at least {days} days left, "));
            (format!("{text}of the server's own certificate"), days.map(|days| days.to_string()))
        }
        Rule::Issuer => {
            let pins = web(ask).map_or_else(Vec::new, |http| http.issuers.iter().map(pinned).collect());
            (format!("issued by {}", any_of(&pins)), listed(&pins))
        }
        Rule::Genuine => always("nobody on the way answers in the server's place"),
        Rule::ExpectStatus => status(ask),
        Rule::ExpectBody => {
            let text = web(ask).and_then(|http| http.expect_body.as_ref()).map(|text| quoted(text));
            (format!("{} stands in the body", text.as_deref().unwrap_or("any text")), text)
        }
        Rule::Redirects => {
            let most = web(ask).map_or(0, |http| http.redirects_max);
            (format!("at most {most} redirects, to http or https, in no circle"), Some(most.to_string()))
        }
        Rule::RedirectsPrivate => {
            let permitted = web(ask).is_some_and(|http| http.redirects_private).then(|| "true".to_owned());
            ("a redirect leads no further inside than the service itself stands".to_owned(), permitted)
        }
        Rule::OwnPage => {
            let hosts: Vec<String> = web(ask)
                .map_or_else(Vec::new, |http| http.redirects_to.iter().map(|host| quoted(host)).collect());
            let to = if hosts.is_empty() { String::new() } else { format!(", or to {}", any_of(&hosts)) };
            (format!("redirects lead to hosts of the same organisation{to}"), listed(&hosts))
        }
        Rule::KnownPages => {
            let text = web(ask).and_then(|http| http.expect_body.as_ref()).map(|text| quoted(text));
            ("the page has no mark of a filter's or portal's, unless it is the expected one".to_owned(), text)
        }
        Rule::BlockedBody => {
            let marks: Vec<String> = web(ask)
                .map_or_else(Vec::new, |http| http.blocked_body.iter().map(|mark| quoted(mark)).collect());
            (format!("the page does not hold {}", any_of(&marks)), listed(&marks))
        }
        Rule::NoLogIn => always("the network wants no log-in (status 511)"),
        Rule::Version => {
            let second = web(ask).is_some_and(|http| http.version == HttpVersion::Http2);
            let version = if second { "2" } else { "1.1" };
            (format!("the server speaks HTTP/{version}"), second.then(|| quoted(version)))
        }
        Rule::Proxy => {
            let proxy = web(ask).and_then(|http| http.proxy.as_ref()).map(ToString::to_string);
            let text = proxy.as_deref().unwrap_or("no proxy");
            (format!("{text} opens a tunnel to the service"), proxy.as_deref().map(quoted))
        }
        Rule::Edns => {
            let size = names(ask).and_then(|dns| dns.edns_size).map(|size| size.to_string());
            ("the name server understands a question with EDNS".to_owned(), size)
        }
        Rule::ExpectRcode
        | Rule::Record
        | Rule::TtlMin
        | Rule::TtlMax
        | Rule::ExpectFlags
        | Rule::Hijack
        | Rule::Compare => {
            names(ask).map_or_else(|| always("what a name server should say"), |dns| of_names(rule, dns))
        }
        Rule::Starttls => {
            let required = matches!(ask, Ask::Smtp(smtp) if smtp.when_tls == SmtpTls::StartTls);
            ("the server offers STARTTLS".to_owned(), required.then(|| quoted("required")))
        }
        Rule::Serves => always(match ask {
            Ask::Ldap(_) => "the directory does not say that it is busy or unavailable",
            _ => "the server answers each command with the code for \"go on\"",
        }),
        Rule::TellsTime => always("the server tells the time, and its own clock is set"),
        Rule::StratumMax => {
            let most = time(ask).map_or(0, |ntp| ntp.stratum_max);
            (format!("a server of stratum {most} at most"), Some(most.to_string()))
        }
        Rule::OffsetMax => {
            let most = time(ask).and_then(|ntp| ntp.offset_max).map(|most| most.as_secs_f64());
            let text = most.map_or_else(|| "any difference".to_owned(), |most| format!("at most {most} s"));
            (format!("{text} between the two clocks"), most.map(|most| format!("\"{most}s\"")))
        }
        Rule::LossMax => {
            let (most, what) = match ask {
                Ask::Icmp(icmp) => (icmp.loss_max, "echoes"),
                Ask::Rtp(rtp) => (rtp.loss_max, "packets, there and back together,"),
                _ => (0.0, "packets"),
            };
            (format!("at most {:.0} % of the {what} are lost", most * 100.0), Some(most.to_string()))
        }
        Rule::Through => {
            let router = if let Ask::Path(path) = ask { path.through } else { None };
            let text = router.map_or_else(|| "any router".to_owned(), |router| router.to_string());
            (format!("{text} is on the way"), router.map(|router| quoted(&router.to_string())))
        }
        Rule::Call => {
            let limits = if let Ask::Rtp(rtp) = ask { call_limits(rtp) } else { Vec::new() };
            let text = if limits.is_empty() { "anything".to_owned() } else { limits.join(", ") };
            (format!("of the worse direction: {text}"), (!limits.is_empty()).then(|| limits.join(", ")))
        }
        Rule::PortsOpen | Rule::PortsBlocked | Rule::Mtu | Rule::Idle => policy(ask)
            .map_or_else(|| always("what a firewall should let through"), |egress| of_policy(rule, egress)),
        Rule::Soon => always("the answer comes soon enough"),
    }
}

fn of_names(rule: Rule, dns: &DnsAsk) -> (String, Option<String>) {
    let (name, record) = (&dns.name, &dns.record);
    match rule {
        Rule::ExpectRcode => {
            (format!("the response code for {name} is {}", dns.expect_rcode), Some(quoted(&dns.expect_rcode)))
        }
        Rule::TtlMin => seconds(dns.ttl_min, "each answer lives for at least"),
        Rule::TtlMax => seconds(dns.ttl_max, "each answer lives for at most"),
        Rule::ExpectFlags => {
            let flags: Vec<String> =
                dns.expect_flags.iter().map(|flag| quoted(DnsFlag::as_str(*flag))).collect();
            (format!("the answer bears the flags {}", flags.join(" and ")), listed(&flags))
        }
        Rule::Hijack => {
            let under = dns.hijack_under.as_deref().unwrap_or(name);
            (
                format!("a random name under {under} does not exist"),
                dns.hijack_under.as_ref().map(|_| "true".to_owned()),
            )
        }
        Rule::Compare => {
            let second = dns.compare.as_ref();
            let same = second.is_none_or(|compare| compare.same);
            let (how, text) = if same { ("same", "the same") } else { ("different", "different") };
            let at =
                second.map_or_else(String::new, |compare| format!("{} and {}", dns.server, compare.server));
            (format!("{record} of {name} is {text} at {at}"), second.map(|_| quoted(how)))
        }
        _ => (format!("{name} has a record of type {record}"), Some(quoted(record))),
    }
}

fn of_policy(rule: Rule, egress: &EgressAsk) -> (String, Option<String>) {
    let ports = |tcp: &[u16], udp: &[u16]| {
        let tcp = tcp.iter().map(|port| format!("tcp/{port}"));
        tcp.chain(udp.iter().map(|port| format!("udp/{port}"))).collect::<Vec<_>>().join(" ")
    };
    match rule {
        Rule::PortsBlocked => {
            let ports = ports(&egress.tcp_blocked, &egress.udp_blocked);
            (format!("nothing gets out through {ports}"), Some(ports))
        }
        Rule::Mtu => {
            let most = egress.mtu.map(|most| most.to_string());
            let text = most.as_deref().unwrap_or("any number of");
            (format!("packets pass in both directions up to {text} bytes"), most)
        }
        Rule::Idle => {
            let seconds = egress.idle.map(|idle| idle.as_secs_f64());
            let text = seconds.map_or_else(String::new, |seconds| format!(" for {seconds} s"));
            (
                format!("a connection that is silent{text} is still there"),
                seconds.map(|s| format!("\"{s}s\"")),
            )
        }
        _ => {
            let ports = ports(&egress.tcp_open, &egress.udp_open);
            (format!("a question gets out through {ports}, and its answer back"), Some(ports))
        }
    }
}

/// By what a train is judged beside its losses.
fn call_limits(rtp: &RtpAsk) -> Vec<String> {
    let ms = |length: Duration| length.as_secs_f64() * 1000.0;
    let jitter = rtp.jitter_max.map(|most| format!("a jitter of {} ms at most", ms(most)));
    let delay = rtp.delay_max.map(|most| format!("a delay of {} ms at most", ms(most)));
    let mos = rtp.mos_min.map(|least| format!("a score of {least} at least"));
    [jitter, delay, mos].into_iter().flatten().collect()
}

fn seconds(value: Option<u32>, before: &str) -> (String, Option<String>) {
    let text = value.map_or_else(|| "any number of".to_owned(), |value| value.to_string());
    (format!("{before} {text} s more"), value.map(|value| format!("\"{value}s\"")))
}

fn expect(ask: &Ask) -> (String, Option<String>) {
    let text = match ask {
        Ask::Dns(dns) => {
            let answers: Vec<String> = dns.expect_answers.iter().map(|answer| quoted(answer)).collect();
            let how = match dns.matching {
                Matching::Any => "one of the answers is",
                Matching::All => "among the answers is each of",
                Matching::None => "none of the answers is",
                Matching::Pattern => "each of the answers fits",
            };
            return (format!("{how} {}", any_of(&answers)), listed(&answers));
        }
        Ask::Tcp(tcp) => tcp.expect.as_ref(),
        Ask::Udp(udp) => udp.expect.as_ref(),
        Ask::Smtp(smtp) => smtp.expect.as_ref(),
        _ => None,
    };
    let value = text.map(|text| quoted(text));
    let where_in =
        if matches!(ask, Ask::Udp(_)) { "the answer begins with" } else { "what is said first holds" };
    (format!("{where_in} {}", value.as_deref().unwrap_or("anything")), value)
}

fn status(ask: &Ask) -> (String, Option<String>) {
    let (expected, default) = match ask {
        Ask::Http(http) => (http.expect_status.as_slice(), "200 to 399"),
        Ask::Sip(sip) => (sip.expect_status.as_slice(), "200 to 499, and not 408"),
        _ => (&[][..], "200"),
    };
    let listed: Vec<String> = expected.iter().map(ToString::to_string).collect();
    if listed.is_empty() {
        return (format!("a status of {default}"), None);
    }
    (format!("a status of {}", listed.join(" or ")), Some(format!("[{}]", listed.join(", "))))
}

fn trusted(ask: &Ask) -> (String, Option<String>) {
    let given = match ask {
        Ask::Http(http) => http.trust_pem.is_some(),
        _ => tls(ask).is_some_and(|tls| tls.peer.trust_pem.is_some()),
    };
    let roots = if given { "in the given file" } else { "of this machine" };
    let text = format!("the certificate is for the right name, and leads to a root {roots}");
    (text, given.then(|| "a file".to_owned()))
}

/// What a check is judged by besides, where it is set: for a check that is fine.
fn rules(ask: &Ask, spoke_tls: bool) -> Vec<Rule> {
    let mut rules = vec![Rule::InTime];
    let mut when = |is_set: bool, rule: Rule| {
        if is_set {
            rules.push(rule);
        }
    };
    match ask {
        Ask::Dns(dns) => {
            when(true, Rule::ExpectRcode);
            when(dns.expect_rcode.eq_ignore_ascii_case("noerror"), Rule::Record);
            when(!dns.expect_answers.is_empty(), Rule::Expect);
            when(dns.ttl_min.is_some(), Rule::TtlMin);
            when(dns.ttl_max.is_some(), Rule::TtlMax);
            when(!dns.expect_flags.is_empty(), Rule::ExpectFlags);
            when(dns.hijack_under.is_some(), Rule::Hijack);
            when(dns.compare.is_some(), Rule::Compare);
        }
        Ask::Http(http) => {
            when(http.tls, Rule::Trusted);
            when(http.tls, Rule::Genuine);
            when(http.certificate_days_min.is_some(), Rule::CertificateDays);
            when(!http.issuers.is_empty(), Rule::Issuer);
            when(true, Rule::ExpectStatus);
            when(http.expect_body.is_some(), Rule::ExpectBody);
            when(http.expect_body.is_none(), Rule::KnownPages);
            when(!http.blocked_body.is_empty(), Rule::BlockedBody);
        }
        Ask::Tcp(tcp) => when(tcp.expect.is_some(), Rule::Expect),
        Ask::Udp(udp) => {
            when(true, Rule::Answers);
            when(udp.expect.is_some(), Rule::Expect);
        }
        Ask::Icmp(_) => when(true, Rule::LossMax),
        Ask::Ntp(ntp) => {
            when(true, Rule::TellsTime);
            when(true, Rule::StratumMax);
            when(ntp.offset_max.is_some(), Rule::OffsetMax);
        }
        Ask::Sip(_) => when(true, Rule::ExpectStatus),
        Ask::Smtp(smtp) => {
            when(true, Rule::Serves);
            when(smtp.expect.is_some(), Rule::Expect);
            when(smtp.when_tls == SmtpTls::StartTls, Rule::Starttls);
        }
        Ask::Ldap(_) => when(true, Rule::Serves),
        Ask::Egress(egress) => {
            when(true, Rule::PortsOpen);
            when(!egress.tcp_blocked.is_empty() || !egress.udp_blocked.is_empty(), Rule::PortsBlocked);
            when(egress.mtu.is_some(), Rule::Mtu);
            when(egress.idle.is_some(), Rule::Idle);
        }
        Ask::Rtp(rtp) => {
            when(true, Rule::LossMax);
            when(!call_limits(rtp).is_empty(), Rule::Call);
        }
        Ask::Path(path) => {
            when(true, Rule::Answers);
            when(path.through.is_some(), Rule::Through);
        }
        Ask::Heartbeat(_) | Ask::Later { .. } => {}
    }
    if let Some(tls) = tls(ask).filter(|_| spoke_tls) {
        rules.push(Rule::Trusted);
        rules.extend(tls.certificate_days_min.map(|_| Rule::CertificateDays));
    }
    rules
}

/// How a kind that isn't `https` speaks TLS, where it does from the start.
fn tls(ask: &Ask) -> Option<&TlsAsk> {
    match ask {
        Ask::Sip(sip) => sip.tls.as_ref(),
        Ask::Ldap(ldap) => ldap.tls.as_ref(),
        Ask::Smtp(smtp) if smtp.when_tls != SmtpTls::Never => Some(&smtp.tls),
        _ => None,
    }
}

fn days_min(ask: &Ask) -> Option<u32> {
    web(ask).map_or_else(|| tls(ask)?.certificate_days_min, |http| http.certificate_days_min)
}

const fn web(ask: &Ask) -> Option<&HttpAsk> {
    if let Ask::Http(http) = ask { Some(http) } else { None }
}

const fn names(ask: &Ask) -> Option<&DnsAsk> {
    if let Ask::Dns(dns) = ask { Some(dns) } else { None }
}

const fn time(ask: &Ask) -> Option<&crate::estate::NtpAsk> {
    if let Ask::Ntp(ntp) = ask { Some(ntp) } else { None }
}

const fn policy(ask: &Ask) -> Option<&EgressAsk> {
    if let Ask::Egress(egress) = ask { Some(egress) } else { None }
}

/// A pin as the key has it; of a hash its beginning.
fn pinned(pin: &IssuerPin) -> String {
    match pin {
        IssuerPin::Named(name) => quoted(name),
        IssuerPin::Sha256([a, b, c, d, ..]) => format!("\"sha256:{a:02x}{b:02x}{c:02x}{d:02x}…\""),
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn any_of(texts: &[String]) -> String {
    if texts.is_empty() { "anything".to_owned() } else { texts.join(" or ") }
}

fn listed(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| format!("[{}]", texts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::observation::{Failure, Phase, PhaseTimes};
    use crate::probe::Facts;

    /// One probe of each kind, with each key that sets a rule.
    fn probes() -> Vec<Probe> {
        let county = "[icb]\ncode = \"QKS\"\nname = \"Kent\"\ntimezone = \"Europe/London\"\n\
            [[network]]\nid = \"n\"\nname = \"n\"\nthrough = []\n[[practice]]\nods = \"G82002\"\nname = \"p\"\n";
        let kinds = [
            "kind = \"dns\"\nserver = \"127.0.0.1:53\"\nname = \"accurx.example\"\nrecord = \"A\"\nexpect = \"192.0.2.1\"\nttl_min = \"5s\"\nttl_max = \"60s\"\nexpect_flags = \"ra\"\nedns_size = 1232\nhijack = true\ncompare = \"127.0.0.2:53\"\ncompare_expect = \"different\"",
            "kind = \"https\"\nurl = \"https://accurx.example/\"\nexpect_status = [200, 401]\nexpect_body = \"Sign in\"\nissuer = \"DigiCert\"\ncertificate_days = 14\nblocked_body = \"Kent filter\"\nversion = \"2\"\nproxy = \"127.0.0.1:3128\"",
            "kind = \"http\"\nurl = \"http://accurx.example/\"",
            "kind = \"tcp\"\ntarget = \"127.0.0.1:1\"\nexpect = \"READY\"",
            "kind = \"udp\"\ntarget = \"127.0.0.1:1\"\nsend = \"PING\"\nexpect = \"PONG\"",
            "kind = \"icmp\"\ntarget = \"127.0.0.1\"\nloss_max = 0.2",
            "kind = \"ntp\"\ntarget = \"127.0.0.1:123\"\noffset_max = \"1s\"\nstratum_max = 3",
            "kind = \"sips\"\ntarget = \"127.0.0.1:5061\"\ncertificate_days = 7",
            "kind = \"smtp\"\ntarget = \"127.0.0.1:25\"\nstarttls = \"required\"\nexpect = \"relay\"",
            "kind = \"ldaps\"\ntarget = \"127.0.0.1:636\"",
            "kind = \"rtp\"\ntarget = \"127.0.0.1:5004\"\nloss_max = 0.1\njitter_max = \"30ms\"\nmos_min = 3.5",
            "kind = \"path\"\ntarget = \"127.0.0.1:443\"\nthrough = \"10.20.0.1\"",
            "kind = \"egress\"\ntarget = \"127.0.0.1:443\"\ntcp_open = [\"443\"]\ntcp_blocked = [\"25\"]",
        ];
        let probe = |(n, kind): (usize, &&str)| {
            format!("[[probe]]\nid = \"p{n}\"\nnetwork = \"n\"\nevery = \"30s\"\ntimeout = \"5s\"\n{kind}\n")
        };
        let text = county.to_owned() + &kinds.iter().enumerate().map(probe).collect::<String>();
        config::parse("probes.toml", &text, std::path::Path::new(""))
            .unwrap_or_else(|errors| panic!("{errors}"))
            .estate
            .probes
    }

    fn answer(rule: Option<Rule>) -> Answer {
        Answer {
            ok: rule.is_none(),
            failure: rule.map(|_| Failure::Status),
            phase: rule.map(|_| Phase::FirstByte),
            rule,
            ms: 12.0,
            phases_ms: PhaseTimes::default(),
            loss: None,
            detail: rule.map(|_| "the answer is 503 Service Unavailable".to_owned()),
            facts: Facts { tls_version: Some("TLSv1.3".to_owned()), ..Facts::default() },
        }
    }

    #[test]
    fn a_failure_says_its_rule_its_key_and_what_was_expected() {
        let probes = probes();
        let web = words(&probes[1], &answer(Some(Rule::ExpectStatus)));
        insta::assert_snapshot!(web.trim_end_matches('\n'), @r"

          broken rule  expect_status
          set by       expect_status = [200, 401]
          expected     a status of 200 or 401
          seen         the answer is 503 Service Unavailable
        ");
        let plain = words(&probes[2], &answer(Some(Rule::ExpectStatus)));
        assert!(plain.contains("set by       the default; expect_status is not set"), "{plain}");
        assert!(plain.contains("expected     a status of 200 to 399"), "{plain}");
        let cut = words(&probes[3], &answer(Some(Rule::Answers)));
        assert!(
            cut.contains("set by       no key") && cut.contains("127.0.0.1:1 takes the question"),
            "{cut}"
        );
    }

    #[test]
    fn behind_a_redirect_it_is_the_host_that_it_leads_to_that_should_have_answered() {
        let mut refused = answer(Some(Rule::Answers));
        refused.facts.redirects = vec!["https://id.accurx.example/".to_owned()];
        let told = words(&probes()[1], &refused);
        assert!(told.contains("expected     https://id.accurx.example/ takes the question"), "{told}");
    }

    #[test]
    fn two_servers_say_the_same() {
        let mut probe = probes().swap_remove(0);
        let Ask::Dns(dns) = &mut probe.ask else { panic!("{probe:?}") };
        dns.compare.as_mut().expect("a second server").same = true;
        let told = explained(Rule::Compare, &probe);
        assert_eq!(told.expected, "A of accurx.example is the same at 127.0.0.1:53 and 127.0.0.2:53");
        assert_eq!(told.value.as_deref(), Some("\"same\""));
    }

    #[test]
    fn what_is_fine_says_what_it_kept() {
        let kept: Vec<String> = probes()
            .iter()
            .map(|probe| format!("{}:{}", probe.kind(), words(probe, &answer(None))))
            .collect();
        insta::assert_snapshot!(kept.join(""));
    }

    /// Each key that is named is one that `check` takes for some kind, so that nobody is sent to mend what isn't there.
    #[test]
    fn each_key_is_one_that_some_kind_has() {
        let docs = include_str!("../../../docs/probes.md");
        for rule in Rule::ALL {
            for key in rule.key().into_iter().flat_map(|keys| keys.split(", ")) {
                assert!(
                    docs.contains(&format!("`{key}`")),
                    "{}: docs/probes.md has no `{key}`",
                    rule.as_str()
                );
            }
        }
    }

    #[test]
    fn each_rule_has_words_for_each_kind() {
        for probe in probes() {
            for rule in Rule::ALL {
                let told = explained(*rule, &probe);
                assert!(!told.expected.is_empty() && !told.expected.contains("  "), "{told:?}");
            }
        }
    }
}
