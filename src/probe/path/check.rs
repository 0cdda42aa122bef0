//! `kind = "path"`: a check whose question is the way itself. It fails where the target isn't reached, or where a router
//! that must be on the way isn't.

use std::net::IpAddr;

use tokio::time::Instant;

use super::super::fault::Fault;
use super::super::icmp::Pings;
use super::super::lookup::Lookup;
use super::super::rule::Rule;
use super::super::trail::Trail;
use super::super::way_out;
use super::trace::{End, Trace};
use super::{Way, follow};
use crate::estate::{Ask, HostPort, PathAsk};
use crate::limits::PATH_TIME_MAX;
use crate::observation::{Failure, Phase};

pub(in super::super) async fn ask(
    ask: &PathAsk,
    source: Option<IpAddr>,
    lookup: &Lookup,
    pings: &Pings,
    trail: &Trail,
) -> Result<(), Fault> {
    let there = HostPort { host: ask.host.clone(), port: ask.port.unwrap_or(0) };
    let target = lookup.address(&there, source, trail).await?;
    let question = Ask::Path(ask.clone());
    let phase = match Way::of(&question) {
        Way::Icmp => Phase::Echo,
        Way::Tcp | Way::Udp => Phase::Connect,
    };
    trail.enter(phase);
    let until = trail.last_call().min(Instant::now() + PATH_TIME_MAX);
    let trace = follow(&question, target, source, pings, until).await?;
    trail.rest();
    // How long the tracing took says nothing about the line; how long the target took does.
    if let (true, Some(ms)) = (trace.is_good(), trace.last().and_then(|hop| hop.ms)) {
        trail.measured(phase, ms);
    }
    judge(ask, &trace).map_err(|fault| way_out::judge(fault, Some(target), Some(phase), source))
}

pub(super) fn judge(ask: &PathAsk, trace: &Trace) -> Result<(), Fault> {
    let by = match trace.last().and_then(|hop| hop.address) {
        Some(last) => format!("the path stops at {last}"),
        None => "no router on the path answers".to_owned(),
    };
    match trace.end {
        End::Reached => crosses(ask, trace),
        End::Refused => Err(Fault::new(Failure::Refused, format!("{} refuses", trace.target))),
        End::Prohibited => {
            Err(Fault::new(Failure::Unreachable, format!("{by}, which says that it is prohibited")))
        }
        End::Unreachable => {
            Err(Fault::new(Failure::Unreachable, format!("{by}, which says that there is no way on")))
        }
        End::NoRoute => {
            Err(Fault::new(Failure::Unreachable, format!("this machine has no way to {}", trace.target)))
        }
        End::Looping => {
            Err(Fault::new(Failure::Timeout, format!("{by}: packets go round in a circle there")))
        }
        End::Silent => Err(Fault::new(Failure::Timeout, format!("{by}: nothing answers beyond"))),
    }
}

/// Where routers are silent, the one that must be on the way may be one of them: what isn't known fails nothing.
fn crosses(ask: &PathAsk, trace: &Trace) -> Result<(), Fault> {
    let Some(through) = ask.through else { return Ok(()) };
    let on_the_way: Option<Vec<IpAddr>> = trace.hops.iter().map(|hop| hop.address).collect();
    match on_the_way {
        Some(hops) if !hops.contains(&through) => {
            let hops: Vec<String> = hops.iter().map(ToString::to_string).collect();
            let detail = format!("{through} isn't on the path, which is {}", hops.join(", "));
            Err(Fault::new(Failure::WrongAnswer, detail).by(Rule::Through))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Hop;

    fn trace(hops: &[Option<u8>], end: End) -> Trace {
        let address = |n: u8| IpAddr::from([10, 20, 0, n]);
        let hops = hops.iter().zip(1..).map(|(n, ttl)| Hop { ttl, address: n.map(address), ms: Some(1.0) });
        Trace { way: Way::Icmp, target: address(9), port_of_many: None, hops: hops.collect(), end }
    }

    fn failure(trace: &Trace, through: Option<u8>) -> Option<Failure> {
        let through = through.map(|n| IpAddr::from([10, 20, 0, n]));
        let ask = PathAsk { host: "10.20.0.9".to_owned(), port: None, through };
        judge(&ask, trace).err().map(|fault| fault.failure)
    }

    #[test]
    fn a_way_that_is_another_fails_unless_a_silent_router_may_be_the_one() {
        let way = trace(&[Some(1), Some(2), Some(9)], End::Reached);
        assert_eq!(failure(&way, None), None);
        assert_eq!(failure(&way, Some(2)), None);
        assert_eq!(failure(&way, Some(3)), Some(Failure::WrongAnswer));
        assert_eq!(failure(&trace(&[Some(1), None, Some(9)], End::Reached), Some(3)), None);
    }

    #[test]
    fn each_end_has_its_word() {
        for (end, word) in [
            (End::Silent, Failure::Timeout),
            (End::Looping, Failure::Timeout),
            (End::Prohibited, Failure::Unreachable),
            (End::Unreachable, Failure::Unreachable),
            (End::NoRoute, Failure::Unreachable),
            (End::Refused, Failure::Refused),
        ] {
            assert_eq!(failure(&trace(&[Some(1)], end), None), Some(word), "{end:?}");
        }
    }
}
