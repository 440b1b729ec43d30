//! Where a market maker quotes: the published models as pure functions of their parameters.
//!
//! Prices and distances are in one unit of the caller's choice (currency or ticks), `gamma`, `k` and `sigma` in the matching
//! ones: `gamma` in 1/unit, `k` in 1/unit, `sigma` in unit/√second, `a` in 1/second. Inventory is counted in orders: how many
//! quotes of the usual size are held, negative when short.
//!
//! Every function is total: what is not finite or not above zero where it must be gives `None`.

/// The intensity of fills as a quote moves away from the fair price: `λ(δ) = a · exp(−k · δ)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intensity {
    /// Fills a second of a quote at the fair price itself, one side; above zero.
    pub a: f64,
    /// How fast fills get rarer with distance, in 1/unit; above zero.
    pub k: f64,
}

/// A price to quote around, and how far from it on either side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quotes {
    /// What the inventory makes one unit worth to its holder.
    pub reservation: f64,
    /// Distance from the reservation price to the bid and to the ask.
    pub half_spread: f64,
}

impl Quotes {
    /// The price to buy at.
    #[must_use]
    pub fn bid(&self) -> f64 {
        self.reservation - self.half_spread
    }

    /// The price to sell at.
    #[must_use]
    pub fn ask(&self) -> f64 {
        self.reservation + self.half_spread
    }
}

/// Avellaneda and Stoikov 2008, "High-frequency trading in a limit order book", Quantitative Finance 8(3), equations (29)
/// and (30):
///
/// ```text
/// r = s − q·γ·σ²·(T−t)        δa + δb = γ·σ²·(T−t) + (2/γ)·ln(1 + γ/k)
/// ```
///
/// `horizon` is `T − t` in the time unit of `sigma`; zero or more.
#[must_use]
pub fn avellaneda_stoikov(
    fair: f64,
    inventory: f64,
    gamma: f64,
    sigma: f64,
    horizon: f64,
    k: f64,
) -> Option<Quotes> {
    if !(gamma > 0.0 && k > 0.0 && sigma >= 0.0 && horizon >= 0.0) {
        return None;
    }
    let risk = gamma * sigma * sigma * horizon;
    let spread = risk + 2.0 / gamma * libm::log1p(gamma / k);
    finite(Quotes { reservation: fair - inventory * risk, half_spread: 0.5 * spread })
}

/// Hummingbot's `avellaneda_market_making` (version 2, read in its source): σ enters once and not squared, and `inventory` is the
/// deviation from its target as a fraction of everything held, so numbers differ from the paper's on purpose:
///
/// ```text
/// r = s − q̂·γ·σ·τ        δa + δb = γ·σ·τ + (2/γ)·ln(1 + γ/k)
/// ```
#[must_use]
pub fn hummingbot(fair: f64, inventory: f64, gamma: f64, sigma: f64, horizon: f64, k: f64) -> Option<Quotes> {
    if !(gamma > 0.0 && k > 0.0 && sigma >= 0.0 && horizon >= 0.0) {
        return None;
    }
    let risk = gamma * sigma * horizon;
    let spread = risk + 2.0 / gamma * libm::log1p(gamma / k);
    finite(Quotes { reservation: fair - inventory * risk, half_spread: 0.5 * spread })
}

/// The stationary solution of Guéant, Lehalle and Fernandez-Tapia, with the constants of Guéant 2017, "Optimal market making",
/// Applied Mathematical Finance 24(2), equations (4.6) and (4.7), at ξ = γ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glft {
    /// The part of the half spread that pays for the wait.
    pub c1: f64,
    /// What a unit of volatility adds to the skew, and half of it to the half spread.
    pub c2: f64,
    /// Distance of either quote from the fair price without inventory: `c1 + ½·σ·c2`.
    pub half_spread: f64,
    /// How far one order of inventory moves both quotes: `σ·c2`.
    pub skew: f64,
}

/// Works the constants out for orders of size one:
///
/// ```text
/// c1 = (1/γ)·ln(1 + γ/k)        c2 = √( γ/(2·A·k) · (1 + γ/k)^(k/γ + 1) )
/// ```
#[must_use]
pub fn glft(gamma: f64, sigma: f64, intensity: Intensity) -> Option<Glft> {
    let Intensity { a, k } = intensity;
    if !(gamma > 0.0 && k > 0.0 && a > 0.0 && sigma >= 0.0) {
        return None;
    }
    let c1 = libm::log1p(gamma / k) / gamma;
    let c2 = libm::sqrt(gamma / (2.0 * a * k) * libm::pow(1.0 + gamma / k, k / gamma + 1.0));
    let model = Glft { c1, c2, half_spread: c1 + 0.5 * sigma * c2, skew: sigma * c2 };
    (model.half_spread.is_finite() && model.skew.is_finite()).then_some(model)
}

