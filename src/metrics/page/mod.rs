//! The page that is served beside the metrics: one document that asks its own server for `/metrics` once a second and draws every
//! panel of the catalogue.
//!
//! Owns the document's parts and what a browser may do with them. [`panels`] turns the catalogue into what the script reads, so
//! the page has the panels Grafana has, and a change of the catalogue needs none here. The script keeps to the same order as the rest:
//! `parse` reads the text of the exposition, `history` keeps a bounded window of samples, `evaluate` answers a [`Query`] from them as
//! PromQL would, `track` keeps such answers over time, `format`, `colours` and `axis` say how numbers, series and scales look,
//! `chart` draws, `pointer` shows what lies under a finger, `panel` is one card, `board` lays them out, `poll` fetches, `page` starts all that.
//!
//! When the endpoint does not answer, the page says since when, keeps what it has, and goes on asking. Labels come from servers: the
//! script writes them as text and never as markup, and the policy sent along forbids any script or style but the page's own.
//!
//! [`Query`]: super::catalog::Query

mod panels;

use std::sync::LazyLock;

use hyper::header::HeaderValue;
use uuid::Uuid;

/// The page as it is sent once.
pub(super) struct Document {
    pub(super) html: String,
    /// Its content security policy.
    pub(super) policy: HeaderValue,
}

const FRAME: &str = include_str!("page.html");
const STYLE: &str = concat!(include_str!("page.css"), include_str!("cards.css"));
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("parse.js"),
    include_str!("history.js"),
    include_str!("evaluate.js"),
    include_str!("track.js"),
    include_str!("format.js"),
    include_str!("colours.js"),
    include_str!("axis.js"),
    include_str!("chart.js"),
    include_str!("pointer.js"),
    include_str!("panel.js"),
    include_str!("board.js"),
    include_str!("poll.js"),
    include_str!("page.js"),
);
/// Where the frame wants the word that its script and style are known by.
const NONCE: &str = "@nonce@";

/// The document between the places where the nonce goes.
static PIECES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let panels = panels::json();
    let fill = |piece: &str| {
        piece.replace("@style@", STYLE).replace("@panels@", &panels).replace("@script@", SCRIPT)
    };
    FRAME.split(NONCE).map(fill).collect()
});

/// The page, with a nonce that was never used before.
pub(super) fn document() -> Document {
    let nonce = Uuid::new_v4().simple().to_string();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Document {
        html: PIECES.join(&nonce),
        policy: HeaderValue::from_str(&policy).expect("it is printable ASCII"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_whole_and_its_script_and_style_have_the_nonce_of_its_policy() {
        let Document { html, policy } = document();
        for mark in ["@nonce@", "@style@", "@panels@", "@script@"] {
            assert!(!html.contains(mark), "{mark} was not filled in");
        }
        let policy = policy.to_str().expect("it is text");
        let nonce =
            policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("it has one");
        assert_eq!(html.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        assert_eq!(html.matches("<script").count(), 2, "the script and the panels");
        assert_ne!(document().html, html, "a nonce is used once");
    }

    #[test]
    fn the_document_asks_nobody_else_for_anything_and_writes_no_markup() {
        let html = document().html.replace("http://www.w3.org/2000/svg", "");
        for word in [
            "http://",
            "https://",
            "src=\"",
            "@import",
            "url(",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "style=\"",
            "onclick=",
        ] {
            assert!(!html.contains(word), "the page contains {word}");
        }
    }

    #[test]
    fn colours_can_be_told_from_what_they_stand_on() {
        let blocks: Vec<&str> = STYLE.split("--paper: ").skip(1).collect();
        assert_eq!(blocks.len(), 3, "light, dark, and dark by choice");
        assert_eq!(
            blocks[1].split_once('}').map(|(block, _)| words(block)),
            blocks[2].split_once('}').map(|(block, _)| words(block))
        );
        for block in blocks {
            let (paper, card) = (luminance(&block[..7]), luminance(of(block, "card")));
            for (name, least) in [
                ("ink", 7.0),
                ("soft", 4.5),
                ("accent", 4.5),
                ("good", 4.5),
                ("bad", 4.5),
                ("warn", 4.5),
                ("c0", 3.0),
                ("c1", 3.0),
                ("c2", 3.0),
                ("c3", 3.0),
                ("c4", 3.0),
                ("c5", 3.0),
                ("c6", 3.0),
                ("c7", 3.0),
            ] {
                let colour = luminance(of(block, name));
                let contrast = |other: f64| (colour.max(other) + 0.05) / (colour.min(other) + 0.05);
                assert!(contrast(card) >= least, "{name} on a card: {:.2}", contrast(card));
                assert!(contrast(paper) >= least.min(4.5) * 0.9, "{name} on paper: {:.2}", contrast(paper));
            }
        }
    }

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    fn of<'a>(block: &'a str, name: &str) -> &'a str {
        let rest = block.split_once(&format!("--{name}: ")).expect("it has this colour").1;
        &rest[..7]
    }

    /// As the guidelines for accessible content define it.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = u8::from_str_radix(&colour[at..at + 2], 16).expect("a colour such as #18202c");
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }
}
