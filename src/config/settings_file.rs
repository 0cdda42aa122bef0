//! `[hub]`, `[mail]`, `[notices]`, `[[maintenance]]`, `[[deadline]]` and `[schedule]`, read; `[report]` is in `report_file.rs`, `[[escalation]]` in
//! `escalation.rs`.

use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;
use toml::de::DeValue;

use super::errors::Placed;
use super::escalation::{acknowledgement, link};
use super::estate_file::{Draft, sections, via};
use super::mail::mail;
use super::names::{Names, shorten};
use super::probes::{certificates, one_of};
use super::reader::{Reader, described};
use super::report_file::core_hours;
use super::secret;
use super::section::{Section, section};
use super::settings::{
    AcknowledgementSettings, Deadline, HubSettings, MailSettings, MaintenanceWindow, NoticeSettings,
    PracticeNotices, ScheduleSettings, TlsSettings, Tokens, WaySettings,
};
use super::texts::texts;
use super::values::{self, Refusal, refusal};
use super::ways::ways;
use super::web::fits;
use super::{beside, side_file};
use crate::calendar::Hours;
use crate::estate::{Ask, RoleUse, SharedSecret};
use crate::limits::{
    ARCHIVE_BYTES_MIN, CONFIG_LIST_MAX, NOTICE_UPDATE_EVERY_MIN, NOTICES_PER_HOUR_MAX,
    SCHEDULE_CONCURRENCY_MAX,
};
use crate::time::At;

/// All settings.
#[derive(Debug)]
pub(super) struct Settings {
    pub hub: HubSettings,
    pub mail: Option<MailSettings>,
    pub ways: WaySettings,
    pub notices: NoticeSettings,
    pub acknowledgement: AcknowledgementSettings,
    pub maintenance: Vec<MaintenanceWindow>,
    pub deadlines: Vec<Deadline>,
    pub schedule: ScheduleSettings,
    pub core_hours: Hours,
}

/// Reads the settings, and puts `[hub] via` into the draft of the estate. `None` after an error.
pub(super) fn settings(reader: &mut Reader<'_>, root: &Section<'_>, draft: &mut Draft) -> Option<Settings> {
    let (hub, hub_via, beat_secret) = hub(reader, root, draft);
    draft.hub_via = hub_via;
    for probe in &mut draft.probes {
        if let Ask::Heartbeat(work) = &mut probe.ask {
            work.secret.clone_from(&beat_secret);
        }
    }
    let mail = if root.has("mail") { Some(mail(reader, root, draft)) } else { None };
    let core_hours = core_hours(reader, root);
    let ways = ways(reader, root, draft, &core_hours);
    let (notices, link) = notices(reader, root);
    let acknowledgement = acknowledgement(reader, root, &ways, link);
    let maintenance = maintenance(reader, root, draft);
    let deadlines = deadlines(reader, root, draft);
    let schedule = schedule(reader, root);
    let mail = match mail {
        Some(mail) => Some(mail?),
        None => None,
    };
    Some(Settings { hub, mail, ways, notices, acknowledgement, maintenance, deadlines, schedule, core_hours })
}

/// Keys of `[hub]`; secrets themselves are among them so that their refusal can say more.
const HUB_KEYS: [&str; 20] = [
    "listen",
    "data",
    "via",
    "keep",
    "keep_addresses",
    "keep_observations",
    "observations_size",
    "beat_secret_file",
    "beat_secret_env",
    "beat_secret",
    "viewer_token_file",
    "viewer_token_env",
    "viewer_token",
    "admin_token_file",
    "admin_token_env",
    "admin_token",
    "bounce_token_file",
    "bounce_token_env",
    "bounce_token",
    "tls",
];

fn hub(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    draft: &Draft,
) -> (HubSettings, Vec<RoleUse>, Option<SharedSecret>) {
    let mut hub = HubSettings {
        listen: HubSettings::LISTEN,
        data: beside(reader.dir, HubSettings::DATA),
        keep: HubSettings::KEEP,
        keep_addresses: HubSettings::KEEP_ADDRESSES,
        observations: HubSettings::OBSERVATIONS,
        tls: None,
        tokens: Tokens::default(),
    };
    let Some(section) = root.table(reader, "hub") else { return (hub, Vec::new(), None) };
    section.refuse_unknown(reader, &HUB_KEYS);
    let beat_secret = secret::shared(reader, &section, &secret::OF_BEATS);
    hub.tokens.viewer = secret::shared(reader, &section, &secret::OF_VIEWER);
    hub.tokens.admin = secret::shared(reader, &section, &secret::OF_ADMIN);
    hub.tokens.bounce = secret::shared(reader, &section, &secret::OF_BOUNCES);
    hub.tls = tls(reader, &section);
    if let Some(listen) = section.value(reader, "listen", values::listen) {
        hub.listen = listen.value;
    }
    if let Some(data) = section.value(reader, "data", values::line) {
        hub.data = beside(reader.dir, &data.value);
    }
    if let Some(keep) = section.value(reader, "keep", keep) {
        hub.keep = keep.value;
    }
    if let Some(keep) = section.value(reader, "keep_addresses", keep) {
        hub.keep_addresses = keep.value;
    }
    if let Some(keep) = section.value(reader, "keep_observations", keep) {
        hub.observations.keep = keep.value;
    }
    if let Some(size) = section.value(reader, "observations_size", archive_size) {
        hub.observations.bytes_max = size.value;
    }
    (hub, via(reader, &section, &draft.component_names), beat_secret)
}

