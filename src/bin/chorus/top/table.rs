//! Tables of text: what fits is shown, what matters least goes first. Pure; knows neither terminal nor metrics.

use std::cmp::Ordering;

use super::text::{columns, shortened};

/// Between two columns.
const GAP: usize = 2;
/// The first column is shortened to this before another one is left out: any IPv4 address with its port stays whole.
const LEAST_NAME: usize = 21;

/// Columns of this rank and above are not missed where they say nothing.
const SPARE: u8 = 5;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// Columns of higher numbers are left out first; those of number 0 never.
    pub(crate) rank: u8,
    /// Texts stand left and numbers right.
    pub(crate) right: bool,
}

impl Column {
    pub(crate) const fn text(title: &'static str, rank: u8) -> Self {
        Self { title, rank, right: false }
    }

    pub(crate) const fn number(title: &'static str, rank: u8) -> Self {
        Self { title, rank, right: true }
    }
}

/// How a cell is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    /// Nothing to look at.
    Dim,
    Good,
    Warning,
    Bad,
}

/// What a cell is sorted by.
#[derive(Clone, Debug, PartialEq)]
enum Key {
    Nothing,
    Number(f64),
    Text(String),
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
    key: Key,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { key: Key::Text(text.clone()), text, tone: Tone::Plain }
    }

    /// A text in the place of a number.
    pub(crate) fn number(number: f64, shown: String) -> Self {
        let tone = if number == 0.0 { Tone::Dim } else { Tone::Plain };
        Self { key: Key::Number(number), text: shown, tone }
    }

    /// What there is, or that there is nothing to say.
    pub(crate) fn maybe(number: Option<f64>, shown: impl FnOnce(f64) -> String) -> Self {
        match number {
            Some(number) => Self { tone: Tone::Plain, ..Self::number(number, shown(number)) },
            None => Self { text: "–".to_owned(), tone: Tone::Dim, key: Key::Nothing },
        }
    }

    #[must_use]
    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// The same in another tone, if so.
    #[must_use]
    pub(crate) fn tone_if(self, is_so: bool, tone: Tone) -> Self {
        if is_so { self.tone(tone) } else { self }
    }
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) columns: &'static [Column],
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What is said when there are no rows.
    pub(crate) empty: &'static str,
}

/// A table laid out: which columns are shown, and how wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout(Vec<(usize, usize)>);

impl Table {
    /// Sorts by a column; what says nothing stays last.
    pub(crate) fn sort(&mut self, column: usize, descending: bool) {
        self.rows.sort_by(|one, other| {
            let (Some(one), Some(other)) = (one.get(column), other.get(column)) else {
                return Ordering::Equal;
            };
            match (&one.key, &other.key) {
                (Key::Nothing, Key::Nothing) => Ordering::Equal,
                (Key::Nothing, _) => Ordering::Greater,
                (_, Key::Nothing) => Ordering::Less,
                (one, other) => {
                    let order = match (one, other) {
                        (Key::Number(one), Key::Number(other)) => one.total_cmp(other),
                        (Key::Text(one), Key::Text(other)) => one.cmp(other),
                        (Key::Number(_), _) => Ordering::Less,
                        _ => Ordering::Greater,
                    };
                    if descending { order.reverse() } else { order }
                }
            }
        });
    }

    /// Keeps the rows of which a cell has this in it, in whatever case.
    pub(crate) fn filter(&mut self, wanted: &str) {
        let wanted = wanted.to_lowercase();
        if !wanted.is_empty() {
            self.rows.retain(|row| row.iter().any(|cell| cell.text.to_lowercase().contains(&wanted)));
        }
    }

    /// How soon a column is left out. One of the less important ones in which nothing is said goes before all others.
    fn rank(&self, place: usize) -> u8 {
        let rank = self.columns[place].rank;
        let says_nothing =
            self.rows.iter().all(|row| row.get(place).is_none_or(|cell| cell.key == Key::Nothing));
        if rank >= SPARE && says_nothing { u8::MAX } else { rank }
    }

