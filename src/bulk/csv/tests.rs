//! Every line end at every block edge, quotes that are wrong, lines that are too long, and any bytes at all.

use proptest::prelude::*;

use super::*;

#[derive(Debug, PartialEq, Eq, Clone)]
enum Seen {
    Row(u64, Vec<String>),
    Bad(u64, RecordError, usize, String),
}

fn read(input: &[u8], block: usize, dialect: Dialect) -> Vec<Seen> {
    let mut reader = RecordReader::new(dialect);
    let mut chunks = input.chunks(block);
    let mut seen = Vec::new();
    loop {
        match reader.advance() {
            Advance::Record => {
                let record = reader.record();
                let place = record.place();
                assert_eq!(&input[place.offset as usize..][..place.length as usize], record.raw());
                assert_eq!(reader.bytes_at(place), Some(record.raw()));
                let fields = (0..record.len()).map(|i| record.field(i).unwrap());
                let fields = fields.map(|f| String::from_utf8_lossy(f).into_owned()).collect();
                seen.push(Seen::Row(place.line, fields));
            }
            Advance::Malformed { error, place, field } => {
                let line = String::from_utf8_lossy(reader.bad_line()).into_owned();
                seen.push(Seen::Bad(place.line, error, field, line));
            }
            Advance::NeedBlock => match chunks.next() {
                Some(bytes) => drop(reader.feed(bytes, Vec::new)),
                None => reader.finish(),
            },
            Advance::End => return seen,
        }
    }
}

fn row(line: u64, fields: &[&str]) -> Seen {
    Seen::Row(line, fields.iter().map(|f| (*f).to_owned()).collect())
}

#[test]
fn f103_every_line_end_at_every_block_edge_gives_the_same_rows() {
    let input = b"\xef\xbb\xbfa,b\r\n1,\"x\r\ny\"\r\n\r\n2,z\n3,\"q\"\"q\"\r4,\n5,last";
    let expected = [
        row(1, &["a", "b"]),
        row(2, &["1", "x\r\ny"]),
        row(5, &["2", "z"]),
        row(6, &["3", "q\"q"]),
        row(7, &["4", ""]),
        row(8, &["5", "last"]),
    ];
    for block in 1..=input.len() {
        // The mark in pieces, too, although the source never gives fewer than four bytes first.
        assert_eq!(read(input, block, Dialect::default()), expected, "blocks of {block}");
    }
}

#[test]
fn f101_an_unterminated_quote_costs_its_own_line_only() {
    let input = b"a,b\n1,x\n2,\"open\n3,y\n4,z\n";
    for block in [1, 7, 100] {
        assert_eq!(
            read(input, block, Dialect::default()),
            [
                row(1, &["a", "b"]),
                row(2, &["1", "x"]),
                Seen::Bad(3, RecordError::UnterminatedQuote, 2, "2,\"open".to_owned()),
                row(4, &["3", "y"]),
                row(5, &["4", "z"]),
            ]
        );
    }
}

#[test]
fn a_stray_quote_that_meets_a_later_one_costs_its_own_line_only() {
    let input = b"1,\"open\n2,\"fine\"\n3,y\n";
    assert_eq!(
        read(input, 5, Dialect::default()),
        [
            Seen::Bad(1, RecordError::UnterminatedQuote, 2, "1,\"open".to_owned()),
            row(2, &["2", "fine"]),
            row(3, &["3", "y"]),
        ]
    );
}

#[test]
fn f103_a_line_over_the_limit_is_skipped_in_bounded_memory() {
    let dialect = Dialect { record_limit: 100, ..Dialect::default() };
    let mut input = b"1,a\n".to_vec();
    input.extend(std::iter::repeat_n(b'x', 1_000_000));
    input.extend_from_slice(b"\n2,b\n");
    let mut reader = RecordReader::new(dialect);
    let (mut rows, mut bad, mut peak) = (0, Vec::new(), 0);
    let mut chunks = input.chunks(64);
    loop {
        peak = peak.max(reader.block.len());
        match reader.advance() {
            Advance::Record => rows += 1,
            Advance::Malformed { error, place, .. } => bad.push((error, place.line)),
            Advance::NeedBlock => match chunks.next() {
                Some(bytes) => drop(reader.feed(bytes, Vec::new)),
                None => reader.finish(),
            },
            Advance::End => break,
        }
    }
    assert_eq!((rows, bad), (2, vec![(RecordError::TooLong { limit: 100 }, 2)]));
    assert!(peak <= 300, "held {peak} bytes");
}

