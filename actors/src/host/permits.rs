//! The connect budget of a host: how many dials its pools may have under way together.

/// Permits dealt to the pools of one host. Pools are known by their reactor.
#[derive(Debug)]
pub(crate) struct Permits {
    limit: u32,
    /// Outstanding permits and unmet wishes, by reactor.
    pools: Vec<Share>,
    /// Where dealing goes on, so that no pool is always first.
    next: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Share {
    held: u32,
    wished: u32,
}

impl Permits {
    pub(crate) fn new(limit: u32, pools: usize) -> Self {
        Self { limit: limit.max(1), pools: vec![Share::default(); pools], next: 0 }
    }

    /// A pool lacks `count` connections, those it holds permits for not counted. Replaces what it said before.
    pub(crate) fn wish(&mut self, pool: usize, count: u32) {
        if let Some(share) = self.pools.get_mut(pool) {
            share.wished = count;
        }
    }

    /// A pool gives permits back: their dials ended, or it did not need them.
    pub(crate) fn give_back(&mut self, pool: usize, count: u32) {
        if let Some(share) = self.pools.get_mut(pool) {
            share.held = share.held.saturating_sub(count);
        }
    }

    /// Deals what is free, one at a time in turn. Returns the pools with the number of permits each was given.
    pub(crate) fn deal(&mut self) -> Vec<(usize, u32)> {
        let mut free = self.limit.saturating_sub(self.pools.iter().map(|share| share.held).sum());
        let mut dealt = vec![0; self.pools.len()];
        while free > 0 && self.pools.iter().any(|share| share.wished > 0) {
            let pool = self.next % self.pools.len();
            self.next = (pool + 1) % self.pools.len();
            let share = &mut self.pools[pool];
            if share.wished > 0 {
                share.wished -= 1;
                share.held += 1;
                dealt[pool] += 1;
                free -= 1;
            }
        }
        dealt.into_iter().enumerate().filter(|&(_, count)| count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_dials_than_the_limit_are_under_way_whatever_the_pools_wish() {
        let mut permits = Permits::new(4, 2);
        permits.wish(0, 10);
        permits.wish(1, 10);
        assert_eq!(permits.deal(), [(0, 2), (1, 2)]);
        assert_eq!(permits.deal(), []);
        permits.give_back(0, 1);
        assert_eq!(permits.deal().iter().map(|&(_, count)| count).sum::<u32>(), 1);
    }

    #[test]
    fn what_one_pool_does_not_want_another_gets() {
        let mut permits = Permits::new(4, 3);
        permits.wish(2, 3);
        assert_eq!(permits.deal(), [(2, 3)]);
        permits.wish(0, 3);
        assert_eq!(permits.deal(), [(0, 1)]);
    }

    #[test]
    fn a_wish_replaces_the_one_before() {
        let mut permits = Permits::new(8, 1);
        permits.wish(0, 5);
        permits.wish(0, 1);
        assert_eq!(permits.deal(), [(0, 1)]);
    }

    #[test]
    fn unknown_pools_and_too_many_returns_are_harmless() {
        let mut permits = Permits::new(1, 1);
        permits.wish(7, 1);
        permits.give_back(7, 1);
        permits.give_back(0, 9);
        permits.wish(0, 9);
        assert_eq!(permits.deal(), [(0, 1)]);
    }
}
