//! A block of addresses: one, or all that begin alike.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Addresses that share their first bits. One address is a block with all of its bits given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The first address of the block.
    first: IpAddr,
    /// How many bits are given: at most 32, or 128.
    bits: u8,
}

/// Why a text is no block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPrefix {
    /// Neither an address nor `address/bits`.
    Malformed,
    /// The block begins elsewhere: at the prefix given here.
    NotTheFirst(Prefix),
}

impl Prefix {
    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && cut(address, self.bits) == self.first
    }

    /// Its first and its last address.
    pub fn ends(&self) -> (IpAddr, IpAddr) {
        let away = away(self.first, self.bits);
        let last = match self.first {
            IpAddr::V4(four) => Ipv4Addr::from_bits(four.to_bits() | !mask_4(away)).into(),
            IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() | !mask_6(away)).into(),
        };
        (self.first, last)
    }
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        Self { first: address, bits: width(address) }
    }
}

impl FromStr for Prefix {
    type Err = NoPrefix;

    /// `10.20.0.1`, `10.20.0.2/31`, `2001:db8::/48`
    fn from_str(text: &str) -> Result<Self, NoPrefix> {
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse::<IpAddr>().map(Self::from).map_err(|_| NoPrefix::Malformed);
        };
        let address: IpAddr = address.parse().map_err(|_| NoPrefix::Malformed)?;
        let is_plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = bits.parse::<u8>().ok().filter(|bits| is_plain && *bits <= width(address));
        let bits = bits.ok_or(NoPrefix::Malformed)?;
        let block = Self { first: cut(address, bits), bits };
        if block.first == address { Ok(block) } else { Err(NoPrefix::NotTheFirst(block)) }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == width(self.first) {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}/{}", self.first, self.bits)
        }
    }
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all bits after the first ones zero.
fn cut(address: IpAddr, bits: u8) -> IpAddr {
    let away = away(address, bits);
    match address {
        IpAddr::V4(four) => Ipv4Addr::from_bits(four.to_bits() & mask_4(away)).into(),
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() & mask_6(away)).into(),
    }
}

/// How many of the last bits are free.
fn away(address: IpAddr, bits: u8) -> u32 {
    u32::from(width(address).saturating_sub(bits))
}

fn mask_4(away: u32) -> u32 {
    u32::MAX.checked_shl(away).unwrap_or(0)
}

fn mask_6(away: u32) -> u128 {
    u128::MAX.checked_shl(away).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(text: &str) -> Prefix {
        text.parse().expect("a block")
    }

    #[test]
    fn a_block_holds_what_begins_alike() {
        let pair = block("10.20.0.2/31");
        let held = |text: &str| pair.contains(text.parse().expect("an address"));
        assert_eq!(
            ["10.20.0.1", "10.20.0.2", "10.20.0.3", "10.20.0.4"].map(held),
            [false, true, true, false]
        );
        assert!(!held("::ffff:10.20.0.2"), "another family");
        assert!(block("0.0.0.0/0").contains(IpAddr::from([192, 0, 2, 1])));
        assert!(block("::/0").contains(IpAddr::from(Ipv6Addr::LOCALHOST)));
        assert_eq!(block("10.20.0.1/32"), block("10.20.0.1"));
    }

    #[test]
    fn what_is_no_block_says_why() {
        for text in
            ["", "fw", "10.20.0.0/33", "10.20.0.0/", "10.20.0.0/+8", "10.20.0.0/8/8", "2001:db8::/129"]
        {
            assert_eq!(text.parse::<Prefix>(), Err(NoPrefix::Malformed), "{text}");
        }
        assert_eq!("10.20.0.3/31".parse::<Prefix>(), Err(NoPrefix::NotTheFirst(block("10.20.0.2/31"))));
    }

    proptest! {
        #[test]
        fn a_block_is_written_as_it_is_read_and_holds_its_own(bits in 0_u8..=32, address: u32) {
            let address = IpAddr::from(Ipv4Addr::from_bits(address));
            let text = format!("{}/{bits}", cut(address, bits));
            let read = block(&text);
            prop_assert!(read.contains(address));
            prop_assert_eq!(block(&read.to_string()), read);
        }

        #[test]
        fn a_block_holds_its_ends_and_nothing_beyond(bits in 1_u8..=32, address in 1_u32..u32::MAX) {
            let block = Prefix { first: cut(Ipv4Addr::from_bits(address).into(), bits), bits };
            let (IpAddr::V4(first), IpAddr::V4(last)) = block.ends() else { panic!("IPv4") };
            prop_assert!(block.contains(first.into()) && block.contains(last.into()));
            let beyond = [first.to_bits().checked_sub(1), last.to_bits().checked_add(1)];
            for other in beyond.into_iter().flatten() {
                prop_assert!(!block.contains(Ipv4Addr::from_bits(other).into()));
            }
        }
    }
}