#[test]
fn f101_an_open_quote_over_the_limit_names_the_quote_and_goes_on_with_the_next_line() {
    let dialect = Dialect { record_limit: 50, ..Dialect::default() };
    let mut input = b"1,\"open\n".to_vec();
    for _ in 0..20 {
        input.extend_from_slice(b"2,plain\n");
    }
    let seen = read(&input, 16, dialect);
    assert_eq!(seen[0], Seen::Bad(1, RecordError::UnterminatedQuote, 2, "1,\"open".to_owned()));
    assert_eq!(seen.len(), 21);
    assert_eq!(seen[20], row(21, &["2", "plain"]));
}

#[test]
fn other_delimiters_and_quotes_are_understood() {
    let dialect = Dialect { delimiter: b'\t', quote: b'\'', ..Dialect::default() };
    assert_eq!(read(b"a,b\t'c\td'\n", 3, dialect), [row(1, &["a,b", "c\td"])]);
}

#[test]
fn a_record_read_again_has_the_same_fields() {
    let mut reader = RecordReader::new(Dialect::default());
    for raw in [&b"a,\"b,\"\"c\",d"[..], b"a,b,c", b"\"only\""] {
        let again = reader.split_again(raw, Place::default());
        let fields: Vec<_> = (0..again.len()).map(|i| again.field(i).unwrap().to_vec()).collect();
        let mut whole = raw.to_vec();
        whole.push(b'\n');
        let mut first = RecordReader::new(Dialect::default());
        first.feed(&whole, Vec::new);
        assert_eq!(first.advance(), Advance::Record);
        let record = first.record();
        assert_eq!(fields.len(), record.len());
        assert!((0..record.len()).all(|i| record.field(i) == Some(&fields[i][..])));
    }
}

/// What a reader sees that goes on at `at`.
fn read_on(input: &[u8], at: Position, block: usize, dialect: Dialect) -> Vec<(u64, u64, bool)> {
    let mut reader = RecordReader::new(dialect);
    reader.restart(at, Vec::new());
    let mut chunks = input[at.offset as usize..].chunks(block);
    let mut seen = Vec::new();
    loop {
        match reader.advance() {
            Advance::Record => {
                let place = reader.record().place();
                seen.push((place.offset, place.line, true));
            }
            Advance::Malformed { place, .. } => seen.push((place.offset, place.line, false)),
            Advance::NeedBlock => match chunks.next() {
                Some(bytes) => drop(reader.feed(bytes, Vec::new)),
                None => reader.finish(),
            },
            Advance::End => return seen,
        }
    }
}

proptest! {
    /// What a CSV writer writes is read back, and the place in blocks does not matter.
    #[test]
    fn written_rows_are_read_back(
        rows in prop::collection::vec(prop::collection::vec("[a,\"\n\r é]{0,6}", 2..4), 1..8),
        block in 1usize..40,
    ) {
        let mut text = Vec::new();
        for fields in &rows {
            for (i, field) in fields.iter().enumerate() {
                if i > 0 {
                    text.push(b',');
                }
                text.push(b'"');
                text.extend_from_slice(field.replace('"', "\"\"").as_bytes());
                text.push(b'"');
            }
            text.push(b'\n');
        }
        let seen: Vec<_> = read(&text, block, Dialect::default())
            .into_iter()
            .map(|seen| match seen { Seen::Row(_, fields) => fields, bad => panic!("{bad:?}") })
            .collect();
        prop_assert_eq!(seen, rows);
    }

    /// Any bytes: no panic, and blocks do not change what is seen.
    #[test]
    fn any_bytes_are_read_the_same_in_any_blocks(
        input in "[ab,\"\n\r]{0,60}",
        block in 1usize..20,
    ) {
        let whole = read(input.as_bytes(), 1000, Dialect::default());
        prop_assert_eq!(read(input.as_bytes(), block, Dialect::default()), whole);
    }

    /// A reader that goes on where another one stood sees what that one would have seen.
    #[test]
    fn readers_go_on_wherever_another_one_stood(
        input in "[ab,\"\n\r]{1,60}",
        block in 1usize..20,
        limit in 3usize..40,
    ) {
        let dialect = Dialect { record_limit: limit, ..Dialect::default() };
        let input = input.as_bytes();
        let all = read_on(input, Position { line: 1, ..Position::default() }, 1000, dialect);
        let mut reader = RecordReader::new(dialect);
        let mut chunks = input.chunks(block);
        let mut passed = 0;
        loop {
            match reader.advance() {
                Advance::Record | Advance::Malformed { .. } => passed += 1,
                Advance::NeedBlock => match chunks.next() {
                    Some(bytes) => drop(reader.feed(bytes, Vec::new)),
                    None => reader.finish(),
                },
                Advance::End => break,
            }
            // Also between records, and in the middle of one that needs more bytes.
            prop_assert_eq!(&read_on(input, reader.position(), 1000, dialect)[..], &all[passed..]);
        }
    }
}
