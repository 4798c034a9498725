//! What the keys do and the columns mean.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::theme::Theme;

const KEYS: [(&str, &str); 9] = [
    ("← →  Tab  1…5", "another tab"),
    ("↑ ↓  PgUp PgDn  Home End", "another row"),
    ("s  S", "sort by the next column, by the one before; past the last one not at all"),
    ("r", "reverse the order"),
    ("/", "only rows with a text in them; Esc shows all again"),
    ("p  Space", "pause: numbers stay as they are"),
    ("?", "this page, and back"),
    ("Ctrl-Z", "back to the shell for a while"),
    ("q  Ctrl-C", "quit"),
];

const WORDS: [(&str, &str); 9] = [
    ("rates, p50, p99", "of the last interval; what counts since the session began says so"),
    ("errors", "requests that ended with an error or a timeout; of a host, attempts"),
    ("shard hit", "first attempts that went to the shard of a replica"),
    ("CONN", "connections in service / wanted"),
    ("IN-FL", "requests whose answer has not come"),
    ("ORPH", "answers outstanding that nobody waits for"),
    ("QUEUE, DEEPEST", "what waits in all queues of a kind of actor, and in the fullest"),
    ("STALLS", "work of more than 10 ms at a time, since the session began"),
    ("TICK P99", "99 of 100 times a reactor worked no longer"),
];

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let entry = |(name, meaning): &(&'static str, &'static str)| {
        Line::from(vec![Span::styled(format!(" {name:<26}"), theme.strong()), Span::raw(*meaning)])
    };
    let keys = KEYS.iter().map(entry);
    let words = WORDS.iter().map(entry);
    let lines = keys.chain([Line::default()]).chain(words);
    for (row, line) in lines.enumerate().take(usize::from(area.height)) {
        frame.render_widget(line, Rect { y: area.y + row as u16, height: 1, ..area });
    }
}