/// `tls = { certificate = "…", key = "…" }`
fn tls(reader: &mut Reader<'_>, hub: &Section<'_>) -> Option<TlsSettings> {
    const HELP: &str = "write tls = { certificate = \"hub.pem\", key = \"hub.key\" }";
    let value = hub.raw("tls")?;
    let Some(table) = section(value, "`tls`".to_owned()) else {
        reader.refuse(value.span, format!("`tls` is {}, not a table", described(value.value)), HELP);
        return None;
    };
    table.refuse_unknown(reader, &["certificate", "key"]);
    let certificate = table.need_text(reader, "certificate")?;
    let key = table.need_text(reader, "key")?;
    let certificate_pem = certificates(reader, "certificate", certificate)?;
    let key_pem = SecretString::from(side_file(reader, "key", key)?);
    match fits(&certificate_pem, &key_pem) {
        Ok(()) => Some(TlsSettings { certificate_pem, key_pem }),
        Err((message, help)) => {
            reader.refuse(key.span, format!("`key`: {:?} {message}", shorten(key.value)), help);
            None
        }
    }
}

fn archive_size(text: &str) -> Result<u64, Refusal> {
    let bytes = values::bytes(text)?;
    if bytes < ARCHIVE_BYTES_MIN {
        return refusal(format!("{text:?} is too small"), "write \"256MiB\" or more");
    }
    Ok(bytes)
}

/// At least a day: less would remove an incident while it lasts.
fn keep(text: &str) -> Result<Duration, Refusal> {
    let keep = values::duration(text)?;
    if keep < Duration::from_hours(24) {
        return refusal(format!("{text:?} is under a day"), "write \"1d\" or more");
    }
    Ok(keep)
}

/// And where people reach this hub.
fn notices(reader: &mut Reader<'_>, root: &Section<'_>) -> (NoticeSettings, Option<Url>) {
    let Some(section) = root.table(reader, "notices") else { return (NoticeSettings::default(), None) };
    section.refuse_unknown(reader, &["practices", "update_every", "per_hour", "texts", "link"]);
    let practices = section.value(reader, "practices", |text| one_of(text, &["auto", "after-approval"]));
    let practices = match practices.as_ref().map(|word| word.value.as_str()) {
        Some("after-approval") => PracticeNotices::AfterApproval,
        _ => PracticeNotices::Auto,
    };
    let update_every = section.value(reader, "update_every", update_every);
    let update_every = update_every.map_or(NoticeSettings::default().update_every, |every| every.value);
    let per_hour = match section.integer(reader, "per_hour", 0..=NOTICES_PER_HOUR_MAX) {
        // Nought: no cap.
        Some(most) => u32::try_from(most.value).ok().filter(|most| *most > 0),
        None => NoticeSettings::default().per_hour,
    };
    let texts = texts(reader, &section);
    let link = section.value(reader, "link", link).map(|link| link.value);
    (NoticeSettings { practices, update_every, texts, per_hour }, link)
}

/// How often managers hear while nothing changes, or that they don't.
fn update_every(text: &str) -> Result<Option<Duration>, Refusal> {
    if text.trim() == "never" {
        return Ok(None);
    }
    let every = values::duration(text)?;
    if every < NOTICE_UPDATE_EVERY_MIN {
        return refusal(
            format!("{text:?} is more often than anybody reads"),
            "write \"30m\" or more, or \"never\"",
        );
    }
    Ok(Some(every))
}

