//! System calls of another process while it is measured.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;

/// What counts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// A tracepoint; costs the client nearly nothing.
    Perf,
    /// Stops the client at every call: right numbers for what it does, but it gets less done.
    Strace,
}

const EVENT: &str = "raw_syscalls:sys_enter";
const PATIENCE: Duration = Duration::from_secs(10);

impl Counter {
    /// The best that works on this machine for this user.
    pub(crate) fn find() -> Option<Counter> {
        let works = |command: &mut Command| {
            let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            quiet.status().is_ok_and(|status| status.success())
        };
        if works(Command::new("perf").args(["stat", "-e", EVENT, "true"])) {
            Some(Counter::Perf)
        } else if works(Command::new("strace").args(["-c", "-f", "-o", "/dev/null", "true"])) {
            Some(Counter::Strace)
        } else {
            None
        }
    }

    /// Counts from now on.
    pub(crate) fn attach(self, process: u32) -> Result<Counting, Failure> {
        match self {
            Counter::Perf => Counting::perf(process),
            Counter::Strace => Counting::strace(process),
        }
    }
}

/// A counter at work, on all threads of a process.
pub(crate) struct Counting {
    program: Child,
    output: PathBuf,
    /// How perf is told to begin and to stop, and where it says that it has.
    control: Option<(File, File)>,
}

impl Counting {
    fn perf(process: u32) -> Result<Counting, Failure> {
        let output = temporary("counted");
        let (control, answers) = (fifo("control")?, fifo("answers")?);
        let mut command = Command::new("perf");
        command.args(["stat", "-x", ",", "-e", EVENT, "-D", "-1", "-o"]).arg(&output);
        command.arg(format!("--control=fifo:{},{}", control.display(), answers.display()));
        command.args(["-p", &process.to_string()]);
        let program = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut counting = Counting { program, output, control: Some((open(&control)?, open(&answers)?)) };
        let enabled = counting.tell_perf("enable");
        let _ = (std::fs::remove_file(control), std::fs::remove_file(answers));
        enabled.map(|()| counting)
    }

    fn strace(process: u32) -> Result<Counting, Failure> {
        let output = temporary("counted");
        let mut command = Command::new("strace");
        command.args(["-c", "-f", "-o"]).arg(&output).args(["-p", &process.to_string()]);
        let mut program =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let said = program.stderr.take().ok_or("strace has no output")?;
        let counting = Counting { program, output, control: None };
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        if line.contains("attached") { Ok(counting) } else { Err(line.into()) }
    }

    fn tell_perf(&mut self, what: &str) -> Result<(), Failure> {
        let Some((control, answers)) = &mut self.control else { return Ok(()) };
        control.write_all(format!("{what}\n").as_bytes())?;
        let asked = Instant::now();
        let mut answer = [0; 16];
        while asked.elapsed() < PATIENCE {
            // It does not block, so that a perf that is gone is noticed.
            if answers.read(&mut answer).is_ok_and(|read| read > 0) {
                return Ok(());
            }
            if let Some(status) = self.program.try_wait()? {
                return Err(format!("perf ended with {status}").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err("perf does not answer".into())
    }

    /// Stops; how many there were.
    pub(crate) fn finish(mut self) -> Result<Option<u64>, Failure> {
        self.tell_perf("disable")?;
        let process = Pid::from_raw(self.program.id() as i32).ok_or("no process")?;
        kill_process(process, Signal::INT)?;
        self.program.wait()?;
        let text = std::fs::read_to_string(&self.output)?;
        Ok(if self.control.is_some() { counted_by_perf(&text) } else { counted_by_strace(&text) })
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
        let _ = std::fs::remove_file(&self.output);
    }
}

/// `1234,,raw_syscalls:sys_enter,...`
fn counted_by_perf(text: &str) -> Option<u64> {
    text.lines().find(|line| line.contains(EVENT))?.split(',').next()?.trim().parse().ok()
}

/// `100.00    0.001234           1      1234        17 total`
fn counted_by_strace(text: &str) -> Option<u64> {
    let total = text.lines().find(|line| line.trim_end().ends_with(" total"))?;
    total.split_whitespace().nth(3)?.parse().ok()
}

fn temporary(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("load-tests-{}-{what}", std::process::id()))
}

fn fifo(what: &str) -> Result<PathBuf, Failure> {
    let path = temporary(what);
    let _ = std::fs::remove_file(&path);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    Ok(path)
}

/// For both directions, so that opening does not wait for the other side.
fn open(path: &Path) -> Result<File, Failure> {
    Ok(OpenOptions::new().read(true).write(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found_in_what_the_programs_write() {
        let perf = "# started on Sat\n\n8123,,raw_syscalls:sys_enter,2014531,100.00,,\n";
        assert_eq!(counted_by_perf(perf), Some(8123));
        assert_eq!(counted_by_perf("<not counted>,,raw_syscalls:sys_enter,0,0.00,,\n"), None);
        let strace = "% time     seconds  usecs/call     calls    errors syscall\n\
                      ------ ----------- ----------- --------- --------- ----------------\n\
                      100.00    0.000310          10        31         3 read\n\
                      ------ ----------- ----------- --------- --------- ----------------\n\
                      100.00    0.000310          10        34         3 total\n";
        assert_eq!(counted_by_strace(strace), Some(34));
    }
}
