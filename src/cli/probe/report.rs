//! What one check has to say, for a person and for a script.

use std::net::IpAddr;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use super::explain;
use crate::estate::{Ask, DnsTransport, Practice, Probe};
use crate::observation::{Failure, Observation, PathSeen, Phase};
use crate::probe::{Answer, Certificate, ClockSeen, EgressFacts, Facts, Issuer, RtpFacts};
use crate::time::At;

/// Which check was asked.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) probe: &'a Probe,
    /// `None`: asked from this machine's own address, as the hub asks.
    pub(super) practice: Option<&'a Practice>,
}

impl Asked<'_> {
    pub(super) fn source(&self) -> Option<IpAddr> {
        self.practice.and_then(|practice| practice.source)
    }

    fn from(&self) -> String {
        match self.practice {
            None => "this machine".to_owned(),
            Some(practice) => match practice.source {
                Some(source) => format!("{} {} ({source})", practice.id, practice.name),
                None => format!(
                    "{} {} (it has no `source`, so from this machine's own address)",
                    practice.id, practice.name
                ),
            },
        }
    }
}

/// The machine's form: one object, one line.
pub(super) fn json(
    asked: &Asked<'_>,
    answer: &Answer,
    observation: &Observation,
    path: Option<&PathSeen>,
) -> serde_json::Result<String> {
    let object = json!({
        "probe": asked.probe.id,
        "practice": asked.practice.map(|practice| &practice.id),
        "source": asked.source(),
        "observation": observation,
        "facts": answer.facts,
        "path": path,
        "verdict": verdict(asked, answer),
        "rule": explain::broken(asked.probe, answer),
    });
    serde_json::to_string(&object).map(|line| line + "\n")
}

/// The person's form: what was asked, each phase, what was learned, the path (its lines), the verdict.
pub(super) fn words(asked: &Asked<'_>, answer: &Answer, path: Vec<String>, now: At) -> String {
    let probe = asked.probe;
    let mut lines = vec![
        format!("{}: {} {}", probe.id, probe.kind(), target(&probe.ask)),
        format!("from {}", asked.from()),
        String::new(),
    ];
    lines.extend(phases(answer).lines().map(|line| line.trim_end().to_owned()));
    lines.push(String::new());
    let facts = facts(&answer.facts, now);
    if !facts.is_empty() {
        lines.extend(facts.iter().map(|(what, is)| format!("  {what:<12} {is}")));
        lines.push(String::new());
    }
    lines.extend(path);
    lines.push(verdict(asked, answer));
    lines.join("\n") + "\n"
}

fn target(ask: &Ask) -> String {
    match ask {
        Ask::Dns(dns) => {
            let over = match &dns.transport {
                DnsTransport::Udp => "",
                DnsTransport::Tcp => " over TCP",
                DnsTransport::Tls(_) => " over TLS",
                DnsTransport::Https { .. } => " over HTTPS",
            };
            let beside =
                dns.compare.as_ref().map_or_else(String::new, |second| format!(", and at {}", second.server));
            format!("{} {} at {}{over}{beside}", dns.record, dns.name, dns.server)
        }
        Ask::Http(http) => {
            let what = match (&http.connect_to, &http.name_server) {
                (Some(there), _) => format!("{} at {there}", http.url),
                (None, Some(server)) => format!("{}, looked up at {server}", http.url),
                (None, None) => http.url.clone(),
            };
            let mut what = vec![what];
            what.extend(http.host.as_ref().map(|host| format!("with Host {host}")));
            what.extend(http.sni.as_ref().map(|name| format!("with TLS for {name}")));
            what.extend(http.family.map(|family| format!("over {} alone", family.as_str())));
            what.extend(http.proxy.as_ref().map(|proxy| format!("through the proxy {proxy}")));
            what.join(", ")
        }
        Ask::Egress(egress) => format!("through the firewall to {}", egress.target),
        one => one.bothers(),
    }
}

