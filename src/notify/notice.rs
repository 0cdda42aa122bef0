//! A notice: one message to one recipient about an incident. Plain data; the policy makes them, the store
//! keeps them, the words are found for them when they leave.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use crate::incident::{Event, EventKind};
use crate::time::At;

/// One message to one recipient about one change of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same for the same recipient and change, however often it is planned; also the local part of the
    /// `Message-ID`, so that a mail system can fold a repeat.
    pub id: String,
    pub incident: String,
    /// The event that it tells of: its time and kind name it within the incident.
    pub event_at: At,
    pub event: EventKind,
    pub kind: NoticeKind,
    pub audience: Audience,
    /// An e-mail address, or a channel that is a recipient itself.
    pub recipient: String,
    /// The notice with which this recipient's thread about the incident began; `None` when this is it.
    pub thread: Option<String>,
    /// Not to be sent before.
    pub due: At,
    pub state: NoticeState,
}

/// What the message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Something does not answer.
    Opening,
    /// Staff only: the cause, the signature or the scope changed.
    Update,
    /// Nobody has said that they have it in hand, and this recipient shall.
    Escalation,
    /// It answers again.
    Back,
    /// What was said in the opening was wrong.
    Correction,
    /// No message: the recipient heard of this fault under an incident that has since been merged into this
    /// one, so the opening isn't said twice and the all-clear isn't forgotten.
    Inherited,
    /// What was kept from the recipient, of all incidents, in a line each.
    Digest,
}

/// Who is spoken to, which decides the words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// The managers of these practices, by id: those that share the recipient's address.
    Practices(Vec<String>),
    /// ICB staff, who get the evidence.
    Staff,
    /// Staff who hear of what their role is told of: the id of a `[[role]]`. Whoever holds several, or is on the list of staff as
    /// well, is one recipient, and hears once.
    Role { id: String },
    /// A primary care network, about those of its practices that are hit.
    Pcn { id: String, practices: Vec<String> },
    /// Those who look after what failed, or may have: the `owner` of a component. They get the evidence.
    Owner { name: String },
}

/// Why a notice is kept for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keep {
    /// Somebody muted what it tells of.
    Mute,
    /// It is less severe than the recipient wants to hear of.
    Minor,
    /// The recipient isn't written to at this hour.
    Quiet,
    /// The recipient has had as many messages as an hour may bring.
    Cap,
}

impl Keep {
    pub const ALL: [Self; 4] = [Self::Mute, Self::Minor, Self::Quiet, Self::Cap];

    /// The word in the store and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mute => "mute",
            Self::Minor => "minor",
            Self::Quiet => "quiet",
            Self::Cap => "cap",
        }
    }

    /// What [`Self::as_str`] wrote.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|keep| keep.as_str() == word)
    }

    /// For people who ask what became of the notice.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Mute => "muted; told at the end of the mute if it still goes on",
            Self::Minor => "less severe than the recipient wants to hear of",
            Self::Quiet => "outside the recipient's hours; told when they begin",
            Self::Cap => "beyond the messages an hour; told in the next digest",
        }
    }

    /// Whether it is told in a digest; the others are told as they would have been.
    pub const fn is_for_digest(self) -> bool {
        matches!(self, Self::Quiet | Self::Cap)
    }
}

/// Where a notice stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeState {
    /// To be sent when it is due.
    Queued,
    /// Waits for somebody at the ICB to approve the incident.
    Held,
    /// Not told for now; told later, by itself or in a digest, or not at all.
    Kept { by: Keep },
    /// The mail server took it.
    Accepted,
    /// The mail server refused it for good, or it was given up.
    Rejected { why: String },
    /// It was never to be sent, or isn't any more.
    Withheld { why: String },
}

impl NoticeState {
    /// The word in the store and in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Kept { .. } => "kept",
            Self::Accepted => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::Withheld { .. } => "withheld",
        }
    }

    /// Why it stands so, where that is said.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Rejected { why } | Self::Withheld { why } => Some(why),
            Self::Queued | Self::Held | Self::Kept { .. } | Self::Accepted => None,
        }
    }

    /// Nothing more will become of it.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Queued | Self::Held | Self::Kept { .. })
    }
}

impl NoticeKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Update => "update",
            Self::Escalation => "escalation",
            Self::Back => "back",
            Self::Correction => "correction",
            Self::Inherited => "inherited",
            Self::Digest => "digest",
        }
    }
}

impl Audience {
    /// Whom it concerns, without an address: `staff`, `role on-call`, the practices' ids with commas between, `pcn east: G82002`,
    /// `owner ICB network team`.
    pub fn label(&self) -> String {
        match self {
            Self::Staff => "staff".to_owned(),
            Self::Role { id } => format!("role {id}"),
            Self::Practices(practices) => practices.join(","),
            Self::Pcn { id, practices } => format!("pcn {id}: {}", practices.join(",")),
            Self::Owner { name } => format!("owner {name}"),
        }
    }

    /// What stays the same of it whatever is said: one recipient may be spoken to as several.
    pub fn who(&self) -> String {
        match self {
            Self::Staff | Self::Role { .. } => "staff".to_owned(),
            Self::Practices(_) => "practice".to_owned(),
            Self::Pcn { id, .. } => format!("pcn {id}"),
            Self::Owner { name } => format!("owner {name}"),
        }
    }

    /// Whether it is the ICB's own people, by whatever they hear: they get the evidence, and take incidents on.
    pub const fn is_of_icb(&self) -> bool {
        matches!(self, Self::Staff | Self::Role { .. })
    }

    /// For previews: `staff`, `role`, `practices`, `pcn`, `owner`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Role { .. } => "role",
            Self::Practices(_) => "practices",
            Self::Pcn { .. } => "pcn",
            Self::Owner { .. } => "owner",
        }
    }

    /// The practices that it is about: its own, or all that an event names.
    pub fn practices_of<'a>(&'a self, event: &'a Event) -> &'a [String] {
        match self {
            Self::Practices(practices) | Self::Pcn { practices, .. } => practices,
            Self::Staff | Self::Role { .. } | Self::Owner { .. } => &event.practices,
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

/// What became of one attempt to deliver a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub at: At,
    /// The notice's id.
    pub notice: String,
    pub incident: String,
    pub kind: NoticeKind,
    /// `email`.
    pub channel: &'static str,
    /// By which outlet it was tried, and the answer; `None`: it wasn't.
    pub tried: Option<Try>,
    pub audience: Audience,
    /// With its angle brackets.
    pub message_id: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The mail server took responsibility for it.
    Accepted,
    /// Not now; it is tried again.
    Deferred { why: String },
    /// Refused for good, or given up.
    Rejected { why: String },
    /// It was not to be sent, and why.
    Withheld { why: String },
}

impl Outcome {
    /// The word in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Deferred { .. } => "deferred",
            Self::Rejected { .. } => "rejected",
            Self::Withheld { .. } => "withheld",
        }
    }
}

/// One attempt to hand a notice over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    pub channel: Channel,
    /// The outlet: `mail.example:587`.
    pub via: String,
    /// Of the attempt; the notice itself may leave another way.
    pub outcome: TryOutcome,
    /// What the other side said, on one line and without the recipient's address.
    pub answer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TryOutcome {
    /// The other side took responsibility for it.
    Accepted,
    /// Not now.
    Deferred,
    /// It won't have it, or the recipient isn't known there.
    Refused,
    /// It was handed over, and no answer came: it may arrive twice.
    Unknown,
    /// It couldn't be put together.
    Unsendable,
}

impl TryOutcome {
    /// The word in the store and the outbox.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Unsendable => "unsendable",
        }
    }
}
