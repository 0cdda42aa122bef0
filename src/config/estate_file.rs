//! `[icb]`, `[[component]]`, `[[network]]`, `[[service]]`, and how the whole estate is put together.

use std::collections::HashMap;

use toml::de::DeValue;

use super::addresses::Taken;
use super::errors::{Placed, Span};
use super::names::{Names, shorten};
use super::reader::{Reader, described};
use super::section::{Section, section};
use super::{practices, probes, values};
use crate::estate::{
    Component, ComponentIx, Estate, Icb, Network, Practice, Probe, RoleUse, Service, ServiceIx,
};
use crate::limits::{CHECKS_MAX, COMPONENTS_MAX, CONFIG_LIST_MAX, NETWORKS_MAX, SERVICES_AND_PROBES_MAX};

/// The estate as far as it is read: names are known as soon as they are declared, even when the rest of
/// their declaration is wrong, so that one slip isn't reported again at every place that refers to it.
#[derive(Debug)]
pub(super) struct Draft {
    pub icb: Option<Icb>,
    pub components: Vec<Component>,
    pub component_names: Names,
    /// Components by the `address` that they give: a probe that uses the address uses the component.
    pub by_address: HashMap<String, ComponentIx>,
    /// The `address` of a component that gives one, for probes that name the component instead.
    pub addresses: HashMap<ComponentIx, String>,
    pub networks: Vec<Network>,
    pub network_names: Names,
    pub services: Vec<Service>,
    pub service_names: Names,
    pub probes: Vec<Probe>,
    pub practices: Vec<Practice>,
    pub practice_names: Names,
    pub hub_via: Vec<RoleUse>,
}

impl Draft {
    pub fn into_estate(self) -> Option<Estate> {
        let Self { icb, components, networks, services, probes, practices, hub_via, .. } = self;
        Some(Estate { icb: icb?, components, networks, services, probes, practices, hub_via })
    }
}

/// Everything that makes the estate, errors reported on the way.
pub(super) fn estate(reader: &mut Reader<'_>, root: &Section<'_>) -> Draft {
    let mut draft = Draft {
        icb: icb(reader, root),
        components: Vec::new(),
        component_names: Names::new("component"),
        by_address: HashMap::new(),
        addresses: HashMap::new(),
        networks: Vec::new(),
        network_names: Names::new("network"),
        services: Vec::new(),
        service_names: Names::new("service"),
        probes: Vec::new(),
        practices: Vec::new(),
        practice_names: Names::new("practice"),
        hub_via: Vec::new(),
    };
    components(reader, root, &mut draft);
    networks(reader, root, &mut draft);
    services(reader, root, &mut draft);
    probes::probes(reader, root, &mut draft);
    practices::practices(reader, root, &mut draft);
    probes::only(reader, root, &mut draft);
    let checks = draft.probes.len().saturating_mul(draft.practices.len());
    if checks > CHECKS_MAX {
        reader.refuse(
            Span::default(),
            format!("{checks} checks (probes × practices) are too many"),
            format!("{CHECKS_MAX} are the most that one hub takes"),
        );
    }
    draft
}

fn icb(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<Icb> {
    if !root.has("icb") {
        reader.refuse(
            Span::default(),
            "there is no [icb]",
            "add [icb] with code = \"QKS\", name = \"NHS Kent and Medway\" and timezone = \"Europe/London\"",
        );
        return None;
    }
    let icb = root.table(reader, "icb")?;
    icb.refuse_unknown(reader, &["code", "name", "timezone"]);
    let code = icb.need(reader, "code", values::id);
    let name = icb.need(reader, "name", values::line);
    let zone = icb.need(reader, "timezone", |text| Ok(text.to_owned()));
    let timezone = zone.and_then(|zone| timezone(reader, &zone));
    Some(Icb { code: code?.value, name: name?.value, timezone: timezone? })
}

fn timezone(reader: &mut Reader<'_>, zone: &Placed<String>) -> Option<jiff::tz::TimeZone> {
    if let Ok(found) = jiff::tz::TimeZone::get(&zone.value) {
        return Some(found);
    }
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let near = reader.report.comparisons.nearest(&zone.value, known.iter().map(String::as_str));
    let help = match near {
        Some(near) => format!("did you mean {near:?}?"),
        None => "write a zone of the IANA database: \"Europe/London\" for the whole of the UK".to_owned(),
    };
    reader.refuse(zone.span, format!("`timezone`: {:?} is not a time zone", shorten(&zone.value)), help);
    None
}

/// Sections of one kind, no more than fit.
pub(super) fn sections<'t>(
    reader: &mut Reader<'_>,
    root: &Section<'t>,
    key: &str,
    most: usize,
) -> Vec<Section<'t>> {
    let mut found = root.tables(reader, key);
    if let Some(first_beyond) = found.get(most) {
        let message = format!("there are {} [[{key}]], and {most} are the most", found.len());
        reader.refuse(first_beyond.span, message, "is this the right file?");
        found.truncate(most);
    }
    found
}

