//! What the counts mean. Pure.

use std::fmt::Write as _;

use super::program::Counted;

/// All workloads of a run, each with what it is compared with.
#[derive(Default)]
pub(super) struct Comparison {
    lines: Vec<Line>,
}

struct Line {
    now: Counted,
    base: Option<f64>,
    recorded: Option<f64>,
}

impl Comparison {
    pub(super) fn add(&mut self, now: Counted, base: Option<Counted>, recorded: Option<f64>) {
        self.lines.push(Line { now, base: base.map(|base| base.instructions()), recorded });
    }

    /// What was counted, to be recorded.
    pub(super) fn figures(&self) -> Vec<(String, f64)> {
        self.lines.iter().map(|line| (line.now.name.clone(), line.now.instructions())).collect()
    }

    pub(super) fn table(&self) -> String {
        let mut table = format!(
            "{:<24}{:>10}{:>10}{:>10}{:>10}{:>10}{:>14}\n",
            "instructions each", "recorded", "base", "now", "limit", "change", "allocations"
        );
        let figure = |figure: Option<f64>| figure.map_or("-".to_owned(), |figure| format!("{figure:.1}"));
        for Line { now, base, recorded } in &self.lines {
            let count = now.instructions();
            let change = base.or(*recorded).map(|before| format!("{:+.1} %", percent_more(count, before)));
            let _ = writeln!(
                table,
                "{:<24}{:>10}{:>10}{:>10.1}{:>10}{:>10}{:>14.4}",
                now.name,
                figure(*recorded),
                figure(*base),
                count,
                figure(now.most_instructions),
                change.unwrap_or("-".to_owned()),
                now.allocations(),
            );
        }
        table
    }

    /// Everything that is wrong, a line each; nothing when all is well. What is slower than the record is wrong unless a new
    /// one is made.
    pub(super) fn complaints(&self, limit: f64, record_is_new: bool) -> String {
        let mut complaints = Vec::new();
        for Line { now, base, recorded } in &self.lines {
            let (name, count, allocations) = (&now.name, now.instructions(), now.allocations());
            if let Some(most) = now.most_instructions
                && count > most
            {
                complaints
                    .push(format!("{name} takes {count:.1} instructions, and {most} at most are allowed"));
            }
            if let Some(most) = now.most_allocations
                && allocations > most
            {
                complaints.push(format!(
                    "{name} makes {allocations:.5} allocations, and {most} at most are allowed"
                ));
            }
            let slower = |before: f64| count > before * (1.0 + limit / 100.0);
            if let Some(before) = base.filter(|before| slower(*before)) {
                complaints.push(format!("{name} takes {count:.1} instructions, {before:.1} at the base"));
            }
            if let Some(before) = recorded.filter(|before| slower(*before) && !record_is_new) {
                complaints.push(format!(
                    "{name} takes {count:.1} instructions, {before:.1} when last recorded (cargo xtask instructions --record, if it is worth it)"
                ));
            }
        }
        complaints.join("\n")
    }
}

fn percent_more(now: f64, before: f64) -> f64 {
    (now / before - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(instructions: f64) -> Counted {
        let (most_instructions, most_allocations) = (None, None);
        let name = "request".to_owned();
        Counted { name, times: 1.0, instructions, allocations: 0.0, most_instructions, most_allocations }
    }

    fn complaints(now: Counted, base: Option<f64>, recorded: Option<f64>) -> String {
        let mut comparison = Comparison::default();
        comparison.add(now, base.map(counted), recorded);
        comparison.complaints(3.0, false)
    }

    #[test]
    fn a_slow_down_beyond_the_limit_is_a_complaint_and_one_below_is_none() {
        assert_eq!(complaints(counted(1030.0), Some(1000.0), Some(1000.0)), "");
        assert_eq!(
            complaints(counted(1031.0), Some(1000.0), None),
            "request takes 1031.0 instructions, 1000.0 at the base"
        );
        assert_eq!(complaints(counted(500.0), Some(1000.0), Some(1000.0)), "");
    }

    #[test]
    fn small_slow_downs_add_up_against_the_record_until_a_new_one_is_made() {
        let mut comparison = Comparison::default();
        comparison.add(counted(1040.0), Some(counted(1020.0)), Some(1000.0));
        assert!(comparison.complaints(3.0, false).contains("when last recorded"));
        assert_eq!(comparison.complaints(3.0, true), "");
        assert_eq!(comparison.figures(), [("request".to_owned(), 1040.0)]);
    }

    #[test]
    fn absolute_limits_hold_whatever_there_was_before() {
        let most = |instructions, allocations| Counted {
            most_instructions: Some(instructions),
            most_allocations: Some(allocations),
            ..counted(1000.0)
        };
        assert_eq!(complaints(most(1000.0, 0.0), None, None), "");
        assert!(complaints(most(999.0, 0.0), Some(1000.0), None).contains("999 at most"));
        assert!(complaints(most(1000.0, -1.0), None, None).contains("allocations"));
    }

    #[test]
    fn the_table_has_a_line_for_each_workload() {
        let mut comparison = Comparison::default();
        comparison.add(counted(1000.0), None, Some(800.0));
        let table = comparison.table();
        assert_eq!(table.lines().count(), 2);
        assert!(table.contains("+25.0 %"), "{table}");
    }
}
