//! A limit on retries as a share of traffic, so that they cannot make an outage worse.

/// Successes earn tenths of a retry, retries and speculative attempts spend whole ones; with nothing left, failures go to
/// the caller. In the long run retries stay below a tenth of the traffic however many attempts fail, while a burst of
/// failures after quiet times is still covered by what was saved.
///
/// Counts, not time: an idle session neither earns nor forgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryBudget {
    tenths: u32,
    most: u32,
    earned: u32,
}

impl RetryBudget {
    /// A full budget of `retries`, refilled by `tenths_per_success` tenths of a retry.
    pub fn new(retries: u32, tenths_per_success: u32) -> RetryBudget {
        let most = retries.saturating_mul(10);
        RetryBudget { tenths: most, most, earned: tenths_per_success }
    }

    /// Notes a success.
    #[inline]
    pub fn deposit(&mut self) {
        self.deposit_many(1);
    }

    /// Notes as many successes at once, as when a batch of requests is taken in.
    #[inline]
    pub fn deposit_many(&mut self, successes: u32) {
        let earned = self.earned.saturating_mul(successes);
        self.tenths = self.tenths.saturating_add(earned).min(self.most);
    }

    /// Takes one retry if there is one.
    #[inline]
    pub fn try_spend(&mut self) -> bool {
        match self.tenths.checked_sub(10) {
            Some(left) => {
                self.tenths = left;
                true
            }
            None => false,
        }
    }

    /// Whether less than half of it is left: what remains is for retries, and speculation pauses.
    pub fn is_half_spent(&self) -> bool {
        self.tenths < self.most / 2
    }

    /// How many retries are left.
    pub fn left(&self) -> u32 {
        self.tenths / 10
    }
}

/// 100 retries, refilled by one in ten successes.
impl Default for RetryBudget {
    fn default() -> Self {
        RetryBudget::new(100, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_successes_earn_as_much_together_as_one_by_one() {
        let (mut together, mut singly) = (RetryBudget::new(50, 1), RetryBudget::new(50, 1));
        while together.try_spend() && singly.try_spend() {}
        together.deposit_many(123);
        (0..123).for_each(|_| singly.deposit());
        assert_eq!(together, singly);
        together.deposit_many(u32::MAX);
        assert_eq!(together.left(), 50, "never more than was there at first");
    }

    #[test]
    fn an_outage_is_answered_with_a_bounded_number_of_retries() {
        let mut budget = RetryBudget::default();
        let retries = (0..10_000).filter(|_| budget.try_spend()).count();
        assert_eq!(retries, 100);
        assert_eq!(budget.left(), 0);
    }

    #[test]
    fn retries_stay_within_a_tenth_of_successes() {
        let mut budget = RetryBudget::new(0, 1);
        assert!(!budget.try_spend(), "an empty budget earns nothing by itself");
        let mut budget = RetryBudget { tenths: 0, ..RetryBudget::default() };
        let mut retries = 0;
        for _ in 0..1000 {
            budget.deposit();
            retries += u32::from(budget.try_spend());
        }
        assert_eq!(retries, 100);
    }

    #[test]
    fn a_budget_is_half_spent_until_half_of_it_was_earned_again() {
        let mut budget = RetryBudget::new(4, 5);
        assert!(!budget.is_half_spent());
        (0..2).for_each(|_| assert!(budget.try_spend()));
        assert!(!budget.is_half_spent());
        assert!(budget.try_spend() && budget.is_half_spent());
        budget.deposit_many(2);
        assert!(!budget.is_half_spent());
        assert!(!RetryBudget::new(0, 1).is_half_spent(), "there was never anything to spend");
    }

    #[test]
    fn savings_do_not_grow_past_the_limit() {
        let mut budget = RetryBudget::new(2, 1);
        (0..1000).for_each(|_| budget.deposit());
        assert_eq!(budget.left(), 2);
        assert!(budget.try_spend() && budget.try_spend() && !budget.try_spend());
    }
}
