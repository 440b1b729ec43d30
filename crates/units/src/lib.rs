//! Exact numbers, time, rounding, seeded randomness and digests.
//!
//! Everything that is money is an integer here: prices and quantities are decimal mantissas whose scale belongs
//! to an instrument, amounts are 10⁻¹⁸ of a currency in 128 bits, rates are 10⁻⁹. Sums and differences are exact or
//! they panic (overflow checks stay on in release builds); the one place that rounds is [`mul_div`], and it takes
//! a [`Rounding`].
//!
//! May not: import anything of ours, perform I/O, read a clock, or use floating point (two edges excepted:
//! printing a statistic from an amount, and the seeded generator's unit interval; each is marked where it stands).

#![deny(clippy::float_arithmetic)]

mod amount;
mod decimal;
mod digest;
mod mantissa;
mod prng;
mod rate;
mod time;
mod wide;

pub use amount::{AMOUNT_DECIMALS, Amount};
pub use decimal::{Decimal, DecimalError, MAX_DECIMALS, pow10};
pub use digest::{Digest, DigestWriter};
pub use mantissa::{Price, Quantity};
pub use prng::Prng;
pub use rate::{RATE_DECIMALS, Rate};
pub use time::{CivilDate, Span, TimeError, Timestamp};
pub use wide::{Rounding, mul_div};
