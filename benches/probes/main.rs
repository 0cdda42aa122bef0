//! What one check costs the prober: CPU microseconds a check and checks a second, beside a bare loop of sockets and the
//! probers of Debian, against the same servers in one run. `benches/probes.sh` installs those and calls this.
//!
//! Each prober is a process of its own, and what counts is its own processor time, the kernel's on its behalf included.
//! Every check is a full one: a new socket, all phases, the certificate parsed; nothing is reused.

#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark that cannot go on has failed")]

mod bare;
mod blackbox;
mod plain;
mod serve;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use linewatch::estate::{Ask, DnsAsk, HostPort, HttpAsk, IcmpAsk, NetworkIx, Probe, TcpAsk, UdpAsk};
use linewatch::probe::Prober;
use nix::sys::resource::{UsageWho, getrusage};

pub use plain::{ADDRESSES, address};
use serve::Doors;

/// What is asked.
const KINDS: [&str; 7] = ["icmp", "udp", "tcp", "dns", "http", "https", ANEW];
/// `https`, each time for another name, so that no chain has been verified before.
const ANEW: &str = "https-anew";
const CONCURRENCY: usize = 32;

/// What a prober did.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    pub checks: u64,
    pub took: Duration,
    pub cpu: Duration,
}

impl Work {
    fn row(self) -> String {
        let checks = self.checks.max(1) as f64;
        format!("{:.1} µs | {:.0}/s", self.cpu.as_secs_f64() * 1e6 / checks, checks / self.took.as_secs_f64())
    }

    /// For the process that asked for it.
    fn print(self) {
        println!("{} {} {}", self.checks, self.took.as_micros(), self.cpu.as_micros());
    }

    /// `None`: it did nothing.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().map(|word| word.parse::<u64>().expect("a number"));
        let (checks, took, cpu) = (words.next()?, words.next()?, words.next()?);
        Some(Self { checks, took: Duration::from_micros(took), cpu: Duration::from_micros(cpu) })
    }
}

/// Processor time of this process so far.
///
/// # Panics
///
/// When the system doesn't say.
pub fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("this process's usage");
    let of = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(u64::try_from(time.tv_sec()).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap_or(0))
    };
    of(usage.user_time()) + of(usage.system_time())
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => serve::serve(),
        ["linewatch", kind, seconds] => linewatch(kind, seconds_of(seconds)).print(),
        ["bare", kind, seconds] => {
            if let Some(work) = bare::ask(kind, &Doors::given(), seconds_of(seconds)) {
                work.print();
            }
        }
        [] => compare(3),
        [seconds] => compare(seconds.parse().expect("seconds")),
        other => panic!("unknown: {other:?}"),
    }
}

fn seconds_of(word: &str) -> Duration {
    Duration::from_secs(word.parse().expect("seconds"))
}

/// Everything, one after the other, as a table.
fn compare(seconds: u64) {
    let exe = std::env::current_exe().expect("this program");
    let mut server = Command::new(&exe)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("servers");
    let doors = Doors::heard(server.stdout.take().expect("their doors")).or_others();
    let run = |who: &str, kind: &str| {
        let output = Command::new(&exe)
            .args([who, kind, &seconds.to_string()])
            .env(Doors::VARIABLE, doors.words())
            .stderr(Stdio::inherit())
            .output()
            .expect("a prober");
        assert!(output.status.success(), "{who} could not ask {kind}");
        Work::parse(&String::from_utf8_lossy(&output.stdout))
    };
    let exporter = blackbox::Exporter::start();
    println!(
        "{CONCURRENCY} checks at once, {seconds} s each; CPU of the prober a check, and checks a second"
    );
    println!();
    println!("| kind | linewatch | | bare sockets | | blackbox_exporter | | linewatch against it |");
    println!("|---|---|---|---|---|---|---|---|");
    for kind in KINDS {
        let ours = run("linewatch", kind);
        let bare = run("bare", kind);
        let theirs = exporter.as_ref().and_then(|exporter| exporter.ask(kind, &doors, seconds));
        let row = |work: Option<Work>| work.map_or("- | -".to_owned(), Work::row);
        let cost = |work: Work| work.cpu.as_secs_f64() / work.checks.max(1) as f64;
        let ratio = match (ours, theirs) {
            (Some(ours), Some(theirs)) => format!("{:.1} × less", cost(theirs) / cost(ours)),
            _ => "-".to_owned(),
        };
        println!("| {kind} | {} | {} | {} | {ratio} |", row(ours), row(bare), row(theirs));
    }
    drop(exporter);
    drop(server.stdin.take());
    drop(server.wait());
}

