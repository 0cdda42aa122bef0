//! `kind = "egress"`: the firewall's policy, and where the reflector stands.

use std::time::Duration;

use super::reader::Reader;
use super::secret;
use super::section::Section;
use super::values::{self, refusal};
use crate::estate::{Ask, EgressAsk, HostPort};
use crate::limits::{EGRESS_IDLE_MARGIN, EGRESS_IDLE_MAX, EGRESS_MTU_MAX, EGRESS_MTU_MIN, EGRESS_PORTS_MAX};
use crate::reflector::ports;

/// Keys of its own; `secret` is among them so that its refusal can say more.
pub(super) const KEYS: [&str; 10] = [
    "target",
    "secret_file",
    "secret_env",
    "secret",
    "tcp_open",
    "udp_open",
    "tcp_blocked",
    "udp_blocked",
    "mtu",
    "idle",
];

/// The host, and the port where one is given.
struct Target {
    host: String,
    port: Option<u16>,
}

pub(super) fn ask(reader: &mut Reader<'_>, section: &Section<'_>, timeout: Option<Duration>) -> Option<Ask> {
    let target = section.need(reader, "target", |text| match values::host_port(text) {
        Ok(both) => Ok(Target { host: both.host, port: Some(both.port) }),
        Err(of_both) => match values::host(text) {
            Ok(host) => Ok(Target { host, port: None }),
            Err(_) => Err(of_both),
        },
    });
    let secret = secret::shared(reader, section, &secret::OF_REFLECTOR);
    // All four are read before any of them is given up for, so that one reading finds every mistake.
    let lists =
        ["tcp_open", "udp_open", "tcp_blocked", "udp_blocked"].map(|key| port_list(reader, section, key));
    let mtu = section.integer(reader, "mtu", i64::from(EGRESS_MTU_MIN)..=i64::from(EGRESS_MTU_MAX));
    let mtu = mtu.and_then(|mtu| u16::try_from(mtu.value).ok());
    let idle = idle(reader, section, timeout);
    let target = target?;
    let [Some(mut tcp_open), Some(udp_open), Some(tcp_blocked), Some(udp_blocked)] = lists else {
        return None;
    };
    // The reflector's own port is one that must be open.
    if let Some(port) = target.value.port
        && !tcp_open.contains(&port)
        && !tcp_blocked.contains(&port)
    {
        tcp_open.insert(0, port);
    }
    let own_is_blocked = target.value.port.is_some_and(|port| tcp_blocked.contains(&port));
    let count = tcp_open.len() + udp_open.len() + tcp_blocked.len() + udp_blocked.len();
    let mut sound = true;
    let mut refuse = |message: String, help: &str| {
        reader.refuse(section.span, message, help);
        sound = false;
    };
    for (transport, open, blocked) in [("tcp", &tcp_open, &tcp_blocked), ("udp", &udp_open, &udp_blocked)] {
        if let Some(port) = open.iter().find(|port| blocked.contains(port)) {
            refuse(
                format!("{transport} port {port} can't be both open and blocked"),
                "take it out of one of the two lists",
            );
        }
    }
    if count == 0 {
        refuse(
            "this probe names no port".to_owned(),
            "add tcp_open = [\"443\", \"5060-5061\"], udp_open, tcp_blocked or udp_blocked",
        );
    }
    if own_is_blocked {
        refuse(
            "`target` names the port at which the reflector must answer, and `tcp_blocked` has it too"
                .to_owned(),
            "take it out of `tcp_blocked`, or write the host alone as `target` and ports that pass in `tcp_open`",
        );
    }
    if count > 0 && !own_is_blocked && tcp_open.is_empty() && udp_open.is_empty() {
        refuse(
            "nothing shows that the reflector is there when all ports of this probe must be blocked"
                .to_owned(),
            "add one that passes: tcp_open = [\"443\"], or `target` with its port",
        );
    }
    if count > EGRESS_PORTS_MAX {
        refuse(
            format!("this probe names {count} ports, and {EGRESS_PORTS_MAX} are the most"),
            "name those that matter, or make two probes of it",
        );
    }
    let wants_secret = !udp_open.is_empty() || !udp_blocked.is_empty() || mtu.is_some() || idle.is_some();
    if wants_secret && !["secret_file", "secret_env", "secret"].iter().any(|key| section.has(key)) {
        refuse(
            "UDP ports, `mtu` and `idle` need the reflector's secret".to_owned(),
            "add secret_file = \"…\" or secret_env = \"LINEWATCH_REFLECTOR_SECRET\", with what the reflector has",
        );
    }
    if mtu.is_some() && udp_open.is_empty() {
        refuse("`mtu` is tried over UDP, and there is no udp_open".to_owned(), "add a port to udp_open");
    }
    if idle.is_some() && tcp_open.is_empty() {
        refuse("`idle` needs a connection, and there is no tcp_open".to_owned(), "add a port to tcp_open");
    }
    let first = [&tcp_open, &tcp_blocked, &udp_open, &udp_blocked].into_iter().flatten().next().copied();
    let port = target.value.port.filter(|port| tcp_open.contains(port)).or(first)?;
    let target = HostPort { host: target.value.host, port };
    sound.then_some(Ask::Egress(EgressAsk {
        target,
        secret,
        tcp_open,
        udp_open,
        tcp_blocked,
        udp_blocked,
        mtu,
        idle,
    }))
}

/// Ports and ranges. `None`: one of them is wrong, and has been refused.
fn port_list(reader: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<Vec<u16>> {
    if !section.has(key) {
        return Some(Vec::new());
    }
    let mut all = Vec::new();
    for text in section.text_or_texts(reader, key)? {
        let ports = reader.judge(key, text, |text| match ports::list(text, EGRESS_PORTS_MAX) {
            Ok(ports) => Ok(ports),
            Err(why) => refusal(why, "write ports and ranges: [\"443\", \"5060-5061\"]"),
        })?;
        all.extend(ports.value.into_iter().filter(|port| !all.contains(port)).collect::<Vec<_>>());
    }
    Some(all)
}

fn idle(reader: &mut Reader<'_>, section: &Section<'_>, timeout: Option<Duration>) -> Option<Duration> {
    let idle = section.value(reader, "idle", |text| {
        let idle = values::duration(text)?;
        if idle.is_zero() || idle > EGRESS_IDLE_MAX {
            return refusal(
                format!("{text:?} is no time, or longer than an hour"),
                "write \"5m\", or whatever suits",
            );
        }
        if timeout.is_some_and(|timeout| timeout < idle + EGRESS_IDLE_MARGIN) {
            return refusal(
                format!("{text:?} does not fit into `timeout`"),
                "make `timeout` a few seconds longer than `idle`, and `every` at least as long",
            );
        }
        Ok(idle)
    });
    idle.map(|idle| idle.value)
}