fn phases(answer: &Answer) -> Table {
    let mut table = Table::new();
    // Each cell is padded with a space of its own; with one more the table is indented like the facts below it.
    table.load_preset(presets::NOTHING);
    table.set_header([" phase", "ms", ""]);
    for phase in Phase::ALL {
        let failed = !answer.ok && answer.phase == Some(phase);
        let Some(ms) = answer.phases_ms.get(phase) else {
            if failed {
                table.add_row([format!(" {}", phase.as_str()), "-".to_owned(), "failed here".to_owned()]);
            }
            continue;
        };
        let mark = if failed { "failed here" } else { "" };
        table.add_row([format!(" {}", phase.as_str()), format!("{ms:.2}"), mark.to_owned()]);
    }
    table.add_row([" whole check".to_owned(), format!("{:.2}", answer.ms), String::new()]);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn facts(facts: &Facts, now: At) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if !facts.addresses.is_empty() {
        let addresses: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
        rows.push(("addresses", addresses.join(", ")));
    }
    if let Some(peer) = facts.peer {
        rows.push(("asked", peer.to_string()));
    }
    if let Some(proxy) = &facts.proxy {
        rows.push(("proxy", proxy.clone()));
    }
    if let Some(rcode) = &facts.rcode {
        let how = if facts.over_tcp { ", over TCP, as it was too long for UDP" } else { "" };
        rows.push(("rcode", format!("{rcode}{how}")));
    }
    rows.extend(facts.answers.iter().map(|answer| ("answer", answer.clone())));
    names(facts, &mut rows);
    if let Some(version) = &facts.tls_version {
        rows.push(("TLS", version.clone()));
    }
    for (place, certificate) in facts.certificates.iter().enumerate() {
        rows.push((if place == 0 { "certificate" } else { "issued by" }, described(certificate, now)));
        rows.push(("  its key", format!("sha256:{}", certificate.key_sha256)));
    }
    if let Some(issuer) = &facts.issuer {
        rows.push(("issuer", issued(issuer)));
    }
    if let Some(version) = facts.http_version {
        rows.push(("HTTP", version.to_owned()));
    }
    rows.extend(facts.redirects.iter().map(|url| ("redirect", url.clone())));
    if let Some(status) = facts.status {
        rows.push(("status", status.to_string()));
    }
    rows.extend(facts.banner.iter().map(|banner| ("says", banner.clone())));
    if !facts.offers.is_empty() {
        rows.push(("offers", facts.offers.join(", ")));
    }
    if let Some(seen_as) = facts.seen_as {
        rows.push(("seen as", seen_as.to_string()));
    }
    if let Some(clock) = &facts.clock {
        rows.push(("clock", clock_beside(clock)));
    }
    if let Some(bytes) = facts.body_bytes {
        rows.push(("body", format!("{bytes} bytes read")));
    }
    if let Some(echoes) = facts.echoes {
        let twice = match echoes.duplicates {
            0 => String::new(),
            more => format!(", {more} more than once"),
        };
        let late = match echoes.late {
            0 => String::new(),
            more => format!(", {more} of the check before came late"),
        };
        rows.push(("echoes", format!("{} sent, {} came back{twice}{late}", echoes.sent, echoes.received)));
        if let (Some(min), Some(median), Some(max)) = (echoes.min_ms, echoes.median_ms, echoes.max_ms) {
            let jitter =
                echoes.jitter_ms.map_or_else(String::new, |jitter| format!(", jitter {jitter:.2} ms"));
            rows.push((
                "round trip",
                format!("{min:.2} / {median:.2} / {max:.2} ms (min / median / max){jitter}"),
            ));
        }
    }
    if let Some(egress) = &facts.egress {
        rows.extend(through(egress));
    }
    if let Some(train) = &facts.rtp {
        rows.extend(voice(train));
    }
    rows
}

/// How a train of packets went, and how a call would sound.
fn voice(train: &RtpFacts) -> Vec<(&'static str, String)> {
    let RtpFacts { sent, received, .. } = train;
    let mut packets = format!("{sent} sent, {received} came back");
    for (count, what) in [
        (train.lost_up, "lost on the way there"),
        (train.lost_down, "lost on the way back"),
        (train.lost_somewhere, "lost on either way"),
        (train.reordered_up, "out of order there"),
        (train.reordered_down, "out of order back"),
        (train.duplicates_up, "more than once there"),
        (train.duplicates_down, "more than once back"),
    ] {
        if count > 0 {
            packets = format!("{packets}, {count} {what}");
        }
    }
    let mut rows = vec![("packets", packets)];
    if let (Some(min), Some(median), Some(max)) = (train.min_ms, train.median_ms, train.max_ms) {
        rows.push(("round trip", format!("{min:.2} / {median:.2} / {max:.2} ms (min / median / max)")));
    }
    if let (Some(up), Some(down)) = (train.jitter_up_ms, train.jitter_down_ms) {
        rows.push(("jitter", format!("{up:.2} ms there, {down:.2} ms back")));
    }
    if let (Some(delay), Some(up), Some(down)) = (train.delay_ms, train.mos_up, train.mos_down) {
        rows.push(("mouth to ear", format!("about {delay:.0} ms")));
        rows.push((
            "voice score",
            format!("{up:.2} there, {down:.2} back, of 1 to 4.5; an estimate of the line, not of a call"),
        ));
    }
    rows
}

