//! Versions of servers, as they write them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The version of a server: up to four numbers, and the name of a pre-release, as in `4.0.0.6816` and `5.0-beta1`.
///
/// Numbers that are missing are zero. A release is newer than its pre-releases; of those, numbers in their names count as
/// numbers, so that `beta10` is newer than `beta2`.
#[derive(Debug, Clone)]
pub struct ServerVersion {
    numbers: [u32; 4],
    pre_release: Option<Box<str>>,
    is_odd: bool,
}

/// A text that does not begin with a number, as the version of every server does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of a server: it does not begin with a number")]
pub struct InvalidServerVersion(Box<str>);

impl ServerVersion {
    /// A release.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { numbers: [major, minor, patch, 0], pre_release: None, is_odd: false }
    }

    /// The first number.
    pub fn major(&self) -> u32 {
        self.numbers[0]
    }

    /// The second number.
    pub fn minor(&self) -> u32 {
        self.numbers[1]
    }

    /// The third number.
    pub fn patch(&self) -> u32 {
        self.numbers[2]
    }

    /// The fourth number, which DataStax Enterprise has.
    pub fn build(&self) -> u32 {
        self.numbers[3]
    }

    /// What comes before the release, such as `rc1`.
    pub fn pre_release(&self) -> Option<&str> {
        self.pre_release.as_deref()
    }

    /// Whether something in its text had no meaning here, and the version is what could be made of the rest.
    pub fn is_odd(&self) -> bool {
        self.is_odd
    }
}

impl FromStr for ServerVersion {
    type Err = InvalidServerVersion;

    fn from_str(text: &str) -> Result<Self, InvalidServerVersion> {
        let text = text.trim();
        // `4.0~beta1` is how packages spell it.
        let (release, pre_release) = match text.split_once(['-', '~', '+']) {
            Some((release, pre_release)) => (release, Some(pre_release)),
            None => (text, None),
        };
        let mut numbers = [0; 4];
        let mut is_odd = pre_release.is_some_and(str::is_empty);
        for (place, part) in release.split('.').enumerate() {
            match (part.parse(), numbers.get_mut(place)) {
                (Ok(number), Some(known)) => *known = number,
                (Err(_), _) if place == 0 => return Err(InvalidServerVersion(text.into())),
                // More numbers, or none where one belongs: what comes before them counts.
                _ => {
                    is_odd = true;
                    break;
                }
            }
        }
        let pre_release = pre_release.filter(|name| !name.is_empty()).map(Box::from);
        Ok(Self { numbers, pre_release, is_odd })
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch, build] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if build > 0 {
            write!(f, ".{build}")?;
        }
        self.pre_release.iter().try_for_each(|name| write!(f, "-{name}"))
    }
}

impl Ord for ServerVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (&self.pre_release, &other.pre_release) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(other)) => pieces(one).cmp(pieces(other)),
        })
    }
}

impl PartialOrd for ServerVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ServerVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ServerVersion {}

/// A part of a pre-release's name. Numbers come before words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(u64),
    Word(String),
}

/// The numbers and words of a name, in the order in which they count. Punctuation separates and does not count.
fn pieces(name: &str) -> impl Iterator<Item = Piece> {
    let mut rest = name;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|character: char| !character.is_ascii_alphanumeric());
        let is_number = rest.chars().next()?.is_ascii_digit();
        let belongs =
            |character: char| character.is_ascii_alphanumeric() && character.is_ascii_digit() == is_number;
        let end = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
        let piece;
        (piece, rest) = rest.split_at(end);
        Some(match piece.parse() {
            Ok(number) => Piece::Number(number),
            Err(_) => Piece::Word(piece.to_ascii_lowercase()),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ServerVersion {
        text.parse().unwrap()
    }

    #[test]
    fn up_to_four_numbers_and_a_pre_release_are_read() {
        let parts = |text| {
            let version = version(text);
            let numbers = [version.major(), version.minor(), version.patch(), version.build()];
            (numbers, version.pre_release().unwrap_or_default().to_owned(), version.is_odd())
        };
        for (text, numbers, pre_release) in [
            ("5", [5, 0, 0, 0], ""),
            ("2.1.20", [2, 1, 20, 0], ""),
            ("3.11.4", [3, 11, 4, 0], ""),
            ("4.0.0.6816", [4, 0, 0, 6816], ""),
            ("4.0-rc1", [4, 0, 0, 0], "rc1"),
            ("4.1-alpha1-SNAPSHOT", [4, 1, 0, 0], "alpha1-SNAPSHOT"),
            ("5.0~beta1", [5, 0, 0, 0], "beta1"),
            (" 5.0.4 ", [5, 0, 4, 0], ""),
        ] {
            assert_eq!(parts(text), (numbers, pre_release.to_owned(), false), "{text}");
        }
    }

    #[test]
    fn what_has_no_meaning_is_left_out_and_said() {
        for (text, assumed) in [
            ("1.2.3.4.5-rc1", "1.2.3.4-rc1"),
            ("4.0.x", "4.0.0"),
            ("4.a.7", "4.0.0"),
            ("4.0-", "4.0.0"),
            ("4.99999999999", "4.0.0"),
        ] {
            let version = version(text);
            assert_eq!((version.to_string(), version.is_odd()), (assumed.to_owned(), true), "{text}");
        }
        for text in ["", "x", "v4.0", "-rc1", ".5", "99999999999.1"] {
            assert_eq!(text.parse::<ServerVersion>(), Err(InvalidServerVersion(text.into())));
        }
    }

    #[test]
    fn a_release_is_newer_than_its_pre_releases_and_those_are_in_order() {
        let ordered = [
            "1.0",
            "2.1",
            "2.1.20",
            "2.2",
            "3.0.8",
            "3.11",
            "4.0-alpha1",
            "4.0-alpha1-SNAPSHOT",
            "4.0-beta1",
            "4.0-beta2",
            "4.0-beta10",
            "4.0-rc1",
            "4.0",
            "4.0.0.1",
            "4.0.1-rc1",
            "4.0.1",
            "4.1",
            "10.0",
        ];
        for pair in ordered.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("4.0"), version("4.0.0.0"));
        assert_eq!(version("4.0-RC1"), version("4.0.0-rc.1"));
        assert_eq!(version("4.0.0"), ServerVersion::new(4, 0, 0));
    }
}
