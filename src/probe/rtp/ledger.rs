//! What was sent of a train, what came back, and what that says of each direction. Pure.

use std::time::Duration;

use super::mos;
use crate::probe::answer::RtpFacts;
use crate::probe::trail::{median, millis};
use crate::reflector::train::{Places, Saw};

/// A jitter buffer holds twice the jitter, but at least a packet; and another packet is filled before it is sent.
const BUFFER_JITTERS: f64 = 2.0;
const PACKET_MS: f64 = 20.0;

/// One train's account.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    packets: Vec<Packet>,
    /// Places of answers in the order in which they came.
    heard: Vec<usize>,
    /// What the reflector says has arrived, of all its answers.
    arrived: Places,
    /// Nothing that was sent is unknown to the reflector's last word.
    is_told_all: bool,
    reordered_up: u16,
    duplicates_up: u16,
    duplicates_down: u16,
    late: Duration,
}

#[derive(Debug)]
struct Packet {
    /// Since the train began.
    sent_ms: f64,
    back: Option<Back>,
}

#[derive(Debug, Clone, Copy)]
struct Back {
    /// By the reflector's clock.
    arrived_ms: f64,
    /// Since the train began.
    heard_ms: f64,
}

/// Where packets were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    /// They didn't reach the reflector.
    pub(super) up: usize,
    /// They did, and their answers didn't come back.
    pub(super) down: usize,
    /// The reflector's last word came before it could tell.
    pub(super) somewhere: usize,
}

impl Lost {
    pub(super) const fn all(self) -> usize {
        self.up + self.down + self.somewhere
    }
}

impl Ledger {
    /// The next packet went out at this time since the train began, so long after its time.
    pub(super) fn sent(&mut self, at: Duration, late: Duration) {
        self.packets.push(Packet { sent_ms: millis(at), back: None });
        self.late = self.late.max(late);
    }

    /// An answer to the packet at this place came.
    pub(super) fn heard(&mut self, place: u16, saw: &Saw, at: Duration) {
        self.told(saw);
        let place = usize::from(place);
        let Some(packet) = self.packets.get_mut(place) else { return };
        if packet.back.is_some() {
            self.duplicates_down = self.duplicates_down.saturating_add(1);
            return;
        }
        packet.back = Some(Back { arrived_ms: saw.arrived_us as f64 / 1000.0, heard_ms: millis(at) });
        self.heard.push(place);
    }

    /// A tally came, which was asked for after the last packet.
    pub(super) fn tallied(&mut self, saw: &Saw) {
        self.told(saw);
        self.is_told_all = true;
    }

    fn told(&mut self, saw: &Saw) {
        self.arrived.join(saw.arrived);
        self.reordered_up = self.reordered_up.max(saw.reordered);
        self.duplicates_up = self.duplicates_up.max(saw.repeated);
    }

