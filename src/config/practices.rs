//! `[[practice]]`, and what a practice from the CSV has in common with one from here.

use super::errors::{Placed, Span};
use super::estate_file::{Draft, roles_of, sections, via};
use super::practices_csv;
use super::reader::{Reader, described};
use super::section::{Section, section};
use super::values::{self, Refusal, refusal};
use crate::estate::{NetworkIx, Practice};
use crate::limits::PRACTICES_MAX;

/// Nobody has more patients than this: the largest list in England is about 200,000.
pub(super) const LIST_SIZE_MAX: i64 = 10_000_000;
/// Addresses of one practice.
pub(super) const EMAILS_MAX: usize = 20;

const KEYS: [&str; 9] =
    ["ods", "branch", "name", "postcode", "list_size", "email", "source", "via", "through"];

pub(super) fn practices(reader: &mut Reader<'_>, root: &Section<'_>, draft: &mut Draft) {
    for section in sections(reader, root, "practice", PRACTICES_MAX) {
        if let Some(practice) = practice(reader, &section, draft) {
            draft.practices.push(practice);
        }
    }
    let from_csv = match root.raw("practices").map(|value| value.value.is_array()) {
        Some(true) => {
            let span = root.raw("practices").map(|value| value.span).unwrap_or_default();
            reader.refuse(
                span,
                "`practices` is the name of a CSV file, not a list",
                "write [[practice]] to describe one practice, or practices = \"practices.csv\"",
            );
            true
        }
        Some(false) => match root.text(reader, "practices") {
            Some(name) => {
                practices_csv::practices(reader, name, draft);
                true
            }
            None => true,
        },
        None => false,
    };
    if !from_csv && !root.has("practice") {
        reader.refuse(
            Span::default(),
            "there is no practice",
            "add a [[practice]] with ods and name, or practices = \"practices.csv\" at the top",
        );
    }
}

fn practice(reader: &mut Reader<'_>, section: &Section<'_>, draft: &mut Draft) -> Option<Practice> {
    section.refuse_unknown(reader, &KEYS);
    let id = section.need_text(reader, "ods").and_then(|ods| {
        let branch = section.text(reader, "branch");
        declare(reader, draft, ods, branch)
    });
    let name = section.need(reader, "name", values::line);
    let postcode = section.value(reader, "postcode", postcode);
    let list_size = section.integer(reader, "list_size", 0..=LIST_SIZE_MAX);
    let mut email: Vec<String> = Vec::new();
    for address in section.text_or_texts(reader, "email").unwrap_or_default() {
        if let Some(address) = reader.judge("email", address, values::email)
            && !email.contains(&address.value)
        {
            email.push(address.value);
        }
    }
    if let (true, Some(value)) = (email.len() > EMAILS_MAX, section.raw("email")) {
        reader.refuse(value.span, "`email` has too many addresses", format!("{EMAILS_MAX} are the most"));
    }
    let source = section.value(reader, "source", values::source);
    let via = via(reader, section, &draft.component_names);
    let through = through(reader, section, draft);
    Some(Practice {
        id: id?,
        name: name?.value,
        postcode: postcode.map(|postcode| postcode.value),
        list_size: list_size.and_then(|size| u32::try_from(size.value).ok()),
        email,
        source: source.map(|source| source.value),
        via,
        through,
    })
}

/// A practice's id from its ODS code and its branch, checked and declared.
pub(super) fn declare(
    reader: &mut Reader<'_>,
    draft: &mut Draft,
    ods: Placed<&str>,
    branch: Option<Placed<&str>>,
) -> Option<String> {
    let ods_fine = reader.judge("ods", ods, values::practice_id);
    let branch_fine = branch.map(|branch| reader.judge("branch", branch, values::id));
    if let (true, Some(branch)) = (ods.value.contains('/'), branch) {
        reader.refuse(
            branch.span,
            "the branch is named twice: here and in `ods`",
            "write ods = \"G82002\" and branch = \"westfield\", or ods = \"G82002/westfield\"",
        );
        return None;
    }
    let id = match branch {
        Some(branch) => format!("{}/{}", ods.value, branch.value),
        None => ods.value.to_owned(),
    };
    // Capitals count in ids, but not when two practices are told apart.
    let declared = draft.practice_names.declare(reader, Placed { value: &id, span: ods.span });
    ods_fine?;
    if let Some(branch) = branch_fine {
        branch?;
    }
    declared.then_some(id)
}

/// Not judged by its letters (there are odd ones), only by its look.
pub(super) fn postcode(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let fine = |c: char| c.is_ascii_alphanumeric() || c == ' ';
    if (2..=10).contains(&text.len()) && text.chars().all(fine) {
        return Ok(text.to_ascii_uppercase());
    }
    refusal(format!("{:?} is not a postcode", super::names::shorten(text)), "write one such as CT16 1SF")
}

/// `through = { hscn = ["carrier", "gateway"] }`
fn through(reader: &mut Reader<'_>, owner: &Section<'_>, draft: &Draft) -> Vec<(NetworkIx, Vec<String>)> {
    let Some(value) = owner.raw("through") else { return Vec::new() };
    let Some(table) = section(value, "through".to_owned()) else {
        reader.refuse(
            value.span,
            format!("`through` of a practice is {}, not a table of networks", described(value.value)),
            "write through = { hscn = [\"carrier\", \"gateway\"] }",
        );
        return Vec::new();
    };
    let mut ways = Vec::new();
    for (network, _) in table.entries() {
        let found = draft.network_names.find(reader, network);
        let roles = table.texts(reader, network.value);
        let roles = roles.map(|roles| roles_of(reader, "through", &roles));
        if let (Some(found), Some(roles)) = (found, roles) {
            ways.push((NetworkIx::new(found), roles));
        }
    }
    ways.sort_by_key(|(network, _)| *network);
    ways
}
