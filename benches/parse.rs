//! The least that any reader of a recording must do: parse each line. `benches/replay.sh` sets `linewatch replay`
//! against it. Usage: `parse FILE`.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::time::Instant;

use linewatch::observation::Observation;

fn main() -> std::io::Result<()> {
    // `cargo bench` and `cargo test` call it without a file: there is nothing to do then.
    let Some(path) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        return Ok(());
    };
    let began = Instant::now();
    let mut input = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut line = Vec::with_capacity(1024);
    let (mut parsed, mut other, mut failed) = (0_u64, 0_u64, 0_u64);
    while input.read_until(b'\n', &mut line)? > 0 {
        match serde_json::from_slice::<Observation>(&line) {
            Ok(seen) => {
                parsed += 1;
                failed += u64::from(!seen.ok);
            }
            Err(_) => other += 1,
        }
        line.clear();
    }
    let took = began.elapsed().as_secs_f64();
    println!("{parsed} observations parsed ({failed} of them failures, {other} other lines) in {took:.2} s");
    Ok(())
}