/// The firewall's policy, a line a port, with a mark at what isn't as it must be.
fn through(egress: &EgressFacts) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    for port in &egress.ports {
        let ms = port.ms.map_or_else(String::new, |ms| format!("{ms:.2} ms"));
        let seen = port.seen.map_or_else(String::new, |seen| format!("seen as {seen}"));
        let mark = match (port.as_it_must, port.unserved) {
            (true, _) => "",
            (false, true) => "the reflector does not listen there",
            (false, false) => "NOT AS IT MUST BE",
        };
        let found = port.found.replace('_', " ");
        let by = port.by.map_or_else(String::new, |by| format!("says {by}"));
        let line = format!(
            "{:<10} must be {:<8} {found:<12} {ms:<10} {:<28} {mark}",
            port.port,
            port.must,
            seen + &by
        );
        rows.push(("port", line.trim_end().to_owned()));
    }
    if !egress.seen.is_empty() {
        let seen: Vec<String> = egress.seen.iter().map(ToString::to_string).collect();
        rows.push(("source seen", seen.join(", ")));
    }
    if let Some(size) = egress.size {
        let largest =
            size.largest.map_or_else(|| "none came back".to_owned(), |n| format!("{n} bytes came back"));
        rows.push(("packets", format!("{} wanted, {largest}", size.wanted)));
    }
    if let Some(idle) = egress.idle {
        let kept = if idle.kept { "kept" } else { "forgotten" };
        rows.push(("silent for", format!("{} s, the connection was {kept}", idle.seconds)));
    }
    rows
}

fn clock_beside(clock: &ClockSeen) -> String {
    let side = if clock.offset_ms < 0.0 { "behind" } else { "ahead of" };
    format!(
        "{:.1} ms {side} this machine's, give or take {:.1}; stratum {}, {}",
        clock.offset_ms.abs(),
        clock.delay_ms / 2.0,
        clock.stratum,
        clock.reference
    )
}

/// Who issued it, whether it may, and what its name tells.
fn issued(issuer: &Issuer) -> String {
    let pinned = match issuer.is_pinned {
        None => "",
        Some(true) => ", as pinned",
        Some(false) => ", NOT AS PINNED",
    };
    let product = match &issuer.product {
        None => String::new(),
        Some(maker) => format!(", the name of a product by {maker} that decrypts TLS"),
    };
    format!("{}{pinned}{product}", issuer.name)
}

