//! The pictures: which panels there are, what each asks, and where it stands.

mod hosts;
mod inside;
mod overview;

use super::query::{Match, Query};

use hosts::{CONTROL, HOSTS, POOLS};
use inside::{BULK, HEALTH, QUEUES, REACTORS};
use overview::{LATENCY, NOW, RESOURCES, TRAFFIC, TROUBLE};

/// A page of panels.
#[derive(Debug, Clone, Copy)]
pub struct Dashboard {
    /// What its address ends with; never changes.
    pub uid: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Its rows, from top to bottom.
    pub rows: &'static [Row],
}

/// A row of panels.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What they have in common.
    pub title: &'static str,
    /// From left to right.
    pub panels: &'static [Panel],
}

/// One picture.
#[derive(Debug, Clone, Copy)]
pub struct Panel {
    /// What it shows.
    pub title: &'static str,
    /// What one sees in it.
    pub help: &'static str,
    /// What its numbers count in.
    pub unit: PanelUnit,
    /// How it is drawn.
    pub form: Form,
    /// What makes numbers appear in it.
    pub feed: Feed,
    /// What it draws.
    pub series: &'static [Series],
}

/// One question of a panel.
#[derive(Debug, Clone, Copy)]
pub struct Series {
    /// What its answers are called; `{{label}}` stands for the value of a label.
    pub name: &'static str,
    /// The question.
    pub query: Query,
}

/// What numbers count in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelUnit {
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Shares of one.
    Share,
}

/// How a panel is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One number, and where it comes from.
    Number,
    /// Lines over time.
    Lines,
    /// Areas over time that add up.
    Stack,
}

/// What makes numbers appear in a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Any session that sends requests.
    Requests,
    /// The same with hosts that have shards.
    Shards,
    /// A bulk load.
    Load,
}

impl Dashboard {
    /// All its panels.
    pub fn panels(&self) -> impl Iterator<Item = &'static Panel> {
        self.rows.iter().flat_map(|row| row.panels)
    }
}

/// Every dashboard.
pub const DASHBOARDS: &[Dashboard] = &[
    Dashboard {
        uid: "chorus-overview",
        title: "Chorus: overview",
        about: "How requests fare: how many, how fast, where their time goes, and what goes wrong.",
        rows: &[NOW, TRAFFIC, LATENCY, TROUBLE, RESOURCES],
    },
    Dashboard {
        uid: "chorus-hosts",
        title: "Chorus: hosts and pools",
        about: "Each host as the driver sees it: whether it is up, what it is asked, how long it takes, and its connections.",
        rows: &[HOSTS, POOLS, CONTROL],
    },
    Dashboard {
        uid: "chorus-actors",
        title: "Chorus: actors",
        about: "The engine from inside: reactors, queues, messages, and what had to be started again.",
        rows: &[REACTORS, QUEUES, HEALTH],
    },
    Dashboard {
        uid: "chorus-bulk",
        title: "Chorus: bulk load",
        about: "How far a load is, how fast it goes, and what keeps it from going faster.",
        rows: &[BULK],
    },
];

const fn panel(
    title: &'static str,
    form: Form,
    unit: PanelUnit,
    help: &'static str,
    series: &'static [Series],
) -> Panel {
    Panel { title, help, unit, form, feed: Feed::Requests, series }
}

const fn of_load(panel: Panel) -> Panel {
    Panel { feed: Feed::Load, ..panel }
}

const fn of_shards(panel: Panel) -> Panel {
    Panel { feed: Feed::Shards, ..panel }
}

const fn series(name: &'static str, query: Query) -> Series {
    Series { name, query }
}

const fn only(label: &'static str, values: &'static [&'static str]) -> Option<Match> {
    Some(Match { label, values })
}
