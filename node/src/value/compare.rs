//! The order of two values.

use std::cmp::Ordering;

use chorus_protocol::{CqlType, NativeType};

use super::order::encode_ordered;

/// Which of two valid values comes first, as Cassandra orders their type.
pub(crate) fn compare(typ: &CqlType, left: &[u8], right: &[u8]) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    // Those whose bytes sort as they do need no detour.
    if matches!(
        typ,
        CqlType::Native(NativeType::Text | NativeType::Ascii | NativeType::Blob | NativeType::Date)
    ) {
        return left.cmp(right);
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    encode_ordered(typ, false, left, &mut first);
    encode_ordered(typ, false, right, &mut second);
    first.cmp(&second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_by_what_they_mean() {
        let minus = (-1i32).to_be_bytes();
        assert_eq!(compare(&CqlType::Int, &minus, &1i32.to_be_bytes()), Ordering::Less);
        assert_eq!(compare(&CqlType::Blob, &minus, &1i32.to_be_bytes()), Ordering::Greater);
        assert_eq!(compare(&CqlType::Int, &[], &minus), Ordering::Less);
        let short = [0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1];
        let long = [0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0];
        assert_eq!(compare(&CqlType::list(CqlType::Int), &short, &long), Ordering::Less);
    }
}
