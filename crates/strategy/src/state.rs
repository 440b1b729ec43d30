//! How a strategy writes down what it remembers and reads it back: little-endian words, no names, no surprises.

use indicators::Persist;
use std::fmt;

/// Why saved bytes cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateError {
    /// There are fewer bytes than expected.
    TooShort,
    /// Bytes are left over.
    TooLong,
    /// A value is not one that could have been written.
    Invalid(&'static str),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "the saved state ends too early"),
            Self::TooLong => write!(f, "the saved state has bytes left over"),
            Self::Invalid(what) => write!(f, "the saved state has an invalid {what}"),
        }
    }
}

impl std::error::Error for StateError {}

/// Collects what is to be remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateWriter {
    bytes: Vec<u8>,
}

impl StateWriter {
    /// Adds a whole number.
    pub fn int(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds a wide whole number.
    pub fn wide(&mut self, value: i128) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds a floating point number, bit for bit.
    pub fn float(&mut self, value: f64) {
        self.bytes.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    /// Adds a number that may be missing.
    pub fn optional_float(&mut self, value: Option<f64>) {
        self.int(i64::from(value.is_some()));
        self.float(value.unwrap_or(0.0));
    }

    /// Adds the state of an indicator.
    pub fn indicator(&mut self, indicator: &impl Persist) {
        indicator.save(&mut |x| self.float(x));
    }

    /// Adds bytes with their length.
    pub fn blob(&mut self, bytes: &[u8]) {
        self.int(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        self.bytes.extend_from_slice(bytes);
    }

    /// What was added.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads back what a [`StateWriter`] wrote, in the same order.
#[derive(Debug, Clone)]
pub struct StateReader<'a> {
    bytes: &'a [u8],
}

impl<'a> StateReader<'a> {
    /// Reads `bytes` from the start.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (head, tail) = self.bytes.split_first_chunk::<N>().ok_or(StateError::TooShort)?;
        self.bytes = tail;
        Ok(*head)
    }

    /// Reads a whole number.
    ///
    /// # Errors
    /// [`StateError::TooShort`] at the end.
    pub fn int(&mut self) -> Result<i64, StateError> {
        self.take().map(i64::from_le_bytes)
    }

    /// Reads a wide whole number.
    ///
    /// # Errors
    /// [`StateError::TooShort`] at the end.
    pub fn wide(&mut self) -> Result<i128, StateError> {
        self.take().map(i128::from_le_bytes)
    }

    /// Reads a floating point number; NaN cannot have been written.
    ///
    /// # Errors
    /// [`StateError`] at the end or for NaN.
    pub fn float(&mut self) -> Result<f64, StateError> {
        let value = f64::from_bits(self.take().map(u64::from_le_bytes)?);
        if value.is_nan() { Err(StateError::Invalid("number")) } else { Ok(value) }
    }

    /// Reads a number that may be missing.
    ///
    /// # Errors
    /// [`StateError`] at the end or for bytes that were not written by [`StateWriter::optional_float`].
    pub fn optional_float(&mut self) -> Result<Option<f64>, StateError> {
        let present = self.int()?;
        let value = self.float()?;
        match present {
            0 => Ok(None),
            1 => Ok(Some(value)),
            _ => Err(StateError::Invalid("flag")),
        }
    }

    /// Reads back the state of an indicator, built with the same parameters.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not those of such an indicator.
    pub fn indicator(&mut self, indicator: &mut impl Persist) -> Result<(), StateError> {
        indicator.load(&mut || self.float().ok()).ok_or(StateError::Invalid("indicator"))
    }

    /// Reads bytes with their length.
    ///
    /// # Errors
    /// [`StateError`] when there are fewer.
    pub fn blob(&mut self) -> Result<&'a [u8], StateError> {
        let len = usize::try_from(self.int()?).map_err(|_| StateError::Invalid("length"))?;
        if len > self.bytes.len() {
            return Err(StateError::TooShort);
        }
        let (head, tail) = self.bytes.split_at(len);
        self.bytes = tail;
        Ok(head)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`StateError::TooLong`] when bytes are left over.
    pub const fn finish(self) -> Result<(), StateError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(StateError::TooLong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_written() {
        let mut w = StateWriter::default();
        w.int(-7);
        w.wide(i128::MIN);
        w.float(0.1);
        w.optional_float(None);
        w.optional_float(Some(2.5));
        w.blob(b"abc");
        let bytes = w.into_bytes();
        let mut r = StateReader::new(&bytes);
        assert_eq!(r.int(), Ok(-7));
        assert_eq!(r.wide(), Ok(i128::MIN));
        assert_eq!(r.float(), Ok(0.1));
        assert_eq!(r.optional_float(), Ok(None));
        assert_eq!(r.optional_float(), Ok(Some(2.5)));
        assert_eq!(r.blob(), Ok(&b"abc"[..]));
        assert_eq!(r.clone().finish(), Ok(()));
        assert_eq!(r.int(), Err(StateError::TooShort));
        for cut in 0..bytes.len() {
            let mut r = StateReader::new(&bytes[..cut]);
            let all = (|| {
                r.int()?;
                r.wide()?;
                r.float()?;
                r.optional_float()?;
                r.optional_float()?;
                r.blob().map(|_| ())
            })();
            assert!(all.is_err(), "a state cut at byte {cut} was read");
        }
    }

    #[test]
    fn refuses_nan_and_absurd_lengths() {
        assert!(StateReader::new(&f64::NAN.to_bits().to_le_bytes()).float().is_err());
        assert!(StateReader::new(&(-1i64).to_le_bytes()).blob().is_err());
        assert!(StateReader::new(&i64::MAX.to_le_bytes()).blob().is_err());
    }
}
