//! Hashing in place of random numbers: a throw is a function of what it is about, so it comes out the same
//! whatever else was thrown before, on every machine and in every version of every crate.

/// Folds `value` into `state`: one round of splitmix64, whose output passes the usual statistical tests.
pub const fn mix(state: u64, value: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15) ^ value.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Folds a text into `state` (FNV-1a, then one round of [`mix`]).
pub fn mix_text(state: u64, text: &str) -> u64 {
    let folded = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(state, folded)
}

/// A number from 0 (included) to 1 (excluded), evenly spread.
pub fn unit(hash: u64) -> f64 {
    // The 53 bits that an f64 holds exactly.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_spread_evenly_and_neighbours_are_strangers() {
        let throws: Vec<f64> = (0..10_000).map(|n| unit(mix(7, n))).collect();
        for tenth in 0..10 {
            let low = f64::from(tenth) / 10.0;
            let inside = throws.iter().filter(|throw| **throw >= low && **throw < low + 0.1).count();
            assert!((900..1100).contains(&inside), "{inside} of 10,000 throws in the tenth from {low}");
        }
        let rising = throws.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((4_800..5_200).contains(&rising), "{rising} of 9,999 neighbours rise");
    }

    #[test]
    fn a_throw_never_changes_from_one_version_to_the_next() {
        assert_eq!(mix(1, 2), mix(1, 2));
        assert_ne!(mix(1, 2), mix(2, 1));
        assert_ne!(mix_text(1, "G82002"), mix_text(1, "G82003"));
    }
}