fn linewatch(kind: &str, time: Duration) -> Work {
    let doors = Doors::given();
    let probe = Probe {
        id: kind.to_owned(),
        network: NetworkIx(0),
        service: None,
        every: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        also: Vec::new(),
        resolver: None,
        ask: ask(kind, &doors),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let prober = Prober::new().expect("a prober");
    runtime.block_on(async {
        let answer = prober.ask(&probe, None).await;
        assert!(answer.ok, "{kind}: {answer:?}");
        let (begun, cpu_before) = (Instant::now(), cpu());
        let askers: Vec<_> = (0..CONCURRENCY)
            .map(|nth| {
                let (prober, mut probe) = (prober.clone(), probe.clone());
                spread(&mut probe.ask, nth);
                tokio::spawn(async move {
                    let mut checks = 0;
                    while begun.elapsed() < time {
                        unknown(&mut probe.ask, nth, checks);
                        let answer = prober.ask(&probe, None).await;
                        assert!(answer.ok, "{answer:?}");
                        checks += 1;
                    }
                    checks
                })
            })
            .collect();
        let mut checks = 0;
        for asker in askers {
            checks += asker.await.expect("an asker");
        }
        Work { checks, took: begun.elapsed(), cpu: cpu().saturating_sub(cpu_before) }
    })
}

/// Asks for a name that nobody has asked for, where it is asked for by name.
fn unknown(ask: &mut Ask, nth: usize, check: u64) {
    if let Ask::Http(ask) = ask
        && let Some(name) = &mut ask.sni
    {
        *name = format!("{nth}-{check}{}", serve::BELOW);
    }
}

fn spread(ask: &mut Ask, nth: usize) {
    match ask {
        Ask::Tcp(ask) => ask.target.host = address(nth),
        Ask::Http(ask) if !ask.tls => ask.url = ask.url.replace("127.0.0.1", &address(nth)),
        _ => {}
    }
}

fn ask(kind: &str, doors: &Doors) -> Ask {
    let at = |port: u16| HostPort { host: "127.0.0.1".to_owned(), port };
    let web = |tls: bool, port: u16, sni: Option<String>| {
        Ask::Http(HttpAsk {
            url: format!("{}://127.0.0.1:{port}/", if tls { "https" } else { "http" }),
            tls,
            certificate_days_min: Some(1),
            trust_pem: tls.then(|| doors.pem.clone()),
            sni,
            ..HttpAsk::default()
        })
    };
    match kind {
        "icmp" => Ask::Icmp(IcmpAsk { host: "127.0.0.1".to_owned(), count: 1, loss_max: 0.0 }),
        "udp" => Ask::Udp(UdpAsk { target: at(doors.udp), send: "ping".to_owned(), expect: None }),
        "tcp" => Ask::Tcp(TcpAsk::to(at(doors.tcp))),
        "dns" => Ask::Dns(DnsAsk::new(at(doors.dns), "anchor.example", "A")),
        "http" => web(false, doors.http, None),
        "https" => web(true, doors.https, None),
        ANEW => web(true, doors.https, Some(format!("first{}", serve::BELOW))),
        other => panic!("no such kind: {other}"),
    }
}
