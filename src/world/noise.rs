//! Everyday bad luck: how long answers take, the odd asking that fails for no reason, and checks that are
//! always bad.

use std::time::Duration;

use crate::estate::{Ask, Estate, PathAsk, Probe};
use crate::observation::{Failure, Phase};
use crate::world::dice::{mix, mix_text, unit};
use crate::world::faults::Fate;
use crate::world::rough::RoughLuck;
use crate::world::scenario::{DnsAnswer, Noise};

/// How one asking came out, small enough to wait by the million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub failure: Option<Failure>,
    pub phase: Option<Phase>,
    /// The HTTP status, where it is the reason; else 0.
    pub status: u16,
    /// Tenths of a millisecond.
    pub tenths: u32,
}

impl Outcome {
    /// What a heartbeat is: nothing was asked.
    pub const ALIVE: Self = Self { failure: None, phase: None, status: 0, tenths: 0 };

    /// An asking that is silent for so long, and goes on.
    pub fn late(silent: Duration) -> Self {
        let tenths = u32::try_from(silent.as_micros() / 100).unwrap_or(u32::MAX);
        Self { failure: Some(Failure::TooSlow), phase: None, status: 0, tenths }
    }

    /// How long it took.
    pub fn ms(self) -> f64 {
        f64::from(self.tenths) / 10.0
    }
}

/// The luck of each check of an estate.
#[derive(Debug, Clone)]
pub struct Luck {
    seed: u64,
    /// By vantage, then probe, as in [`super::faults::World`].
    checks: Vec<Check>,
    probes: Vec<Traits>,
    rough: Option<RoughLuck>,
}

#[derive(Debug, Clone, Copy)]
struct Check {
    /// Milliseconds that an answer takes at least.
    base_ms: f32,
    /// Chance that it fails for no reason.
    leak: f32,
}

#[derive(Debug, Clone, Copy)]
struct Traits {
    timeout_ms: f64,
    /// Where an asking stands that gets no answer at all.
    connecting: Phase,
    /// Where one stands whose answer is late.
    waiting: Phase,
    is_tls: bool,
    /// Its server's certificates fit into one packet.
    short_chain: bool,
}

impl Luck {
    pub fn new(estate: &Estate, noise: Noise, seed: u64) -> Self {
        let seed = mix(seed, 0x10CC);
        let mut checks = Vec::with_capacity((estate.practices.len() + 1) * estate.probes.len());
        let askers =
            estate.practices.iter().map(|practice| practice.id.as_str()).chain([crate::observation::HUB]);
        for asker in askers {
            // A line has a length: some practices are further from everything.
            let line = 2.0 + 18.0 * unit(mix_text(seed, asker)).powi(2);
            for probe in &estate.probes {
                let far = unit(mix_text(seed ^ 1, &probe.id));
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "milliseconds to a tenth are precise enough"
                )]
                let base_ms = (line * trips(probe) + 4.0 + 20.0 * far) as f32;
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a chance to six digits is precise enough"
                )]
                checks.push(Check { base_ms, leak: noise.leak as f32 });
            }
        }
        // The checks with the lowest throws are the flaky ones: always the same for one seed.
        let flaky_seed = mix(seed, 0xF1A);
        let asked_by_practices = checks.len() - estate.probes.len();
        let mut order: Vec<usize> = (0..asked_by_practices).collect();
        order.sort_by_key(|n| mix(flaky_seed, *n as u64));
        for n in order.into_iter().take(noise.flaky) {
            #[expect(clippy::cast_possible_truncation, reason = "a chance to six digits is precise enough")]
            let leak = (0.05 + 0.15 * unit(mix(flaky_seed ^ 1, n as u64))) as f32;
            checks[n].leak = leak;
        }
        let rough = noise.rough.map(|rough| RoughLuck::new(estate, rough, seed));
        Self { seed, checks, probes: estate.probes.iter().map(Traits::of).collect(), rough }
    }

    /// How an asking comes out that meets `fate`. `row` is the asker's: a practice's position, and one past
    /// the last for the hub.
    pub fn outcome(&self, row: usize, probe: usize, at_ms: i64, fate: Fate) -> Outcome {
        let check = self.checks[row * self.probes.len() + probe];
        let traits = &self.probes[probe];
        let throw = mix(mix(self.seed, (row as u64) << 20 | probe as u64), at_ms.cast_unsigned());
        // Most answers take little more than the shortest; a few take several times as long.
        let mut usual_ms = f64::from(check.base_ms) * (1.0 + 0.12 * -(1.0 - unit(mix(throw, 1))).ln());
        let is_unlucky = match &self.rough {
            None => unit(throw) < f64::from(check.leak),
            Some(rough) => {
                usual_ms *= rough.congestion(row, at_ms);
                rough.fails(row, probe, at_ms)
            }
        };
        let met = match fate {
            Fate::Pass | Fate::Slow { .. } if is_unlucky => {
                if mix(throw, 2).is_multiple_of(8) {
                    Fate::Unreachable
                } else {
                    Fate::Drop
                }
            }
            fate => fate,
        };
        traits.outcome(met, usual_ms)
    }
}