/// The id of something, declared. `None` when there is none, or when it is taken.
pub(super) fn declare(reader: &mut Reader<'_>, names: &mut Names, section: &Section<'_>) -> Option<String> {
    let id = section.need_text(reader, "id")?;
    // A badly formed id is declared all the same: what refers to it isn't wrong as well.
    reader.judge("id", id, values::id);
    names.declare(reader, id).then(|| id.value.to_owned())
}

fn components(reader: &mut Reader<'_>, root: &Section<'_>, draft: &mut Draft) {
    let mut taken = Taken::default();
    for section in sections(reader, root, "component", COMPONENTS_MAX) {
        section.refuse_unknown(
            reader,
            &["id", "kind", "name", "owner", "contact", "target", "address", "addresses"],
        );
        let id = declare(reader, &mut draft.component_names, &section);
        let kind = section.need(reader, "kind", values::component_kind);
        let name = section.need(reader, "name", values::line);
        let owner = section.value(reader, "owner", values::line);
        let contact = section.value(reader, "contact", values::line);
        let target = section.number(reader, "target", 0.0..=100.0);
        let address = section.value(reader, "address", values::host);
        let addresses = taken.addresses(reader, &section, id.as_deref());
        let Some(id) = id else { continue };
        let ix = ComponentIx::new(draft.components.len());
        if let Some(address) = address {
            draft.addresses.insert(ix, address.value.clone());
            draft.by_address.entry(address.value).or_insert(ix);
        }
        draft.components.push(Component {
            id,
            kind: kind.map(|kind| kind.value).unwrap_or_default(),
            name: name.map(|name| name.value).unwrap_or_default(),
            owner: owner.map(|owner| owner.value),
            contact: contact.map(|contact| contact.value),
            target_percent: target.map(|target| target.value),
            addresses,
        });
    }
}

fn networks(reader: &mut Reader<'_>, root: &Section<'_>, draft: &mut Draft) {
    let sections = sections(reader, root, "network", NETWORKS_MAX);
    if !root.has("network") {
        reader.refuse(
            Span::default(),
            "there is no [[network]]",
            "add one with id = \"internet\", name = \"the internet\" and through = [\"carrier\", \"firewall\"]",
        );
    }
    for section in sections {
        section.refuse_unknown(reader, &["id", "name", "through"]);
        let id = declare(reader, &mut draft.network_names, &section);
        let name = section.need(reader, "name", values::line);
        if !section.has("through") {
            section.missing(reader, "through");
        }
        let through = section.texts(reader, "through").map(|roles| roles_of(reader, "through", &roles));
        let Some(id) = id else { continue };
        draft.networks.push(Network {
            id,
            name: name.map(|name| name.value).unwrap_or_default(),
            through: through.unwrap_or_default(),
        });
    }
}

/// Role names, each well formed and once.
pub(super) fn roles_of(reader: &mut Reader<'_>, key: &str, roles: &[Placed<&str>]) -> Vec<String> {
    let mut found: Vec<String> = Vec::with_capacity(roles.len());
    for role in roles {
        if reader.judge(key, *role, values::id).is_none() {
            continue;
        }
        if found.iter().any(|other| other == role.value) {
            let message = format!("`{key}` has the role {:?} twice", role.value);
            reader.refuse(role.span, message, "keep one of the two");
            continue;
        }
        found.push(role.value.to_owned());
    }
    found
}

