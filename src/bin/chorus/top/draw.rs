//! The screen: a view, or why there is none, drawn into a terminal of any size.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, RenderDirection, Sparkline};

use super::help;
use super::plain::{figures, stages, title, trouble};
use super::source::Endpoint;
use super::table::{Layout, Table};
use super::tables;
use super::text::{columns, count, shortened, span, time};
use super::theme::Theme;
use super::ui::{Tab, Ui};
use super::view::View;
use super::watch::Watch;

/// Below this there is room for a line.
const LEAST: (u16, u16) = (24, 6);
/// A figure takes so many columns.
const FIGURE: u16 = 13;
/// The names of curves.
const NAMES: u16 = 8;

/// Everything that is on the screen.
pub(crate) struct Scene<'a> {
    pub(crate) watch: &'a Watch,
    pub(crate) ui: &'a Ui,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) interval: Duration,
    pub(crate) now: Instant,
    pub(crate) theme: Theme,
}

impl Scene<'_> {
    pub(crate) fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        if area.width < LEAST.0 || area.height < LEAST.1 {
            return self.line(frame, area, 0, self.shortest());
        }
        self.line(frame, area, 0, self.head(area.width));
        self.line(frame, area, 1, self.tabs(area.width));
        self.line(frame, area, area.height - 1, self.foot(area.width));
        let body = Rect { y: area.y + 2, height: area.height - 3, ..area };
        if self.ui.help {
            return help::draw(frame, body, self.theme);
        }
        match self.watch.view() {
            Some(view) => self.body(frame, body, view),
            None => self.nothing_yet(frame, body),
        }
    }

    /// The table of the tab, in the order and with the rows that were asked for.
    pub(crate) fn table(&self) -> Option<Table> {
        let view = self.watch.view()?;
        let mut table = match self.ui.tab {
            Tab::Overview => return None,
            Tab::Hosts => tables::hosts(view),
            Tab::Reactors => tables::reactors(view),
            Tab::Actors => tables::actors(view),
            Tab::Bulk => tables::bulk(view),
        };
        table.filter(&self.ui.filter);
        if let Some((column, descending)) = self.ui.order().sorted {
            table.sort(column, descending);
        }
        Some(table)
    }

    /// Which columns of the table are shown in a terminal of this width, and how many rows there are.
    pub(crate) fn extent(&self, width: u16) -> (Vec<usize>, usize) {
        let Some(table) = self.table() else { return (Vec::new(), 0) };
        (table.layout(usize::from(inner(width))).shown().collect(), table.rows.len())
    }

    fn line<'l>(&self, frame: &mut Frame<'_>, area: Rect, row: u16, line: impl Into<Line<'l>>) {
        if row < area.height {
            let place = Rect { y: area.y + row, height: 1, ..area };
            frame.render_widget(line.into(), place);
        }
    }

    fn shortest(&self) -> String {
        match self.watch.view() {
            Some(view) => format!(
                "{}/s {}",
                count(view.requests_per_second),
                view.p99_us.map_or(String::new(), |p99| time(p99 as f64))
            ),
            None => "measuring…".to_owned(),
        }
    }

    /// ` chorus top  orders@prod            http://127.0.0.1:9184  every 2 s `
    fn head(&self, width: u16) -> Line<'static> {
        let name = " chorus top ";
        let whose = self.watch.view().map(title).unwrap_or_default();
        let pace =
            if self.ui.paused { "paused".to_owned() } else { format!("every {}", pace(self.interval)) };
        let room = usize::from(width).saturating_sub(columns(name) + columns(&pace) + 3);
        let whose = shortened(&whose, room);
        let left = room.saturating_sub(columns(&whose) + 2);
        let endpoint = self.endpoint.to_string();
        let endpoint = if columns(&endpoint) <= left { endpoint } else { String::new() };
        let gap = " ".repeat(left.saturating_sub(columns(&endpoint)));
        Line::from(vec![
            Span::styled(name, self.theme.name()),
            Span::raw(" "),
            Span::styled(whose, self.theme.strong()),
            Span::raw(gap),
            Span::styled(endpoint, self.theme.dim()),
            Span::raw("  "),
            Span::styled(pace, if self.ui.paused { self.theme.notice() } else { self.theme.dim() }),
        ])
    }

    fn tabs(&self, width: u16) -> Line<'static> {
        let mut spans = Vec::new();
        // Where not all names fit, the others are known by their numbers.
        let all: usize = Tab::ALL.iter().map(|tab| tab.name().len() + 3).sum();
        for (place, tab) in Tab::ALL.into_iter().enumerate() {
            let chosen = tab == self.ui.tab;
            let name = if chosen || all < usize::from(width) {
                tab.name().to_owned()
            } else {
                format!("{}", place + 1)
            };
            spans.push(Span::raw(if place == 0 { " " } else { "   " }));
            spans.push(Span::styled(name, if chosen { self.theme.chosen() } else { Style::new() }));
        }
        Line::from(spans)
    }

    fn foot(&self, width: u16) -> Line<'static> {
        if self.ui.typing {
            return Line::from(vec![
                Span::styled(" filter: ", self.theme.notice()),
                Span::raw(self.ui.filter.clone()),
                Span::styled("▏", self.theme.notice()),
                Span::styled("  Enter keeps it, Esc clears it", self.theme.dim()),
            ]);
        }
        let mut keys = vec![("q", "quit"), ("?", "help"), ("←→", "tabs"), ("p", "pause")];
        if self.ui.tab != Tab::Overview {
            keys.extend([("↑↓", "rows"), ("s", "sort"), ("r", "reverse"), ("/", "filter")]);
        }
        let mut spans = Vec::new();
        let mut used = 0;
        for (key, meaning) in keys {
            used += columns(key) + columns(meaning) + 4;
            if used > usize::from(width) {
                break;
            }
            spans.push(Span::styled(format!(" {key} "), self.theme.strong()));
            spans.push(Span::styled(format!("{meaning} "), self.theme.dim()));
        }
        if !self.ui.filter.is_empty() {
            spans.push(Span::styled(format!(" only {:?}", self.ui.filter), self.theme.notice()));
        }
        if let Some(table) = self.table().filter(|table| !table.rows.is_empty()) {
            let rows = table.rows.len();
            let text = format!("{} of {rows} ", (self.ui.order().row + 1).min(rows));
            let used: usize = spans.iter().map(Span::width).sum();
            let left = usize::from(width).saturating_sub(used + columns(&text));
            if left > 0 {
                spans.extend([Span::raw(" ".repeat(left)), Span::styled(text, self.theme.dim())]);
            }
        }
        Line::from(spans)
    }

    fn nothing_yet(&self, frame: &mut Frame<'_>, area: Rect) {
        let (first, second) = match self.watch.lost() {
            Some(lost) => (
                format!(" no answer since {} ({}), trying on", lost.clock, self.age(lost.since)),
                format!(" {}", lost.reason),
            ),
            None if self.watch.restarts() > 0 => {
                (" measuring…".to_owned(), " the program began anew, and so did its counters".to_owned())
            }
            None => {
                let about = format!(" rates and percentiles need two looks, {} apart", pace(self.interval));
                (" measuring…".to_owned(), about)
            }
        };
        let style = if self.watch.lost().is_some() { self.theme.alarm() } else { self.theme.strong() };
        self.line(frame, area, 1, Span::styled(first, style));
        self.line(frame, area, 2, Span::styled(second, self.theme.dim()));
    }

    fn body(&self, frame: &mut Frame<'_>, area: Rect, view: &View) {
        self.figures(frame, area, view);
        let rest = below(area, 3);
        let rest = self.notices(frame, rest, view);
        match self.ui.tab {
            Tab::Overview => self.overview(frame, rest, view),
            Tab::Bulk => self.bulk(frame, rest, view),
            _ => self.only_table(frame, rest),
        }
    }

    fn figures(&self, frame: &mut Frame<'_>, area: Rect, view: &View) {
        for (place, (name, value)) in figures(view).into_iter().enumerate() {
            let x = 1 + place as u16 * FIGURE;
            if x + FIGURE - 2 > area.width {
                break;
            }
            let column = Rect { x: area.x + x, width: FIGURE - 1, ..area };
            let tone = match name {
                "errors" if view.error_share.is_some_and(|share| share > 0.0) => {
                    self.theme.tone(super::table::Tone::Bad)
                }
                _ => self.theme.strong(),
            };
            self.line(frame, column, 0, Span::styled(name, self.theme.dim()));
            self.line(frame, column, 1, Span::styled(value, tone));
        }
    }

    /// What has to be known of the numbers; then what is left of the area.
    fn notices(&self, frame: &mut Frame<'_>, area: Rect, view: &View) -> Rect {
        let mut notices = Vec::new();
        if let Some(lost) = self.watch.lost() {
            let age = self.age(lost.since);
            notices.push((
                format!(" no answer since {} ({age}): {} ", lost.clock, lost.reason),
                self.theme.alarm(),
            ));
        }
        if let Some(age) = self.watch.stale() {
            let age = span(age.as_secs());
            let text = format!(
                " the program has gathered nothing new for {age}: its session is closed, or it is stuck"
            );
            notices.push((text, self.theme.notice()));
        }
        if let Some(trouble) = trouble(view) {
            notices.push((format!(" {trouble}"), self.theme.notice()));
        }
        let rows = notices.len() as u16;
        for (row, (text, style)) in notices.into_iter().enumerate() {
            let text = shortened(&text, usize::from(area.width));
            self.line(frame, area, row as u16, Span::styled(text, style));
        }
        below(area, if rows > 0 { rows + 1 } else { 0 })
    }

    fn overview(&self, frame: &mut Frame<'_>, area: Rect, view: &View) {
        let hosts = tables::hosts(view);
        let actors = tables::actors(view);
        // Tables matter most: curves and stages take what they leave, actors need their titles and all of their rows.
        let wanted = (hosts.rows.len() + actors.rows.len() + 3) as u16;
        let spare = area.height.saturating_sub(wanted);
        let mut rest = area;
        if spare >= 3 || area.height > 12 {
            let height = (spare.saturating_sub(4) / 2).clamp(1, 6);
            rest = self.curves(frame, rest, height);
        }
        if !view.stages.is_empty() && (spare >= 6 || area.height > 16) {
            rest = self.stages(frame, rest, view);
        }
        let actor_rows = actors.rows.len() as u16 + 1;
        let host_rows = rest.height.saturating_sub(actor_rows + 1).max(rest.height.min(4));
        let hosts_area = Rect { height: host_rows.min(hosts.rows.len() as u16 + 1), ..rest };
        self.rows(frame, hosts_area, &hosts, None);
        self.rows(frame, below(rest, hosts_area.height + 1), &actors, None);
    }

    /// Requests and the 99th percentile, over the intervals that are remembered.
    fn curves(&self, frame: &mut Frame<'_>, area: Rect, height: u16) -> Rect {
        let points: Vec<_> = self.watch.history().rev().copied().collect();
        let most_requests = points.iter().map(|point| point.requests_per_second).fold(0.0, f64::max);
        let most_p99 = points.iter().map(|point| point.p99_us).max().unwrap_or(0);
        let curves: [(&str, Vec<u64>, String); 2] = [
            (
                "requests",
                points.iter().map(|point| point.requests_per_second as u64).collect(),
                format!("{}/s", count(most_requests)),
            ),
            ("p99", points.iter().map(|point| point.p99_us).collect(), time(most_p99 as f64)),
        ];
        let mut rest = area;
        for (name, data, most) in curves {
            if rest.height < height {
                break;
            }
            self.line(
                frame,
                Rect { x: rest.x + 1, width: rest.width.saturating_sub(1), ..rest },
                0,
                Span::styled(name, self.theme.dim()),
            );
            let label = format!("≤ {most}");
            let right = columns(&label) as u16 + 1;
            let room = rest.width.saturating_sub(NAMES + 2 + right + 1);
            let curve = Sparkline::default()
                .data(&data)
                .direction(RenderDirection::RightToLeft)
                .style(self.theme.curve());
            frame.render_widget(curve, Rect { x: rest.x + NAMES + 2, width: room, height, ..rest });
            let place =
                Rect { x: rest.x + rest.width - right.min(rest.width), width: right.min(rest.width), ..rest };
            self.line(frame, place, 0, Span::styled(label, self.theme.dim()));
            rest = below(rest, height);
        }
        rest
    }

    /// Where the time goes: a bar, and what its parts are.
    fn stages(&self, frame: &mut Frame<'_>, area: Rect, view: &View) -> Rect {
        let all: f64 = view.stages.iter().map(|stage| stage.mean_us).sum();
        let room = usize::from(area.width.saturating_sub(NAMES + 3));
        let mut bar = vec![Span::styled(format!(" {:<1$} ", "time", usize::from(NAMES)), self.theme.dim())];
        let (mut so_far, mut drawn) = (0.0, 0);
        for (place, stage) in view.stages.iter().enumerate() {
            so_far += stage.mean_us;
            let end = if all > 0.0 { (so_far / all * room as f64).round() as usize } else { 0 };
            let (style, letter) = self.theme.stage(place);
            bar.push(Span::styled(letter.repeat(end.saturating_sub(drawn)), style));
            drawn = end.max(drawn);
        }
        self.line(frame, area, 0, Line::from(bar));
        self.line(frame, area, 1, self.legend(view, usize::from(area.width)));
        below(area, 3)
    }

    /// The stages by name, without the shortest ones where not all fit.
    fn legend(&self, view: &View, width: usize) -> Line<'static> {
        let mut parts: Vec<(usize, String)> = stages(view).into_iter().enumerate().collect();
        let all = |parts: &[(usize, String)]| parts.iter().map(|(_, text)| columns(text) + 4).sum::<usize>();
        while all(&parts) > width {
            let took = |(place, _): &(usize, String)| view.stages[*place].mean_us;
            let least =
                (0..parts.len()).min_by(|one, other| took(&parts[*one]).total_cmp(&took(&parts[*other])));
            let Some(least) = least else { break };
            parts.remove(least);
        }
        let spans = parts.into_iter().flat_map(|(place, text)| {
            let (style, letter) = self.theme.stage(place);
            [Span::raw(" "), Span::styled(letter, style), Span::styled(format!(" {text} "), self.theme.dim())]
        });
        Line::from(spans.collect::<Vec<_>>())
    }

    fn bulk(&self, frame: &mut Frame<'_>, area: Rect, view: &View) {
        let mut rest = area;
        if let Some(bulk) = &view.bulk {
            let said = |parts: Vec<String>| Span::raw(format!(" {}", parts.join("   ")));
            self.line(frame, rest, 0, said(tables::bulk_source(bulk)));
            if let Some(progress) = bulk.progress() {
                rest = below(rest, 1);
                let room = usize::from(rest.width.saturating_sub(2));
                let done = ((progress * room as f64).round() as usize).min(room);
                let bar = vec![
                    Span::raw(" "),
                    Span::styled("━".repeat(done), self.theme.curve()),
                    Span::styled("─".repeat(room - done), self.theme.dim()),
                ];
                self.line(frame, rest, 0, Line::from(bar));
            }
            self.line(frame, rest, 1, said(tables::bulk_pace(bulk)));
            rest = below(rest, 3);
        }
        self.only_table(frame, rest);
    }

    fn only_table(&self, frame: &mut Frame<'_>, area: Rect) {
        if let Some(table) = self.table() {
            self.rows(frame, area, &table, Some(self.ui.order().row));
        }
    }

    /// A table, scrolled so that the chosen row is in sight.
    fn rows(&self, frame: &mut Frame<'_>, area: Rect, table: &Table, chosen: Option<usize>) {
        let inner = Rect { x: area.x + 1, width: inner(area.width), ..area };
        if table.rows.is_empty() {
            let why = if self.ui.filter.is_empty() { table.empty } else { "no row has that in it" };
            return self.line(
                frame,
                inner,
                0,
                Span::styled(shortened(why, usize::from(inner.width)), self.theme.dim()),
            );
        }
        let layout = table.layout(usize::from(inner.width));
        let sorted = chosen.and(self.ui.order().sorted);
        self.line(frame, area, 0, self.titles(&layout, table, sorted));
        let room = usize::from(inner.height.saturating_sub(1));
        let chosen = chosen.map(|row| row.min(table.rows.len() - 1));
        let first = chosen.map_or(0, |row| (row + 1).saturating_sub(room));
        for (place, row) in table.rows.iter().enumerate().skip(first).take(room) {
            let line = self.row(&layout, table, row, chosen == Some(place));
            self.line(frame, inner, (place - first) as u16 + 1, line);
        }
        // Where nobody can scroll, the last line tells how much is not there.
        if chosen.is_none() && table.rows.len() > room && room > 0 {
            let last = Rect { y: inner.y + inner.height - 1, height: 1, ..inner };
            frame.render_widget(Clear, last);
            let more = format!("… {} more", table.rows.len() - room + 1);
            self.line(frame, last, 0, Span::styled(more, self.theme.dim()));
        }
    }

    /// The titles of a table, with an arrow behind the one it is sorted by.
    fn titles(&self, layout: &Layout, table: &Table, sorted: Option<(usize, bool)>) -> Line<'static> {
        let mut spans = vec![Span::raw(" ")];
        for (place, title) in layout.titles(table) {
            let arrow = match sorted {
                Some((column, true)) if column == place => "▾",
                Some((column, false)) if column == place => "▴",
                _ => "",
            };
            let style = if arrow.is_empty() { self.theme.title() } else { self.theme.chosen() };
            spans.extend([Span::styled(title, style), Span::raw(format!("{arrow:<2}"))]);
        }
        Line::from(spans)
    }

    fn row(&self, layout: &Layout, table: &Table, row: &[super::table::Cell], chosen: bool) -> Line<'static> {
        let cells = layout.cells(table, row).into_iter().map(|(text, tone)| (text, self.theme.tone(tone)));
        let line = joined(cells);
        if chosen { line.patch_style(self.theme.row()) } else { line }
    }

    fn age(&self, since: Instant) -> String {
        span(self.now.saturating_duration_since(since).as_secs())
    }
}

/// Cells with the gap of a table between them.
fn joined(cells: impl Iterator<Item = (String, Style)>) -> Line<'static> {
    let mut spans = Vec::new();
    for (text, style) in cells {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

/// A table has a margin of one column.
fn inner(width: u16) -> u16 {
    width.saturating_sub(2)
}

/// What is left of an area below so many rows.
fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

/// `500 ms`, `2 s`, `1:30`.
fn pace(interval: Duration) -> String {
    match interval.subsec_millis() {
        0 => span(interval.as_secs()),
        _ => format!("{} ms", interval.as_millis()),
    }
}
