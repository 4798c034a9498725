//! Options that were stored as JSON.
//!
//! They are objects of texts and numbers, never of anything else, and only two old versions of the server have them: not worth a
//! library that every program would carry, whose conversions change what compiles in them.

use std::collections::BTreeMap;

/// The entries of an object, numbers and words as the texts they are written as. What is no object of such has no entries.
pub(super) fn map(text: Option<&str>) -> BTreeMap<String, String> {
    text.and_then(object).unwrap_or_default()
}

fn object(text: &str) -> Option<BTreeMap<String, String>> {
    let mut rest = Rest(text.trim());
    let mut entries = BTreeMap::new();
    rest.take('{')?;
    if rest.take('}').is_none() {
        loop {
            let key = rest.string()?;
            rest.take(':')?;
            let value = rest.string().or_else(|| rest.word())?;
            entries.insert(key, value);
            if rest.take(',').is_none() {
                rest.take('}')?;
                break;
            }
        }
    }
    rest.0.is_empty().then_some(entries)
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// This character, and the blanks behind it.
    fn take(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?.trim_start();
        Some(())
    }

    /// A text in quotes; nothing is read when there is none.
    fn string(&mut self) -> Option<String> {
        let mut found = String::new();
        let mut rest = self.0.strip_prefix('"')?.chars();
        loop {
            match rest.next()? {
                '"' => break,
                '\\' => found.push(match rest.next()? {
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => escaped(&mut rest)?,
                    plain @ ('"' | '\\' | '/') => plain,
                    _ => return None,
                }),
                character => found.push(character),
            }
        }
        self.0 = rest.as_str().trim_start();
        Some(found)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<String> {
        let belongs = |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
        let end = self.0.find(|character| !belongs(character)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest.trim_start();
        (!word.is_empty()).then(|| word.to_owned())
    }
}

/// The character of `\uXXXX`, or of two of them in a row.
fn escaped(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let first = unit(rest)?;
    if let Some(Ok(character)) = char::decode_utf16([first]).next() {
        return Some(character);
    }
    *rest = rest.as_str().strip_prefix("\\u")?.chars();
    let second = unit(rest)?;
    char::decode_utf16([first, second]).next()?.ok()
}

/// Four hexadecimal digits.
fn unit(rest: &mut std::str::Chars<'_>) -> Option<u16> {
    let (digits, behind) = rest.as_str().split_at_checked(4)?;
    *rest = behind.chars();
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_entries_and_everything_else_has_none() {
        let entries = |text| map(Some(text)).into_iter().collect::<Vec<_>>();
        let owned = |entries: &[(&str, &str)]| -> Vec<(String, String)> {
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(entries("{}"), owned(&[]));
        assert_eq!(
            entries(r#" { "keys" : "ALL", "rows_per_partition":"NONE" , "n":-4.5e3,"t":true} "#),
            owned(&[("keys", "ALL"), ("n", "-4.5e3"), ("rows_per_partition", "NONE"), ("t", "true")])
        );
        assert_eq!(entries(r#"{"a\"\\\/\n":"\u00e4\ud83d\ude00 ü"}"#), owned(&[("a\"\\/\n", "ä😀 ü")]));
        for none in [
            "",
            "null",
            "[1]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":{}}",
            "{} x",
            "{\"\\x\":1}",
            "{\"\\ud83d\":1}",
            "{\"\\ud83d\\u0041\":1}",
            "{\"\\u00\":1}",
            "{\"\\uäää\":1}",
            "KEYS_ONLY",
        ] {
            assert_eq!(entries(none), owned(&[]), "{none}");
        }
        assert!(map(None).is_empty());
    }
}
