//! A disk that does what is asked of it: power cuts between any two operations and in the middle of each, torn writes, no
//! room, errors. The same seed does the same.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Files;

/// Shared by whoever writes and the test that looks on.
#[derive(Clone, Default)]
pub struct Fake(Arc<Mutex<World>>);

#[derive(Clone, Default)]
pub struct World {
    /// As a process sees them, and as they are after a power cut.
    pub names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// Changes of names that aren't durable yet.
    changes: Vec<BTreeMap<String, usize>>,
    inodes: Vec<Inode>,
    /// Operations so far, and the one in the middle of which everything stops.
    pub operations: u64,
    pub stops_at: Option<u64>,
    stopped: bool,
    /// Bytes that there is room for.
    pub room: Option<u64>,
    /// Writing fails with an error of the device; reading too.
    pub fails: bool,
    pub unreadable: bool,
}

#[derive(Clone, Default)]
struct Inode {
    data: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Cut(u64),
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>, part: Option<usize>) {
        match self {
            Self::Cut(length) => data.resize(usize::try_from(*length).expect("short"), 0),
            Self::Write(offset, bytes) => {
                let bytes = &bytes[..part.unwrap_or(bytes.len()).min(bytes.len())];
                let from = usize::try_from(*offset).expect("short");
                let end = from + bytes.len();
                data.resize(data.len().max(end), 0);
                data[from..end].copy_from_slice(bytes);
            }
        }
    }
}

/// Numbers that look like chance.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        usize::try_from((mixed ^ (mixed >> 31)) % (most.max(1) as u64)).expect("small")
    }
}

impl Fake {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no test thread died")
    }

    /// The same disk, so that what is done to it isn't done to this one.
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.world().clone())))
    }
}

impl World {
    /// What the disk has after a power cut: of what wasn't made durable some part, in order, the last write torn.
    pub fn power_cut(&mut self, seed: u64) {
        let mut dice = Dice(seed);
        for inode in &mut self.inodes {
            let mut data = std::mem::take(&mut inode.durable);
            let kept = dice.below(inode.pending.len() + 1);
            for (n, change) in inode.pending.drain(..).enumerate().take(kept) {
                let torn = n + 1 == kept && dice.below(2) == 0;
                let part = torn.then(|| match &change {
                    Change::Write(_, bytes) => dice.below(bytes.len() + 1),
                    Change::Cut(_) => 0,
                });
                change.apply(&mut data, part);
            }
            (inode.data, inode.durable) = (data.clone(), data);
        }
        let kept = dice.below(self.changes.len() + 1);
        self.names = if kept == 0 { self.durable.clone() } else { self.changes[kept - 1].clone() };
        self.killed();
    }

    /// What the disk has when only the process dies: all that it did.
    pub fn killed(&mut self) {
        (self.stopped, self.stops_at) = (false, None);
        for inode in &mut self.inodes {
            inode.durable.clone_from(&inode.data);
            inode.pending.clear();
        }
        self.durable = self.names.clone();
        self.changes.clear();
    }

    pub fn file(&mut self, name: &str) -> &mut Vec<u8> {
        let inode = self.names[name];
        &mut self.inodes[inode].data
    }

    pub fn put(&mut self, name: &str, data: Vec<u8>) {
        let inode = self.inodes.len();
        self.inodes.push(Inode { durable: data.clone(), data, pending: Vec::new() });
        self.names.insert(name.to_owned(), inode);
        self.durable = self.names.clone();
    }

    pub fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[*inode].data.len() as u64).sum()
    }

    fn inode(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn renamed(&mut self) {
        self.changes.push(self.names.clone());
    }

    /// True: everything stops within this operation.
    fn operation(&mut self) -> io::Result<bool> {
        if self.stopped {
            return Err(io::Error::other("the power is off"));
        }
        if self.fails {
            return Err(io::Error::other("input/output error"));
        }
        self.operations += 1;
        self.stopped = self.stops_at == Some(self.operations);
        Ok(self.stopped)
    }

    fn done(&self) -> io::Result<()> {
        if self.stopped { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }
}

impl Files for Fake {
    fn list(&mut self) -> io::Result<Vec<(String, u64)>> {
        let world = self.world();
        Ok(world.names.iter().map(|(name, n)| (name.clone(), world.inodes[*n].data.len() as u64)).collect())
    }

    fn read(&mut self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let world = self.world();
        if world.unreadable {
            return Err(io::Error::other("input/output error"));
        }
        let data = &world.inodes[world.inode(name)?].data;
        let from = usize::try_from(offset).expect("short").min(data.len());
        Ok(data[from..from.saturating_add(length).min(data.len())].to_vec())
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.world();
        let stops = world.operation()?;
        if !world.names.contains_key(name) {
            let inode = world.inodes.len();
            world.inodes.push(Inode::default());
            world.names.insert(name.to_owned(), inode);
            world.renamed();
        }
        let inode = world.inode(name)?;
        let mut part = if stops { bytes.len() / 2 } else { bytes.len() };
        let grows = (offset + part as u64).saturating_sub(world.inodes[inode].data.len() as u64);
        let free = world.room.map_or(u64::MAX, |room| room.saturating_sub(world.used()));
        let full = grows > free;
        if full {
            part = part.saturating_sub(usize::try_from(grows - free).expect("short"));
        }
        let change = Change::Write(offset, bytes[..part].to_vec());
        let inode = &mut world.inodes[inode];
        change.apply(&mut inode.data, None);
        inode.pending.push(change);
        if full { Err(io::ErrorKind::StorageFull.into()) } else { world.done() }
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        let mut world = self.world();
        if world.operation()? {
            return world.done();
        }
        let inode = world.inode(name)?;
        Change::Cut(length).apply(&mut world.inodes[inode].data, None);
        world.inodes[inode].pending.push(Change::Cut(length));
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        if world.operation()? {
            return world.done();
        }
        let inode = world.inode(name)?;
        let inode = &mut world.inodes[inode];
        inode.durable = inode.data.clone();
        inode.pending.clear();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        let stops = world.operation()?;
        let inode = world.inode(from)?;
        if !stops {
            world.names.remove(from);
            world.names.insert(to.to_owned(), inode);
            world.renamed();
        }
        world.done()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        if !world.operation()? && world.names.remove(name).is_some() {
            world.renamed();
        }
        world.done()
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        let mut world = self.world();
        if !world.operation()? {
            world.durable = world.names.clone();
            world.changes.clear();
        }
        world.done()
    }
}