    pub(super) fn sent_count(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn is_all_back(&self) -> bool {
        self.heard.len() == self.packets.len()
    }

    /// Whether anything at all was heard.
    pub(super) fn is_anything_heard(&self) -> bool {
        !self.heard.is_empty() || self.is_told_all
    }

    pub(super) const fn is_told_all(&self) -> bool {
        self.is_told_all
    }

    /// How long after its time the latest packet was sent, which is this machine's doing.
    pub(super) const fn late(&self) -> Duration {
        self.late
    }

    pub(super) fn lost(&self) -> Lost {
        let mut lost = Lost { up: 0, down: 0, somewhere: 0 };
        let last_told = self.arrived.last();
        for (place, _) in self.packets.iter().enumerate().filter(|(_, packet)| packet.back.is_none()) {
            let place = u16::try_from(place).unwrap_or(u16::MAX);
            if self.arrived.has(place) {
                lost.down += 1;
            } else if self.is_told_all || last_told.is_some_and(|last| last > place) {
                lost.up += 1;
            } else {
                lost.somewhere += 1;
            }
        }
        lost
    }

    /// Share of the packets that didn't come back.
    pub(super) fn loss(&self) -> f64 {
        share(self.lost().all(), self.packets.len())
    }

    pub(super) fn facts(&self) -> RtpFacts {
        let (sent, lost) = (self.packets.len(), self.lost());
        let mut round_trips: Vec<f64> = self.answered().map(|(sent, back)| back.heard_ms - sent).collect();
        round_trips.sort_by(f64::total_cmp);
        let median = median(&round_trips);
        let (up, down) = (self.jitter_up(), self.jitter_down());
        let worse = up.zip(down).map(|(up, down)| up.max(down));
        let delay =
            median.zip(worse.or(Some(0.0)).filter(|_| median.is_some())).map(|(round_trip, jitter)| {
                round_trip / 2.0 + PACKET_MS + (BUFFER_JITTERS * jitter).max(PACKET_MS)
            });
        // What was lost somewhere may have been lost on either way: the estimate is the poorer one.
        let arrived = sent - lost.up - lost.somewhere;
        let loss_up = share(lost.up + lost.somewhere, sent);
        let loss_down = share(lost.down + lost.somewhere, arrived + lost.somewhere);
        let score = |loss: f64| delay.map(|delay| mos::score(mos::rating(delay, loss)));
        RtpFacts {
            sent: count(sent),
            received: count(self.heard.len()),
            lost_up: count(lost.up),
            lost_down: count(lost.down),
            lost_somewhere: count(lost.somewhere),
            reordered_up: self.reordered_up,
            reordered_down: self.reordered_down(),
            duplicates_up: self.duplicates_up,
            duplicates_down: self.duplicates_down,
            min_ms: round_trips.first().copied().map(round),
            median_ms: median.map(round),
            max_ms: round_trips.last().copied().map(round),
            jitter_up_ms: up.map(round),
            jitter_down_ms: down.map(round),
            delay_ms: delay.map(round),
            mos_up: score(loss_up).map(round),
            mos_down: score(loss_down).map(round),
            late_ms: millis(self.late),
        }
    }

    /// Each answered packet, in the order of sending.
    fn answered(&self) -> impl Iterator<Item = (f64, Back)> {
        self.packets.iter().filter_map(|packet| Some((packet.sent_ms, packet.back?)))
    }

    fn jitter_up(&self) -> Option<f64> {
        let mut times: Vec<(f64, f64)> =
            self.answered().map(|(sent, back)| (back.arrived_ms, back.arrived_ms - sent)).collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        jitter(times.into_iter().map(|(_, transit)| transit))
    }

    fn jitter_down(&self) -> Option<f64> {
        let backs = self.heard.iter().filter_map(|place| self.packets.get(*place)?.back);
        jitter(backs.map(|back| back.heard_ms - back.arrived_ms))
    }

    /// Answers that came after one that the reflector had sent later.
    fn reordered_down(&self) -> u16 {
        let mut latest = f64::NEG_INFINITY;
        let mut reordered = 0_u16;
        for back in self.heard.iter().filter_map(|place| self.packets.get(*place)?.back) {
            if back.arrived_ms < latest {
                reordered = reordered.saturating_add(1);
            }
            latest = latest.max(back.arrived_ms);
        }
        reordered
    }
}

/// The interarrival jitter of RFC 3550 (6.4.1): the mean difference between one transit time and the next, the latest
/// sixteenth at a time. The clocks of both ends don't matter. `None`: there were fewer than two.
fn jitter(transits: impl Iterator<Item = f64>) -> Option<f64> {
    let mut last = None;
    let mut jitter = None;
    for transit in transits {
        if let Some(last) = last {
            let so_far = jitter.unwrap_or(0.0);
            let step: f64 = transit - last;
            jitter = Some(so_far + (step.abs() - so_far) / 16.0);
        }
        last = Some(transit);
    }
    jitter
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn count(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Four packets, one each 20 ms. What became of each: the way there and back, or where it was lost.
    fn ledger(fates: &[Fate]) -> Ledger {
        let mut ledger = Ledger::default();
        for place in 0..fates.len() {
            ledger.sent(ms(20 * place as u64), Duration::ZERO);
        }
        let mut arrivals: Vec<(u64, usize)> = fates
            .iter()
            .enumerate()
            .filter_map(|(place, fate)| match fate {
                Fate::Back(there, _) | Fate::LostDown(there) => Some((20 * place as u64 + there, place)),
                Fate::LostUp => None,
            })
            .collect();
        arrivals.sort_unstable();
        let mut arrived = Places::default();
        let mut answers = Vec::new();
        for (at, place) in arrivals {
            let number = u16::try_from(place).expect("few");
            arrived.add(number);
            if let Fate::Back(_, back) = fates[place] {
                answers.push((at + back, number, saw(at, arrived)));
            }
        }
        answers.sort_by_key(|(at, ..)| *at);
        for (at, place, saw) in answers {
            ledger.heard(place, &saw, ms(at));
        }
        ledger
    }

    /// Its clock is far ahead of ours.
    fn saw(at_ms: u64, arrived: Places) -> Saw {
        let source = "192.0.2.7:40000".parse().expect("an address");
        Saw { source, arrived_us: (at_ms + 5_000_000) * 1000, reordered: 0, repeated: 0, arrived }
    }

    #[derive(Clone, Copy)]
    enum Fate {
        Back(u64, u64),
        LostUp,
        LostDown(u64),
    }
    use Fate::{Back, LostDown, LostUp};

    fn near(value: Option<f64>, expected: f64) {
        let value = value.expect("a value");
        assert!((value - expected).abs() < 0.001, "{value}, not {expected}");
    }

    #[test]
    fn a_sound_line_has_no_jitter_and_sounds_well() {
        let facts = ledger(&[Back(30, 50); 10]).facts();
        assert_eq!((facts.sent, facts.received, facts.lost_up, facts.lost_down), (10, 10, 0, 0));
        near(facts.median_ms, 80.0);
        near(facts.jitter_up_ms, 0.0);
        near(facts.jitter_down_ms, 0.0);
        near(facts.delay_ms, 80.0);
        near(facts.mos_up, 4.369);
        assert_eq!(facts.mos_up, facts.mos_down);
    }

    #[test]
    fn loss_there_and_loss_back_are_told_apart() {
        let ledger = ledger(&[Back(10, 10), LostUp, LostDown(10), LostDown(10), Back(10, 10)]);
        assert_eq!(ledger.lost(), Lost { up: 1, down: 2, somewhere: 0 });
        assert!((ledger.loss() - 0.6).abs() < 1e-9);
        let facts = ledger.facts();
        assert!(facts.mos_down < facts.mos_up, "{facts:?}");
    }

    #[test]
    fn of_the_last_packets_only_a_tally_tells() {
        let mut ledger = ledger(&[Back(10, 10), LostUp, Back(10, 10), LostDown(10), LostUp]);
        assert_eq!(ledger.lost(), Lost { up: 1, down: 0, somewhere: 2 });
        let mut arrived = Places::default();
        for place in [0, 2, 3] {
            arrived.add(place);
        }
        ledger.tallied(&saw(500, arrived));
        assert_eq!(ledger.lost(), Lost { up: 2, down: 1, somewhere: 0 });
    }

    #[test]
    fn jitter_belongs_to_its_direction() {
        let up = ledger(&[Back(10, 10), Back(26, 10), Back(10, 10)]).facts();
        // 16 ÷ 16, and then 1 + (16 − 1) ÷ 16.
        near(up.jitter_up_ms, 1.938);
        near(up.jitter_down_ms, 0.0);
        let down = ledger(&[Back(10, 10), Back(10, 26), Back(10, 10)]).facts();
        near(down.jitter_up_ms, 0.0);
        near(down.jitter_down_ms, 1.938);
    }

    #[test]
    fn what_comes_twice_or_out_of_order_is_counted() {
        let mut ledger = ledger(&[Back(10, 50), Back(10, 10), Back(10, 10)]);
        assert_eq!(ledger.facts().reordered_down, 1);
        let told = Saw { reordered: 3, repeated: 4, ..saw(40, Places::default()) };
        ledger.heard(1, &told, ms(90));
        ledger.heard(200, &told, ms(90));
        let facts = ledger.facts();
        assert_eq!((facts.reordered_up, facts.duplicates_up, facts.duplicates_down), (3, 4, 1));
        assert_eq!(facts.received, 3);
    }

    #[test]
    fn nothing_back_has_no_numbers() {
        let facts = ledger(&[LostUp; 10]).facts();
        assert_eq!((facts.received, facts.lost_somewhere), (0, 10));
        assert_eq!((facts.delay_ms, facts.mos_up, facts.jitter_up_ms), (None, None, None));
    }
}
