//! Market facts.

use super::{Coded, coded_fields, coded_variants};
use crate::bytes::{Sink, Source};
use crate::error::DecodeError;
use model::{Bar, BookChange, BookUpdate, Candle, FundingRate, MarkPrice, Quote, Trade};
use units::Price;

coded_fields!(Candle { instrument, timeframe, bar });
coded_fields!(Quote { instrument, exchange_time, bid, bid_quantity, ask, ask_quantity });
coded_fields!(Trade { instrument, exchange_time, price, quantity, taker_side, trade_id });
coded_fields!(BookChange { instrument, exchange_time, update_id, update, is_last });
coded_fields!(FundingRate { instrument, funding_time, rate });
coded_fields!(MarkPrice { instrument, exchange_time, mark });

coded_variants!(BookUpdate, "book update", {
    0 => Clear,
    1 => Level { side, price, quantity },
});

/// High, low and close as their distances from the open, which are small. The distances wrap, so that even prices that
/// nobody ever saw come back.
impl Coded for Bar {
    fn encode(&self, out: &mut Sink) {
        let Self { open_time, open, high, low, close, volume } = self;
        open_time.encode(out);
        open.encode(out);
        for price in [high, low, close] {
            out.int(price.mantissa().wrapping_sub(open.mantissa()));
        }
        volume.encode(out);
    }

    fn decode(from: &mut Source<'_>) -> Result<Self, DecodeError> {
        let (open_time, open) = (Coded::decode(from)?, Price::decode(from)?);
        let mut price = |what| from.int(what).map(|d| Price::new(open.mantissa().wrapping_add(d)));
        let (high, low, close) = (price("high")?, price("low")?, price("close")?);
        Ok(Self { open_time, open, high, low, close, volume: Coded::decode(from)? })
    }

    #[cfg(test)]
    fn arbitrary(prng: &mut units::Prng) -> Self {
        Self {
            open_time: Coded::arbitrary(prng),
            open: Coded::arbitrary(prng),
            high: Coded::arbitrary(prng),
            low: Coded::arbitrary(prng),
            close: Coded::arbitrary(prng),
            volume: Coded::arbitrary(prng),
        }
    }
}
