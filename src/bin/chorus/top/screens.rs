//! What is on the screen, letter by letter, for terminals of several sizes. `screens/` holds it; run with `CHORUS_WRITE_DOCS=1`
//! to write it anew, and look at the difference.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::draw::Scene;
use super::plain;
use super::source::Endpoint;
use super::story::{hostile, idle, report};
use super::theme::Theme;
use super::ui::Ui;
use super::view::View;
use super::watch::Watch;

fn endpoint() -> Endpoint {
    "127.0.0.1:9184".parse().expect("an endpoint")
}

/// A program watched for some intervals of two seconds.
fn watched() -> Watch {
    let mut watch = Watch::default();
    let mut thousands = 5_000;
    for step in 0..40 {
        watch.take(report(step * 2_000_000, thousands), Instant::now());
        thousands += 700 + (step * 37 % 11) * 20;
    }
    watch
}

fn drawn(watch: &Watch, ui: &Ui, theme: Theme, (width, height): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal in memory");
    let (interval, now) = (Duration::from_secs(2), Instant::now());
    let endpoint = endpoint();
    let scene = Scene { watch, ui, endpoint: &endpoint, interval, now, theme };
    terminal.draw(|frame| scene.draw(frame)).expect("it is drawn");
    terminal
}

/// The letters of a screen.
fn letters(terminal: &Terminal<TestBackend>) -> String {
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(buffer.area.width));
    rows.map(|row| {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        format!("{}\n", line.trim_end())
    })
    .collect()
}

fn pressed(keys: &[KeyCode]) -> Ui {
    let mut ui = Ui::default();
    for key in keys {
        ui.event(&Event::Key(KeyEvent::from(*key)), &[0, 1, 2, 3, 4, 5, 6], 9);
    }
    ui
}

#[track_caller]
fn is_golden(name: &str, text: &str) {
    let path = format!("{}/src/bin/chorus/top/screens/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CHORUS_WRITE_DOCS").is_some() {
        std::fs::write(&path, text).expect("the folder is writable");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name} looks otherwise now");
}

#[test]
fn every_tab_is_as_it_was_in_terminals_of_three_sizes() {
    let watch = watched();
    for (place, tab) in ["overview", "hosts", "reactors", "actors", "bulk"].into_iter().enumerate() {
        let digit = char::from(b'1' + place as u8);
        let ui = pressed(&[KeyCode::Char(digit)]);
        for (width, height) in [(80, 24), (120, 40), (44, 16)] {
            let screen = letters(&drawn(&watch, &ui, Theme::plain(), (width, height)));
            is_golden(&format!("{tab}-{width}x{height}"), &screen);
        }
    }
    let help = letters(&drawn(&watch, &pressed(&[KeyCode::Char('?')]), Theme::plain(), (80, 24)));
    is_golden("help-80x24", &help);
    let docs = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/top.md"));
    let overview = letters(&drawn(&watch, &Ui::default(), Theme::plain(), (80, 24)));
    assert!(docs.contains(&overview), "docs/top.md shows another screen:\n{overview}");
    is_golden("once", &plain::report(watch.view().expect("a view"), &endpoint()));
}

#[test]
fn the_first_screen_says_that_it_measures() {
    let (mut watch, ui) = (Watch::default(), Ui::default());
    let screen = |watch: &Watch| letters(&drawn(watch, &ui, Theme::plain(), (80, 24)));
    assert!(screen(&watch).contains("measuring…"));
    watch.take(report(1, 5_000), Instant::now());
    let first = screen(&watch);
    assert!(first.contains("measuring…") && !first.contains("requests/s"), "{first}");
    watch.take(report(2_000_001, 5_100), Instant::now());
    let second = screen(&watch);
    assert!(!second.contains("measuring…") && second.contains("50.0k"), "{second}");
}

#[test]
fn an_endpoint_that_is_gone_is_told_with_since_when_and_forgotten_when_it_is_back() {
    let (mut watch, ui) = (Watch::default(), Ui::default());
    let screen = |watch: &Watch| letters(&drawn(watch, &ui, Theme::plain(), (80, 24)));
    let gone =
        |watch: &mut Watch| watch.miss("connection refused".into(), Instant::now(), || "12:03:11".into());
    gone(&mut watch);
    assert!(screen(&watch).contains("no answer since 12:03:11 (0 s), trying on"), "{}", screen(&watch));
    watch = watched();
    gone(&mut watch);
    let lost = screen(&watch);
    assert!(lost.contains("no answer since 12:03:11 (0 s): connection refused"), "{lost}");
    assert!(lost.contains("10.0.0.1:9042"), "what was known stays");
    watch.take(report(100_000_000, 100_000), Instant::now());
    assert!(!screen(&watch).contains("no answer"));
}

#[test]
fn a_program_that_began_anew_is_measured_anew() {
    let mut watch = watched();
    let mut anew = report(1_000, 10);
    anew.process.started_ms += 60_000;
    watch.take(anew.clone(), Instant::now());
    let screen = letters(&drawn(&watch, &Ui::default(), Theme::plain(), (80, 24)));
    assert!(watch.view().is_none() && screen.contains("the program began anew"), "{screen}");
    let mut later = report(2_001_000, 12);
    later.process = anew.process;
    watch.take(later, Instant::now());
    assert_eq!(watch.view().map(|view| view.requests_per_second), Some(1_000.0));
}

