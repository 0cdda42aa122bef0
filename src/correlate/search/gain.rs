//! What supposing a candidate adds to the likelihood of everything that was seen.

use crate::estate::PracticeIx;

use super::super::evidence::Class;
use super::super::model::{LogShares, Mode, log_sum_exp};
use super::super::own::Dirty;
use super::super::topology::{Cover, Member, Row};
use super::super::window::{Piece, Span};
use super::profile::Clean;
use super::{Candidate, Search};

/// A row behind a shared fault that answers again, though others don't, is back: fixes come in stages.
const BACK: f64 = -3.5;
/// A row that has spares for what failed is hit when it used that one.
const SPARED: f64 = 0.5;
/// Networks whose sums fit on the stack.
const NETWORKS_INLINE: usize = 8;

impl Search<'_> {
    /// Gain of one bad row when `candidate` has failed and this row is hit throughout `span`.
    fn hit_gain(
        &self,
        candidate: &Candidate,
        shares: &LogShares,
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
        for probe in self.probes_of(cover, candidate) {
            let sum = &mut moved[self.topology.probes[probe as usize].network];
            for piece in dirty.pieces[probe as usize].as_slice() {
                if span.holds(piece.from, piece.to) {
                    *sum += piece.gain(shares);
                }
            }
        }
        dirty.gain(moved, cuts_off(candidate, cover, dirty))
    }

    /// The span that ends with this row's last failure, if it has answered since.
    fn back(&self, candidate: &Candidate, member: Member, dirty: &Dirty) -> Option<Span> {
        if candidate.span.until.is_some() || !candidate.mode.stays() {
            return None;
        }
        let cover = &self.topology.covers[member.cover];
        let last = |bad: bool| {
            self.probes_of(cover, candidate)
                .flat_map(|probe| dirty.pieces[probe as usize].as_slice())
                .filter(|piece| piece.class.bad() == bad && piece.from >= candidate.span.since)
                .map(|piece| piece.to)
                .max()
        };
        let (bad, good) = (last(true)?, last(false)?);
        (good > bad).then(|| Span { since: candidate.span.since, until: Some(bad.plus_millis(1)) })
    }

    /// What a bad row says of a candidate, as logarithms: where it is hit now, and where it was but is back.
    fn ways(&self, candidate: &Candidate, shares: &LogShares, member: Member, dirty: &Dirty) -> (f64, f64) {
        let hit = self.hit_gain(candidate, shares, member, dirty, candidate.span);
        let back = self
            .back(candidate, member, dirty)
            .map_or(f64::NEG_INFINITY, |span| BACK + self.hit_gain(candidate, shares, member, dirty, span));
        (hit, back)
    }

    /// Gain of one bad row, hit or not.
    fn row_gain(&self, candidate: &Candidate, shares: &LogShares, member: Member, dirty: &Dirty) -> f64 {
        let (hit, back) = self.ways(candidate, shares, member, dirty);
        match share_hit(candidate.mode, member) {
            None if back == f64::NEG_INFINITY => hit,
            None => log_sum_exp(&[hit, back]),
            Some(share) => log_sum_exp(&[(1.0 - share).ln(), share.ln() + hit, share.ln() + back]),
        }
    }

    /// Whether this row is hit now, given that the candidate has failed.
    pub fn is_hit(&self, candidate: &Candidate, shares: &LogShares, member: Member) -> bool {
        let Some(dirty) = self.dirty_of(member.row) else {
            return share_hit(candidate.mode, member).is_none();
        };
        let (hit, back) = self.ways(candidate, shares, member, dirty);
        let spared = share_hit(candidate.mode, member)
            .map_or(f64::NEG_INFINITY, |share| (1.0 - share).ln() - share.ln());
        hit >= back && hit > spared
    }

    pub fn gain(&self, candidate: &Candidate, behind: &[Member], clean: &Clean, grid: &super::Grid) -> f64 {
        let shares = candidate.mode.row();
        // Every row stands before the monitor, but only the hub's checks cross its own lines.
        let own_lines = self.is_monitor(candidate.node) && candidate.mode == Mode::Total;
        let mut sum: f64 = behind
            .iter()
            .filter(|member| !own_lines || member.row == self.topology.hub())
            .filter_map(|member| {
                let dirty = self.dirty_of(member.row)?;
                Some(self.row_gain(candidate, &shares, *member, dirty))
            })
            .sum();
        let ok = shares.of(Class::Ok);
        sum += match candidate.mode {
            Mode::Sticky(share, _) => {
                // One good answer nearly clears a row, and the second changes little more.
                clean.cleared.within(grid, candidate.span) * (1.0 - share + share * ok.exp()).ln()
            }
            _ => clean.ok.log(grid, candidate.span, &shares),
        };
        if own_lines {
            sum += self.reports_held_back(candidate, ok);
        }
        sum
    }

    /// The arrival of every report crosses the monitor.
    fn reports_held_back(&self, candidate: &Candidate, ok: f64) -> f64 {
        (0..self.topology.rows - 1)
            .map(|position| {
                let hearing = &self.evidence.hearings[position];
                let row: Row = PracticeIx::new(position).0;
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
        let shares = candidate.mode.row();
        let members: Vec<Member> =
            self.members(candidate).filter(|member| self.dirty_of(member.row).is_some()).collect();
        for member in members {
            let Some(dirty) = self.dirty_of(member.row) else { continue };
            let (hit, back) = self.ways(candidate, &shares, member, dirty);
            let spared = share_hit(candidate.mode, member)
                .map_or(f64::NEG_INFINITY, |share| (1.0 - share).ln() - share.ln());
            if spared >= hit.max(back) {
                continue;
            }
            let span = match self.back(candidate, member, dirty) {
                Some(span) if back > hit => span,
                _ => candidate.span,
            };
            let topology = self.topology;
            let cover = &topology.covers[member.cover];
            let cut = back <= hit && cuts_off(candidate, cover, dirty);
            let probes: Vec<u32> = self.probes_of(cover, candidate).collect();
            if let Some(dirty) = self.dirty_of_mut(member.row) {
                for probe in probes {
                    for piece in dirty.pieces[probe as usize].as_mut_slice() {
                        if span.holds(piece.from, piece.to) {
                            Piece::suppose(piece, &shares);
                        }
                    }
                }
                dirty.cut |= cut;
                dirty.sum_up(topology);
            }
        }
        if self.is_monitor(candidate.node) && candidate.mode == Mode::Total {
            let topology = self.topology;
            for dirty in &mut self.dirty {
                dirty.cut |= dirty.late && candidate.span.since <= dirty.due;
                dirty.sum_up(topology);
            }
        }
    }
}

/// The share of the rows that a mode hits; `None`: all.
const fn share_hit(mode: Mode, member: Member) -> Option<f64> {
    match mode {
        Mode::Sticky(share, _) => Some(share),
        _ if member.spared => Some(SPARED),
        _ => None,
    }
}

/// Whether no report of a row gets out when `candidate` has failed.
fn cuts_off(candidate: &Candidate, cover: &Cover, dirty: &Dirty) -> bool {
    cover.everything
        && candidate.span.until.is_none()
        && (!dirty.late || candidate.span.since <= dirty.due)
        && candidate.facet.is_none()
        && matches!(candidate.mode, Mode::Total | Mode::Sticky(..) | Mode::SharedMachine)
}
