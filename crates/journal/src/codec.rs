//! The nouns of `model` as bytes and back.
//!
//! Rules: a code, once given, keeps its meaning for ever; a new variant takes the next one. A field that is added or
//! changes its meaning makes a new [`crate::FORMAT`]. The matches are exhaustive, so that a variant or a field that
//! nobody wrote down here does not compile.

mod command;
mod event;
mod fact;
mod instrument;
mod market;
mod order;
mod reason;
mod scalar;

use crate::bytes::{Sink, Source};
use crate::error::DecodeError;

/// Has a binary form: one for each value, and no two values share one.
pub(crate) trait Coded: Sized {
    fn encode(&self, out: &mut Sink);

    /// # Errors
    /// [`DecodeError`] for bytes that [`Coded::encode`] never writes.
    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError>;

    /// Any value, extremes more often than they would come by themselves.
    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self;
}

/// An enum without fields: one byte.
macro_rules! coded_names {
    ($type:ident, $what:literal, { $($code:literal => $variant:ident),+ $(,)? }) => {
        impl Coded for $type {
            fn encode(&self, out: &mut Sink) {
                out.byte(match self { $(Self::$variant => $code),+ });
            }

            fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
                match from.byte($what)? {
                    $($code => Ok(Self::$variant),)+
                    other => Err(from.unknown($what, other.into())),
                }
            }

            #[cfg(test)]
            fn arbitrary(prng: &mut units::Prng) -> Self {
                let all = [$(Self::$variant),+];
                all[prng.below(all.len() as u64) as usize]
            }
        }
    };
}

/// A struct: its fields, one after another.
macro_rules! coded_fields {
    ($type:ident { $($field:ident),+ $(,)? }) => {
        impl Coded for $type {
            fn encode(&self, out: &mut Sink) {
                let Self { $($field),+ } = self;
                $($field.encode(out);)+
            }

            fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
                Ok(Self { $($field: Coded::decode(from)?),+ })
            }

            #[cfg(test)]
            fn arbitrary(prng: &mut units::Prng) -> Self {
                Self { $($field: Coded::arbitrary(prng)),+ }
            }
        }
    };
}

/// An enum whose variants carry something: one byte for which, then its fields.
macro_rules! coded_variants {
    ($type:ident, $what:literal, {
        $($code:literal => $variant:ident $({ $($field:ident),+ $(,)? })? $(($inner:ident))?),+ $(,)?
    }) => {
        impl Coded for $type {
            fn encode(&self, out: &mut Sink) {
                match self {
                    $(Self::$variant $({ $($field),+ })? $(($inner))? => {
                        out.byte($code);
                        $($($field.encode(out);)+)?
                        $($inner.encode(out);)?
                    })+
                }
            }

            fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
                match from.byte($what)? {
                    $($code => Ok(Self::$variant
                        $({ $($field: Coded::decode(from)?),+ })?
                        $(({ let $inner = Coded::decode(from)?; $inner }))?
                    ),)+
                    other => Err(from.unknown($what, other.into())),
                }
            }

            #[cfg(test)]
            fn arbitrary(prng: &mut units::Prng) -> Self {
                let all: &[fn(&mut units::Prng) -> Self] = &[
                    $(|_prng| Self::$variant
                        $({ $($field: Coded::arbitrary(_prng)),+ })?
                        $(({ let $inner = Coded::arbitrary(_prng); $inner }))?
                    ),+
                ];
                all[prng.below(all.len() as u64) as usize](prng)
            }
        }
    };
}

pub use instrument::{decode_instruments, encode_instruments};

