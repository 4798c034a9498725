//! Numbers as people read them, and strings of others made harmless.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands for a character that a terminal might obey.
const MASKED: char = '\u{fffd}';

/// A text that came from a server or a program, safe to be shown: without anything that moves a cursor, changes colours, turns the
/// direction of writing or cannot be seen, and no wider than `widest` columns.
pub(crate) fn harmless(text: &str, widest: usize) -> String {
    let letters = text.chars().map(|letter| match letter.width() {
        Some(1..) if !is_sly(letter) => letter,
        _ => MASKED,
    });
    // Bounded before it is measured: a name may be as long as an answer.
    let shown: String = letters.take(widest + 1).collect();
    shortened(&shown, widest)
}

/// Characters that have a width and still are none to look at.
fn is_sly(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text of no more than so many columns, with an ellipsis when something is missing.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let (mut short, mut used) = (String::new(), 1);
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used > columns {
            break;
        }
        short.push(letter);
    }
    if columns > 0 {
        short.push('…');
    }
    short
}

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// A number of things, or of things a second: `0`, `3.2`, `412`, `41.2k`, `412k`, `1.30M`.
pub(crate) fn count(number: f64) -> String {
    let scaled = |by: f64, unit: &str| {
        let number = number / by;
        match number {
            ..10.0 => format!("{number:.2}{unit}"),
            ..100.0 => format!("{number:.1}{unit}"),
            _ => format!("{number:.0}{unit}"),
        }
    };
    match number {
        0.0 => "0".to_owned(),
        ..9.95 if number.fract() != 0.0 => format!("{number:.1}"),
        ..9_999.5 => format!("{number:.0}"),
        ..999_500.0 => scaled(1e3, "k"),
        ..999_500_000.0 => scaled(1e6, "M"),
        _ => scaled(1e9, "G"),
    }
}

/// Microseconds: `85 µs`, `0.91 ms`, `4.2 ms`, `42 ms`, `1.2 s`.
pub(crate) fn time(micros: f64) -> String {
    match micros {
        ..99.5 => format!("{micros:.0} µs"),
        ..995.0 => format!("{:.2} ms", micros / 1e3),
        ..9_950.0 => format!("{:.1} ms", micros / 1e3),
        ..999_500.0 => format!("{:.0} ms", micros / 1e3),
        ..9_950_000.0 => format!("{:.1} s", micros / 1e6),
        _ => format!("{:.0} s", micros / 1e6),
    }
}

/// A share: `0.00 %`, `0.42 %`, `12.5 %`, `100 %`.
pub(crate) fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        ..9.995 => format!("{percent:.2} %"),
        ..99.95 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

/// Bytes: `812 B`, `4.2 KiB`, `38 MiB`.
pub(crate) fn bytes(bytes: f64) -> String {
    let (mut number, mut unit) = (bytes, 0);
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    while number >= 999.5 && unit + 1 < UNITS.len() {
        number /= 1024.0;
        unit += 1;
    }
    let unit_name = UNITS[unit];
    if unit > 0 && number < 9.95 {
        format!("{number:.1} {unit_name}")
    } else {
        format!("{number:.0} {unit_name}")
    }
}

/// A span of time for people: `8 s`, `3:20`, `1:02:03`.
pub(crate) fn span(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let evil =
            "\u{1b}[2J\u{1b}]0;owned\u{7}dc\r\n\t1\u{9b}31m\u{202e}kcar\u{200b}\u{7f}\u{0}\u{feff}e\u{301}";
        let shown = harmless(evil, 100);
        assert!(
            !shown.chars().any(|letter| letter.is_control() || letter.width().is_none_or(|width| width == 0)),
            "{shown:?}"
        );
        assert!(shown.contains("dc") && shown.contains("kcar"), "{shown}");
        assert_eq!(harmless("datacenter-é-東京/rack1", 40), "datacenter-é-東京/rack1");
        assert_eq!(columns(&harmless(&"東".repeat(1_000_000), 20)), 19, "a wide letter does not fit in half");
        assert_eq!(harmless(&"x".repeat(1_000_000), 20).chars().count(), 20);
        assert_eq!(shortened("abc", 0), "");
    }

    #[test]
    fn numbers_take_few_letters() {
        let counts = [0.0, 0.25, 3.2, 9.96, 412.0, 9_999.0, 41_234.0, 412_880.0, 1_300_000.0, 2e9];
        assert_eq!(
            counts.map(count),
            ["0", "0.2", "3.2", "10", "412", "9999", "41.2k", "413k", "1.30M", "2.00G"]
        );
        let times = [0.0, 85.0, 910.0, 4_200.0, 42_000.0, 1_200_000.0, 61_000_000.0];
        assert_eq!(times.map(time), ["0 µs", "85 µs", "0.91 ms", "4.2 ms", "42 ms", "1.2 s", "61 s"]);
        assert_eq!(
            [0.0, 0.0042, 0.125, 0.9994, 1.0].map(share),
            ["0.00 %", "0.42 %", "12.5 %", "99.9 %", "100 %"]
        );
        assert_eq!([0.0, 812.0, 4_300.0, 4e7].map(bytes), ["0 B", "812 B", "4.2 KiB", "38 MiB"]);
        assert_eq!([8, 200, 3_723].map(span), ["8 s", "3:20", "1:02:03"]);
        // Anything may come out of a division; nothing of it may panic.
        for odd in [f64::NAN, f64::INFINITY, -1.0] {
            let _ = (count(odd), time(odd), share(odd), bytes(odd));
        }
    }
}
