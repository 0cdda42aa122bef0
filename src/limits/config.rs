//! Bounds on what a file may ask of the loader (`config`), far above any estate that exists.

use std::time::Duration;

/// Largest `probes.toml` or `practices.csv`, in bytes. All 6,200 practices of England as TOML are under
/// 3 MiB; beyond this it is the wrong file.
pub const CONFIG_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Largest certificate or password file that a configuration names, in bytes. A whole platform's root
/// store is about 250 KiB.
pub const CONFIG_SIDE_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Errors kept of one reading; more are counted only. Nobody mends a thousand by hand: it is one mistake
/// made a thousand times.
pub const CONFIG_ERRORS_MAX: usize = 1000;

/// Practices of one estate: thirty times England.
pub const PRACTICES_MAX: usize = 200_000;

/// Components of one estate: a circuit for each practice, and fifty thousand besides.
pub const COMPONENTS_MAX: usize = 250_000;

/// Networks of one estate. There are two; the rest is room for trials.
pub const NETWORKS_MAX: usize = 16;

/// Services, and also probes, of one estate: more than a GP practice has programs.
pub const SERVICES_AND_PROBES_MAX: usize = 1000;

/// Checks of one estate (practices × probes). Each holds some hundred bytes for ever, so this is under
/// 1 GiB; the whole of England with 12 probes is 75,000.
pub const CHECKS_MAX: usize = 4_000_000;

/// Longest id of anything, in bytes: ids become metric labels and e-mail headers.
pub const ID_BYTES_MAX: usize = 64;

/// Longest name or other single line of the configuration, in characters.
pub const CONFIG_LINE_CHARS_MAX: usize = 200;

/// Longest paragraph of the configuration (`instead`), in characters: it goes into every e-mail.
pub const CONFIG_PARAGRAPH_CHARS_MAX: usize = 2000;

/// Entries of one list in the configuration (`also`, `staff`, `needs`, spares of a role, addresses of one
/// practice, …).
pub const CONFIG_LIST_MAX: usize = 1000;

/// Comparisons of names that the loader spends on "did you mean", over a whole reading. Each costs under a
/// microsecond, so a hostile file can't buy more than a quarter of a second.
pub const CONFIG_SUGGESTION_COMPARISONS_MAX: usize = 200_000;

/// Longest `every`: a check asked less often than daily says nothing about an outage.
pub const PROBE_EVERY_MAX: Duration = Duration::from_hours(24);

/// Most checks under way at once that `[schedule] concurrency` may ask for: each takes a socket, and a
/// process may seldom have more than this many.
pub const SCHEDULE_CONCURRENCY_MAX: i64 = 60_000;
