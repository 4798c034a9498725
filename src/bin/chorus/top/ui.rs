//! What somebody at the keyboard has chosen: the tab, the row, the order, the filter. Pure: keys in, state out.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A filter longer than this finds nothing more.
const LONGEST_FILTER: usize = 40;
/// Rows that a page up or down moves.
const PAGE: usize = 10;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Hosts,
    Reactors,
    Actors,
    Bulk,
}

impl Tab {
    pub(crate) const ALL: [Self; 5] = [Self::Overview, Self::Hosts, Self::Reactors, Self::Actors, Self::Bulk];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Hosts => "hosts",
            Self::Reactors => "reactors",
            Self::Actors => "actors",
            Self::Bulk => "bulk",
        }
    }

    fn next(self, steps: usize) -> Self {
        Self::ALL[(self as usize + steps) % Self::ALL.len()]
    }
}

/// What follows from an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Draw again.
    Draw,
    /// Leave.
    Quit,
    /// Give the terminal back to the shell until it continues us.
    Suspend,
}

/// How a tab's table is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// The column that it is sorted by, and whether the largest is first; `None` as the program tells it.
    pub(crate) sorted: Option<(usize, bool)>,
    pub(crate) row: usize,
}

/// The state.
#[derive(Clone, Debug)]
pub(crate) struct Ui {
    pub(crate) tab: Tab,
    orders: [Order; Tab::ALL.len()],
    pub(crate) filter: String,
    /// Whether keys go into the filter.
    pub(crate) typing: bool,
    pub(crate) paused: bool,
    pub(crate) help: bool,
}

impl Default for Ui {
    fn default() -> Self {
        let orders = Default::default();
        Self { tab: Tab::Overview, orders, filter: String::new(), typing: false, paused: false, help: false }
    }
}

impl Ui {
    /// How the tab's table is shown.
    pub(crate) fn order(&self) -> Order {
        self.orders[self.tab as usize]
    }

