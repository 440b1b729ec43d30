//! How an indicator writes down what it remembers and reads it back, as plain numbers.

/// State that survives a restart. Reading back what was written gives an indicator that goes on identically; it must
/// have been built with the same parameters.
pub trait Persist {
    /// Hands out the state number by number, in a fixed order.
    fn save(&self, put: &mut dyn FnMut(f64));

    /// Takes the state back in the same order. `None` when the numbers run out or could not have been written; the
    /// indicator is then in no defined state and must be dropped.
    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()>;
}

/// Reads a count of at most `max`.
pub(crate) fn count(take: &mut dyn FnMut() -> Option<f64>, max: usize) -> Option<usize> {
    let x = take()?;
    // Counts are below 2^53 and so exact in f64.
    (x >= 0.0 && x.fract() == 0.0 && x <= max as f64).then_some(x as usize)
}

/// Writes a number that may be missing as a flag and the number.
pub(crate) fn put_option(put: &mut dyn FnMut(f64), value: Option<f64>) {
    put(if value.is_some() { 1.0 } else { 0.0 });
    put(value.unwrap_or(0.0));
}

/// Reads what [`put_option`] wrote.
pub(crate) fn take_option(take: &mut dyn FnMut() -> Option<f64>) -> Option<Option<f64>> {
    let present = count(take, 1)? == 1;
    let value = take()?;
    Some(present.then_some(value))
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
