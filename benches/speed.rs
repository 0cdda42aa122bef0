//! One observation and one whole evaluation, of a county and of England, healthy and with the largest firewall
//! down. `cargo bench --bench correlator`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use linewatch::correlate::Correlator;
use linewatch::estate::Estate;
use linewatch::observation::{Failure, Observation, Phase};
use linewatch::time::At;
use linewatch::world::estates::{Plan, build};
use linewatch::world::virtual_time::blank;

const EVERY_MS: i64 = 30_000;

fn estate(practices: usize) -> Arc<Estate> {
    Arc::new(build(&Plan { practices, ..Plan::default() }))
}

/// Every check once in each of so many rounds, evenly spread. In the last round, `down` decides who fails.
fn rounds(estate: &Estate, rounds: i64, down: bool) -> Vec<Observation> {
    let start: At = At::from_millis(1_773_644_400_000);
    let firewall = estate.component("fw-maidstone");
    let checks = estate.practices.len() * estate.probes.len();
    let mut lines = Vec::with_capacity(checks);
    for round in 0..rounds {
        let mut asked = 0_i64;
        for probe in &estate.probes {
            for practice in &estate.practices {
                let behind =
                    practice.via.iter().any(|used| firewall.is_some_and(|ix| used.any.contains(&ix)));
                let internet = estate.networks[probe.network.at()].id == "internet";
                let fails = down && round + 1 == rounds && behind && internet;
                let offset_ms = asked * EVERY_MS / i64::try_from(checks).unwrap_or(i64::MAX);
                lines.push(Observation {
                    at: start.plus_millis(round * EVERY_MS + offset_ms),
                    practice: practice.id.clone(),
                    probe: probe.id.clone(),
                    ok: !fails,
                    failure: fails.then_some(Failure::Timeout),
                    phase: fails.then_some(Phase::Connect),
                    ms: 40.0,
                    ..blank()
                });
                asked += 1;
            }
        }
    }
    lines
}

fn correlator(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("correlator");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    for practices in [175, 6_200] {
        let estate = estate(practices);
        for (state, down) in [("healthy", false), ("firewall down", true)] {
            let lines = rounds(&estate, 3, down);
            let mut fed = Correlator::new(Arc::clone(&estate));
            for line in &lines {
                fed.take(line);
            }
            while fed.poll_event().is_some() {}
            // The same answer again and again, a millisecond apart; evaluations that fall due are part of it.
            let mut seen = lines[lines.len() - 1].clone();
            group.bench_function(format!("one observation, {practices} practices, {state}"), |bencher| {
                bencher.iter(|| {
                    seen.at = seen.at.plus_millis(1);
                    black_box(fed.take(&seen));
                });
            });
            drop(fed);
            group.bench_function(format!("one evaluation, {practices} practices, {state}"), |bencher| {
                let mut fed = Correlator::new(Arc::clone(&estate));
                for line in &lines {
                    fed.take(line);
                }
                let mut now = lines[lines.len() - 1].arrival();
                let mut flip = lines[lines.len() - 1].clone();
                bencher.iter_custom(|times| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..times {
                        // A check whose result turns over calls for an evaluation; only that is timed.
                        now = now.plus_millis(1);
                        (flip.at, flip.ok) = (now, !flip.ok);
                        flip.failure = (!flip.ok).then_some(Failure::Timeout);
                        fed.take(&flip);
                        now = now.plus_millis(1_050);
                        let began = std::time::Instant::now();
                        fed.advance(now);
                        spent += began.elapsed();
                        while fed.poll_event().is_some() {}
                        if now.millis_since(lines[lines.len() - 1].at) > EVERY_MS {
                            // Evidence would go stale: begin again.
                            fed = Correlator::new(Arc::clone(&estate));
                            for line in &lines {
                                fed.take(line);
                            }
                            now = lines[lines.len() - 1].arrival();
                        }
                    }
                    spent
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, correlator);
criterion_main!(benches);