fn services(reader: &mut Reader<'_>, root: &Section<'_>, draft: &mut Draft) {
    let sections = sections(reader, root, "service", SERVICES_AND_PROBES_MAX);
    let mut declared = Vec::with_capacity(sections.len());
    for section in sections {
        section.refuse_unknown(reader, &["id", "name", "used_for", "instead", "catch_up", "needs"]);
        let id = declare(reader, &mut draft.service_names, &section);
        let name = section.need(reader, "name", values::line);
        let used_for = section.value(reader, "used_for", values::paragraph);
        let instead = section.value(reader, "instead", values::paragraph);
        let catch_up = section.value(reader, "catch_up", values::paragraph);
        let Some(id) = id else { continue };
        declared.push(section);
        draft.services.push(Service {
            id,
            name: name.map(|name| name.value).unwrap_or_default(),
            used_for: used_for.map(|used_for| used_for.value),
            instead: instead.map(|instead| instead.value),
            catch_up: catch_up.map(|catch_up| catch_up.value),
            needs: Vec::new(),
        });
    }
    // A service may need one that is declared after it.
    for (position, section) in declared.iter().enumerate() {
        let needs = section.texts(reader, "needs").unwrap_or_default();
        for need in needs {
            let Some(found) = draft.service_names.find(reader, need) else { continue };
            let found = ServiceIx::new(found);
            if !draft.services[position].needs.contains(&found) {
                draft.services[position].needs.push(found);
            }
            if reaches(&draft.services, found, ServiceIx::new(position)) {
                let id = &draft.services[position].id;
                let message = if found.at() == position {
                    format!("{id:?} needs itself")
                } else {
                    format!("{id:?} needs {:?}, which in turn needs {id:?}", need.value)
                };
                reader.refuse(need.span, message, "`needs` must not run in a circle: leave one of them out");
                draft.services[position].needs.retain(|other| *other != found);
            }
        }
    }
}

/// Whether a service needs another, directly or through others. The needs so far have no circle in them.
fn reaches(services: &[Service], from: ServiceIx, to: ServiceIx) -> bool {
    let mut seen = vec![false; services.len()];
    let mut ahead = vec![from];
    while let Some(next) = ahead.pop() {
        if next == to {
            return true;
        }
        if !std::mem::replace(&mut seen[next.at()], true) {
            ahead.extend(services[next.at()].needs.iter().copied());
        }
    }
    false
}

/// Components by id; one that is unknown is reported.
pub(super) fn components_of(
    reader: &mut Reader<'_>,
    names: &Names,
    ids: &[Placed<&str>],
) -> Vec<ComponentIx> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(position) = names.find(reader, *id) else { continue };
        let ix = ComponentIx::new(position);
        if found.contains(&ix) {
            let message = format!("{:?} stands here twice", id.value);
            reader.refuse(id.span, message, "keep one of the two");
        } else {
            found.push(ix);
        }
    }
    found
}

/// `via = { carrier = "bt", firewall = { any = ["fw-a", "fw-b"] } }`
pub(super) fn via(reader: &mut Reader<'_>, owner: &Section<'_>, names: &Names) -> Vec<RoleUse> {
    const HELP: &str = "write via = { carrier = \"bt\", firewall = { any = [\"fw-a\", \"fw-b\"] } }";
    let Some(value) = owner.raw("via") else { return Vec::new() };
    let Some(table) = section(value, "via".to_owned()) else {
        reader.refuse(value.span, format!("`via` is {}, not a table", described(value.value)), HELP);
        return Vec::new();
    };
    let entries = table.entries();
    if entries.len() > CONFIG_LIST_MAX {
        reader.refuse(value.span, "`via` has too many roles", format!("{CONFIG_LIST_MAX} are the most"));
        return Vec::new();
    }
    let mut uses = Vec::with_capacity(entries.len());
    for (role, filled) in entries {
        reader.judge("via", role, values::id);
        let any = match filled.value {
            DeValue::String(id) => {
                let id = Placed { value: id.as_ref(), span: filled.span };
                components_of(reader, names, &[id])
            }
            DeValue::Table(_) => {
                let Some(spares) = section(filled, format!("the role {:?}", shorten(role.value))) else {
                    continue;
                };
                spares.refuse_unknown(reader, &["any"]);
                match spares.texts(reader, "any") {
                    Some(ids) if !ids.is_empty() => components_of(reader, names, &ids),
                    Some(_) => {
                        reader.refuse(filled.span, "`any` is empty", HELP);
                        continue;
                    }
                    // What stands there instead has been refused already.
                    None if !spares.entries().is_empty() => continue,
                    None => {
                        spares.missing(reader, "any");
                        continue;
                    }
                }
            }
            other => {
                let message = format!("the role {:?} is {}", shorten(role.value), described(other));
                reader.refuse(filled.span, message, HELP);
                continue;
            }
        };
        uses.push(RoleUse { role: role.value.to_owned(), any });
    }
    uses
}
