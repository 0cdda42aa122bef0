//! Bounds of what is remembered of a practice's agents (`correlate::agents`).

/// Agents of one practice that are told apart, those that were heard last: two or three PCs, and those that they took the place of.
pub const AGENTS_PER_PRACTICE_MAX: usize = 8;

/// How long, in milliseconds, one agent of several is silent before a note says so: a PC that is started anew takes a few minutes.
pub const AGENT_NOTE_FROM_MS: i64 = 10 * 60_000;

/// And how long the note stands: what isn't back after a working day was taken away, or everybody knows.
pub const AGENT_NOTE_UNTIL_MS: i64 = 24 * 3_600_000;
