//! The scenario as it stands in its file, and its way into [`Scenario`].
//!
//! Every value keeps its place in the text, so that each trouble names line and column; what TOML itself
//! accepts is checked to the end, and all troubles come at once.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::value::Datetime;

use super::raw::{File, RawExpect, RawFault, RawFlapping, RawNoise, RawPlan, RawRecovery};
use super::{
    DnsAnswer, Expected, Fault, Flapping, Hit, Mode, Noise, Recovery, Rolling, Scenario, Spool, Target,
    Verdict, Window, parse_length,
};
use crate::time::At;
use crate::world::estates::Plan;

/// What is wrong with a scenario file: one line each, `NAME:LINE:COLUMN: what, and the way out`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Troubles(pub Vec<Trouble>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub what: String,
}

impl fmt::Display for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, trouble) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{}:{}: {}", trouble.file, trouble.line, trouble.column, trouble.what)?;
        }
        Ok(())
    }
}

impl Scenario {
    /// Reads a scenario. `name` is the file's name without its ending; it stands in the troubles too.
    pub fn parse(name: &str, text: &str) -> Result<Self, Troubles> {
        let mut reader = Reader { name, text, troubles: Vec::new() };
        let file: File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                reader.say(error.span().unwrap_or(0..0), error.message());
                return Err(Troubles(reader.troubles));
            }
        };
        let scenario = reader.scenario(&file);
        if reader.troubles.is_empty() { Ok(scenario) } else { Err(Troubles(reader.troubles)) }
    }
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    troubles: Vec<Trouble>,
}