/// What only name servers say.
fn names(facts: &Facts, rows: &mut Vec<(&'static str, String)>) {
    if let Some(ttl) = facts.ttl {
        rows.push(("TTL", format!("{ttl} s")));
    }
    if !facts.flags.is_empty() {
        rows.push(("flags", facts.flags.join(" ")));
    }
    if let Some(edns) = facts.edns {
        let said = match edns.size {
            Some(size) => format!("it takes {size} bytes over UDP"),
            None => "it shows none".to_owned(),
        };
        rows.push(("EDNS", said));
    }
    rows.extend(facts.reasons.iter().map(|reason| ("reason", reason.clone())));
    rows.extend(facts.random_name.iter().map(|name| ("random name", name.clone())));
    if let Some(second) = &facts.second {
        let said = match (&second.rcode, &second.detail) {
            (Some(rcode), None) => rcode.clone(),
            (Some(rcode), Some(detail)) => format!("{rcode}, so nothing to compare: {detail}"),
            (None, detail) => {
                let failure = second.failure.map_or("no answer", Failure::as_str);
                let detail = detail.as_deref().unwrap_or("nothing is known of why");
                format!("{failure}, so nothing to compare: {detail}")
            }
        };
        rows.push(("second", format!("{} says {said}", second.server)));
        rows.extend(second.answers.iter().map(|answer| ("its answer", answer.clone())));
    }
}

fn described(certificate: &Certificate, now: At) -> String {
    let until = certificate.not_after.to_timestamp().strftime("%Y-%m-%d").to_string();
    let days = certificate.days_left(now);
    let left = match days {
        ..=-1 => format!("expired {until}"),
        0 => format!("until {until}, the last day"),
        1 => format!("until {until}, 1 day left"),
        _ => format!("until {until}, {days} days left"),
    };
    let names = if certificate.names.is_empty() {
        String::new()
    } else {
        format!(", for {}", certificate.names.join(" "))
    };
    format!("{} (by {}), {left}{names}", certificate.subject, certificate.issuer)
}

/// The verdict in one line: the contract's word, what it means, and the detail.
fn verdict(asked: &Asked<'_>, answer: &Answer) -> String {
    let id = &asked.probe.id;
    let Some(failure) = answer.failure else {
        return format!("OK: {id} is fine, after {:.1} ms.", answer.ms);
    };
    let detail = answer.detail.as_deref().map_or_else(String::new, |detail| format!(" ({detail})"));
    if failure == Failure::Local {
        return format!("COULD NOT ASK: {}{detail}.", meaning(failure));
    }
    let phase = answer.phase.map_or_else(String::new, |phase| format!(" in phase {}", phase.as_str()));
    format!("FAILS: {}{phase}: {}{detail}.", failure.as_str(), meaning(failure))
}

fn meaning(failure: Failure) -> &'static str {
    match failure {
        Failure::Timeout => "no answer in time",
        Failure::Refused => "something answers there, and refuses",
        Failure::Reset => "the connection was cut",
        Failure::Unreachable => "there is no way to it",
        Failure::Nxdomain => "the name does not exist at this name server",
        Failure::Servfail => "the name server could not find out",
        Failure::DnsRefused => "the name server won't answer us",
        Failure::NoAnswer => "the name has no such record",
        Failure::WrongAnswer => "the answer is not the expected one",
        Failure::Tls => "the TLS handshake failed",
        Failure::Untrusted => "it shows a certificate that is not trusted",
        Failure::Intercepted => "somebody on the way answers in its place",
        Failure::Expired => "its certificate has expired, or soon will",
        Failure::Status => "it answers with the wrong status",
        Failure::Body => "its page does not say what it should",
        Failure::BlockedPage => "the network shows a page of its own instead",
        Failure::TooSlow => "it answers, but too slowly",
        Failure::Loss => "too many packets are lost",
        Failure::Open => "a port that must be blocked is open",
        Failure::Protocol => "what it says makes no sense",
        Failure::Local => "this machine could not ask, which says nothing about the target",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::estate::{HostPort, NetworkIx, TcpAsk};
    use crate::observation::PhaseTimes;
    use crate::probe::{IdleFacts, PortFacts, Rule, SizeFacts};
    use crate::reflector::ports::Port;

    fn probe() -> Probe {
        Probe {
            id: "spine".to_owned(),
            network: NetworkIx(0),
            service: None,
            every: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            also: Vec::new(),
            resolver: None,
            ask: Ask::Tcp(TcpAsk::to(HostPort { host: "::1".to_owned(), port: 443 })),
        }
    }

    fn answer(failure: Option<Failure>) -> Answer {
        Answer {
            ok: failure.is_none(),
            failure,
            phase: failure.map(|_| Phase::Connect),
            rule: failure.map(|_| Rule::InTime),
            ms: 5000.2,
            phases_ms: PhaseTimes { dns: Some(1.25), connect: Some(4998.9), ..PhaseTimes::default() },
            loss: None,
            detail: failure.map(|_| "the connection was not made within 5 s".to_owned()),
            facts: Facts { peer: Some("[::1]:443".parse().expect("an address")), ..Facts::default() },
        }
    }

    fn at() -> At {
        "2026-03-16T07:12:03Z".parse().expect("a time")
    }

    #[test]
    fn a_person_sees_phases_facts_and_the_verdict() {
        let probe = probe();
        let text = words(
            &Asked { probe: &probe, practice: None },
            &answer(Some(Failure::Timeout)),
            Vec::new(),
            at(),
        );
        insta::assert_snapshot!(text, @r"
        spine: tcp [::1]:443
        from this machine

          phase             ms
          dns             1.25
          connect      4998.90  failed here
          whole check  5000.20

          asked        [::1]:443

        FAILS: timeout in phase connect: no answer in time (the connection was not made within 5 s).
        ");
    }

    #[test]
    fn a_script_sees_the_observation_and_the_facts() {
        let probe = probe();
        let asked = Asked { probe: &probe, practice: None };
        let answer = answer(None);
        let line = json(&asked, &answer, &answer.observation(at(), "@hub", "spine"), None).expect("JSON");
        let object: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(object["observation"]["ok"], true);
        assert_eq!(object["facts"]["peer"], "[::1]:443");
        assert_eq!(object["practice"], serde_json::Value::Null);
        assert_eq!(object["verdict"], "OK: spine is fine, after 5000.2 ms.");
        assert_eq!(object["rule"], serde_json::Value::Null);
    }

    #[test]
    fn local_trouble_is_not_told_as_a_failure_of_the_target() {
        let probe = probe();
        let asked = Asked { probe: &probe, practice: None };
        let told = verdict(&asked, &answer(Some(Failure::Local)));
        assert!(told.starts_with("COULD NOT ASK: ") && !told.contains("FAILS"), "{told}");
    }

    #[test]
    fn an_issuer_is_told_with_the_verdict_of_the_pins() {
        let mut issuer = Issuer { name: "R11 (Let's Encrypt)".to_owned(), is_pinned: None, product: None };
        assert_eq!(issued(&issuer), "R11 (Let's Encrypt)");
        issuer.is_pinned = Some(true);
        assert_eq!(issued(&issuer), "R11 (Let's Encrypt), as pinned");
        issuer.is_pinned = Some(false);
        issuer.product = Some("Fortinet".to_owned());
        assert!(issued(&issuer).contains("NOT AS PINNED, the name of a product by Fortinet"));
    }

    #[test]
    fn a_certificate_is_told_with_its_end() {
        let mut certificate = Certificate {
            subject: "CN=accurx.example".to_owned(),
            issuer: "CN=Root".to_owned(),
            not_before: at(),
            not_after: "2026-03-26T12:00:00Z".parse().expect("a time"),
            names: vec!["accurx.example".to_owned()],
            key_sha256: "00".repeat(32),
        };
        assert_eq!(
            described(&certificate, at()),
            "CN=accurx.example (by CN=Root), until 2026-03-26, 10 days left, for accurx.example"
        );
        certificate.not_after = "2026-03-15T12:00:00Z".parse().expect("a time");
        assert!(described(&certificate, at()).contains("expired 2026-03-15"));
    }

    #[test]
    fn a_policy_is_shown_port_by_port() {
        let port = |port, must, found, as_it_must| PortFacts {
            port,
            must,
            found,
            as_it_must,
            unserved: false,
            by: None,
            ms: None,
            seen: None,
        };
        let mut first = port(Port::tcp(443), "open", "passes", true);
        (first.ms, first.seen) = (Some(12.3), "203.0.113.9:40000".parse().ok());
        let mut last = port(Port::tcp(25), "blocked", "refused", false);
        last.unserved = true;
        let mut prohibited = port(Port::tcp(587), "open", "prohibited", false);
        prohibited.by = Some(IpAddr::from([10, 20, 0, 2]));
        let egress = EgressFacts {
            ports: vec![first, port(Port::udp(10000), "open", "hung_up", false), prohibited, last],
            seen: vec![IpAddr::from([203, 0, 113, 9])],
            size: Some(SizeFacts { wanted: 1500, largest: Some(1420), told: false, way_back: false }),
            idle: Some(IdleFacts { seconds: 300.0, kept: false }),
        };
        let rows: Vec<String> =
            through(&egress).into_iter().map(|(what, is)| format!("{what:<12} {is}")).collect();
        insta::assert_snapshot!(rows.join("\n"), @r"
        port         tcp/443    must be open     passes       12.30 ms   seen as 203.0.113.9:40000
        port         udp/10000  must be open     hung up                                              NOT AS IT MUST BE
        port         tcp/587    must be open     prohibited              says 10.20.0.2               NOT AS IT MUST BE
        port         tcp/25     must be blocked  refused                                              the reflector does not listen there
        source seen  203.0.113.9
        packets      1500 wanted, 1420 bytes came back
        silent for   300 s, the connection was forgotten
        ");
    }
}
