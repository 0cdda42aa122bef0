//! The scenarios that come with linewatch, compiled in, so that an installed binary can drill without files.

/// Name and text of each file in `scenarios/`, in alphabetical order. A test compares it with the folder.
pub const SHIPPED: &[(&str, &str)] = &[
    ("allerton-2022", include_str!("../../../scenarios/allerton-2022.toml")),
    ("carrier-down", include_str!("../../../scenarios/carrier-down.toml")),
    ("crowdstrike-2024", include_str!("../../../scenarios/crowdstrike-2024.toml")),
    ("emis-2023", include_str!("../../../scenarios/emis-2023.toml")),
    ("facebook-dns-2021", include_str!("../../../scenarios/facebook-dns-2021.toml")),
    ("firewall-total", include_str!("../../../scenarios/firewall-total.toml")),
    ("hscn-core-down", include_str!("../../../scenarios/hscn-core-down.toml")),
    ("kent-2021", include_str!("../../../scenarios/kent-2021.toml")),
    ("kent-2023", include_str!("../../../scenarios/kent-2023.toml")),
    ("kent-2026-apr", include_str!("../../../scenarios/kent-2026-apr.toml")),
    ("kent-2026-jan", include_str!("../../../scenarios/kent-2026-jan.toml")),
    ("london-ambulance-2022", include_str!("../../../scenarios/london-ambulance-2022.toml")),
    ("one-practice-down", include_str!("../../../scenarios/one-practice-down.toml")),
    ("one-service-down", include_str!("../../../scenarios/one-service-down.toml")),
    ("optus-2023", include_str!("../../../scenarios/optus-2023.toml")),
    ("own-goal", include_str!("../../../scenarios/own-goal.toml")),
    ("quiet-year", include_str!("../../../scenarios/quiet-year.toml")),
    ("staffs-n3", include_str!("../../../scenarios/staffs-n3.toml")),
];

/// The text of a shipped scenario.
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(other, _)| *other == name).map(|(_, text)| *text)
}
