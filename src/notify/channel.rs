//! By what a notice leaves, and for whom in which order. Pure.

use std::fmt;
use std::sync::Arc;

use crate::config::{ContactSettings, ContactWay};
use crate::incident::Event;

use super::notice::{Audience, Notice};

/// The kinds of channels that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    Email,
    Sms,
    Webhook,
    Alertmanager,
    Teams,
}

impl Channel {
    /// The word in metrics, the journal and the outbox.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
            Self::Teams => "teams",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a message leaves by. Several mail servers are one way: whichever takes a mail, it is the same mail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub channel: Channel,
    /// Of channels that are recipients themselves: which.
    pub hook: Option<Arc<str>>,
}

impl Way {
    pub(super) const EMAIL: Self = Self { channel: Channel::Email, hook: None };
    pub(super) const SMS: Self = Self { channel: Channel::Sms, hook: None };
}

/// A channel as a recipient of notices: `webhook:servicenow`. No e-mail address looks like it.
pub fn hook_recipient(channel: Channel, id: &str) -> String {
    format!("{channel}:{id}")
}

/// The channel that a recipient is, if it is one.
pub fn hook_of(recipient: &str) -> Option<(Channel, &str)> {
    let (word, id) = recipient.split_once(':')?;
    let channel = [Channel::Webhook, Channel::Alertmanager, Channel::Teams]
        .into_iter()
        .find(|channel| channel.as_str() == word)?;
    Some((channel, id))
}

/// What is configured of somebody, by their address.
pub(super) fn contact_of<'c>(contacts: &'c [ContactSettings], address: &str) -> Option<&'c ContactSettings> {
    contacts.iter().find(|contact| contact.email.eq_ignore_ascii_case(address))
}

/// What a notice may leave by, in order. Whoever has asked for nothing else gets e-mail. E-mail goes to the end of the
/// line where the practices' own e-mail (`service`) is down, or where their mails come back, if there is another way.
pub(super) fn ways_of<'a>(
    notice: &Notice,
    contacts: &[ContactSettings],
    service: Option<&str>,
    comes_back: bool,
    open: impl Iterator<Item = &'a Arc<Event>>,
) -> Vec<Way> {
    if let Some((channel, id)) = hook_of(&notice.recipient) {
        return vec![Way { channel, hook: Some(id.into()) }];
    }
    let contact = contact_of(contacts, &notice.recipient);
    let asked = contact.map_or(&[ContactWay::Email][..], |contact| &contact.ways);
    let way = |way: &ContactWay| match way {
        ContactWay::Email => Way::EMAIL,
        ContactWay::Sms => Way::SMS,
    };
    let mut ways: Vec<Way> = asked.iter().map(way).collect();
    let is_cut_off = match (&notice.audience, service) {
        (Audience::Practices(practices), Some(service)) => is_down(service, practices, open),
        _ => false,
    };
    if comes_back || is_cut_off {
        ways.sort_by_key(|way| way.channel == Channel::Email);
    }
    ways
}

/// Whether an open incident takes the service from any of the practices.
fn is_down<'a>(service: &str, practices: &[String], mut open: impl Iterator<Item = &'a Arc<Event>>) -> bool {
    open.any(|event| {
        event.services.iter().any(|id| id == service)
            && event.practices.iter().any(|id| practices.contains(id))
    })
}

/// Everybody at the ICB who hears: addresses, and the channels that are recipients themselves.
pub(super) fn staff_of(config: &crate::config::Config) -> Vec<String> {
    let mail = config.mail.iter().flat_map(|mail| mail.staff.iter().cloned());
    let hooks = config.ways.channels.iter().filter_map(|channel| {
        let kind = channel.kind.channel();
        (kind != Channel::Sms).then(|| hook_recipient(kind, &channel.id))
    });
    mail.chain(hooks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::notice::{NoticeKind, NoticeState};
    use crate::notify::policy::tests::event;

    fn notice(recipient: &str, audience: Audience) -> Notice {
        let event = event("2026-03-16-1", 0, &["A"]);
        Notice {
            id: "notice".to_owned(),
            incident: event.incident,
            event_at: event.at,
            event: event.event,
            kind: NoticeKind::Opening,
            audience,
            recipient: recipient.to_owned(),
            thread: None,
            due: event.at,
            state: NoticeState::Queued,
        }
    }

    fn contacts() -> Vec<ContactSettings> {
        vec![ContactSettings {
            mobile: Some("07700900001".to_owned()),
            ways: vec![ContactWay::Email, ContactWay::Sms],
            ..ContactSettings::plain("Manager@A.example")
        }]
    }

    fn ways(recipient: &str, practice: &str, down: &[&str]) -> Vec<Way> {
        let mut event = event("2026-03-16-1", 0, &["A"]);
        event.services = down.iter().map(|id| (*id).to_owned()).collect();
        let notice = notice(recipient, Audience::Practices(vec![practice.to_owned()]));
        ways_of(&notice, &contacts(), Some("nhsmail"), false, [Arc::new(event)].iter())
    }

    #[test]
    fn where_a_practices_own_email_is_down_the_other_way_is_first() {
        assert_eq!(ways("manager@a.example", "A", &["accurx"]), [Way::EMAIL, Way::SMS]);
        assert_eq!(ways("manager@a.example", "A", &["accurx", "nhsmail"]), [Way::SMS, Way::EMAIL]);
        assert_eq!(ways("manager@a.example", "B", &["nhsmail"]), [Way::EMAIL, Way::SMS], "not theirs");
        assert_eq!(ways("other@a.example", "A", &["nhsmail"]), [Way::EMAIL], "there is no other way");
    }

    #[test]
    fn whose_mails_come_back_gets_the_other_way_first_whoever_they_are() {
        let told = |recipient: &str| {
            ways_of(&notice(recipient, Audience::Staff), &contacts(), None, true, [].iter())
        };
        assert_eq!(told("manager@a.example"), [Way::SMS, Way::EMAIL]);
        assert_eq!(told("other@a.example"), [Way::EMAIL], "there is no other way");
    }

    #[test]
    fn a_channel_that_is_a_recipient_is_its_own_way() {
        let told = ways_of(&notice("teams:ops", Audience::Staff), &contacts(), None, true, [].iter());
        assert_eq!(told, [Way { channel: Channel::Teams, hook: Some("ops".into()) }]);
        assert_eq!(hook_of("sms:x"), None);
        assert_eq!(hook_of("manager@a.example"), None);
    }
}
