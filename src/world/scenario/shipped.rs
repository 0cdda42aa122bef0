//! The scenarios that come with linewatch, compiled in, so that an installed binary can drill without files.

/// Name and text of each file in `scenarios/`, in alphabetical order. A test compares it with the folder.
pub const SHIPPED: &[(&str, &str)] = &[("kent-2023", include_str!("../../../scenarios/kent-2023.toml"))];

/// The text of a shipped scenario.
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(other, _)| *other == name).map(|(_, text)| *text)
}
