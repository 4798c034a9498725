//! `chorus top` on a real terminal: a pseudo-terminal whose other end is held here.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::harness::NOBODY;
use crate::top::Program;

/// Nothing here takes this long.
const HANG: Duration = Duration::from_secs(60);

/// The binary on a terminal, and what it has written there.
struct Screen {
    master: File,
    /// Held, so that the terminal outlives the program and can be looked at.
    slave: OwnedFd,
    before: Termios,
    written: Arc<Mutex<Vec<u8>>>,
    child: Child,
    width: u16,
}

impl Screen {
    fn start(args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("its other end");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let open = || {
            File::options().read(true).write(true).open(name.to_str().expect("ASCII")).expect("a terminal")
        };
        let slave = OwnedFd::from(open());
        let before = tcgetattr(&slave).expect("a terminal");
        // In a session of its own, so that the terminal is its and a change of size is told to it.
        let child = Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_chorus"), "top"])
            .args(args)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .spawn()
            .expect("setsid of util-linux");
        let written = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, notes) = (File::from(master.try_clone().expect("a copy")), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error means that nobody has the other end any more.
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                notes.lock().expect("no panic").extend_from_slice(&buffer[..read]);
            }
        });
        let mut screen = Self { master: File::from(master), slave, before, written, child, width: 80 };
        screen.resize(80, 24);
        screen
    }

    fn resize(&mut self, width: u16, height: u16) {
        self.width = width;
        let size = Winsize { ws_col: width, ws_row: height, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(self.master.as_fd(), size).expect("a terminal has a size");
    }

    fn text(&self, from: usize) -> String {
        String::from_utf8_lossy(&self.written.lock().expect("no panic")[from..]).into_owned()
    }

    /// Presses a key, and waits until the screen has these words. It is drawn whole after a change of its size; otherwise only
    /// what differs is, and a plain gap between words is skipped.
    fn press(&mut self, keys: &str, words: &[&str]) {
        self.master.write_all(keys.as_bytes()).expect("somebody reads keys");
        self.shows(words);
    }

    fn shows(&mut self, words: &[&str]) {
        let began = Instant::now();
        loop {
            let from = self.written.lock().expect("no panic").len();
            self.resize(if self.width == 80 { 82 } else { 80 }, 24);
            let looked = Instant::now();
            while looked.elapsed() < Duration::from_millis(500) {
                if words.iter().all(|words| self.text(from).contains(words)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(began.elapsed() < HANG, "never {words:?} in {}", self.text(from));
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill can be run").success());
    }

    /// The letter that the system has for what the process does; `T` when it is stopped.
    fn waits_for_state(&self, wanted: char) {
        let began = Instant::now();
        loop {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it lives");
            let state = stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next());
            if state == Some(wanted) {
                return;
            }
            assert!(began.elapsed() < HANG, "its state is {state:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the terminal does what it did before: echoes, takes whole lines, shows its first screen and a cursor.
    #[track_caller]
    fn is_given_back(&self) {
        let now = tcgetattr(&self.slave).expect("a terminal");
        let modes = |modes: &Termios| (modes.local_modes, modes.input_modes, modes.output_modes);
        assert_eq!(modes(&now), modes(&self.before));
        let began = Instant::now();
        loop {
            let text = self.text(0);
            let last = |sequence: &str| text.rfind(sequence);
            let (screen, cursor) =
                (last("\x1b[?1049l") > last("\x1b[?1049h"), last("\x1b[?25h") > last("\x1b[?25l"));
            if screen && cursor {
                return;
            }
            // What it wrote last may still be on its way.
            assert!(began.elapsed() < HANG, "its own screen: {screen}, a cursor: {cursor}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end; the code it ended with.
    fn ends(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(began.elapsed() < HANG, "it never ended");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_full_screen_shows_every_tab_and_leaves_the_terminal_as_it_was() {
    let mut program = Program::start().await;
    let address = program.address.to_string();
    let mut screen = Screen::start(&[&address, "--interval", "500ms"]);
    screen.shows(&["chorus top", "requests/s", "coordinator"]);
    screen.press("3", &["TICKS/S"]);
    screen.press("\t", &["RESTARTS", "DEEPEST"]);
    screen.press("\x1b[C", &["publishes nothing of a bulk load"]);
    let hosts = [0, 1, 2].map(|node| program.cluster.address(node).to_string());
    screen.press("2", &[&hosts[0], &hosts[1], &hosts[2]]);
    screen.press("/nowhere\r", &["no row has that in it"]);
    screen.press("\x1b", &[&hosts[2]]);
    screen.press("?", &["Tab  1…5"]);
    screen.press("?", &[&hosts[2]]);

    // The endpoint goes away and comes back.
    program.hide();
    screen.shows(&["no answer since", &hosts[0]]);
    program.show();
    screen.shows(&["embedded", "REQ/S"]);

    // Somebody wants the shell for a moment.
    screen.master.write_all(b"\x1a").expect("somebody reads keys");
    screen.waits_for_state('T');
    screen.is_given_back();
    screen.signal("CONT");
    screen.shows(&["chorus top", &hosts[0]]);
    screen.signal("TSTP");
    screen.waits_for_state('T');
    screen.is_given_back();
    screen.signal("CONT");
    screen.shows(&["chorus top", &hosts[0]]);

    screen.press("q", &[]);
    assert_eq!(screen.ends(), Some(0));
    screen.is_given_back();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_and_ctrl_c_leave_the_terminal_as_it_was_too() {
    let program = Program::start().await;
    let address = program.address.to_string();
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut screen = Screen::start(&[&address]);
        screen.shows(&["measuring…"]);
        screen.signal(signal);
        assert_eq!(screen.ends(), Some(code));
        screen.is_given_back();
    }
    let mut screen = Screen::start(&[&address]);
    screen.shows(&["measuring…"]);
    screen.press("\x03", &[]);
    assert_eq!(screen.ends(), Some(0));
    screen.is_given_back();
}

#[test]
fn an_endpoint_that_was_never_there_is_waited_for() {
    let mut screen = Screen::start(&[NOBODY, "--interval", "300ms"]);
    screen.shows(&["no answer since", "trying on", "cannot connect"]);
    screen.press("q", &[]);
    assert_eq!(screen.ends(), Some(0));
    screen.is_given_back();
}
