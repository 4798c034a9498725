//! Names of tables, types and variants, where none is given.

/// The longest name of a table that every server takes.
const LONGEST: usize = 48;

/// `UserAccount` as `user_account`: a name as schemas have it, from one as Rust has it. Its last 48 characters, without
/// underscores in front.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before = None;
    for character in name.chars() {
        if character.is_uppercase() && before.is_some_and(char::is_lowercase) {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
        before = Some(character);
    }
    let start = snake.chars().count().saturating_sub(LONGEST);
    let last: String = snake.chars().skip(start).collect();
    last.trim_start_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_schemas_follow_from_names_of_rust() {
        for (rust, schema) in [
            ("User", "user"),
            ("UserAccount", "user_account"),
            ("HTTPRequest", "httprequest"),
            ("Page2View", "page2view"),
            ("_Hidden", "hidden"),
            ("User_Account", "user_account"),
            (
                "ATableWhoseNameIsLongerThanTheServersOfOldWouldTake",
                "whose_name_is_longer_than_the_servers_of_old_would_take",
            ),
        ] {
            let expected: String = schema.chars().rev().take(LONGEST).collect();
            let expected: String = expected.chars().rev().collect();
            assert_eq!(snake_case(rust), expected.trim_start_matches('_'), "{rust}");
        }
        assert_eq!(snake_case("ATableWhoseNameIsLongerThanTheServersOfOldWouldTake").len(), 48);
    }
}
