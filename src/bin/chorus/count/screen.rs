//! What people see of a count under way.

use chorus::scan::ScanProgress;

use crate::table_screen::Look;

impl Look for ScanProgress {
    fn share(&self) -> f64 {
        Self::share(self)
    }

    fn rows(&self) -> u64 {
        Self::rows(self)
    }

    fn message(&self, rate: f64) -> String {
        format!(
            "counting  {} rows  {rate:.0} rows/s  {} retries  {} ranges cut  {} in flight",
            Self::rows(self),
            self.retries(),
            self.splits(),
            self.in_flight()
        )
    }

    fn plain(&self, rate: f64) -> String {
        format!("{:>3.0}%  {}", Self::share(self) * 100.0, self.message(rate))
    }
}
