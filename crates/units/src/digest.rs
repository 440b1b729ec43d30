//! A fingerprint of state or of a sequence of events: equal inputs, equal digest, on every machine.

use std::fmt;

/// A 128-bit fingerprint. It detects difference, not malice: it is not a cryptographic hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(u128);

impl Digest {
    /// From its bits, as written in a journal.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The raw bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Collects words into a [`Digest`]. Two multiply-rotate lanes (the mixing of wyhash and SplitMix64), a few
/// nanoseconds a word, so that every order and fill of a backtest can pass through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestWriter {
    lanes: [u64; 2],
    words: u64,
}

impl Default for DigestWriter {
    fn default() -> Self {
        Self { lanes: [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f], words: 0 }
    }
}

impl DigestWriter {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one 64-bit word.
    #[inline]
    pub fn word(&mut self, word: u64) {
        let [a, b] = self.lanes;
        self.lanes = [
            (a ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(31),
            (b.wrapping_add(word)).wrapping_mul(0x9fb2_1c65_1e98_df25).rotate_left(29) ^ a,
        ];
        self.words = self.words.wrapping_add(1);
    }

    /// Adds a signed word.
    #[inline]
    pub fn int(&mut self, value: i64) {
        self.word(value as u64);
    }

    /// Adds a 128-bit number.
    #[inline]
    pub fn wide(&mut self, value: i128) {
        self.word(value as u64);
        self.word((value >> 64) as u64);
    }

    /// Adds a floating point number by its bits. The caller has excluded NaN.
    #[inline]
    pub fn float(&mut self, value: f64) {
        self.word(value.to_bits());
    }

    /// Adds text with its length, so that two neighbouring texts cannot trade letters.
    pub fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// Hands out the state as three words, for a snapshot.
    pub fn save(&self, mut word: impl FnMut(u64)) {
        word(self.lanes[0]);
        word(self.lanes[1]);
        word(self.words);
    }

    /// Takes back the three words of [`DigestWriter::save`].
    ///
    /// # Errors
    /// Whatever `word` fails with.
    pub fn load<E>(mut word: impl FnMut() -> Result<u64, E>) -> Result<Self, E> {
        Ok(Self { lanes: [word()?, word()?], words: word()? })
    }

    /// The fingerprint of everything added so far.
    #[must_use]
    pub fn finish(&self) -> Digest {
        let mix = |mut z: u64| {
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let [a, b] = self.lanes;
        let high = mix(a ^ self.words);
        let low = mix(b.wrapping_add(high));
        Digest((u128::from(high) << 64) | u128::from(low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[u64]) -> Digest {
        let mut w = DigestWriter::new();
        words.iter().for_each(|x| w.word(*x));
        w.finish()
    }

    #[test]
    fn order_length_and_every_bit_matter() {
        assert_eq!(of(&[1, 2, 3]), of(&[1, 2, 3]));
        assert_ne!(of(&[1, 2, 3]), of(&[1, 3, 2]));
        assert_ne!(of(&[0]), of(&[0, 0]));
        assert_ne!(of(&[]), of(&[0]));
        for bit in 0..64 {
            assert_ne!(of(&[5, 1 << bit]), of(&[5, 0]), "bit {bit}");
        }
        let text = |a: &str, b: &str| {
            let mut w = DigestWriter::new();
            w.text(a);
            w.text(b);
            w.finish()
        };
        assert_ne!(text("ab", "c"), text("a", "bc"));
    }

    #[test]
    fn is_the_same_for_ever() {
        // A changed value here changes every recorded digest: that is a change of behaviour, to be announced.
        assert_eq!(of(&[1, 2, 3]).to_string(), "1c87ea15710145beee8e66ac50b212d4");
    }
}
