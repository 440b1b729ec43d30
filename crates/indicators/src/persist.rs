//! How an indicator writes down what it remembers and reads it back, as plain numbers.

use units::Timestamp;

/// State that survives a restart. Reading back what was written gives an indicator that goes on identically; it must
/// have been built with the same parameters.
pub trait Persist {
    /// Hands out the state number by number, in a fixed order.
    fn save(&self, put: &mut dyn FnMut(f64));

    /// Takes the state back in the same order. `None` when the numbers run out or could not have been written; the
    /// indicator is then in no defined state and must be dropped.
    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()>;
}

/// The state of an indicator is the state of the named fields, in this order; the others are parameters.
macro_rules! persist {
    ($type:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::Persist for $type {
            fn save(&self, put: &mut dyn FnMut(f64)) {
                $($crate::Persist::save(&self.$field, put);)+
            }

            fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
                $($crate::Persist::load(&mut self.$field, take)?;)+
                Some(())
            }
        }
    };
}
pub(crate) use persist;

/// Reads a count of at most `max`.
pub(crate) fn count(take: &mut dyn FnMut() -> Option<f64>, max: usize) -> Option<usize> {
    let x = take()?;
    // Counts are below 2^53 and so exact in f64.
    (x >= 0.0 && x.fract() == 0.0 && x <= max as f64).then_some(x as usize)
}

/// A finite number; nothing else is ever part of a state.
impl Persist for f64 {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        put(*self);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        *self = take().filter(|x| x.is_finite())?;
        Some(())
    }
}

impl Persist for bool {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        put(if *self { 1.0 } else { 0.0 });
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        *self = count(take, 1)? == 1;
        Some(())
    }
}

/// A count below 2⁵³, exact as a float.
impl Persist for usize {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        put(*self as f64);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        *self = count(take, (1 << 53) - 1)?;
        Some(())
    }
}

/// Its high and its low 32 bits, each exact as a float.
impl Persist for Timestamp {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        put((self.nanos() >> 32) as f64);
        put((self.nanos() & 0xFFFF_FFFF) as f64);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        let (high, low) = (take()?, count(take, 0xFFFF_FFFF)?);
        let whole = high.fract() == 0.0 && (-2_147_483_648.0..2_147_483_648.0).contains(&high);
        *self = Self::from_nanos(whole.then_some(high as i64)? << 32 | i64::try_from(low).ok()?);
        Some(())
    }
}

/// A flag and the value, which is its default when there is none.
impl<T: Persist + Default + Clone> Persist for Option<T> {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.is_some().save(put);
        self.clone().unwrap_or_default().save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        let (mut present, mut value) = (false, T::default());
        present.load(take)?;
        value.load(take)?;
        *self = present.then_some(value);
        Some(())
    }
}

impl<T: Persist, const N: usize> Persist for [T; N] {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.iter().for_each(|item| item.save(put));
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.iter_mut().try_for_each(|item| item.load(take))
    }
}

/// As many items as there are; the length is a parameter.
impl<T: Persist> Persist for Box<[T]> {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.iter().for_each(|item| item.save(put));
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.iter_mut().try_for_each(|item| item.load(take))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Atr, Ema, Seed, Sma, Wilder};

    fn continues<I: Persist + Clone>(fresh: &I, update: impl Fn(&mut I, f64) -> Option<f64>) {
        let price = |i: u32| 100.0 + f64::from(i % 7) - f64::from(i % 11) * 0.25;
        for cut in [0, 1, 4, 5, 6, 13] {
            let mut whole = fresh.clone();
            (0..cut).for_each(|i| {
                update(&mut whole, price(i));
            });
            let mut saved = Vec::new();
            whole.save(&mut |x| saved.push(x));
            let mut numbers = saved.iter().copied();
            let mut restored = fresh.clone();
            assert!(restored.load(&mut || numbers.next()).is_some() && numbers.next().is_none(), "cut {cut}");
            for i in cut..cut + 40 {
                assert_eq!(
                    update(&mut whole, price(i)),
                    update(&mut restored, price(i)),
                    "cut {cut} bar {i}"
                );
            }
            let mut short = saved.iter().copied().take(saved.len() - 1);
            assert!(fresh.clone().load(&mut || short.next()).is_none(), "a state cut short was read");
        }
    }

    #[test]
    fn averages_go_on_where_they_stopped() {
        continues(&Sma::new(5).unwrap(), Sma::update);
        continues(&Ema::new(5).unwrap(), Ema::update);
        continues(&Ema::with_seed(5, Seed::First).unwrap(), Ema::update);
        continues(&Wilder::new(5).unwrap(), Wilder::update);
        continues(&Atr::new(5).unwrap(), |atr, x| atr.update(x + 1.0, x - 0.5, x));
    }
}