pub(crate) use {coded_fields, coded_names, coded_variants};

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use model::{
        Amendment, BalanceChange, BookChange, Candle, Fact, FundingRate, Input, InstrumentSpec, Liquidation,
        MarkPrice, NewOrder, OrderCommand, Quote, Signal, Trade,
    };
    use proptest::prelude::*;
    use std::fmt::Debug;
    use units::Prng;

    fn bytes_of<T: Coded>(value: &T) -> Vec<u8> {
        let mut sink = Sink::default();
        value.encode(&mut sink);
        sink.into_bytes()
    }

    fn read<T: Coded>(bytes: &[u8]) -> Result<T, DecodeError> {
        let mut source = Source::new(bytes);
        let value = T::decode(&mut source)?;
        source.finish()?;
        Ok(value)
    }

    /// Comes back, ends where it ends, and no shorter piece of it is anything.
    fn comes_back<T: Coded + PartialEq + Debug>(seed: u64) {
        let value = T::arbitrary(&mut Prng::new(seed));
        let bytes = bytes_of(&value);
        assert_eq!(read::<T>(&bytes).as_ref(), Ok(&value));
        for end in 0..bytes.len() {
            assert!(read::<T>(&bytes[..end]).is_err(), "{value:?} cut at {end}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(read::<T>(&longer).is_err());
    }

    /// Damaged bytes are an error or another value, whose bytes they then are.
    fn survives<T: Coded>(seed: u64, changes: &[(prop::sample::Index, u8)]) {
        let mut bytes = bytes_of(&T::arbitrary(&mut Prng::new(seed)));
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Ok(value) = read::<T>(&bytes) {
            assert_eq!(bytes_of(&value), bytes);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn every_value_comes_back(seed: u64) {
            comes_back::<Input>(seed);
            comes_back::<OrderCommand>(seed);
        }

        #[test]
        fn damage_never_panics(seed: u64, changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4)) {
            survives::<Input>(seed, &changes);
            survives::<OrderCommand>(seed, &changes);
            survives::<InstrumentSpec>(seed, &changes);
        }

        #[test]
        fn rules_of_instruments_are_checked_again(seed: u64) {
            comes_back::<InstrumentSpec>(seed);
            let mut sink = Sink::default();
            vec![InstrumentSpec::arbitrary(&mut Prng::new(seed))].encode(&mut sink);
            let _ = decode_instruments(&sink.into_bytes());
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(fact) = read::<Fact>(&bytes) {
                prop_assert_eq!(bytes_of(&fact), &bytes[..]);
            }
            let _ = read::<OrderCommand>(&bytes);
            let _ = decode_instruments(&bytes);
        }
    }

    /// Digests over some hundred values of each noun. One changes when a code or a field is written differently than before,
    /// which makes journals unreadable and needs a new format, or when an enum inside got another variant.
    #[test]
    fn the_format_stays() {
        fn line<T: Coded>(name: &str) -> String {
            let mut prng = Prng::new(7);
            let bytes: Vec<u8> = (0..500).flat_map(|_| bytes_of(&T::arbitrary(&mut prng))).collect();
            format!("{name} {} {}\n", bytes.len(), crate::content_digest(&bytes))
        }
        let lines = [
            line::<Candle>("candle"),
            line::<Quote>("quote"),
            line::<Trade>("trade"),
            line::<BookChange>("book change"),
            line::<FundingRate>("funding rate"),
            line::<MarkPrice>("mark price"),
            line::<Signal>("signal"),
            line::<NewOrder>("order"),
            line::<Amendment>("amendment"),
            line::<BalanceChange>("balance change"),
            line::<Liquidation>("liquidation"),
            line::<InstrumentSpec>("instrument"),
        ];
        expect![[r#"
            candle 23469 d904fec4a369bf7886ef975fbd3464c9
            quote 16876 79c0bf8c4571b3f192c867aa6e4a88a4
            trade 15377 8c9ae0529c6e9e5b67d2514024ba46d4
            book change 13668 2ed58e726981a781125a35a94ad41d80
            funding rate 8807 f96ea5144e111f624919869031ce040e
            mark price 8807 f96ea5144e111f624919869031ce040e
            signal 10730 ef2aff4c7a4a1e2c89dc23cc7639a91b
            order 22447 0c24c801a5f3c8cd7208a6d82248037b
            amendment 8574 eb40edf3ee9975636d4967310fc4994b
            balance change 5382 df5878d1ecd36e8e8d647a6a2befe84c
            liquidation 20485 1f38ec6f1a396aa61c351befde97e35d
            instrument 105209 ac3a12a396fa6c09efe5824b1e776bb9
        "#]]
        .assert_eq(&lines.concat());
    }
}
