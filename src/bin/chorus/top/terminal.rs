//! The terminal, taken and given back as it was: at the end, on failures and panics, and while somebody suspends us.

use std::io;

use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::backend::CrosstermBackend;
use ratatui::{DefaultTerminal, Frame};

/// The terminal while it is ours. Dropping gives it back.
pub(crate) struct Terminal {
    terminal: DefaultTerminal,
}

impl Terminal {
    /// Takes it: another screen, keys as they are pressed. A panic gives it back before it says anything.
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self { terminal: ratatui::try_init()? })
    }

    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// How many columns it has; none when it does not tell.
    pub(crate) fn width(&self) -> u16 {
        self.terminal.size().map_or(0, |size| size.width)
    }

    /// Gives it back, stops this process until somebody continues it, and takes it again.
    #[cfg(unix)]
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.terminal.show_cursor()?;
        disable_raw_mode()?;
        execute!(io::stdout(), LeaveAlternateScreen)?;
        // Not SIGTSTP, which we listen to: that is how others ask for this.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen)?;
        // A new one, which takes the screen to be empty, as the other screen is now. Clearing this one would ask the terminal
        // where its cursor is, and the answer would be taken for keys.
        self.terminal = ratatui::Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(())
    }

    /// There is nothing to suspend to.
    #[cfg(not(unix))]
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may be gone; then there is nothing to give back.
        let _ = self.terminal.show_cursor();
        ratatui::restore();
    }
}

/// Others who ask us to suspend: `kill -TSTP`.
pub(crate) struct Suspensions {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Suspensions {
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        let kind = tokio::signal::unix::SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
        Ok(Self { signal: tokio::signal::unix::signal(kind)? })
    }

    /// Resolves when somebody asks. Cancel safe.
    #[cfg(unix)]
    pub(crate) async fn requested(&mut self) {
        let _ = self.signal.recv().await;
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(crate) async fn requested(&mut self) {
        std::future::pending().await
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::process::{Command, Stdio};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, tcgetattr};

    use super::Terminal;

    /// Set in the process that has a terminal to panic on.
    const PANICS: &str = "CHORUS_PANICS_ON_ITS_TERMINAL";

    /// This test in another process, which has a terminal of its own: the panic is of the whole process.
    #[test]
    fn a_panic_gives_the_terminal_back_before_it_says_anything() {
        if std::env::var_os(PANICS).is_some() {
            let _terminal = Terminal::take().expect("a terminal");
            panic!("what went wrong");
        }
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("its other end");
        let name = ptsname(&master, Vec::new()).expect("it has a name").into_string().expect("ASCII");
        let open = || File::options().read(true).write(true).open(&name).expect("a terminal");
        // Held, so that the terminal outlives the process and can be looked at.
        let slave = OwnedFd::from(open());
        let before = tcgetattr(&slave).expect("a terminal");
        let status = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .arg(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "--nocapture",
                "top::terminal::tests::a_panic_gives_the_terminal_back_before_it_says_anything",
            ])
            .env(PANICS, "yes")
            .env("RUST_BACKTRACE", "0")
            .env("TERM", "xterm-256color")
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .status()
            .expect("setsid of util-linux");
        assert!(!status.success(), "the test in it has failed");
        let after = tcgetattr(&slave).expect("a terminal");
        drop(slave);
        assert_eq!(after.local_modes, before.local_modes);
        assert!(after.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON));
        let written = everything(File::from(master));
        let place =
            |words: &str| written.find(words).unwrap_or_else(|| panic!("no {words:?} in {written:?}"));
        let (taken, given, said) = (place("\u{1b}[?1049h"), place("\u{1b}[?1049l"), place("what went wrong"));
        assert!(taken < given && given < said, "{written:?}");
    }

    /// What was written to a terminal that nobody has any more.
    fn everything(mut master: File) -> String {
        let (mut written, mut buffer) = (Vec::new(), [0; 4096]);
        // An error means that nobody has the other end any more.
        while let Ok(read @ 1..) = master.read(&mut buffer) {
            written.extend_from_slice(&buffer[..read]);
        }
        String::from_utf8_lossy(&written).into_owned()
    }
}
