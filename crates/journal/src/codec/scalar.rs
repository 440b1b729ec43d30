//! Numbers, names and options.

use super::Coded;
use crate::bytes::{Sink, Source};
use crate::error::DecodeError;
use model::{ClientOrderId, InstrumentIx, LegId, PlanIx, Seq, Tag, Text, Timeframe, TimerId};
use std::convert::identity;
use std::num::NonZeroU64;
use units::{Amount, Digest, Price, Quantity, Rate, Span, Timestamp};

/// A newtype over a number: how it is taken apart, written, read and put together.
macro_rules! coded_number {
    ($type:ty, $what:literal, $write:ident($into:path), $read:ident($from:path)) => {
        impl Coded for $type {
            #[inline]
            fn encode(&self, out: &mut Sink) {
                out.$write($into(*self));
            }

            #[inline]
            fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
                from.$read($what).map($from)
            }

            #[cfg(test)]
            fn arbitrary(prng: &mut units::Prng) -> Self {
                let mut sink = Sink::default();
                sink.$write(tests::number(prng) as _);
                let bytes = sink.into_bytes();
                Self::decode(&mut Source::new(&bytes)).unwrap()
            }
        }
    };
}

coded_number!(Price, "price", int(Price::mantissa), int(Price::new));
coded_number!(Quantity, "quantity", int(Quantity::mantissa), int(Quantity::new));
coded_number!(Rate, "rate", int(Rate::units), int(Rate::from_units));
coded_number!(Amount, "amount", wide(Amount::units), wide(Amount::from_units));
coded_number!(Span, "span", int(Span::nanos), int(Span::from_nanos));
coded_number!(u64, "number", word(identity), word(identity));
coded_number!(Seq, "sequence number", word(seq_number), word(Seq));
coded_number!(TimerId, "timer", word(timer_number), word(TimerId));
coded_number!(ClientOrderId, "order id", word(ClientOrderId::bits), word(ClientOrderId::from_bits));

const fn seq_number(seq: Seq) -> u64 {
    seq.0
}

const fn timer_number(timer: TimerId) -> u64 {
    timer.0
}

const fn instrument_number(instrument: InstrumentIx) -> u32 {
    instrument.0
}

const fn tag_number(tag: Tag) -> u16 {
    tag.0
}

/// Times are never small: eight bytes.
impl Coded for Timestamp {
    #[inline]
    fn encode(&self, out: &mut Sink) {
        out.fixed(self.nanos() as u64);
    }

    #[inline]
    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        Ok(Self::from_nanos(from.fixed("time")? as i64))
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        Self::from_nanos(tests::number(prng))
    }
}

impl Coded for Digest {
    fn encode(&self, out: &mut Sink) {
        out.raw(&self.bits().to_le_bytes());
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        let bytes = from.raw(16, "digest")?;
        let bytes = bytes.first_chunk::<16>().ok_or_else(|| from.error("digest", "bytes end"))?;
        Ok(Self::from_bits(u128::from_le_bytes(*bytes)))
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        Self::from_bits(u128::from(prng.next_u64()) << 64 | u128::from(prng.next_u64()))
    }
}

/// A number that must fit a smaller type.
macro_rules! coded_small {
    ($type:ty, $what:literal, $into:path, $from:path) => {
        impl Coded for $type {
            fn encode(&self, out: &mut Sink) {
                out.word(u64::from($into(*self)));
            }

            fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
                from.small($what).map($from)
            }

            #[cfg(test)]
            fn arbitrary(prng: &mut units::Prng) -> Self {
                $from(tests::number(prng) as _)
            }
        }
    };
}

coded_small!(u8, "small number", identity, identity);
coded_small!(u16, "small number", identity, identity);
coded_small!(u32, "small number", identity, identity);
coded_small!(InstrumentIx, "instrument", instrument_number, InstrumentIx);
coded_small!(Tag, "tag", tag_number, Tag);

impl Coded for bool {
    fn encode(&self, out: &mut Sink) {
        out.byte(u8::from(*self));
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        match from.byte("flag")? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(from.unknown("flag", other.into())),
        }
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        prng.below(2) == 1
    }
}

impl<T: Coded> Coded for Option<T> {
    fn encode(&self, out: &mut Sink) {
        match self {
            None => out.byte(0),
            Some(value) => {
                out.byte(1);
                value.encode(out);
            }
        }
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        match from.byte("option")? {
            0 => Ok(None),
            1 => T::decode(from).map(Some),
            other => Err(from.unknown("option", other.into())),
        }
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        (prng.below(2) == 1).then(|| T::arbitrary(prng))
    }
}

/// Its length in seconds.
impl Coded for Timeframe {
    fn encode(&self, out: &mut Sink) {
        out.word(self.seconds() as u64);
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        let seconds = from.word("timeframe")?;
        let known = i64::try_from(seconds).ok().and_then(Self::from_seconds);
        known.ok_or_else(|| from.unknown("timeframe", seconds))
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        let all: Vec<Self> = Self::all().collect();
        all[prng.below(all.len() as u64) as usize]
    }
}

/// Counted from zero, below 255.
impl Coded for PlanIx {
    fn encode(&self, out: &mut Sink) {
        out.word(self.index() as u64);
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        let index: u8 = from.small("exit plan")?;
        Self::new(index).ok_or_else(|| from.unknown("exit plan", index.into()))
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        Self::new(prng.below(255) as u8).unwrap()
    }
}

/// Never zero.
impl Coded for LegId {
    fn encode(&self, out: &mut Sink) {
        out.word(self.0.get());
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        let number = NonZeroU64::new(from.word("leg")?);
        number.map(Self).ok_or_else(|| from.unknown("leg", 0))
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        Self(NonZeroU64::new(prng.next_u64() | 1).unwrap())
    }
}

impl Coded for Text {
    fn encode(&self, out: &mut Sink) {
        out.blob(self.as_str().as_bytes());
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        let bytes = from.blob("text")?;
        Self::from_bytes(bytes).ok_or_else(|| from.error("text", "longer than 47 bytes, or no UTF-8"))
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        let letters = ['a', 'é', '∞', '🦀', '\0'];
        let text: String = (0..prng.below(60)).map(|_| letters[prng.below(5) as usize]).collect();
        Self::new(&text)
    }
}

impl Coded for String {
    fn encode(&self, out: &mut Sink) {
        out.blob(self.as_bytes());
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        let bytes = from.blob("text")?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| from.error("text", "no UTF-8"))
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        Text::arbitrary(prng).as_str().to_owned()
    }
}

/// As many as are there: a hostile count ends with the bytes.
impl<T: Coded> Coded for Vec<T> {
    fn encode(&self, out: &mut Sink) {
        out.word(self.len() as u64);
        self.iter().for_each(|value| value.encode(out));
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        let count = from.word("count")?;
        (0..count).map(|_| T::decode(from)).collect()
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        (0..prng.below(4)).map(|_| T::arbitrary(prng)).collect()
    }
}

#[cfg(test)]
mod tests {
    /// A number of any size: as likely small as huge, and now and then an extreme.
    pub(super) fn number(prng: &mut units::Prng) -> i64 {
        match prng.below(12) {
            0 => 0,
            1 => i64::MIN,
            2 => i64::MAX,
            _ => (prng.next_u64() as i64) >> prng.below(64),
        }
    }
}
