//! What a command said, kept only as far as it explains a failure: thousands of lines go by, and the reason is among them.

use std::collections::VecDeque;
use std::fmt::Write as _;

/// Of a test that failed, from its panic on.
const FROM_THE_PANIC: usize = 60;
/// Of a test that failed, before its panic; of anything else, before its end as far as another excerpt is there.
const BEFORE: usize = 20;
/// Of a command in which no failed test was found: its last lines.
const LAST: usize = 40;
/// Tests whose output is kept; of those after them, the names.
const TESTS: usize = 8;

/// Where a line came from: what tests say about failures stands on standard output, what cargo says on the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// Lines are told to it as they come; it keeps a bounded number of them.
#[derive(Default)]
pub(crate) struct Transcript {
    last: VecDeque<String>,
    failures: Vec<Failure>,
    /// Whether the next line of standard output belongs to the last failure.
    inside: bool,
}

impl Transcript {
    pub(crate) fn note(&mut self, stream: Stream, line: &str) {
        if stream == Stream::Error && line.contains("process didn't exit successfully") {
            // Tests that ended without a summary: killed, aborted, out of memory. What came before is all there is.
            let mut failure = Failure::named(line.trim());
            let from = self.last.len().saturating_sub(BEFORE);
            self.last.range(from..).for_each(|line| failure.note(line));
            self.failures.push(failure);
        }
        push_bounded(&mut self.last, LAST, line);
        if stream == Stream::Error {
            return;
        }
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.failures.push(Failure::named(name));
            self.inside = true;
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.inside = false;
        } else if let Some(failure) = self.failures.last_mut().filter(|_| self.inside) {
            failure.note(line);
        }
    }

    /// The lines that say why the command failed.
    pub(crate) fn excerpt(&self) -> String {
        let mut text = String::new();
        let mut write = |line: &str| writeln!(text, "{line}").expect("a string takes everything");
        for failure in self.failures.iter().take(TESTS) {
            failure.lines().for_each(&mut write);
        }
        for failure in self.failures.iter().skip(TESTS) {
            write(&format!("---- {} (failed as well)", failure.name));
        }
        if self.failures.is_empty() {
            self.last.iter().for_each(|line| write(line));
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// What a test that failed had written, about its panic.
struct Failure {
    name: String,
    before: VecDeque<String>,
    from_the_panic: Vec<String>,
    /// How many lines are in neither.
    left_out: usize,
}

impl Failure {
    fn named(name: &str) -> Failure {
        Failure { name: name.to_owned(), before: VecDeque::new(), from_the_panic: Vec::new(), left_out: 0 }
    }

    fn note(&mut self, line: &str) {
        // A test that returns an error prints it without a panic.
        let verdict = line.contains(" panicked at ") || line.starts_with("Error: ");
        if self.from_the_panic.is_empty() && !verdict {
            self.left_out += usize::from(self.before.len() == BEFORE);
            push_bounded(&mut self.before, BEFORE, line);
        } else if self.from_the_panic.len() < FROM_THE_PANIC {
            self.from_the_panic.push(line.to_owned());
        } else {
            self.left_out += 1;
        }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        let said = self.before.iter().chain(&self.from_the_panic).map(String::as_str);
        let more = (self.left_out > 0).then_some("(more lines in the output of the step above)");
        [self.name.as_str()].into_iter().chain(said.filter(|line| !line.is_empty())).chain(more)
    }
}

fn push_bounded(lines: &mut VecDeque<String>, bound: usize, line: &str) {
    if lines.len() == bound {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
        let mut transcript = Transcript::default();
        lines.into_iter().for_each(|line| transcript.note(Stream::Output, line));
        transcript.excerpt()
    }

    #[test]
    fn a_failed_test_is_found_among_everything_else() {
        let noise: Vec<String> = (0..500).map(|number| format!("test noise_{number} ... ok")).collect();
        let failed = [
            "test counts::add ... FAILED",
            "",
            "failures:",
            "",
            "---- counts::add stdout ----",
            "adding",
            "",
            "thread 'counts::add' (12) panicked at src/counts.rs:7:5:",
            "assertion `left == right` failed: one and one",
            "  left: 3",
            " right: 2",
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            "",
            "",
            "failures:",
            "    counts::add",
            "",
            "test result: FAILED. 500 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        ];
        let all = noise.iter().map(String::as_str).chain(failed).chain(noise.iter().map(String::as_str));
        assert_eq!(
            excerpt(all),
            "counts::add\n\
             adding\n\
             thread 'counts::add' (12) panicked at src/counts.rs:7:5:\n\
             assertion `left == right` failed: one and one\n  \
             left: 3\n \
             right: 2\n\
             note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"
        );
    }

    #[test]
    fn a_talkative_test_is_cut_around_its_panic() {
        let before: Vec<String> = (0..100).map(|number| format!("before {number}")).collect();
        let after: Vec<String> = (0..100).map(|number| format!("after {number}")).collect();
        let text = excerpt(
            ["---- talk stdout ----"]
                .into_iter()
                .chain(before.iter().map(String::as_str))
                .chain(["thread 'talk' panicked at tests/talk.rs:1:1:"])
                .chain(after.iter().map(String::as_str)),
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + BEFORE + FROM_THE_PANIC + 1);
        assert_eq!(lines[1], "before 80");
        assert_eq!(lines[BEFORE + 1], "thread 'talk' panicked at tests/talk.rs:1:1:");
        assert_eq!(lines[BEFORE + FROM_THE_PANIC], "after 58");
    }

    #[test]
    fn of_many_failures_the_names_are_all_there() {
        let sections: Vec<String> = (0..30).map(|number| format!("---- test_{number} stdout ----")).collect();
        let text = excerpt(sections.iter().map(String::as_str));
        assert_eq!(text.lines().count(), 30);
        assert!(text.ends_with("---- test_29 (failed as well)"), "{text}");
    }

    #[test]
    fn without_a_failed_test_the_end_tells() {
        let lines: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
        let text = excerpt(lines.iter().map(String::as_str));
        assert_eq!(text.lines().count(), LAST);
        assert!(text.ends_with("line 99"), "{text}");
    }

    #[test]
    fn tests_that_were_killed_are_told_with_what_they_said_last() {
        let mut transcript = Transcript::default();
        transcript.note(Stream::Output, "test large ... memory allocation of 9 bytes failed");
        transcript.note(Stream::Error, "error: test failed, to rerun pass `-p a --test b`");
        transcript.note(Stream::Error, "  process didn't exit successfully: `target/b` (signal: 6, SIGABRT)");
        (0..100).for_each(|_| transcript.note(Stream::Output, "test of_the_next_file ... ok"));
        let text = transcript.excerpt();
        assert_eq!(
            text,
            "process didn't exit successfully: `target/b` (signal: 6, SIGABRT)\n\
             test large ... memory allocation of 9 bytes failed\n\
             error: test failed, to rerun pass `-p a --test b`"
        );
    }
}