#[test]
fn snapshots_that_lack_a_reactor_are_not_compared_with_whole_ones() {
    let mut watch = watched();
    let before = watch.view().expect("a view").requests_per_second;
    let mut lacking = report(90_000_000, 20_000);
    lacking.metrics.reactors.pop();
    lacking.metrics.requests[0][0] /= 2;
    watch.take(lacking.clone(), Instant::now());
    watch.take(report(92_000_000, 40_000), Instant::now());
    assert_eq!(
        watch.view().map(|view| view.requests_per_second),
        Some(before),
        "what was measured last stays"
    );
    watch.take(report(94_000_000, 40_010), Instant::now());
    assert_eq!(watch.view().map(|view| view.requests_per_second), Some(5_000.0));
}

#[test]
fn a_program_that_gathers_nothing_new_is_found_out() {
    let (mut watch, now) = (watched(), Instant::now());
    let same = report(39 * 2_000_000, 1);
    watch.take(same.clone(), now);
    assert!(watch.stale().is_none());
    watch.take(same, now + Duration::from_secs(8));
    let screen = letters(&drawn(&watch, &Ui::default(), Theme::plain(), (100, 24)));
    assert!(screen.contains("nothing new for 8 s") || screen.contains("nothing new for 7 s"), "{screen}");
    watch.take(report(200_000_000, 90_000), now + Duration::from_secs(9));
    assert!(watch.stale().is_none());
}

#[test]
fn what_servers_call_themselves_moves_no_cursor() {
    let mut watch = Watch::default();
    watch.take(hostile(0, 5_000), Instant::now());
    watch.take(hostile(2_000_000, 5_100), Instant::now());
    let view = watch.view().expect("a view");
    let text = plain::report(view, &endpoint());
    assert!(
        !text.contains(|letter: char| letter.is_control() && letter != '\n' || letter == '\u{202e}'),
        "{text:?}"
    );
    let json = serde_json::to_string(view).expect("JSON");
    assert!(!json.contains("\\u001b") && !json.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{json}");
    let screen = letters(&drawn(&watch, &pressed(&[KeyCode::Char('2')]), Theme::plain(), (120, 40)));
    assert!(
        screen.contains("dc1/\u{fffd}[31mr2\u{fffd}") && screen.contains("@\u{fffd}2J\u{fffd}prod"),
        "{screen}"
    );
}

#[test]
fn there_are_no_colours_where_nobody_wants_them() {
    let coloured = |theme| {
        let terminal = drawn(&watched(), &pressed(&[KeyCode::Char('2')]), theme, (120, 40));
        let cells = terminal.backend().buffer().content();
        cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(coloured(Theme::coloured()));
    assert!(!coloured(Theme::plain()));
}

#[test]
fn a_program_without_requests_has_no_percentiles() {
    let view = View::between(&idle(0), &idle(1_000_000));
    assert_eq!((view.p50_us, view.error_share, view.hit_share), (None, None, None));
    let text = plain::report(&view, &endpoint());
    assert!(
        text.contains("requests/s 0") && text.contains("p99 –") && text.contains("the program knows no host"),
        "{text}"
    );
}

#[test]
fn terminals_of_every_size_can_be_drawn_to() {
    let (full, mut lost) = (watched(), watched());
    lost.miss("x".repeat(300), Instant::now(), String::new);
    for watch in [&Watch::default(), &full, &lost] {
        for keys in [
            &[][..],
            &[KeyCode::Char('2'), KeyCode::End],
            &[KeyCode::Char('5')],
            &[KeyCode::Char('?')],
            &[KeyCode::Char('/')],
        ] {
            let ui = pressed(keys);
            for size in [(0, 0), (1, 1), (5, 3), (10, 50), (24, 6), (40, 8), (79, 23), (300, 9), (300, 100)] {
                drawn(watch, &ui, Theme::coloured(), size);
            }
        }
    }
}

#[test]
fn rows_are_filtered_and_sorted_as_somebody_chose() {
    let watch = watched();
    let screen = |keys: &[KeyCode]| letters(&drawn(&watch, &pressed(keys), Theme::plain(), (120, 40)));
    let of = |text: &str| text.chars().map(KeyCode::Char).collect::<Vec<_>>();
    let filtered = screen(&[of("2/down"), vec![KeyCode::Enter]].concat());
    assert!(filtered.contains("10.0.0.3:9042") && !filtered.contains("10.0.0.1:9042"), "{filtered}");
    let nothing = screen(&of("2/nowhere"));
    assert!(nothing.contains("no row has that in it") && nothing.contains("filter: nowhere"), "{nothing}");
    let sorted = screen(&of("2sr"));
    let places: Vec<_> = (1..=3).map(|n| sorted.find(&format!("10.0.0.{n}:9042"))).collect();
    assert!(places[0] > places[1] && places[1] > places[2], "{sorted}");
    assert!(sorted.contains("HOST         ▾ "), "{sorted}");
}
