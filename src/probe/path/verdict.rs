//! Where a way stops, beside the last one that was good, in sentences. Pure.
//!
//! A router that doesn't answer while what lies behind it does is silent by policy: said so, and no fault. Where the last
//! router that answers was followed by silent ones when all was fine, too, nobody can say at which of them it stops
//! now, and the sentence doesn't either.

use std::net::IpAddr;

use super::trace::{End, Trace};
use crate::estate::{Component, Estate};
use crate::observation::{PathSeen, Stopped};

/// What is to be said of a trace. `good`: the last way of the same check on which the target was reached.
pub fn judge(trace: &Trace, good: Option<&Trace>, estate: &Estate) -> PathSeen {
    // A way to somewhere else, or of another kind, can't be compared with.
    let good = good.filter(|good| good.is_good() && (good.target, good.way) == (trace.target, trace.way));
    let words = Words { trace, good, estate };
    let stopped = match trace.end {
        End::Reached => Stopped::Reached,
        End::Refused => Stopped::Refused,
        End::Prohibited => Stopped::Prohibited,
        End::Unreachable | End::NoRoute => Stopped::Unreachable,
        End::Looping => Stopped::Looping,
        End::Silent => Stopped::Silent,
    };
    let sentences = [Some(words.end()), words.by_policy(), words.another_way(), words.only_one_port()];
    PathSeen {
        hops: trace.hops.clone(),
        last: trace.last().and_then(|hop| hop.address),
        stopped,
        sentence: sentences.into_iter().flatten().collect::<Vec<_>>().join(" "),
    }
}

/// A path that this machine couldn't trace.
pub fn unknown(why: &str) -> PathSeen {
    PathSeen {
        hops: Vec::new(),
        last: None,
        stopped: Stopped::Unknown,
        sentence: format!("The path could not be traced ({why}), which says nothing about the line."),
    }
}

struct Words<'a> {
    trace: &'a Trace,
    good: Option<&'a Trace>,
    estate: &'a Estate,
}