    /// What fits into so many columns of a terminal.
    pub(crate) fn layout(&self, width: usize) -> Layout {
        let widest = |place: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(place)).map(|cell| columns(&cell.text));
            cells.max().unwrap_or(0).max(columns(self.columns[place].title))
        };
        let mut shown: Vec<(usize, usize)> =
            (0..self.columns.len()).map(|place| (place, widest(place))).collect();
        let whole = |shown: &[(usize, usize)]| {
            shown.iter().map(|(_, width)| width).sum::<usize>() + GAP * shown.len().saturating_sub(1)
        };
        while whole(&shown) > width {
            let excess = whole(&shown) - width;
            let name = &mut shown[0].1;
            let spare = name.saturating_sub(LEAST_NAME);
            if spare >= excess {
                *name -= excess;
                break;
            }
            let rank = |place: usize| self.rank(place);
            match shown.iter().rposition(|(place, _)| {
                rank(*place) > 0 && shown.iter().all(|(other, _)| rank(*other) <= rank(*place))
            }) {
                Some(least) => drop(shown.remove(least)),
                None => {
                    shown[0].1 = shown[0].1.saturating_sub(excess).max(1);
                    break;
                }
            }
        }
        Layout(shown)
    }
}

impl Layout {
    /// The columns that are shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|(place, _)| *place)
    }

    /// The titles, each with the number of its column.
    pub(crate) fn titles(&self, table: &Table) -> Vec<(usize, String)> {
        let title = |place: usize| (table.columns[place].title, table.columns[place].right);
        self.0
            .iter()
            .map(|&(place, width)| {
                let (title, right) = title(place);
                (place, padded(title, width, right))
            })
            .collect()
    }

    /// The cells of a row, padded, each with its tone.
    pub(crate) fn cells(&self, table: &Table, row: &[Cell]) -> Vec<(String, Tone)> {
        self.0
            .iter()
            .filter_map(|&(place, width)| {
                let cell = row.get(place)?;
                Some((padded(&cell.text, width, table.columns[place].right), cell.tone))
            })
            .collect()
    }

    /// The whole table as plain lines.
    pub(crate) fn lines(&self, table: &Table) -> Vec<String> {
        let joined = |cells: Vec<String>| cells.join(&" ".repeat(GAP)).trim_end().to_owned();
        let titles = joined(self.titles(table).into_iter().map(|(_, title)| title).collect());
        let rows = table
            .rows
            .iter()
            .map(|row| joined(self.cells(table, row).into_iter().map(|(text, _)| text).collect()));
        if table.rows.is_empty() {
            vec![table.empty.to_owned()]
        } else {
            [titles].into_iter().chain(rows).collect()
        }
    }
}

fn padded(text: &str, width: usize, right: bool) -> String {
    let text = shortened(text, width);
    let room = " ".repeat(width.saturating_sub(columns(&text)));
    if right { format!("{room}{text}") } else { format!("{text}{room}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column::text("NAME", 0),
        Column::number("SIZE", 1),
        Column::number("AGE", 2),
        Column::number("LESS", 2),
    ];

    fn table() -> Table {
        let row = |name: &str, size: Option<f64>, age: f64| {
            let shown = |number: f64| format!("{number}");
            vec![
                Cell::text(name),
                Cell::maybe(size, shown),
                Cell::number(age, shown(age)),
                Cell::number(0.0, "0".into()),
            ]
        };
        Table {
            columns: COLUMNS,
            rows: vec![
                row("a-very-long-name-indeed-it-is", Some(2.0), 7.0),
                row("b", None, 100.0),
                row("c", Some(10.0), 1.0),
            ],
            empty: "nothing",
        }
    }

    #[test]
    fn what_matters_least_is_left_out_first() {
        let table = table();
        let lines = |width: usize| table.layout(width).lines(&table);
        assert_eq!(lines(80)[0], "NAME                           SIZE  AGE  LESS");
        assert_eq!(lines(80)[1], "a-very-long-name-indeed-it-is     2    7     0");
        assert_eq!(lines(80)[2], "b                                 –  100     0");
        assert_eq!(lines(40)[1], "a-very-long-name-indee…     2    7     0", "names are shortened");
        assert_eq!(lines(36)[0], "NAME                       SIZE  AGE", "then columns go");
        assert_eq!(lines(5)[1], "a-ve…");
        assert!((0..200).all(|width| lines(width).iter().all(|line| columns(line) <= width.max(1))));
        let empty = Table { rows: Vec::new(), ..table.clone() };
        assert_eq!(empty.layout(80).lines(&empty), ["nothing"]);
    }

    #[test]
    fn rows_are_sorted_and_what_says_nothing_is_last() {
        let names =
            |table: &Table| table.rows.iter().map(|row| row[0].text[..1].to_owned()).collect::<String>();
        let mut table = table();
        table.sort(1, true);
        assert_eq!(names(&table), "cab");
        table.sort(1, false);
        assert_eq!(names(&table), "acb");
        table.sort(0, true);
        assert_eq!(names(&table), "cba");
        table.sort(99, true);
        table.filter("LONG");
        assert_eq!(names(&table), "a");
    }
}
