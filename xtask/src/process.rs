//! Child processes that end with us: on drop, on panic, and on Ctrl-C or a termination signal.
//!
//! Children are stopped by process id, never by name. Servers get a process group of their own, so that a Ctrl-C in the terminal
//! reaches us first and we decide the order in which things stop.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::steps::Stop;
use crate::transcript::{Stream, Transcript};

/// What must be stopped when a signal ends us before the owners' `Drop` runs.
static CHILDREN: Mutex<Children> = Mutex::new(Children { pids: Vec::new(), stopping: false });

struct Children {
    pids: Vec<Pid>,
    /// A signal came: what is not started yet never is.
    stopping: bool,
}

/// How long a server may take to stop by itself before it is killed.
const GRACE: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(20);

/// How long a command that has ended may still be heard, through streams that a child of its own has inherited.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A child process that is stopped when its owner goes.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: Option<PathBuf>,
}

impl Process {
    /// Starts a server in the background, with both output streams appended to `log`.
    pub(crate) fn server(name: &str, command: &mut Command, log: &Path) -> Result<Process, Stop> {
        let fail = |error: std::io::Error| Stop::failed(format!("cannot start {name}: {error}"));
        let out = File::options().create(true).append(true).open(log).map_err(fail)?;
        let err = out.try_clone().map_err(fail)?;
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        Self::spawn(name, command, Some(log.to_owned()))
    }

    /// Starts a command whose streams the caller has set up.
    pub(crate) fn spawn(name: &str, command: &mut Command, log: Option<PathBuf>) -> Result<Process, Stop> {
        // Held over the start, so that a signal sees every child or prevents it.
        let mut children = children();
        if children.stopping {
            return Err(Stop::failed("interrupted"));
        }
        let child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Stop::missing(format!("the program {}", command.get_program().to_string_lossy()))
            }
            _ => Stop::failed(format!("cannot start {name}: {error}")),
        })?;
        let process = Process { name: name.to_owned(), child, log };
        children.pids.push(process.pid());
        Ok(process)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The child's streams, for a caller that asked for pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How the process ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The most resident memory it ever had, as far as the kernel tells; 0 once it has ended.
    pub(crate) fn peak_resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    }

    /// Waits for the end, up to `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if started.elapsed() >= limit {
                return None;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to stop, then makes it.
    pub(crate) fn stop(&mut self) {
        if self.ended().is_none() {
            let _ = kill_process(self.pid(), Signal::TERM);
            if self.wait(GRACE).is_none() {
                self.kill();
            }
        }
        self.forget();
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.forget();
    }

    /// Lets it run on after us; returns its id.
    pub(crate) fn detach(self) -> Pid {
        let pid = self.pid();
        self.forget();
        std::mem::forget(self);
        pid
    }

    /// The last lines it wrote, for a message about why it failed.
    pub(crate) fn last_words(&self, lines: usize) -> String {
        let Some(text) = self.log.as_ref().and_then(|log| std::fs::read(log).ok()) else {
            return String::new();
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn forget(&self) {
        let pid = self.pid();
        children().pids.retain(|other| *other != pid);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn children() -> std::sync::MutexGuard<'static, Children> {
    CHILDREN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs a command to its end and shows every line as it comes.
///
/// An error of a command that failed has, from its second line on, what explains it of what the command said.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<(), Stop> {
    run_watched(name, command, |_| {})
}

/// Runs a command to its end, shows every line as it comes, and hands those of its standard output to `see` too.
pub(crate) fn run_watched(name: &str, command: &mut Command, mut see: impl FnMut(&str)) -> Result<(), Stop> {
    run_seen(name, command, |line| {
        println!("{line}");
        see(line);
    })
}

/// Runs a command to its end and hands every line of its standard output to `see`, instead of showing it.
pub(crate) fn run_seen(name: &str, command: &mut Command, mut see: impl FnMut(&str)) -> Result<(), Stop> {
    if std::io::stderr().is_terminal() {
        // It sees a pipe, behind which somebody sits all the same.
        command.env("CARGO_TERM_COLOR", "always");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::spawn(name, command, None)?;
    let (sender, lines) = mpsc::channel();
    let output = process.child().stdout.take().expect("standard output was asked for as a pipe");
    let error = process.child().stderr.take().expect("standard error was asked for as a pipe");
    listen(output, Stream::Output, sender.clone());
    listen(error, Stream::Error, sender);
    let mut transcript = Transcript::default();
    loop {
        match lines.recv_timeout(LAST_LINES) {
            Ok((stream, line)) => {
                transcript.note(stream, &line);
                match stream {
                    Stream::Output => see(&line),
                    Stream::Error => eprintln!("{line}"),
                }
            }
            // It is gone, and something it left behind holds its streams open.
            Err(RecvTimeoutError::Timeout) if process.ended().is_some() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = process.child().wait().map_err(|error| Stop::failed(format!("{name}: {error}")))?;
    process.forget();
    if status.success() {
        Ok(())
    } else {
        Err(Stop::failed(format!("{name}: {status}\n{}", transcript.excerpt())))
    }
}

/// Sends the lines of a stream, until it ends or nobody listens.
fn listen(stream: impl Read + Send + 'static, which: Stream, lines: Sender<(Stream, String)>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            if lines.send((which, String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
        }
    });
}

/// Stops every child, then us, when someone presses Ctrl-C or asks us to terminate.
pub(crate) fn stop_children_on_signals() {
    let watch = || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let mut hangup = signal(SignalKind::hangup())?;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            Ok(())
        })
    };
    std::thread::spawn(move || {
        if let Err(error) = watch() {
            eprintln!("xtask: cannot watch for signals: {error}");
            return;
        }
        let pids = {
            let mut children = children();
            children.stopping = true;
            children.pids.clone()
        };
        eprintln!("\nxtask: stopping {} processes", pids.len());
        for pid in &pids {
            let _ = kill_process(*pid, Signal::TERM);
        }
        // Their owners are other threads, blocked in a wait: what is gone answers the null signal with an error
        // once its owner has reaped it, so a bounded pause is all that can be done for the rest.
        let started = Instant::now();
        while started.elapsed() < GRACE && pids.iter().any(|pid| is_running(*pid)) {
            std::thread::sleep(POLL);
        }
        for pid in pids.iter().filter(|pid| is_running(**pid)) {
            let _ = kill_process(*pid, Signal::KILL);
        }
        std::process::exit(130);
    });
}

