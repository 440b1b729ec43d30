//! The rules of instruments, which a run keeps beside its frames.

use super::{Coded, coded_fields, coded_names};
use crate::bytes::{Sink, Source};
use crate::error::DecodeError;
use model::{Exchange, Instrument, InstrumentKind, InstrumentSpec, MarginTier};
use units::{Decimal, MAX_DECIMALS};

coded_names!(Exchange, "exchange", { 0 => Bybit, 1 => Binance, 2 => Synthetic });
coded_names!(InstrumentKind, "kind of instrument", { 0 => LinearPerpetual, 1 => Spot });
coded_fields!(MarginTier { notional_limit, maintenance_rate, max_leverage, deduction });
coded_fields!(InstrumentSpec {
    symbol,
    exchange,
    kind,
    base,
    quote,
    price_decimals,
    quantity_decimals,
    contract_size,
    tick_size,
    quantity_step,
    min_quantity,
    max_limit_quantity,
    max_market_quantity,
    min_notional,
    margin_tiers,
    funding_interval,
    version,
});

impl Coded for Decimal {
    fn encode(&self, out: &mut Sink) {
        let Self { mantissa, decimals } = self;
        out.wide(*mantissa);
        out.byte(*decimals);
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        let (mantissa, decimals) = (from.wide("decimal")?, from.byte("decimal")?);
        if decimals > MAX_DECIMALS {
            return Err(from.unknown("decimal places", decimals.into()));
        }
        Ok(Self { mantissa, decimals })
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        Self { mantissa: prng.next_u64().into(), decimals: prng.below(u64::from(MAX_DECIMALS) + 1) as u8 }
    }
}

/// Instruments as bytes, to be kept beside the frames of a run that counts along them.
#[must_use]
pub fn encode_instruments(instruments: &[Instrument]) -> Vec<u8> {
    let mut sink = Sink::default();
    sink.word(instruments.len() as u64);
    instruments.iter().for_each(|instrument| instrument.spec().encode(&mut sink));
    sink.into_bytes()
}

/// The instruments of [`encode_instruments`].
///
/// # Errors
/// [`DecodeError`] for other bytes, and for rules that no instrument can have.
pub fn decode_instruments(bytes: &[u8]) -> Result<Vec<Instrument>, DecodeError> {
    let mut source = Source::new(bytes);
    let specs = Vec::<InstrumentSpec>::decode(&mut source)?;
    source.finish()?;
    let made =
        |spec| Instrument::new(spec).map_err(|e| source.error(e.field, "not what an instrument can have"));
    specs.into_iter().map(made).collect()
}
