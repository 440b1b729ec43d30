//! What requests weigh in which budget of the venue.

use crate::Question;
use model::OrderCommand;
use units::{Span, Timestamp};

/// A budget that the venue keeps: so much within any stretch of so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketRule {
    /// Its name in messages and metrics.
    pub name: &'static str,
    /// How much; above zero.
    pub capacity: u32,
    /// Within how long; above zero.
    pub per: Span,
}

/// How much a request takes of which budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// The budget, as a position in [`RateRules::buckets`].
    pub bucket: usize,
    /// How much; at most its capacity.
    pub weight: u32,
}

/// A kind of request, as far as budgets tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Places an order.
    Place,
    /// Changes one.
    Amend,
    /// Cancels one, or a leg.
    Cancel,
    /// Cancels many.
    CancelAll,
    /// Guards a position.
    Protect,
    /// Leverage, modes, margin.
    Setting,
    /// One order.
    QueryOrder,
    /// All open orders.
    ListOrders,
    /// Executions.
    ListFills,
    /// Positions.
    ListPositions,
    /// The wallet.
    Wallet,
    /// The time.
    Time,
    /// The rules of the instruments.
    Instruments,
}

impl Endpoint {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Place,
        Self::Amend,
        Self::Cancel,
        Self::CancelAll,
        Self::Protect,
        Self::Setting,
        Self::QueryOrder,
        Self::ListOrders,
        Self::ListFills,
        Self::ListPositions,
        Self::Wallet,
        Self::Time,
        Self::Instruments,
    ];

    /// The kind of request that carries a command.
    #[must_use]
    pub const fn of_command(command: &OrderCommand) -> Self {
        match command {
            OrderCommand::Place(_) => Self::Place,
            OrderCommand::Amend { .. } => Self::Amend,
            OrderCommand::Cancel { .. } | OrderCommand::CancelLeg { .. } => Self::Cancel,
            OrderCommand::CancelAll { .. } => Self::CancelAll,
            OrderCommand::Protect { .. } | OrderCommand::ProtectPart { .. } => Self::Protect,
            OrderCommand::SetLeverage { .. }
            | OrderCommand::SetMarginMode { .. }
            | OrderCommand::SetPositionMode { .. }
            | OrderCommand::MoveMargin { .. } => Self::Setting,
            OrderCommand::Query { .. } => Self::QueryOrder,
        }
    }

    /// The kind of request that carries a question.
    #[must_use]
    pub const fn of_question(question: &Question) -> Self {
        match question {
            Question::Time => Self::Time,
            Question::OpenOrders => Self::ListOrders,
            Question::Order { .. } => Self::QueryOrder,
            Question::Fills { .. } => Self::ListFills,
            Question::Positions => Self::ListPositions,
            Question::Wallet => Self::Wallet,
            Question::Instruments => Self::Instruments,
        }
    }
}

/// The budgets of a venue and what each kind of request takes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateRules {
    /// The budgets.
    pub buckets: Vec<BucketRule>,
    weights: Vec<Vec<Weight>>,
}

impl RateRules {
    /// Budgets, and for each kind of request what it takes; what is not named takes nothing.
    ///
    /// # Panics
    /// For a budget without capacity or time, a weight of a budget that is not there, or one beyond its capacity: such a request
    /// could never be sent.
    #[must_use]
    pub fn new(buckets: Vec<BucketRule>, takes: &[(Endpoint, &[Weight])]) -> Self {
        for bucket in &buckets {
            assert!(bucket.capacity > 0 && bucket.per > Span::ZERO, "budget {} holds nothing", bucket.name);
        }
        let mut weights = vec![Vec::new(); Endpoint::ALL.len()];
        for (endpoint, of) in takes {
            for weight in *of {
                let fits = buckets.get(weight.bucket).is_some_and(|bucket| weight.weight <= bucket.capacity);
                assert!(fits, "{endpoint:?} never fits its budget");
            }
            weights[*endpoint as usize] = of.to_vec();
        }
        Self { buckets, weights }
    }

    /// What a request takes.
    #[must_use]
    pub fn weights(&self, endpoint: Endpoint) -> &[Weight] {
        &self.weights[endpoint as usize]
    }
}

/// What is left of a budget, by the venue's own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Which budget, as a position in [`RateRules::buckets`].
    pub bucket: usize,
    /// What is left.
    pub left: u32,
    /// When it is whole again, by the venue's clock, where it says.
    pub resets_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_its_number() {
        for (number, endpoint) in Endpoint::ALL.into_iter().enumerate() {
            assert_eq!(endpoint as usize, number);
        }
    }

    #[test]
    #[should_panic(expected = "never fits")]
    fn a_request_that_never_fits_is_a_defect() {
        let bucket = BucketRule { name: "all", capacity: 2, per: Span::from_seconds(1) };
        let _ = RateRules::new(vec![bucket], &[(Endpoint::Place, &[Weight { bucket: 0, weight: 3 }])]);
    }
}
