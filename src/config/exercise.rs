//! `[exercise]`, read: who gets notices of incidents that never were.

use super::errors::Placed;
use super::names::shorten;
use super::reader::Reader;
use super::section::Section;
use super::settings::{ChannelSettings, ExerciseSettings};
use super::values;
use crate::notify::Channel;

pub(super) fn exercise(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    channels: &[ChannelSettings],
) -> ExerciseSettings {
    let Some(section) = root.table(reader, "exercise") else { return ExerciseSettings::default() };
    section.refuse_unknown(reader, &["to", "channels"]);
    let addresses = section.text_or_texts(reader, "to").unwrap_or_default();
    let to = addresses.into_iter().filter_map(|one| reader.judge("to", one, values::email));
    let to: Vec<String> = to.map(|one| one.value).collect();
    let ids = section.text_or_texts(reader, "channels").unwrap_or_default();
    let channels = ids.into_iter().filter_map(|id| channel(reader, id, channels)).collect();
    ExerciseSettings { to, channels, is_on: false }
}

fn channel(reader: &mut Reader<'_>, id: Placed<&str>, channels: &[ChannelSettings]) -> Option<String> {
    let found = channels.iter().find(|channel| channel.id == id.value);
    let (message, help) = match found {
        None => (
            format!("no channel is called {:?}", shorten(id.value)),
            "name a [[channel]] by its id, or take it out",
        ),
        Some(channel) if channel.kind.channel() == Channel::Sms => (
            format!("text messages go to people, not to {:?}", shorten(id.value)),
            "name the person in `to`: whoever has `sms` among the `ways` of their [[contact]] gets them",
        ),
        Some(channel) => return Some(channel.id.clone()),
    };
    reader.refuse(id.span, message, help);
    None
}
