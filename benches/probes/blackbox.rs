//! Debian's blackbox_exporter, asked over HTTP as Prometheus does; only its own processor time counts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::serve::Doors;
use crate::{CONCURRENCY, Work};

const PROGRAM: &str = "prometheus-blackbox-exporter";
const PORT: u16 = 19_115;
const MODULES: &str = "modules:
  http: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}
  https: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, tls_config: {insecure_skip_verify: true}}}
  tcp: {prober: tcp, timeout: 5s}
  icmp: {prober: icmp, timeout: 5s, icmp: {preferred_ip_protocol: ip4}}
  dns: {prober: dns, timeout: 5s, dns: {query_name: anchor.example, query_type: A, preferred_ip_protocol: ip4}}
";

pub struct Exporter {
    child: Child,
}

impl Exporter {
    /// `None`: it isn't installed.
    pub fn start() -> Option<Self> {
        let file = std::env::temp_dir().join(format!("linewatch-blackbox-{}.yml", std::process::id()));
        std::fs::write(&file, MODULES).expect("its configuration");
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{PORT}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", PORT)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{PROGRAM} doesn't listen");
            std::thread::yield_now();
        }
        drop(std::fs::remove_file(file));
        Some(Self { child })
    }

    /// `None`: it has no such prober.
    pub fn ask(&self, kind: &str, doors: &Doors, seconds: u64) -> Option<Work> {
        let target = match kind {
            "icmp" => "127.0.0.1".to_owned(),
            "tcp" => format!("127.0.0.1:{}", doors.tcp),
            "dns" => format!("127.0.0.1:{}", doors.dns),
            "http" => format!("http://127.0.0.1:{}/", doors.http),
            "https" => format!("https://127.0.0.1:{}/", doors.https),
            _ => return None,
        };
        let time = Duration::from_secs(seconds);
        let request = format!("GET /probe?module={kind}&target={target} HTTP/1.1\r\nHost: bench\r\n\r\n");
        let (begun, before) = (Instant::now(), self.cpu());
        let checks = std::thread::scope(|scope| {
            let ask = || {
                let mut stream = TcpStream::connect(("127.0.0.1", PORT)).expect("a connection");
                let mut checks = 0;
                while begun.elapsed() < time {
                    stream.write_all(request.as_bytes()).expect("a request");
                    let answer = hear(&mut stream);
                    assert!(answer.contains("\nprobe_success 1"), "{kind}: {answer}");
                    checks += 1;
                }
                checks
            };
            let askers: Vec<_> = (0..CONCURRENCY).map(|_| scope.spawn(ask)).collect();
            askers.into_iter().map(|asker| asker.join().expect("an asker")).sum()
        });
        Some(Work { checks, took: begun.elapsed(), cpu: self.cpu().saturating_sub(before) })
    }

    /// From `/proc`: in hundredths of a second.
    fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its numbers");
        let after = text.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks = |nth| after.split_whitespace().nth(nth).and_then(|word| word.parse::<u64>().ok());
        Duration::from_millis(10 * (ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0)))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One answer's body, by its length or chunk by chunk.
fn hear(stream: &mut TcpStream) -> String {
    let (mut heard, mut some) = (Vec::new(), [0; 8192]);
    loop {
        let count = stream.read(&mut some).expect("an answer");
        assert!(count > 0, "the exporter hung up");
        heard.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&heard);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let whole = match length.and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => body.get(..length).map(str::to_owned),
            None => joined(body),
        };
        if let Some(whole) = whole {
            return whole;
        }
    }
}

/// `None`: the last chunk has not come.
fn joined(mut chunks: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).expect("a chunk's length");
        if length == 0 {
            return rest.starts_with("\r\n").then_some(whole);
        }
        whole.push_str(rest.get(..length)?);
        chunks = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}