impl Glft {
    /// The quotes at an inventory. `skew_factor` scales the skew: in practice the raw one moves quotes further than fills at
    /// the touch can follow (the tutorials of hftbacktest use about 0.05).
    #[must_use]
    pub fn quotes(&self, fair: f64, inventory: f64, skew_factor: f64) -> Quotes {
        Quotes { reservation: fair - self.skew * inventory * skew_factor, half_spread: self.half_spread }
    }
}

fn finite(quotes: Quotes) -> Option<Quotes> {
    (quotes.reservation.is_finite() && quotes.half_spread.is_finite()).then_some(quotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-14 * want.abs(), "{got} is not {want}");
    }

    #[test]
    fn avellaneda_stoikov_at_the_point_of_the_reference() {
        let q = avellaneda_stoikov(100.0, 3.0, 0.1, 2.0, 1.0, 1.5).unwrap();
        close(q.reservation, 98.8);
        close(2.0 * q.half_spread, 1.690_770_422_751_423_3);
        // Without time left only the intensity matters.
        let end = avellaneda_stoikov(100.0, 3.0, 0.1, 2.0, 0.0, 1.5).unwrap();
        close(2.0 * end.half_spread, 1.290_770_422_751_423_4);
        close(end.reservation, 100.0);
        close(q.ask() - q.bid(), 2.0 * q.half_spread);
    }

    #[test]
    fn hummingbot_takes_sigma_once() {
        let paper = avellaneda_stoikov(100.0, 0.5, 0.1, 1.0, 1.0, 1.5);
        assert_eq!(hummingbot(100.0, 0.5, 0.1, 1.0, 1.0, 1.5), paper, "at σ = 1 the two are one");
        let q = hummingbot(100.0, 0.5, 0.1, 2.0, 1.0, 1.5).unwrap();
        close(q.reservation, 99.9);
        close(2.0 * q.half_spread, 0.2 + 1.290_770_422_751_423_4);
    }

    #[test]
    fn glft_at_the_points_of_the_reference() {
        let at = |gamma, sigma, a, k| glft(gamma, sigma, Intensity { a, k }).unwrap();
        let m = at(0.05, 2.0, 140.0, 1.5);
        close(m.c1, 0.655_796_456_459_819_4);
        close(m.c2, 0.018_137_906_685_624_62);
        close(m.half_spread, 0.673_934_363_145_444_1);
        close(m.skew, 0.036_275_813_371_249_24);
        let m = at(0.1, 2.0, 140.0, 1.5);
        close(m.c1, 0.645_385_211_375_711_7);
        close(m.c2, 0.025_858_608_060_982_998);
        close(m.half_spread, 0.671_243_819_436_694_6);
        close(m.skew, 0.051_717_216_121_965_996);
        let q = m.quotes(0.0, 2.0, 1.0);
        close(-q.bid(), 0.774_678_251_680_626_7);
        close(q.ask(), 0.567_809_387_192_762_6);
        let m = at(0.01, 0.3, 9.0, 0.3);
        close(m.c1, 3.278_982_282_299_097);
        close(m.c2, 0.071_536_868_700_380_77);
    }

    #[test]
    fn hostile_parameters_give_no_quotes() {
        for bad in [0.0, -1.0, f64::NAN] {
            assert_eq!(avellaneda_stoikov(100.0, 0.0, bad, 2.0, 1.0, 1.5), None);
            assert_eq!(avellaneda_stoikov(100.0, 0.0, 0.1, 2.0, 1.0, bad), None);
            assert_eq!(glft(bad, 2.0, Intensity { a: 140.0, k: 1.5 }), None);
            assert_eq!(glft(0.1, 2.0, Intensity { a: bad, k: 1.5 }), None);
            assert_eq!(glft(0.1, 2.0, Intensity { a: 140.0, k: bad }), None);
        }
        assert_eq!(avellaneda_stoikov(100.0, 0.0, 0.1, f64::NAN, 1.0, 1.5), None);
        assert_eq!(avellaneda_stoikov(f64::INFINITY, 0.0, 0.1, 1.0, 1.0, 1.5), None);
        assert_eq!(glft(1e300, 2.0, Intensity { a: 1e-300, k: 1e-300 }), None);
    }
}