impl Reader<'_> {
    fn say(&mut self, place: Range<usize>, what: impl Into<String>) {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.troubles.push(Trouble {
            file: format!("{}.toml", self.name),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
        });
    }

    fn scenario(&mut self, file: &File) -> Scenario {
        let faults: Vec<Fault> = file.fault.iter().map(|raw| self.fault(raw)).collect();
        let expected = file.expect.iter().map(|raw| self.expected(raw, &faults)).collect();
        let length = self.length(&file.length);
        for (raw, fault) in file.fault.iter().zip(&faults) {
            if fault.when.from >= length {
                self.say(raw.as_ref().at.span(), "begins after the scenario's end; make `length` longer");
            }
        }
        Scenario {
            name: self.name.to_owned(),
            title: file.title.clone(),
            happened: file.happened.clone(),
            seed: file.seed,
            start: self.start(&file.start),
            length,
            warm_up: file.warm_up.as_ref().map_or(Duration::from_mins(10), |text| self.length(text)),
            drill_length: file
                .drill_length
                .as_ref()
                .map_or(Duration::from_secs(75), |text| self.length(text)),
            plan: self.plan(&file.estate),
            noise: self.noise(&file.noise),
            faults,
            expected,
        }
    }

    fn start(&mut self, start: &Spanned<Datetime>) -> At {
        if let Ok(at) = start.as_ref().to_string().parse() {
            return at;
        }
        self.say(start.span(), "needs date, time and zone, like 2023-03-16T08:00:00Z");
        At::default()
    }

    fn length(&mut self, text: &Spanned<String>) -> Duration {
        match parse_length(text.as_ref()) {
            Ok(length) => length,
            Err(error) => {
                self.say(text.span(), error.to_string());
                Duration::ZERO
            }
        }
    }

    /// A time in a drill, given in seconds.
    fn drill_time(&mut self, secs: &Spanned<f64>) -> Duration {
        let value = *secs.as_ref();
        if value.is_finite() && (0.0..=600.0).contains(&value) {
            return Duration::from_secs_f64(value);
        }
        self.say(secs.span(), format!("{value} is not a second of a drill; write 0 to 600"));
        Duration::ZERO
    }

    fn share(&mut self, share: &Spanned<f64>) -> f64 {
        let value = *share.as_ref();
        if (0.0..=1.0).contains(&value) {
            return value;
        }
        self.say(share.span(), format!("{value} is not a share; write 0 to 1"));
        0.0
    }

    fn plan(&mut self, raw: &RawPlan) -> Plan {
        let usual = Plan::default();
        let mut count = |field: &Option<Spanned<usize>>, usual: usize, least: usize, most: usize| {
            let Some(field) = field else { return usual };
            let value = *field.as_ref();
            if (least..=most).contains(&value) {
                return value;
            }
            self.say(field.span(), format!("{value} is out of range; write {least} to {most}"));
            usual
        };
        let mut plan = Plan {
            practices: count(&raw.practices, usual.practices, 1, Plan::PRACTICES_MAX),
            branches: count(&raw.branches, usual.branches, 0, Plan::PRACTICES_MAX),
            carriers: count(&raw.carriers, usual.carriers, 1, Plan::COMPONENTS_MAX),
            firewalls: count(&raw.firewalls, usual.firewalls, 0, Plan::COMPONENTS_MAX),
            gateways: count(&raw.gateways, usual.gateways, 0, Plan::COMPONENTS_MAX),
            firmwares: count(&raw.firmwares, usual.firmwares, 0, Plan::COMPONENTS_MAX),
            services: count(&raw.services, usual.services, 0, Plan::SERVICES_MAX),
            datacentre: raw.datacentre,
            ..usual
        };
        if let Some(every) = &raw.every {
            plan.every = self.length(every);
            if plan.every < Duration::from_secs(1) {
                self.say(every.span(), "must be a second or more");
            }
        }
        if let Some(timeout) = &raw.timeout {
            plan.timeout = self.length(timeout);
            if plan.timeout.is_zero() || plan.timeout > plan.every {
                self.say(timeout.span(), "must be above zero and no longer than `every`");
            }
        }
        plan
    }

    fn noise(&mut self, raw: &RawNoise) -> Noise {
        let usual = Noise::default();
        Noise {
            leak: raw.leak.as_ref().map_or(usual.leak, |leak| self.share(leak)),
            flaky: raw.flaky.unwrap_or(usual.flaky),
            spool: match raw.spool.as_ref().map(|text| text.as_ref().as_str()) {
                None | Some("kept") => Spool::Kept,
                Some("lost") => Spool::Lost,
                Some(other) => {
                    let place = raw.spool.as_ref().map_or(0..0, Spanned::span);
                    self.say(place, format!("\"{other}\" is no way to spool; write \"kept\" or \"lost\""));
                    Spool::Kept
                }
            },
            rough: None,
        }
    }

    fn fault(&mut self, spanned: &Spanned<RawFault>) -> Fault {
        let raw = spanned.as_ref();
        let when =
            Window { from: self.length(&raw.at), until: raw.until.as_ref().map(|until| self.length(until)) };
        if let (Some(until), Some(text)) = (when.until, &raw.until)
            && until <= when.from
        {
            self.say(text.span(), "ends before it begins; `until` is an offset from `start`, like `at`");
        }
        let drill = raw.drill_at.as_ref().map(|from| Window {
            from: self.drill_time(from),
            until: raw.drill_until.as_ref().map(|until| self.drill_time(until)),
        });
        if let (None, Some(until)) = (&drill, &raw.drill_until) {
            self.say(until.span(), "means nothing without `drill_at`");
        }
        if let (Some(Window { from, until: Some(until) }), Some(text)) = (&drill, &raw.drill_until)
            && until <= from
        {
            self.say(text.span(), "ends before `drill_at`");
        }
        let (mode, rate) = self.mode(raw);
        let target = self.target(spanned);
        if mode == Mode::Off && !matches!(target, Target::Practices(_)) {
            self.say(raw.mode.span(), "only a practice's agent can be off: name `practice` or `practices`");
        }
        let mut recovery: Vec<Recovery> = raw.recovery.iter().map(|step| self.recovery(step)).collect();
        recovery.sort_by_key(|step| step.at);
        Fault {
            id: raw.id.clone(),
            target,
            mode,
            rate,
            sites: raw.sites.as_ref().map_or(1.0, |sites| self.share(sites)),
            when,
            drill,
            only_network: raw.only_network.clone(),
            only_probes: raw.only_probes.clone(),
            flapping: raw.flapping.as_ref().and_then(|flapping| self.flapping(flapping)),
            rolling: raw.rolling.as_ref().map(|rolling| Rolling {
                over: self.length(&rolling.over),
                lasts: self.length(&rolling.lasts),
            }),
            recovery,
            failover: raw.failover.unwrap_or(true),
        }
    }

    fn flapping(&mut self, raw: &RawFlapping) -> Option<Flapping> {
        let flapping = Flapping { period: self.length(&raw.period), down: self.length(&raw.down) };
        if flapping.period.is_zero() || flapping.down > flapping.period {
            self.say(raw.down.span(), "`down` must be no longer than `period`, and `period` above zero");
            return None;
        }
        Some(flapping)
    }

    fn recovery(&mut self, raw: &RawRecovery) -> Recovery {
        Recovery {
            at: self.length(&raw.at),
            drill_at: raw.drill_at.as_ref().map(|at| self.drill_time(at)),
            sites: self.share(&raw.sites),
        }
    }

    fn target(&mut self, spanned: &Spanned<RawFault>) -> Target {
        let raw = spanned.as_ref();
        let mut named: Vec<Target> = Vec::new();
        named.extend(raw.component.clone().map(Target::Component));
        named.extend(raw.service.clone().map(Target::Service));
        named.extend(raw.network.clone().map(Target::Network));
        named.extend(raw.practice.clone().map(|id| Target::Practices(vec![id])));
        named.extend(raw.practices.clone().map(Target::Practices));
        named.extend(raw.hub.filter(|hub| *hub).map(|_| Target::Hub));
        if named.len() != 1 {
            self.say(
                spanned.span(),
                format!(
                    "this fault names {} targets; name exactly one of component, service, network, practice, \
                     practices, hub = true",
                    named.len()
                ),
            );
        }
        named.into_iter().next().unwrap_or(Target::Hub)
    }

    fn mode(&mut self, raw: &RawFault) -> (Mode, f64) {
        let word = raw.mode.as_ref().as_str();
        let rate = raw.rate.as_ref().map(|rate| self.share(rate));
        if word == "partial" && rate.is_none() {
            self.say(raw.mode.span(), "partial needs `rate`: the share of askings that get no answer");
        }
        self.belongs(raw.ms.as_ref().map(Spanned::span), word == "slow", "ms", "slow");
        self.belongs(raw.answer.as_ref().map(Spanned::span), word == "dns", "answer", "dns");
        self.belongs(raw.status.as_ref().map(Spanned::span), word == "status", "status", "status");
        let mode = match word {
            "total" | "partial" => Mode::Total,
            "refused" => Mode::Refused,
            "reset" => Mode::Reset,
            "unreachable" => Mode::Unreachable,
            "tls" => Mode::Tls,
            "intercepted" => Mode::Intercepted,
            "untrusted" => Mode::Untrusted,
            "large" => Mode::Large,
            "off" => Mode::Off,
            "slow" => match &raw.ms {
                Some(ms) if ms.as_ref().is_finite() && *ms.as_ref() > 0.0 => Mode::Slow { ms: *ms.as_ref() },
                _ => {
                    self.say(raw.mode.span(), "slow needs `ms`: how many milliseconds later answers come");
                    Mode::Slow { ms: 0.0 }
                }
            },
            "status" => Mode::Status(raw.status.as_ref().map_or_else(
                || {
                    self.say(raw.mode.span(), "status needs `status`: the HTTP status that it answers with");
                    503
                },
                |status| *status.as_ref(),
            )),
            "dns" => Mode::Dns(match raw.answer.as_ref().map(|answer| answer.as_ref().as_str()) {
                Some("servfail") => DnsAnswer::Servfail,
                Some("nxdomain") => DnsAnswer::Nxdomain,
                Some("refused") => DnsAnswer::Refused,
                Some("timeout") => DnsAnswer::Timeout,
                _ => {
                    let place = raw.answer.as_ref().map_or(raw.mode.span(), Spanned::span);
                    self.say(
                        place,
                        "dns needs `answer`: \"servfail\", \"nxdomain\", \"refused\" or \"timeout\"",
                    );
                    DnsAnswer::Servfail
                }
            }),
            other => {
                self.say(
                    raw.mode.span(),
                    format!(
                        "\"{other}\" is no mode; write total, partial, refused, reset, unreachable, slow, dns, \
                         tls, intercepted, untrusted, large, status or off (and `sites`, `flapping`, `rolling` \
                         or `recovery` for which sites and when)"
                    ),
                );
                Mode::Total
            }
        };
        (mode, rate.unwrap_or(1.0))
    }

    fn belongs(&mut self, place: Option<Range<usize>>, at_home: bool, key: &str, mode: &str) {
        if let (Some(place), false) = (place, at_home) {
            self.say(place, format!("`{key}` belongs to mode \"{mode}\""));
        }
    }

    fn expected(&mut self, spanned: &Spanned<RawExpect>, faults: &[Fault]) -> Expected {
        let raw = spanned.as_ref();
        if raw.silence == Some(true) {
            if !raw.cause.is_empty() {
                self.say(spanned.span(), "silence has no cause: remove one of the two");
            }
            return Expected::Silence;
        }
        if raw.cause.is_empty() {
            self.say(
                spanned.span(),
                "expects nothing; write cause = [{ kind = \"firewall\", id = \"…\" }] or silence = true",
            );
        }
        if let Some(fault) = &raw.fault
            && !faults.iter().any(|other| other.id.as_deref() == Some(fault.as_ref().as_str()))
        {
            self.say(fault.span(), format!("no fault of this scenario has the id \"{}\"", fault.as_ref()));
        }
        Expected::Verdict(Verdict {
            cause: raw.cause.clone(),
            signature: raw.signature.clone(),
            network: raw.network.clone().map(|id| if id == "both" { Hit::Both } else { Hit::One(id) }),
            fault: raw.fault.as_ref().map(|fault| fault.as_ref().clone()),
            named_within: raw.named_within.as_ref().map(|text| self.length(text)),
            resolved_within: raw.resolved_within.as_ref().map(|text| self.length(text)),
            incidents_max: raw.incidents_max.unwrap_or(1),
            changes_min: raw.changes_min.unwrap_or(0),
        })
    }
}
