//! Numbers and texts as bytes: what the codec is written in.

/// The bytes don't say what they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("cut off")]
    Short,
    #[error("not in this form")]
    Malformed,
    /// Sound, and written by a version that knows more.
    #[error("of a newer version")]
    Newer,
}

/// Seven bits a byte, the lowest first; at most ten bytes.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "the low seven bits")]
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(number as u8);
}

/// Small for what lies near `from` on either side.
pub(crate) fn put_difference(out: &mut Vec<u8>, value: i64, from: i64) {
    let by = value.wrapping_sub(from);
    put_number(out, (by.cast_unsigned() << 1) ^ (by >> 63).cast_unsigned());
}

/// Thousandths where that is exact, as measured lengths are; else all 64 bits.
pub(crate) fn put_float(out: &mut Vec<u8>, value: f64) {
    const EXACT: f64 = 4_503_599_627_370_496.0; // 2^52
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to 0 to 2^52")]
    let thousandths = (value * 1000.0).round().clamp(0.0, EXACT) as u64;
    if (thousandths as f64 / 1000.0).to_bits() == value.to_bits() {
        put_number(out, thousandths << 1);
    } else {
        put_number(out, 1);
        out.extend(value.to_bits().to_le_bytes());
    }
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads from the front of some bytes.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, Unreadable> {
        let (first, rest) = self.0.split_first().ok_or(Unreadable::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.take(N)?.try_into().map_err(|_| Unreadable::Short)
    }

    pub fn number(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Unreadable::Malformed);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Unreadable::Malformed)
    }

    pub fn difference(&mut self, from: i64) -> Result<i64, Unreadable> {
        let folded = self.number()?;
        let by = (folded >> 1).cast_signed() ^ -((folded & 1).cast_signed());
        Ok(from.wrapping_add(by))
    }

    pub fn float(&mut self) -> Result<f64, Unreadable> {
        let number = self.number()?;
        if number == 1 {
            return Ok(f64::from_bits(u64::from_le_bytes(self.array()?)));
        }
        if number & 1 == 1 {
            return Err(Unreadable::Malformed);
        }
        Ok((number >> 1) as f64 / 1000.0)
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = usize::try_from(self.number()?).map_err(|_| Unreadable::Short)?;
        self.take(length)
    }
}