impl Words<'_> {
    fn end(&self) -> String {
        let target = self.trace.target;
        let last = self.trace.last().and_then(|hop| Some((hop.ttl, hop.address?)));
        match (self.trace.end, last) {
            (End::Reached, _) => format!("Reaches {} over {}.", self.named(target), self.length()),
            (End::Refused, _) => self.refused(),
            (End::Prohibited, Some((_, by))) => {
                format!(
                    "Stops at {}, which says that it is prohibited.{}",
                    self.named(by),
                    self.let_through(by)
                )
            }
            (End::Unreachable, Some((_, by))) => {
                format!(
                    "Stops at {}, which says that there is no way on to {target}.{}",
                    self.named(by),
                    self.let_through(by)
                )
            }
            (End::Looping, Some((_, by))) => {
                let circle: Vec<String> = self.circle(by).into_iter().map(|who| self.named(who)).collect();
                format!("Goes round in a circle: {}, and from there again.", circle.join(", then "))
            }
            (End::Silent, Some((ttl, by))) => format!("Stops after {}.{}", self.named(by), self.next(ttl)),
            (End::NoRoute | End::Prohibited | End::Unreachable, _) => {
                format!(
                    "Stops before the first router: this machine has no way to {target}, or its router doesn't answer."
                )
            }
            (End::Silent | End::Looping, None) => self.nothing(),
        }
    }

    fn refused(&self) -> String {
        let target = self.trace.target;
        let now = self.trace.hops.len();
        let before = self.trace.hops.iter().rev().skip(1).find_map(|hop| hop.address);
        match self.good {
            Some(good) if good.hops.len() > now => {
                let nearer = format!(
                    "Somebody refuses in the name of {target}, {} away, where {target} itself was {} away when all was fine",
                    hops(now),
                    hops(good.hops.len())
                );
                match before {
                    Some(before) => format!("{nearer}: that is behind {}.", self.named(before)),
                    None => format!("{nearer}."),
                }
            }
            _ => format!("Reaches {} over {}, which refuses.", self.named(target), self.length()),
        }
    }

    fn nothing(&self) -> String {
        let target = self.trace.target;
        let first = self.good.and_then(|good| good.hops.iter().find_map(|hop| hop.address));
        match first {
            None => format!("Nothing answers on the way to {target}, not even the first router."),
            Some(first) if first == target => {
                format!(
                    "{} doesn't answer; no router on the way to it does when all is fine either.",
                    self.named(target)
                )
            }
            Some(first) => {
                format!(
                    "Nothing answers on the way to {target}, not even {}, which does when all is fine.",
                    self.named(first)
                )
            }
        }
    }

    /// What came next when all was fine.
    fn next(&self, after: u8) -> String {
        let Some(good) = self.good else {
            return " Nothing behind it answers; no path from when all was fine is known.".to_owned();
        };
        let Some(next) = good.hops.iter().find(|hop| hop.ttl > after && hop.address.is_some()) else {
            return String::new();
        };
        let who = match next.address {
            Some(who) if who == self.trace.target => format!("{}, the target itself", self.named(who)),
            Some(who) => self.named(who),
            None => return String::new(),
        };
        if next.ttl == after.saturating_add(1) {
            return format!(" Next was {who}.");
        }
        let silent = numbers(&(after.saturating_add(1)..next.ttl).collect::<Vec<_>>());
        format!(" {silent} didn't answer when all was fine either, so it is there, or at {who}.")
    }

    /// Silent routers before one that answers.
    fn by_policy(&self) -> Option<String> {
        let silent: Vec<u8> =
            self.trace.hops.iter().filter(|hop| hop.address.is_none()).map(|hop| hop.ttl).collect();
        (!silent.is_empty()).then(|| {
            let who = numbers(&silent);
            let verb = if silent.len() == 1 { "is" } else { "are" };
            format!("{who} {verb} silent by policy, which is no fault: what lies behind answers.")
        })
    }

    /// The first router that isn't the one that it was.
    fn another_way(&self) -> Option<String> {
        let pairs = self.trace.hops.iter().zip(&self.good?.hops);
        let (now, was) = pairs
            .filter_map(|(now, was)| Some(((now.ttl, now.address?), was.address?)))
            .find(|((_, now), was)| now != was)?;
        // One that refuses in the target's name has been told of.
        (now.1 != self.trace.target)
            .then(|| format!("The route has changed: hop {} was {}.", now.0, self.named(was)))
    }

    /// A firewall lets ports through one by one, and the one that was traced may be none of those that fail.
    fn only_one_port(&self) -> Option<String> {
        let port = self.trace.port_of_many?;
        let way = self.trace.way.as_str();
        Some(format!(
            "This is the way over {way} to port {port}; what goes to the other ports of this check may be stopped elsewhere."
        ))
    }

    fn let_through(&self, by: IpAddr) -> &'static str {
        let did = self.good.is_some_and(|good| good.hops.iter().any(|hop| hop.address == Some(by)));
        if did { " It let it through when all was fine." } else { "" }
    }

    /// The routers of a circle, from the one that came round again.
    fn circle(&self, by: IpAddr) -> Vec<IpAddr> {
        let round = self.trace.hops.iter().skip_while(|hop| hop.address != Some(by));
        let mut found: Vec<IpAddr> = round.filter_map(|hop| hop.address).collect();
        found.pop();
        found
    }

    fn length(&self) -> String {
        hops(self.trace.hops.len())
    }

    /// The address, and what the estate calls it.
    fn named(&self, address: IpAddr) -> String {
        match self.estate.component_at(address) {
            Some(component) => format!("{address}, which is {}", called(component)),
            None => address.to_string(),
        }
    }
}

/// A component's name, with an article where it is a description and not a proper name: one that says what kind of
/// thing it is.
fn called(component: &Component) -> String {
    let Component { name, kind, .. } = component;
    let lower = name.to_lowercase();
    let is_description = lower.contains(&kind.to_lowercase()) && !lower.starts_with("the ");
    if is_description { format!("the {name}") } else { name.clone() }
}

fn hops(count: usize) -> String {
    if count == 1 { "1 hop".to_owned() } else { format!("{count} hops") }
}

/// `Hop 2`, `Hops 2 and 3`, `Hops 2, 3 and 5`
fn numbers(ttls: &[u8]) -> String {
    match ttls {
        [] => String::new(),
        [one] => format!("Hop {one}"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(ToString::to_string).collect();
            format!("Hops {} and {last}", most.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