fn maintenance(reader: &mut Reader<'_>, root: &Section<'_>, draft: &Draft) -> Vec<MaintenanceWindow> {
    let zone = zone(draft);
    let mut windows = Vec::new();
    for section in sections(reader, root, "maintenance", CONFIG_LIST_MAX) {
        section.refuse_unknown(reader, &["from", "to", "what", "reason"]);
        let from = moment(reader, &section, "[[maintenance]]", "from", &zone);
        let to = moment(reader, &section, "[[maintenance]]", "to", &zone);
        if let (Some(from), Some(to)) = (from, to)
            && to.value <= from.value
        {
            reader.refuse(to.span, "`to` is not after `from`", "swap them, or mend one");
        }
        let reason = section.need(reader, "reason", values::line);
        let mut what = Vec::new();
        for id in section.text_or_texts(reader, "what").unwrap_or_default() {
            if is_known(draft, id.value) {
                what.push(id.value.to_owned());
                continue;
            }
            let help = nearest_of_all(reader, draft, id.value);
            let message = format!("nothing is called {:?}", shorten(id.value));
            reader.refuse(id.span, message, help);
        }
        if let (Some(from), Some(to), Some(reason)) = (from, to, reason) {
            windows.push(MaintenanceWindow { from: from.value, to: to.value, what, reason: reason.value });
        }
    }
    windows
}

fn zone(draft: &Draft) -> jiff::tz::TimeZone {
    draft.icb.as_ref().map_or(jiff::tz::TimeZone::UTC, |icb| icb.timezone.clone())
}

fn deadlines(reader: &mut Reader<'_>, root: &Section<'_>, draft: &Draft) -> Vec<Deadline> {
    let zone = zone(draft);
    let mut deadlines = Vec::new();
    for section in sections(reader, root, "deadline", CONFIG_LIST_MAX) {
        section.refuse_unknown(reader, &["at", "name", "instead"]);
        let at = moment(reader, &section, "[[deadline]]", "at", &zone);
        let name = section.need(reader, "name", values::line);
        let instead = section.value(reader, "instead", values::paragraph).map(|instead| instead.value);
        if let (Some(at), Some(name)) = (at, name) {
            deadlines.push(Deadline { at: at.value, name: name.value, instead });
        }
    }
    deadlines.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
    deadlines
}

fn is_known(draft: &Draft, id: &str) -> bool {
    [&draft.component_names, &draft.network_names, &draft.service_names, &draft.practice_names]
        .into_iter()
        .any(|names| names.position(id).is_some())
}

fn nearest_of_all(reader: &mut Reader<'_>, draft: &Draft, id: &str) -> String {
    let all = [&draft.component_names, &draft.network_names, &draft.service_names, &draft.practice_names];
    let ids = all.into_iter().flat_map(Names::ids);
    match reader.report.comparisons.nearest(id, ids) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "name components, networks, services or practices; leave `what` out for all".to_owned(),
    }
}

/// A date and time of TOML's own or in quotes. Without an offset it is the ICB's local time, since that is
/// how a supplier announces planned work.
fn moment(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    what: &str,
    key: &str,
    zone: &jiff::tz::TimeZone,
) -> Option<Placed<At>> {
    const HELP: &str = "write 2026-03-16T22:00:00 (local time of the ICB) or 2026-03-16T22:00:00Z";
    let Some(value) = section.raw(key) else {
        reader.refuse(section.span, format!("{what} has no `{key}`"), HELP);
        return None;
    };
    let text = match value.value {
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::String(text) => text.trim().to_owned(),
        other => {
            reader.refuse(value.span, format!("`{key}` is {}, not a date and time", described(other)), HELP);
            return None;
        }
    };
    let at = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let local = text.contains(':').then(|| text.parse::<jiff::civil::DateTime>().ok())??;
        // In the hour that the clocks skip or repeat, the earlier reading.
        zone.to_ambiguous_zoned(local).compatible().ok().map(|zoned| zoned.timestamp())
    });
    let Some(at) = at else {
        let message = format!("`{key}`: {:?} is not a date and time", shorten(&text));
        reader.refuse(value.span, message, HELP);
        return None;
    };
    Some(Placed { value: At::from(at), span: value.span })
}

fn schedule(reader: &mut Reader<'_>, root: &Section<'_>) -> ScheduleSettings {
    let mut schedule = ScheduleSettings::default();
    let Some(section) = root.table(reader, "schedule") else { return schedule };
    section.refuse_unknown(reader, &["concurrency", "target_rate", "reask", "paths"]);
    if let Some(most) = section.integer(reader, "concurrency", 1..=SCHEDULE_CONCURRENCY_MAX) {
        schedule.concurrency_max = usize::try_from(most.value).unwrap_or(ScheduleSettings::CONCURRENCY);
    }
    if let Some(paths) = section.boolean(reader, "paths") {
        schedule.paths = paths.value;
    }
    schedule.target_rate_max =
        section.number(reader, "target_rate", 0.01..=1_000_000.0).map(|rate| rate.value);
    if let Some(reask) = section.boolean(reader, "reask") {
        schedule.reask = reask.value;
    }
    schedule
}
