//! By what a notice leaves: the kinds of ways there are. Pure.

use std::fmt;

/// What a message leaves by. Several mail servers are one channel: whichever takes a mail, it is the same mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    Email,
}

impl Channel {
    /// The word in metrics, the journal and the outbox.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
