//! Something to write into that doesn't grow beyond all bounds. In memory alone: `std::io` has the trait, and nothing else of it is used.

use std::io;

/// Takes so many bytes in all, and refuses what comes then.
#[derive(Debug)]
pub(super) struct Bounded {
    bytes: Vec<u8>,
    max: usize,
}

impl Bounded {
    pub(super) const fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max }
    }

    /// What was written, as text.
    pub(super) fn into_text(self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.max {
            return Err(io::Error::other("it would be too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
