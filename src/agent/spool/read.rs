//! Handing out what is to be sent.

use super::{Disk, Spool};
use crate::segments::{self, Record};

impl Spool {
    /// What is to be sent after number `after`, in order: at most `items_max` records, and at most `bytes_max` bytes by
    /// the measure of [`Record::size`], except that one record is always handed out if there is one.
    pub fn live(&mut self, after: u64, items_max: usize, bytes_max: usize) -> Vec<Record> {
        self.backlog(after, u64::MAX, items_max, bytes_max)
    }

    /// The same, up to and with number `to`, oldest first. Begin with `after` = 0 and go on with the last number that was
    /// handed out; when nothing comes any more, begin again at 0 after a while: thinning leaves entries behind that
    /// the reading had passed.
    pub fn backlog(&mut self, after: u64, to: u64, items_max: usize, bytes_max: usize) -> Vec<Record> {
        let mut batch = Batch { after, to, items_max, bytes_max, bytes: 0, records: Vec::new() };
        let mut segment = self.segments.partition_point(|segment| segment.last() <= after);
        while let Some(there) = self.segments.get(segment) {
            if there.id > to || batch.is_full() {
                break;
            }
            let from = there.places.partition_point(|place| place.span.last <= after);
            for place in from..there.places.len() {
                if !self.add_place(segment, place, &mut batch) {
                    break;
                }
            }
            segment += 1;
        }
        // What waits for the disk only, will be handed out when it is there.
        if self.disk != Disk::Fine {
            for record in &self.queue.records {
                if !batch.add(record.clone()) {
                    break;
                }
            }
        }
        batch.records
    }

    /// False: what comes after it needn't be looked at.
    fn add_place(&mut self, segment: usize, place: usize, batch: &mut Batch) -> bool {
        let Some(there) = self.segments.get(segment).and_then(|segment| segment.places.get(place)) else {
            return false;
        };
        if batch.is_full() || there.span.first > batch.to {
            return false;
        }
        if there.done || there.bad || self.acked.covers(there.span.first, there.span.last) {
            return true;
        }
        for record in self.records_of(segment, place) {
            if !self.acked.contains(record.seq) && !batch.add(record) {
                return false;
            }
        }
        true
    }

    /// The records of a place. What can't be read is said once, and isn't tried again.
    pub(super) fn records_of(&mut self, segment: usize, place: usize) -> Vec<Record> {
        let Some(there) = self.segments.get(segment) else { return Vec::new() };
        let Some(span) = there.places.get(place).map(|place| place.span) else { return Vec::new() };
        let name = there.name();
        let read = self.files.read(&name, u64::from(span.offset), span.length as usize);
        let (records, unread, why) = match read {
            Ok(bytes) => {
                let (records, unread) = segments::records(&bytes, &span);
                (records, unread, "damaged since it was opened".to_owned())
            }
            Err(error) => (Vec::new(), u64::from(span.count), format!("cannot be read: {error}")),
        };
        if unread > 0 {
            let rest = if records.is_empty() { "" } else { "; the rest of them is there" };
            self.damaged(unread, format!("{name}: {unread} records at byte {}: {why}{rest}", span.offset));
            if let Some(segment) = self.segments.get_mut(segment) {
                segment.scarred = true;
                if let Some(place) = segment.places.get_mut(place) {
                    place.bad = records.is_empty();
                    place.span.count = u32::try_from(records.len()).unwrap_or(u32::MAX);
                }
            }
        }
        records
    }
}

/// Records that are to be handed out together.
struct Batch {
    after: u64,
    to: u64,
    items_max: usize,
    bytes_max: usize,
    bytes: usize,
    records: Vec<Record>,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.records.len() >= self.items_max || (self.bytes >= self.bytes_max && !self.records.is_empty())
    }

    /// False: it is full, or the record and all after it are beyond what was asked for.
    fn add(&mut self, record: Record) -> bool {
        if record.seq <= self.after {
            return true;
        }
        let bytes = self.bytes + record.size();
        if record.seq > self.to || self.is_full() || (bytes > self.bytes_max && !self.records.is_empty()) {
            return false;
        }
        self.bytes = bytes;
        self.records.push(record);
        true
    }
}