    /// Something happened. `columns` are those that are shown, `rows` how many rows there are.
    pub(crate) fn event(&mut self, event: &Event, columns: &[usize], rows: usize) -> Action {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key, columns, rows),
            _ => Action::Draw,
        }
    }

    fn key(&mut self, key: KeyEvent, columns: &[usize], rows: usize) -> Action {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Action::Quit,
                KeyCode::Char('z') => Action::Suspend,
                _ => Action::Draw,
            };
        }
        if self.typing {
            self.typed(key.code);
            return Action::Draw;
        }
        let row = &mut self.orders[self.tab as usize].row;
        // Rows may have gone since it was chosen.
        *row = (*row).min(rows.saturating_sub(1));
        match key.code {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Esc if self.help => self.help = false,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('?') | KeyCode::F(1) => self.help = !self.help,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Right | KeyCode::Tab | KeyCode::Char('l') => self.tab = self.tab.next(1),
            KeyCode::Left | KeyCode::BackTab | KeyCode::Char('h') => {
                self.tab = self.tab.next(Tab::ALL.len() - 1)
            }
            KeyCode::Char(digit @ '1'..='5') => self.tab = Tab::ALL[digit as usize - '1' as usize],
            KeyCode::Up | KeyCode::Char('k') => *row = row.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => *row += 1,
            KeyCode::PageUp => *row = row.saturating_sub(PAGE),
            KeyCode::PageDown => *row += PAGE,
            KeyCode::Home | KeyCode::Char('g') => *row = 0,
            KeyCode::End | KeyCode::Char('G') => *row = rows,
            KeyCode::Char('s' | '>') => self.sort(columns, 1),
            KeyCode::Char('S' | '<') => self.sort(columns, columns.len()),
            KeyCode::Char('r') => {
                let sorted = &mut self.orders[self.tab as usize].sorted;
                *sorted = sorted.map(|(column, descending)| (column, !descending));
            }
            _ => {}
        }
        let row = &mut self.orders[self.tab as usize].row;
        *row = (*row).min(rows.saturating_sub(1));
        Action::Draw
    }

    fn typed(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(letter) if !letter.is_control() && self.filter.chars().count() < LONGEST_FILTER => {
                self.filter.push(letter);
            }
            _ => {}
        }
    }

    /// Sorts by the column so many steps further on, or, past the last one, not at all. Numbers begin with the largest.
    fn sort(&mut self, columns: &[usize], steps: usize) {
        let sorted = &mut self.orders[self.tab as usize].sorted;
        // One place more than there are columns: that of no order.
        let places = columns.len() + 1;
        let place = sorted.and_then(|(column, _)| columns.iter().position(|shown| *shown == column));
        let next = (place.map_or(0, |place| place + 1) + steps) % places;
        *sorted = next.checked_sub(1).map(|place| (columns[place], columns[place] > 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(ui: &mut Ui, keys: &[KeyCode]) -> Action {
        let mut action = Action::Draw;
        for code in keys {
            action = ui.event(&Event::Key(KeyEvent::from(*code)), &[0, 2, 5], 4);
        }
        action
    }

    #[test]
    fn tabs_go_round() {
        let mut ui = Ui::default();
        press(&mut ui, &[KeyCode::Left]);
        assert_eq!(ui.tab, Tab::Bulk);
        press(&mut ui, &[KeyCode::Tab, KeyCode::Right]);
        assert_eq!(ui.tab, Tab::Hosts);
        press(&mut ui, &[KeyCode::Char('4')]);
        assert_eq!(ui.tab, Tab::Actors);
        assert_eq!(Tab::ALL.map(|tab| tab as usize), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn each_tab_has_its_order_among_the_columns_that_are_shown() {
        let mut ui = Ui { tab: Tab::Hosts, ..Ui::default() };
        let mut seen = Vec::new();
        for _ in 0..4 {
            press(&mut ui, &[KeyCode::Char('s')]);
            seen.push(ui.order().sorted);
        }
        assert_eq!(seen, [Some((0, false)), Some((2, true)), Some((5, true)), None]);
        press(&mut ui, &[KeyCode::Char('<'), KeyCode::Char('r')]);
        assert_eq!(ui.order().sorted, Some((5, false)));
        press(&mut ui, &[KeyCode::Right]);
        assert_eq!(ui.order().sorted, None);
        // Nothing is shown that could be sorted by.
        ui.event(&Event::Key(KeyEvent::from(KeyCode::Char('s'))), &[], 0);
        assert_eq!(ui.order().sorted, None);
    }

    #[test]
    fn rows_stay_among_those_that_are_there() {
        let mut ui = Ui { tab: Tab::Hosts, ..Ui::default() };
        press(&mut ui, &[KeyCode::End, KeyCode::Down]);
        assert_eq!(ui.order().row, 3);
        press(&mut ui, &[KeyCode::PageUp, KeyCode::Up]);
        assert_eq!(ui.order().row, 0);
        press(&mut ui, &[KeyCode::PageDown]);
        ui.event(&Event::Key(KeyEvent::from(KeyCode::Down)), &[0], 0);
        assert_eq!(ui.order().row, 0);
    }

    #[test]
    fn what_is_typed_into_the_filter_is_no_command() {
        let mut ui = Ui::default();
        let action = press(
            &mut ui,
            &[KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Char('p'), KeyCode::Backspace, KeyCode::Enter],
        );
        assert_eq!((action, &*ui.filter, ui.paused, ui.typing), (Action::Draw, "q", false, false));
        press(&mut ui, &[KeyCode::Esc, KeyCode::Char('p'), KeyCode::Char('?')]);
        assert_eq!((&*ui.filter, ui.paused, ui.help), ("", true, true));
        press(&mut ui, &[KeyCode::Esc]);
        assert!(!ui.help);
        assert_eq!(press(&mut ui, &[KeyCode::Char('q')]), Action::Quit);
        let control = |letter| Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL));
        assert_eq!(ui.event(&control('c'), &[], 0), Action::Quit);
        assert_eq!(ui.event(&control('z'), &[], 0), Action::Suspend);
        assert_eq!(ui.event(&Event::Resize(1, 1), &[], 0), Action::Draw);
    }
}
