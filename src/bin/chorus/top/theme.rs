//! Colours. With `NO_COLOR` everything is told by words and weight alone.

use ratatui::style::{Color, Modifier, Style};

use super::table::Tone;

/// Which styles there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    coloured: bool,
}

impl Theme {
    /// Without colours when the variable `NO_COLOR` is set and not empty, as <https://no-color.org> asks.
    pub(crate) fn from_environment() -> Self {
        Self { coloured: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { coloured: false }
    }

    #[cfg(test)]
    pub(crate) fn coloured() -> Self {
        Self { coloured: true }
    }

    fn colour(self, colour: Color) -> Style {
        if self.coloured { Style::new().fg(colour) } else { Style::new() }
    }

    pub(crate) fn name(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// What is less important than its surroundings.
    pub(crate) fn dim(self) -> Style {
        // The dark grey of some terminals cannot be read; dimmed text can.
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn chosen(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// The row that is looked at.
    pub(crate) fn row(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(crate) fn title(self) -> Style {
        self.colour(Color::Cyan)
    }

    pub(crate) fn alarm(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    pub(crate) fn notice(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn curve(self) -> Style {
        self.colour(Color::Cyan)
    }

    pub(crate) fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => Style::new(),
            Tone::Dim => self.dim(),
            Tone::Good => self.colour(Color::Green),
            Tone::Warning => self.colour(Color::Yellow),
            Tone::Bad => self.colour(Color::Red).add_modifier(Modifier::BOLD),
        }
    }

    /// The look of a stage of requests, and the letter its part of the bar is made of.
    pub(crate) fn stage(self, place: usize) -> (Style, &'static str) {
        const LOOKS: [(Color, &str); 5] = [
            (Color::Blue, "▒"),
            (Color::Magenta, "░"),
            (Color::Yellow, "▓"),
            (Color::Green, "█"),
            (Color::Red, "▚"),
        ];
        let (colour, letter) = LOOKS[place % LOOKS.len()];
        (self.colour(colour), if self.coloured { "█" } else { letter })
    }
}