/// Round trips that a kind of check takes.
fn trips(probe: &Probe) -> f64 {
    match &probe.ask {
        Ask::Http(ask) if ask.tls => 4.0,
        Ask::Http(_) => 2.0,
        _ => 1.0,
    }
}

impl Traits {
    fn of(probe: &Probe) -> Self {
        let (connecting, waiting) = match &probe.ask {
            Ask::Dns(_) => (Phase::Dns, Phase::Dns),
            Ask::Http(_) => (Phase::Connect, Phase::FirstByte),
            Ask::Icmp(_) | Ask::Rtp(_) | Ask::Path(PathAsk { port: None, .. }) => (Phase::Echo, Phase::Echo),
            Ask::Tcp(_) | Ask::Egress(_) | Ask::Path(_) | Ask::Later { .. } => {
                (Phase::Connect, Phase::Connect)
            }
            ask if ask.opens_stream() => (Phase::Connect, Phase::FirstByte),
            _ => (Phase::FirstByte, Phase::FirstByte),
        };
        let is_tls = probe.ask.speaks_tls();
        let short_chain = mix_text(0xC4A1, &probe.id).is_multiple_of(2);
        Self { timeout_ms: probe.rhythm().1.as_secs_f64() * 1000.0, connecting, waiting, is_tls, short_chain }
    }

    fn outcome(&self, fate: Fate, usual_ms: f64) -> Outcome {
        let fails = |failure: Failure, phase: Phase, ms: f64| self.done(Some((failure, phase)), 0, ms);
        match fate {
            Fate::Pass => self.done(None, 0, usual_ms),
            Fate::Slow { ms } => self.done(None, 0, usual_ms + ms),
            Fate::Drop => fails(Failure::Timeout, self.connecting, self.timeout_ms),
            Fate::Unreachable => fails(Failure::Unreachable, self.connecting, usual_ms / 2.0),
            Fate::Refuse => fails(Failure::Refused, self.connecting, usual_ms / 2.0),
            Fate::Reset => {
                fails(Failure::Reset, if self.is_tls { Phase::Tls } else { self.waiting }, usual_ms / 2.0)
            }
            Fate::Dns(DnsAnswer::Timeout) => fails(Failure::Timeout, Phase::Dns, self.timeout_ms),
            Fate::Dns(DnsAnswer::Servfail) => fails(Failure::Servfail, Phase::Dns, usual_ms / 3.0),
            Fate::Dns(DnsAnswer::Nxdomain) => fails(Failure::Nxdomain, Phase::Dns, usual_ms / 3.0),
            Fate::Dns(DnsAnswer::Refused) => fails(Failure::DnsRefused, Phase::Dns, usual_ms / 3.0),
            Fate::Tls => fails(Failure::Tls, Phase::Tls, usual_ms / 2.0),
            Fate::Intercept => fails(Failure::Intercepted, Phase::Tls, usual_ms),
            Fate::Untrusted => fails(Failure::Untrusted, Phase::Tls, usual_ms),
            // A certificate chain is large too, but some servers' fits.
            Fate::Stall => {
                let phase = if self.is_tls && !self.short_chain { Phase::Tls } else { Phase::Body };
                fails(Failure::Timeout, phase, self.timeout_ms)
            }
            Fate::Status(status) => self.done(Some((Failure::Status, Phase::FirstByte)), status, usual_ms),
        }
    }

