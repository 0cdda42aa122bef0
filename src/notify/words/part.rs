//! What a letter is made of: parts with a meaning, each in one form.

use serde::Serialize;

/// What a part of a letter tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// To everybody: an operator's own first and last lines.
    Greeting,
    Closing,
    /// A manager's: since when, and who else.
    Began,
    Down,
    /// A paragraph where nothing does.
    Up,
    Reduced,
    /// That an answer proves little.
    Means,
    Where,
    Call,
    Meanwhile,
    Deadlines,
    Next,
    /// What another fault still keeps from answering, in the last letter.
    Still,
    Now,
    CatchUp,
    /// That an earlier letter was wrong.
    Wrong,
    /// To both: the link by which a reader answers, or the command.
    Reply,
    /// To everybody: what was kept for a digest.
    Kept,
    /// Staff's, and of those who hear because of what they look after: the verdict in a sentence.
    Sentence,
    Remark,
    /// Who has it, or that nobody does.
    Hands,
    Told,
    Todo,
    Verdict,
    Evidence,
    Alternatives,
    /// What speaks against another cause.
    Acquitted,
    Changes,
    /// The same one after the other.
    Steps,
    Services,
    Practices,
    Unreached,
    Refused,
}

impl Part {
    /// A manager's, and in which forms each of them comes.
    pub(super) const OF_MANAGERS: [(Self, Form); 20] = [
        (Self::Greeting, Form::Paragraph),
        (Self::Closing, Form::Paragraph),
        (Self::Began, Form::Paragraph),
        (Self::Down, Form::List),
        (Self::Up, Form::List),
        (Self::Up, Form::Paragraph),
        (Self::Reduced, Form::List),
        (Self::Means, Form::Paragraph),
        (Self::Where, Form::Section),
        (Self::Call, Form::Section),
        (Self::Meanwhile, Form::List),
        (Self::Deadlines, Form::List),
        (Self::Next, Form::Section),
        (Self::Still, Form::List),
        (Self::Now, Form::List),
        (Self::CatchUp, Form::List),
        (Self::Wrong, Form::Paragraph),
        (Self::Reply, Form::Link),
        (Self::Kept, Form::List),
        (Self::Kept, Form::Paragraph),
    ];

    /// The ICB staff's.
    pub(super) const OF_STAFF: [(Self, Form); 23] = [
        (Self::Greeting, Form::Paragraph),
        (Self::Closing, Form::Paragraph),
        (Self::Sentence, Form::Paragraph),
        (Self::Remark, Form::Paragraph),
        (Self::Hands, Form::Paragraph),
        (Self::Told, Form::List),
        (Self::Todo, Form::List),
        (Self::Reply, Form::Link),
        (Self::Verdict, Form::Facts),
        (Self::Evidence, Form::Facts),
        (Self::Alternatives, Form::Facts),
        (Self::Acquitted, Form::List),
        (Self::Changes, Form::Facts),
        (Self::Steps, Form::List),
        (Self::Services, Form::List),
        (Self::Practices, Form::List),
        (Self::Unreached, Form::Paragraph),
        (Self::Refused, Form::List),
        (Self::Where, Form::Section),
        (Self::Next, Form::Section),
        (Self::Kept, Form::List),
        (Self::Kept, Form::Paragraph),
        (Self::Reply, Form::Paragraph),
    ];

    /// What would be missing, where a letter can't do without it.
    pub(super) const fn needed(self) -> Option<&'static str> {
        Some(match self {
            Self::Began => "since when it is so",
            Self::Down => "what does not answer",
            Self::Up => "what still answers",
            Self::Reduced => "what works only in part",
            Self::Where => "where the fault is and whose it is",
            Self::Call => "whom to call, and what to say",
            Self::Meanwhile => "what to do meanwhile",
            Self::Deadlines => "which deadlines fall in it",
            Self::Next => "what happens next",
            Self::Still => "what another fault still keeps from answering",
            Self::Now => "what to do now that it is over",
            Self::CatchUp => "what to catch up on",
            Self::Wrong => "that an earlier letter was wrong",
            Self::Sentence => "the verdict in a sentence",
            Self::Remark => "what linewatch asks of its staff",
            Self::Reply => "how to answer that one has read it, or has it in hand",
            Self::Kept => "what was kept for later",
            Self::Hands => "who has the incident in hand",
            Self::Told => "who has been told",
            Self::Todo => "what to do",
            Self::Verdict => "the verdict",
            Self::Evidence => "the evidence",
            Self::Greeting
            | Self::Closing
            | Self::Means
            | Self::Alternatives
            | Self::Acquitted
            | Self::Changes
            | Self::Steps
            | Self::Services
            | Self::Practices
            | Self::Unreached
            | Self::Refused => return None,
        })
    }

    /// The word by which a text knows it: `catch_up`.
    pub(super) fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// In which form a part comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Paragraph,
    Section,
    List,
    Facts,
    Link,
}

/// A part with its words. A text sees `part`, `form` and what the form has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Block {
    part: Part,
    #[serde(flatten)]
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "form", rename_all = "snake_case")]
enum Body {
    Paragraph {
        text: String,
    },
    Section {
        heading: String,
        sentences: Vec<String>,
    },
    List {
        heading: String,
        items: Vec<String>,
    },
    Facts {
        heading: String,
        rows: Vec<(String, String)>,
    },
    /// A sentence, and where it leads; `label` is what is pressed.
    Link {
        text: String,
        label: String,
        url: String,
    },
}

impl Form {
    /// As a text knows it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Paragraph => "paragraph",
            Self::Section => "section",
            Self::List => "list",
            Self::Facts => "facts",
            Self::Link => "link",
        }
    }
}

impl Block {
    pub(super) fn paragraph(part: Part, text: impl Into<String>) -> Self {
        Self { part, body: Body::Paragraph { text: text.into() } }
    }

    pub(super) fn section(part: Part, heading: impl Into<String>, sentences: Vec<String>) -> Self {
        Self { part, body: Body::Section { heading: heading.into(), sentences } }
    }

    pub(super) fn list(part: Part, heading: impl Into<String>, items: Vec<String>) -> Self {
        Self { part, body: Body::List { heading: heading.into(), items } }
    }

    pub(super) fn facts(part: Part, heading: impl Into<String>, rows: Vec<(String, String)>) -> Self {
        Self { part, body: Body::Facts { heading: heading.into(), rows } }
    }

    pub(super) fn link(part: Part, text: String, label: String, url: &str) -> Self {
        Self { part, body: Body::Link { text, label, url: url.to_owned() } }
    }

    /// One whose words can be looked for: `word` in its body.
    pub(super) fn specimen(part: Part, form: Form, word: String) -> Self {
        let heading = "A heading";
        match form {
            Form::Paragraph => Self::paragraph(part, word),
            Form::Section => Self::section(part, heading, vec![word]),
            Form::List => Self::list(part, heading, vec![word]),
            Form::Facts => Self::facts(part, heading, vec![("A name".to_owned(), word)]),
            // A link that can't be followed is none.
            Form::Link => Self::link(part, "A sentence:".to_owned(), "A label".to_owned(), &word),
        }
    }
}
