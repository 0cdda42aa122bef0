//! Every reader of bytes that somebody else wrote, as a function of bytes: what the fuzz targets in `fuzz/` call, and
//! what a test calls with each file of their corpora. Built for those two alone.
//!
//! A target asserts more than that nothing panics: what is accepted answers the question that was asked, what is kept
//! and told has its bounds, and nothing that came from outside leads where the operator didn't permit.
//!
//! A reader that is private has its target beside it, named `fuzz`; this is the list of them.

/// A target's name, which is also that of its file and of its corpus, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

macro_rules! targets {
    ($($name:ident: $fuzz:path,)*) => {
        $(
            /// Panics when something doesn't hold.
            pub fn $name(bytes: &[u8]) {
                $fuzz(bytes);
            }
        )*

        /// All of them.
        pub const TARGETS: &[Target] = &[$((stringify!($name), $name),)*];
    };
}

targets! {
    agent_key: crate::uplink::key::fuzz,
    batch: crate::uplink::batch::fuzz,
    beat: crate::hub::beats::fuzzing::beat,
    bounce: crate::notify::bounce::fuzz,
    certificates: crate::probe::fuzzing::certificates,
    dns: crate::probe::fuzzing::dns,
    http_1: crate::probe::fuzzing::http_1,
    http_2: crate::probe::fuzzing::http_2,
    hub_request: crate::hub::fuzzing::hub_request,
    icmp: crate::probe::fuzzing::icmp,
    knock: crate::probe::fuzzing::knock,
    ldap: crate::probe::fuzzing::ldap,
    ntp: crate::probe::fuzzing::ntp,
    observation: crate::observation::fuzz,
    ods: crate::config::fuzzing::ods,
    path: crate::probe::fuzzing::path,
    practices_csv: crate::config::fuzzing::practices_csv,
    probes_toml: crate::config::fuzzing::probes_toml,
    redirect: crate::probe::fuzzing::redirect,
    reflector: crate::reflector::fuzzing::reflector,
    replay: crate::cli::replay::fuzz,
    rtp_packet: crate::reflector::fuzzing::rtp_packet,
    rtp_train: crate::probe::fuzzing::rtp_train,
    sip: crate::probe::fuzzing::sip,
    smtp: crate::probe::fuzzing::smtp,
    tcp: crate::probe::fuzzing::tcp,
    tunnel: crate::probe::fuzzing::tunnel,
    udp: crate::probe::fuzzing::udp,
    segment: crate::segments::segment::fuzz,
    volume: crate::segments::volume::fuzz,
}

/// The first byte chooses how to ask; the rest is what comes back. Nothing at all chooses nothing.
pub(crate) fn choice(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest))
}

/// The next bytes of an input. `None`: there are fewer.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// So that each platform runs them, with no fuzzer and no nightly compiler.
    #[test]
    fn the_corpora_hold() {
        for (name, run) in TARGETS {
            let corpus = folder().join("corpus").join(name);
            let files = names(&corpus);
            assert!((2..=80).contains(&files.len()), "{name}: {} files", files.len());
            for file in files {
                let path = corpus.join(file);
                let bytes = std::fs::read(&path).expect("a file");
                assert!(std::panic::catch_unwind(|| run(&bytes)).is_ok(), "{}", path.display());
            }
        }
    }

    #[test]
    fn each_target_has_its_file_its_corpus_and_its_program() {
        let expected: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        let stems = |file: &String| file.strip_suffix(".rs").expect("a Rust file").to_owned();
        assert_eq!(
            names(&folder().join("fuzz_targets")).iter().map(stems).collect::<BTreeSet<_>>(),
            expected
        );
        assert_eq!(names(&folder().join("corpus")), expected);
        let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).expect("a manifest");
        for (name, _) in TARGETS {
            assert!(manifest.contains(&format!("\nname = \"{name}\"\n")), "{name} is no [[bin]]");
            let target = folder().join("fuzz_targets").join(format!("{name}.rs"));
            let calls = std::fs::read_to_string(target).expect("a target");
            assert!(calls.contains(&format!("linewatch::fuzzing::{name}(")), "{name} calls another");
        }
    }

    proptest::proptest! {
        #[test]
        fn nor_does_any_target_mind_random_bytes(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        ) {
            for (_, run) in TARGETS {
                run(&bytes);
            }
        }
    }
}