    /// An answer that comes after the time-out is none.
    fn done(&self, failure: Option<(Failure, Phase)>, status: u16, ms: f64) -> Outcome {
        let late = ms > self.timeout_ms;
        let failure = if late { Some((Failure::Timeout, self.waiting)) } else { failure };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a time-out")]
        let tenths = (ms.min(self.timeout_ms) * 10.0).round() as u32;
        Outcome {
            failure: failure.map(|(failure, _)| failure),
            phase: failure.map(|(_, phase)| phase),
            status: if late { 0 } else { status },
            tenths,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::estates::{Plan, build};

    #[test]
    fn a_quiet_line_fails_as_often_as_its_leak_says() {
        let estate = build(&Plan::default());
        let luck = Luck::new(&estate, Noise { leak: 0.01, ..Noise::default() }, 7);
        let failed =
            (0..100_000).filter(|n| luck.outcome(3, 1, n * 30_000, Fate::Pass).failure.is_some()).count();
        assert!((850..1_150).contains(&failed), "{failed} of 100,000");
    }

    #[test]
    fn just_as_many_checks_are_flaky_as_the_scenario_says() {
        let estate = build(&Plan::default());
        let luck = Luck::new(&estate, Noise { leak: 0.0, flaky: 3, ..Noise::default() }, 7);
        let flaky = luck.checks.iter().filter(|check| check.leak >= 0.05 && check.leak <= 0.2).count();
        assert_eq!(flaky, 3);
    }

    #[test]
    fn an_answer_later_than_the_time_out_is_a_time_out() {
        let estate = build(&Plan::default());
        let luck = Luck::new(&estate, Noise { leak: 0.0, ..Noise::default() }, 7);
        let slow = luck.outcome(0, 1, 0, Fate::Slow { ms: 800.0 });
        assert_eq!(slow.failure, None);
        assert!(slow.ms() > 800.0);
        let late = luck.outcome(0, 1, 0, Fate::Slow { ms: 9_000.0 });
        assert_eq!((late.failure, late.phase), (Some(Failure::Timeout), Some(Phase::FirstByte)));
        assert!((late.ms() - 5_000.0).abs() < f64::EPSILON);
    }

    #[test]
    fn each_fate_shows_at_the_phase_where_it_strikes() {
        let estate = build(&Plan::default());
        let luck = Luck::new(&estate, Noise { leak: 0.0, ..Noise::default() }, 7);
        let https = estate.probe("accurx-https").expect("a probe").at();
        for (fate, failure, phase) in [
            (Fate::Drop, Failure::Timeout, Phase::Connect),
            (Fate::Refuse, Failure::Refused, Phase::Connect),
            (Fate::Reset, Failure::Reset, Phase::Tls),
            (Fate::Dns(DnsAnswer::Nxdomain), Failure::Nxdomain, Phase::Dns),
            (Fate::Intercept, Failure::Intercepted, Phase::Tls),
            (Fate::Untrusted, Failure::Untrusted, Phase::Tls),
            (Fate::Stall, Failure::Timeout, Phase::Body),
            (Fate::Status(503), Failure::Status, Phase::FirstByte),
        ] {
            let out = luck.outcome(0, https, 0, fate);
            assert_eq!((out.failure, out.phase), (Some(failure), Some(phase)), "{fate:?}");
        }
    }
}
