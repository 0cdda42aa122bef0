//! A socket filter that black-holes some sources, as a firewall that drops does.
//!
//! A program that accepts a connection can't un-accept it: the kernel has shaken hands already, and a check
//! of a port would call it open. But a classic BPF filter on a listening socket sees each SYN first, and one
//! that it refuses is dropped without a word. Attaching one needs no privilege. This one drops what comes
//! from a list of addresses.
//!
//! A listener without a filter (another system, a list too long) still drops, later: the connection is
//! accepted and nothing is ever said, so the check times out in a later phase.

use std::io;
use std::net::Ipv4Addr;

use socket2::{SockFilter, SockRef};
use tokio::net::TcpListener;

use crate::limits::COUNTY_FILTER_INSTRUCTIONS_MAX;

/// `BPF_LD | BPF_W | BPF_ABS`: load a word at a fixed offset.
const LOAD_WORD: u16 = 0x20;
/// `BPF_JMP | BPF_JGE | BPF_K`
const JUMP_IF_AT_LEAST: u16 = 0x35;
/// `BPF_JMP | BPF_JGT | BPF_K`
const JUMP_IF_ABOVE: u16 = 0x25;
/// `BPF_RET | BPF_K`: keep so many bytes of the packet.
const RETURN: u16 = 0x06;
/// `SKF_NET_OFF` (-0x100000) counts from the IP header; its source address stands at byte 12.
const SOURCE_ADDRESS: u32 = 0xfff0_0000 + 12;
/// All of the packet, however long.
const KEEP: u32 = u32::MAX;
const DROP: u32 = 0;

/// From now on the kernel drops connection attempts from these addresses, and lets all others through.
/// An error leaves the filter as it was.
pub fn drop_from(listener: &TcpListener, sources: &[Ipv4Addr]) -> io::Result<()> {
    SockRef::from(listener).attach_filter(&program(sources)?)
}

fn program(sources: &[Ipv4Addr]) -> io::Result<Vec<SockFilter>> {
    let mut program = vec![SockFilter::new(LOAD_WORD, 0, 0, SOURCE_ADDRESS)];
    for (first, last) in ranges(sources) {
        // Below `first` or above `last`: on to the next range. Else the next instruction, which drops.
        program.push(SockFilter::new(JUMP_IF_AT_LEAST, 0, 2, first));
        program.push(SockFilter::new(JUMP_IF_ABOVE, 1, 0, last));
        program.push(SockFilter::new(RETURN, 0, 0, DROP));
    }
    program.push(SockFilter::new(RETURN, 0, 0, KEEP));
    if program.len() > COUNTY_FILTER_INSTRUCTIONS_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many ranges of addresses for a filter"));
    }
    Ok(program)
}

/// The addresses as ranges, first to last. Practices stand next to each other, so a fault that takes all
/// that are behind one firewall is a range or two.
fn ranges(sources: &[Ipv4Addr]) -> Vec<(u32, u32)> {
    let mut sources: Vec<u32> = sources.iter().copied().map(u32::from).collect();
    sources.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for source in sources {
        match ranges.last_mut() {
            Some((_, last)) if source <= last.saturating_add(1) => *last = source,
            _ => ranges.push((source, source)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_make_one_range() {
        let sources = [[127, 1, 0, 9], [127, 1, 0, 2], [127, 1, 0, 3], [127, 1, 0, 3]].map(Ipv4Addr::from);
        let [two, three, nine] = [sources[1], sources[2], sources[0]].map(u32::from);
        assert_eq!(ranges(&sources), [(two, three), (nine, nine)]);
    }

    #[test]
    fn an_endless_list_is_refused() {
        let sources: Vec<Ipv4Addr> = (0..1000).map(|n| Ipv4Addr::from(0x7f01_0000 + 2 * n)).collect();
        assert!(program(&sources).is_err());
    }
}
