//! The budgets of an account that has no special rank, and what the exchange says of them.
//!
//! Source: bybit-exchange/docs, `docs/v5/rate-limit/rate-limit` (2026-07-24). Ranks raise the limits: what the headers say counts.

use crate::{BucketRule, Endpoint, RateRules, Response, Usage, Weight};
use units::{Span, Timestamp};

/// What is allowed per second, in a rolling window.
pub const LIMIT: &str = "x-bapi-limit";
/// What is left of it.
pub const LIMIT_LEFT: &str = "x-bapi-limit-status";
/// When requests are welcome again, in milliseconds; about now when nothing was exceeded.
pub const LIMIT_RESET: &str = "x-bapi-limit-reset-timestamp";

/// How long an address that was refused stays away: ten minutes.
pub const ADDRESS_PAUSE: Span = Span::from_seconds(600);

const CREATE: usize = 0;
const AMEND: usize = 1;
const CANCEL: usize = 2;
const CANCEL_ALL: usize = 3;
const PROTECT: usize = 4;
const SETTING: usize = 5;
const ORDERS: usize = 6;
const EXECUTIONS: usize = 7;
const POSITIONS: usize = 8;
const WALLET: usize = 9;
const ADDRESS: usize = 10;

/// The budgets: per account and kind of request, and 600 requests in five seconds per address. The market's own
/// endpoints weigh in the last only.
#[must_use]
pub fn limits() -> RateRules {
    let second = |name, capacity| BucketRule { name, capacity, per: Span::from_seconds(1) };
    let buckets = vec![
        second("create", 10),
        second("amend", 10),
        second("cancel", 10),
        second("cancel-all", 10),
        second("trading-stop", 10),
        second("settings", 5),
        second("orders", 50),
        second("executions", 50),
        second("positions", 50),
        second("wallet", 50),
        BucketRule { name: "address", capacity: 600, per: Span::from_seconds(5) },
    ];
    macro_rules! both {
        ($bucket:expr) => {{
            const WEIGHTS: &[Weight] =
                &[Weight { bucket: $bucket, weight: 1 }, Weight { bucket: ADDRESS, weight: 1 }];
            WEIGHTS
        }};
    }
    const ADDRESS_ONLY: &[Weight] = &[Weight { bucket: ADDRESS, weight: 1 }];
    RateRules::new(
        buckets,
        &[
            (Endpoint::Place, both!(CREATE)),
            (Endpoint::Amend, both!(AMEND)),
            (Endpoint::Cancel, both!(CANCEL)),
            (Endpoint::CancelAll, both!(CANCEL_ALL)),
            (Endpoint::Protect, both!(PROTECT)),
            (Endpoint::Setting, both!(SETTING)),
            (Endpoint::QueryOrder, both!(ORDERS)),
            (Endpoint::ListOrders, both!(ORDERS)),
            (Endpoint::ListFills, both!(EXECUTIONS)),
            (Endpoint::ListPositions, both!(POSITIONS)),
            (Endpoint::Wallet, both!(WALLET)),
            (Endpoint::Time, ADDRESS_ONLY),
            (Endpoint::Instruments, ADDRESS_ONLY),
        ],
    )
}

/// What the headers of a response say about the budget of its endpoint; `None` where they say nothing, as for the market.
#[must_use]
pub fn usage(rules: &RateRules, endpoint: Endpoint, response: &Response) -> Option<Usage> {
    usage_of(rules, endpoint, response.header(LIMIT_LEFT), response.header(LIMIT_RESET))
}

/// The same of the two texts, wherever they stood.
#[must_use]
pub fn usage_of(
    rules: &RateRules,
    endpoint: Endpoint,
    left: Option<&str>,
    reset: Option<&str>,
) -> Option<Usage> {
    let left = left?.parse().ok()?;
    let bucket = rules.weights(endpoint).first()?.bucket;
    Some(Usage { bucket, left, resets_at: reset_at(reset) })
}

/// When requests are welcome again.
#[must_use]
pub fn reset_at(reset: Option<&str>) -> Option<Timestamp> {
    reset.and_then(|text| text.parse().ok()).and_then(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_speak_of_the_budget_of_their_endpoint() {
        let rules = limits();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![header(LIMIT_LEFT, "0"), header(LIMIT_RESET, "1711001595208")];
        let response = Response { status: 200, headers, body: String::new() };
        let usage = usage(&rules, Endpoint::Cancel, &response).unwrap();
        assert_eq!((usage.bucket, usage.left), (CANCEL, 0));
        assert_eq!(usage.resets_at, Timestamp::from_millis(1_711_001_595_208));
        assert_eq!(super::usage(&rules, Endpoint::Cancel, &Response { headers: vec![], ..response }), None);
    }
}