/// Whether a process exists and is not merely waiting to be reaped.
pub(crate) fn is_running(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    match stat {
        // The state follows the name, which is in parentheses and may contain any character but ends with the last one.
        Ok(stat) => {
            !matches!(stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()), Some('Z' | 'X'))
        }
        Err(_) => rustix::process::test_kill_process(pid).is_ok() && !Path::new("/proc/self/stat").exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_process_is_gone() {
        let directory = std::env::temp_dir();
        let log = directory.join(format!("xtask-process-{}.log", std::process::id()));
        let process =
            Process::server("sleep", Command::new("sleep").arg("60"), &log).expect("sleep can be started");
        let pid = process.pid();
        assert!(is_running(pid));
        drop(process);
        assert!(!is_running(pid));
        assert!(!children().pids.contains(&pid));
        let _ = std::fs::remove_file(log);
    }

    #[test]
    fn a_command_that_does_not_exist_is_missing_rather_than_failed() {
        let stop = run("nothing", &mut Command::new("no-such-program-here")).expect_err("it cannot run");
        assert!(matches!(stop, Stop::Missing(_)), "{stop}");
    }

    #[test]
    fn a_watched_command_hands_over_its_lines() {
        let mut lines = Vec::new();
        run_watched("printf", Command::new("printf").arg("one\\ntwo\\n"), |line| lines.push(line.to_owned()))
            .expect("printf succeeds");
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_failed_command_is_quoted_in_its_error() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo the last word; echo of both >&2; exit 3"]);
        let stop = run_seen("sh", &mut command, |_| {}).expect_err("it says so");
        let text = stop.to_string();
        assert_eq!(text.lines().next(), Some("sh: exit status: 3"));
        assert!(text.contains("the last word") && text.contains("of both"), "{text}");
    }

    #[test]
    fn what_a_command_leaves_behind_is_not_waited_for() {
        let started = Instant::now();
        run("sh", Command::new("sh").args(["-c", "sleep 60 & echo $!"])).expect("the shell itself succeeds");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
