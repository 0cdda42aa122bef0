//! What `run-6200.sh` asks: TCP, UDP, DNS and HTTP on loopback, for so many seconds. It must cost less than what asks it,
//! on a machine where both have two cores.
//!
//!     rustc -O --edition 2024 -o target/targets benches/probes/targets.rs && target/targets SECONDS

mod plain;

use std::io::Write as _;
use std::time::Duration;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("so many seconds");
    let (tcp, http) = (plain::streams(drop), plain::streams(|mut stream| plain::page(&mut stream)));
    let (udp, dns) = (plain::datagrams(<[u8]>::to_vec), plain::datagrams(plain::answer));
    println!("{tcp} {http} {udp} {dns}");
    std::io::stdout().flush().expect("somebody reads the ports");
    std::thread::sleep(Duration::from_secs(seconds));
}
