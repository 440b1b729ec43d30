//! Numbers as bytes and back. Every value has exactly one spelling, so equal values are equal bytes.

use crate::error::DecodeError;

/// Collects bytes.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    bytes: Vec<u8>,
}

impl Sink {
    /// Goes on behind what `bytes` holds.
    pub(crate) const fn behind(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the lowest first; the top bit says that more follow (LEB128).
    #[inline]
    pub(crate) fn word(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// As [`Sink::word`], small negative numbers as short as small positive ones.
    #[inline]
    pub(crate) fn int(&mut self, value: i64) {
        self.word((value.wrapping_shl(1) ^ (value >> 63)) as u64);
    }

    #[inline]
    pub(crate) fn wide(&mut self, value: i128) {
        let mut value = (value.wrapping_shl(1) ^ (value >> 127)) as u128;
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// Eight bytes, for numbers that are never small.
    #[inline]
    pub(crate) fn fixed(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn blob(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }
}

/// Bytes that are being read, with the place for the message when they make no sense.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Source<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The error `problem` about the field `what`, here.
    pub(crate) const fn error(&self, what: &'static str, problem: &'static str) -> DecodeError {
        DecodeError { what, problem, at: self.at, found: None }
    }

    /// The error that `found` names no `what`.
    pub(crate) const fn unknown(&self, what: &'static str, found: u64) -> DecodeError {
        DecodeError { what, problem: "unknown code", at: self.at, found: Some(found) }
    }

    #[inline]
    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.error(what, "bytes end"))?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn raw(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or_else(|| self.error(what, "bytes end"))?;
        self.at += count;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn word(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.error(what, "number too large"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 {
                    Err(self.error(what, "number not in its shortest form"))
                } else {
                    Ok(value)
                };
            }
        }
        Err(self.error(what, "number too large"))
    }

    #[inline]
    pub(crate) fn int(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        let value = self.word(what)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    #[inline]
    pub(crate) fn wide(&mut self, what: &'static str) -> Result<i128, DecodeError> {
        let mut value = 0u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte(what)?;
            let bits = u128::from(byte & 0x7f);
            if shift == 126 && bits > 3 {
                return Err(self.error(what, "number too large"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(self.error(what, "number not in its shortest form"));
                }
                return Ok((value >> 1) as i128 ^ -((value & 1) as i128));
            }
        }
        Err(self.error(what, "number too large"))
    }

    #[inline]
    pub(crate) fn fixed(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.first_chunk::<8>().ok_or_else(|| self.error(what, "bytes end"))?;
        self.at += 8;
        Ok(u64::from_le_bytes(*taken))
    }

    /// A number that must fit a smaller type.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, DecodeError> {
        let value = self.word(what)?;
        T::try_from(value).map_err(|_| self.error(what, "number too large"))
    }

    pub(crate) fn blob(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let length: usize = self.small(what)?;
        self.raw(length, what)
    }

    /// Everything must have been read.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.error("payload", "bytes left over")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(value: u64) -> Vec<u8> {
        let mut sink = Sink::default();
        sink.word(value);
        sink.into_bytes()
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!(words(0), [0]);
        assert_eq!(words(127), [127]);
        assert_eq!(words(128), [0x80, 1]);
        let read = |bytes: &[u8]| Source::new(bytes).word("x").map_err(|e| e.to_string());
        assert_eq!(read(&words(u64::MAX)), Ok(u64::MAX));
        assert_eq!(read(&[0x80, 0]), Err("x at byte 2: number not in its shortest form".to_owned()));
        assert_eq!(read(&[0x80]), Err("x at byte 1: bytes end".to_owned()));
        assert_eq!(read(&[0xff; 9]), Err("x at byte 9: bytes end".to_owned()));
        assert_eq!(read(&[0xff; 10]), Err("x at byte 10: number too large".to_owned()));
        assert_eq!(read(&[0xff; 20]), Err("x at byte 10: number too large".to_owned()));
        assert!(Source::new(&[0xff; 30]).wide("x").is_err());
    }

    proptest! {
        #[test]
        fn numbers_come_back(word: u64, int: i64, wide: i128, small in -100i64..100, blob: Vec<u8>) {
            let mut sink = Sink::default();
            sink.word(word);
            sink.int(int);
            sink.wide(wide);
            sink.int(small);
            sink.wide(i128::from(small));
            sink.fixed(word);
            sink.blob(&blob);
            let bytes = sink.into_bytes();
            let mut source = Source::new(&bytes);
            prop_assert_eq!(source.word("").unwrap(), word);
            prop_assert_eq!(source.int("").unwrap(), int);
            prop_assert_eq!(source.wide("").unwrap(), wide);
            prop_assert_eq!(source.int("").unwrap(), small);
            prop_assert_eq!(source.wide("").unwrap(), i128::from(small));
            prop_assert_eq!(source.fixed("").unwrap(), word);
            prop_assert_eq!(source.blob("").unwrap(), &blob[..]);
            prop_assert!(source.finish().is_ok());
        }

        /// What can be read is what would have been written.
        #[test]
        fn nothing_else_is_read(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            let mut source = Source::new(&bytes);
            if let Ok(value) = source.word("") {
                prop_assert_eq!(&words(value)[..], &bytes[..source.at]);
            }
            let mut source = Source::new(&bytes);
            if let Ok(value) = source.wide("") {
                let mut sink = Sink::default();
                sink.wide(value);
                prop_assert_eq!(&sink.into_bytes()[..], &bytes[..source.at]);
            }
        }
    }
}
