//! What supposing a candidate adds to the likelihood of everything that was seen.

use crate::estate::PracticeIx;

use super::super::evidence::Evidence;
use super::super::model::{Mode, log_sum_exp};
use super::super::own::Dirty;
use super::super::tallies::UNSURE_MS;
use super::super::topology::{Cover, Member, Row};
use super::super::window::Span;
use super::profile::Counts;
use super::{Candidate, Lens, Search};

/// A row behind a shared fault that answers again, though others don't, is back: fixes come in stages …
const BACK: f64 = -3.5;
/// … and one that answered while others didn't may have fallen later, when a fix broke something else.
const FELL_LATER: f64 = -3.5;
/// What the ways together add to the best of them at most: log(1 + e^BACK + e^FELL_LATER).
pub const WAYS_MAX: f64 = 0.06;
/// A row that has spares for what failed is hit when it used that one.
const SPARED: f64 = 0.5;
/// Networks whose sums fit on the stack.
const NETWORKS_INLINE: usize = 8;

impl Search<'_> {
    /// Gain of one bad row when `candidate` has failed and this row is hit throughout `span`.
    pub fn hit_gain(
        &self,
        candidate: &Candidate,
        lens: &Lens,
        member: Member,
        dirty: &Dirty,
        span: Span,
    ) -> f64 {
        let cover = &self.topology.covers[member.cover];
        let networks = self.topology.networks;
        let mut inline = [0.0_f64; NETWORKS_INLINE];
        let mut overflow = Vec::new();
        let moved: &mut [f64] = if networks <= NETWORKS_INLINE {
            &mut inline[..networks]
        } else {
            overflow.resize(networks, 0.0);
            &mut overflow
        };
        for piece in dirty.pieces.iter().take_while(|piece| piece.from >= span.since) {
            if lens.shows_through(cover, piece.probe) {
                moved[self.networks[piece.probe as usize]] += piece.gain_through(span, &lens.shares);
            }
        }
        dirty.gain(moved, cuts_off(candidate, span, cover, dirty))
    }

    /// The ways in which a row may have been hit: throughout, until it was mended before the others, or only since
    /// it fell after them. Each as its span and the price of being different.
    pub fn ways(&self, candidate: &Candidate, lens: &Lens, member: Member, dirty: &Dirty) -> Ways {
        let mut ways = Ways { list: [(candidate.span, 0.0); 3], count: 1 };
        if candidate.span.until.is_some() || !candidate.mode.stays() {
            return ways;
        }
        let cover = &self.topology.covers[member.cover];
        let since = candidate.span.since;
        let (mut last_good, mut last_bad, mut first_good, mut fell) = (None, None, None, None);
        let shown = dirty.pieces.iter().filter(|piece| lens.shows_through(cover, piece.probe));
        // Newest first: the last of a kind is its earliest.
        for piece in shown.filter(|piece| piece.to >= since) {
            // What comes late has got past what is dead.
            if piece.passed(&lens.shares) {
                last_good = last_good.max(Some(piece.to));
                first_good = Some(piece.from);
            } else {
                last_bad = last_bad.max(Some(piece.to));
                // What goes on now began then.
                if piece.goes_on && piece.from >= since {
                    fell = Some(piece.from);
                }
            }
        }
        if let (Some(bad), Some(good)) = (last_bad, last_good)
            && good > bad
        {
            ways.add(Span { since, until: Some(bad.plus_millis(1)) }, BACK);
        }
        if let (Some(fell), Some(good)) = (fell, first_good)
            && good < fell
        {
            ways.add(Span::since(fell), FELL_LATER);
        }
        ways
    }

    /// Gain of one bad row, hit or not.
    fn row_gain(&self, candidate: &Candidate, lens: &Lens, member: Member, dirty: &Dirty) -> f64 {
        let ways = self.ways(candidate, lens, member, dirty);
        let mut terms = [f64::NEG_INFINITY; 3];
        for (term, (span, price)) in terms.iter_mut().zip(ways.as_slice()) {
            *term = price + self.hit_gain(candidate, lens, member, dirty, *span);
        }
        let hit = if ways.count == 1 { terms[0] } else { log_sum_exp(&terms[..ways.count]) };
        gain_if_hit(share_hit(candidate.mode, member.spared), hit)
    }

    /// From when until when this row was most probably hit, given that the candidate has failed; `None`: it was
    /// spared.
    fn hit_span(&self, candidate: &Candidate, lens: &Lens, member: Member, dirty: &Dirty) -> Option<Span> {
        let ways = self.ways(candidate, lens, member, dirty);
        let mut best = (f64::NEG_INFINITY, candidate.span);
        for (span, price) in ways.as_slice() {
            let log = price + self.hit_gain(candidate, lens, member, dirty, *span);
            if log > best.0 {
                best = (log, *span);
            }
        }
        let spared = share_hit(candidate.mode, member.spared)
            .map_or(f64::NEG_INFINITY, |share| (1.0 - share).ln() - share.ln());
        (best.0 > spared).then_some(best.1)
    }

    /// Whether this row is hit now, given that the candidate has failed.
    pub fn is_hit(&self, candidate: &Candidate, lens: &Lens, member: Member) -> bool {
        match self.dirty_of(member.row) {
            None => share_hit(candidate.mode, member.spared).is_none(),
            Some(dirty) => {
                self.hit_span(candidate, lens, member, dirty).is_some_and(|span| span.until.is_none())
            }
        }
    }

    /// What supposing a candidate adds. `behind`: the hot rows behind it; `calm`: the good answers of the others.
    pub fn gain(&self, candidate: &Candidate, lens: &Lens, behind: &[Member], calm: &Counts) -> f64 {
        // Every row stands before the monitor, but only the hub's checks cross its own lines.
        let own_lines = self.is_monitor(candidate.node) && candidate.mode != Mode::SharedMachine;
        let mut sum: f64 = behind
            .iter()
            .filter(|member| !own_lines || member.row == self.topology.hub())
            .filter_map(|member| {
                let dirty = self.dirty_of(member.row)?;
                Some(self.row_gain(candidate, lens, *member, dirty))
            })
            .sum();
        let (ok, span) = (lens.shares.ok(), candidate.span);
        sum += if let Some(share) = self.share_of_rows(candidate) {
            let dead: f64 = self
                .slight_in(candidate, lens)
                .map(|at| &self.slight[at])
                .filter(|slight| slight.last_word)
                .map(|slight| {
                    (1.0 - share + share * slight.piece.gain_through(span, &lens.shares).exp()).ln()
                })
                .sum();
            dead + self.speaks_against(candidate, ok, behind.len(), calm)
        } else {
            let slight: f64 = self
                .slight_in(candidate, lens)
                .map(|at| self.slight[at].piece.gain_through(span, &lens.shares))
                .sum();
            slight + calm.log(&self.grid, candidate.span, &lens.shares)
        };
        if own_lines && candidate.mode == Mode::Total && candidate.span.until.is_none() {
            sum += self.reports_held_back(candidate, ok);
        }
        sum
    }

    /// The share of the rows behind a candidate that it hits; `None`: all.
    fn share_of_rows(&self, candidate: &Candidate) -> Option<f64> {
        share_hit(candidate.mode, self.topology.nodes[candidate.node].spared)
    }

    /// Bad results of slight rows in which a candidate would show.
    fn slight_in<'s>(&'s self, candidate: &Candidate, lens: &'s Lens) -> impl Iterator<Item = usize> + 's {
        let behind = &self.behind[self.crossed_by(candidate.node, candidate.mode)];
        let shown = |at: &usize| lens.shows(self.slight[*at].piece.probe);
        behind.iter().map(|at| *at as usize).filter(shown)
    }

    /// What the calm rows say against a candidate that hits a share of the rows. One good answer nearly clears a row,
    /// and the second changes little more.
    pub fn speaks_against(&self, candidate: &Candidate, ok: f64, hot: usize, calm: &Counts) -> f64 {
        let Some(share) = self.share_of_rows(candidate) else { return 0.0 };
        self.rows_that_answered(candidate, hot, calm) * (1.0 - share + share * ok.exp()).ln()
    }

    /// How many of the calm rows behind a candidate have answered within its span, if answers are spread evenly.
    fn rows_that_answered(&self, candidate: &Candidate, hot: usize, calm: &Counts) -> f64 {
        let node = &self.topology.nodes[candidate.node];
        let count = node.member_count(self.topology.rows) as f64;
        let rows = (count * self.heard_share - hot as f64).max(1.0);
        let answers = calm.within(&self.grid, candidate.span, UNSURE_MS);
        rows * (1.0 - (-answers / rows).exp())
    }

    /// The arrival of every report crosses the monitor; where one of its lines has failed, of every report that came over that one.
    fn reports_held_back(&self, candidate: &Candidate, ok: f64) -> f64 {
        (0..self.topology.rows - 1)
            .map(|position| {
                let hearing = &self.evidence.hearings[position];
                let row: Row = PracticeIx::new(position).0;
                if !self.is_heard_over(row, candidate.facet) {
                    return 0.0;
                }
                match self.dirty_of(row) {
                    Some(dirty) if dirty.late => dirty.gain(&[], candidate.span.since <= dirty.due),
                    _ if hearing.ever() && !hearing.away && hearing.last > candidate.span.since => ok,
                    _ => 0.0,
                }
            })
            .sum()
    }

    /// Takes `candidate` as given: from now on its checks are explained by it.
    pub fn suppose(&mut self, candidate: &Candidate) {
        let lens = self.lens(candidate.facet, candidate.mode);
        let members: Vec<Member> =
            self.members(candidate).filter(|member| self.dirty_of(member.row).is_some()).collect();
        let strays = self.strays(candidate, &lens, members.len());
        let strays = strays.into_iter().map(|stray| (stray.member, stray.span));
        let listed = members.into_iter().filter_map(|member| {
            let dirty = self.dirty_of(member.row)?;
            Some((member, self.hit_span(candidate, &lens, member, dirty)?))
        });
        let hit: Vec<(Member, Span)> = listed.chain(strays).collect();
        for (member, span) in hit {
            let Some(dirty) = self.dirty_of(member.row) else { continue };
            let topology = self.topology;
            let cover = &topology.covers[member.cover];
            let cut = cuts_off(candidate, span, cover, dirty);
            let position = self.hot_position(member.row);
            if let Some(dirty) = self.hot.get_mut(position) {
                let shown = |probe: u32| lens.shows_through(cover, probe);
                dirty.suppose(&lens.shares, span, shown, &self.networks, cut);
            }
        }
        let some = self.share_of_rows(candidate).is_some();
        let explained: Vec<usize> = self.slight_in(candidate, &lens).collect();
        for at in explained {
            let slight = &mut self.slight[at];
            if !some || slight.last_word {
                slight.piece.suppose_through(candidate.span, &lens.shares);
            }
        }
        if self.is_monitor(candidate.node) && candidate.mode == Mode::Total && candidate.span.until.is_none()
        {
            let evidence = self.evidence;
            let due = |dirty: &&mut Dirty| {
                dirty.late
                    && candidate.span.since <= dirty.due
                    && is_heard_over(evidence, dirty.row, candidate.facet)
            };
            self.hot.iter_mut().filter(due).for_each(Dirty::cut_off);
        }
    }
}

