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