/// Whether a row's reports come over this network, or may, as far as is known of them; `None`: over any.
fn is_heard_over(evidence: &Evidence, row: Row, network: Option<usize>) -> bool {
    let uplink = evidence.hearings[row as usize].uplink.map(usize::from);
    network.is_none_or(|network| uplink.is_none_or(|uplink| uplink == network))
}

impl Search<'_> {
    pub fn is_heard_over(&self, row: Row, network: Option<usize>) -> bool {
        is_heard_over(self.evidence, row, network)
    }
}

/// The ways in which a row may have been hit.
pub struct Ways {
    list: [(Span, f64); 3],
    count: usize,
}

impl Ways {
    fn add(&mut self, span: Span, price: f64) {
        if let Some(slot) = self.list.get_mut(self.count) {
            *slot = (span, price);
            self.count += 1;
        }
    }

    pub fn as_slice(&self) -> &[(Span, f64)] {
        &self.list[..self.count]
    }
}

/// The share of the rows that a mode hits; `None`: all. `spared`: the row has spares for what failed.
pub const fn share_hit(mode: Mode, spared: bool) -> Option<f64> {
    match mode {
        Mode::Sticky(share, _) => Some(share),
        _ if spared => Some(SPARED),
        _ => None,
    }
}

/// log P(a row behind what failed in this way is hit).
pub fn hit_price(mode: Mode) -> f64 {
    share_hit(mode, false).map_or(0.0, f64::ln)
}

/// Gain of a row of which a share like this is hit, and gains this much then.
pub fn gain_if_hit(share: Option<f64>, hit: f64) -> f64 {
    share.map_or(hit, |share| log_sum_exp(&[(1.0 - share).ln(), share.ln() + hit]))
}

/// Whether no report of a row gets out when `candidate` has taken it through `span`.
fn cuts_off(candidate: &Candidate, span: Span, cover: &Cover, dirty: &Dirty) -> bool {
    cover.everything
        && span.until.is_none()
        && (!dirty.late || span.since <= dirty.due)
        && candidate.facet.is_none()
        && matches!(candidate.mode, Mode::Total | Mode::Sticky(..) | Mode::SharedMachine)
}
