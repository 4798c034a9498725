//! What is known of a model's columns when it is compiled: enough to refuse a table that cannot be, where fields of other
//! structs are part of it. What one struct shows by itself the derive macros refuse before.

/// The columns of a struct with those of its flattened fields.
#[derive(Debug)]
pub struct Shape {
    /// False for structs that do not derive what they are: nothing is known of them, and nothing refused.
    pub known: bool,
    /// The struct's own columns.
    pub names: &'static [&'static str],
    /// Its flattened fields.
    pub parts: &'static [&'static Shape],
    /// How many of its own are of the partition key.
    pub partition: usize,
    /// How many are of the clustering key.
    pub clustering: usize,
    /// How many are static.
    pub statics: usize,
    /// How many are counters.
    pub counters: usize,
    /// How many of the key are.
    pub counters_in_key: usize,
    /// How many are neither of the key nor counters.
    pub plain: usize,
}

/// The sum of a number over a struct and its flattened fields.
macro_rules! sums {
    ($($name:ident)+) => {$(
        const fn $name(&self) -> usize {
            let (mut sum, mut place) = (self.$name, 0);
            while place < self.parts.len() {
                sum += self.parts[place].$name();
                place += 1;
            }
            sum
        }
    )+};
}

impl Shape {
    /// Of a struct that does not say.
    pub const UNKNOWN: Self = Self {
        known: false,
        names: &[],
        parts: &[],
        partition: 0,
        clustering: 0,
        statics: 0,
        counters: 0,
        counters_in_key: 0,
        plain: 0,
    };

    sums! { partition clustering statics counters counters_in_key plain }

    /// Refuses columns that do not go together, in a table or as a part of one.
    pub const fn check_columns(&self) {
        assert!(self.is_distinct(), "two columns have one name: one of them is of a flattened field");
        assert!(
            self.counters_in_key() == 0,
            "a counter cannot be part of a key: its value changes without being written"
        );
        let mixed = self.counters() > 0 && self.plain() > 0;
        assert!(!mixed, "counters and other values do not go into one table, beside its key");
    }

    /// Refuses what is no table. `led` says whether the key begins with a column that is not among these.
    pub const fn check_table(&self, led: bool) {
        self.check_columns();
        if !self.is_known() {
            return;
        }
        assert!(
            led || self.partition() > 0,
            "no column is of the partition key, neither here nor in a flattened field: mark the first of the primary key with \
             `#[chorus(partition_key)]`"
        );
        assert!(
            self.statics() == 0 || self.clustering() > 0,
            "a column is static and there is no clustering key: a partition is one row then, and every column like a static one"
        );
    }

    const fn is_known(&self) -> bool {
        let mut place = 0;
        while place < self.parts.len() {
            if !self.parts[place].is_known() {
                return false;
            }
            place += 1;
        }
        self.known
    }

    /// Whether each name is there once. The struct's own are: the derive macro sees them together.
    const fn is_distinct(&self) -> bool {
        let mut place = 0;
        while place < self.parts.len() {
            let part = self.parts[place];
            if part.has_any(self.names) {
                return false;
            }
            let mut other = place + 1;
            while other < self.parts.len() {
                if part.overlaps(self.parts[other]) {
                    return false;
                }
                other += 1;
            }
            place += 1;
        }
        true
    }

    /// Whether one of the other's names is here too.
    const fn overlaps(&self, other: &Shape) -> bool {
        if self.has_any(other.names) {
            return true;
        }
        let mut place = 0;
        while place < other.parts.len() {
            if self.overlaps(other.parts[place]) {
                return true;
            }
            place += 1;
        }
        false
    }

    const fn has_any(&self, names: &[&str]) -> bool {
        let mut place = 0;
        while place < names.len() {
            if self.has(names[place]) {
                return true;
            }
            place += 1;
        }
        false
    }

    const fn has(&self, name: &str) -> bool {
        let mut place = 0;
        while place < self.names.len() {
            if is_same(self.names[place].as_bytes(), name.as_bytes()) {
                return true;
            }
            place += 1;
        }
        place = 0;
        while place < self.parts.len() {
            if self.parts[place].has(name) {
                return true;
            }
            place += 1;
        }
        false
    }
}

/// `==` cannot be called when compiling.
const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut place = 0;
    while place < a.len() && place < b.len() {
        if a[place] != b[place] {
            return false;
        }
        place += 1;
    }
    a.len() == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Shape = Shape { known: true, names: &["id"], partition: 1, ..Shape::UNKNOWN };
    const AUDIT: Shape = Shape { known: true, names: &["created", "author"], plain: 2, ..Shape::UNKNOWN };

    const fn of(parts: &'static [&'static Shape]) -> Shape {
        Shape { known: true, names: &["a"], parts, plain: 1, ..Shape::UNKNOWN }
    }

    #[test]
    fn parts_make_a_whole() {
        of(&[&KEY, &AUDIT]).check_table(false);
        of(&[&AUDIT]).check_table(true);
        of(&[&AUDIT]).check_columns();
        of(&[&Shape::UNKNOWN]).check_table(false);
    }

    #[test]
    #[should_panic(expected = "mark the first of the primary key")]
    fn a_table_has_a_key_somewhere() {
        of(&[&AUDIT]).check_table(false);
    }

    #[test]
    #[should_panic(expected = "two columns have one name")]
    fn names_of_a_part_are_not_those_of_the_struct() {
        const A: Shape = Shape { known: true, names: &["b", "a"], ..Shape::UNKNOWN };
        const DEEP: Shape = Shape { known: true, parts: &[&A], ..Shape::UNKNOWN };
        of(&[&KEY, &DEEP]).check_columns();
    }

    #[test]
    #[should_panic(expected = "two columns have one name")]
    fn names_of_two_parts_differ() {
        const DEEP: Shape = Shape { known: true, parts: &[&AUDIT], ..Shape::UNKNOWN };
        of(&[&DEEP, &KEY, &AUDIT]).check_columns();
    }

    #[test]
    #[should_panic(expected = "cannot be part of a key")]
    fn counters_are_of_no_key() {
        const KEYED: Shape =
            Shape { known: true, partition: 1, counters: 1, counters_in_key: 1, ..Shape::UNKNOWN };
        KEYED.check_columns();
    }

    #[test]
    #[should_panic(expected = "counters and other values")]
    fn counters_stay_among_themselves() {
        const HITS: Shape = Shape { known: true, names: &["hits"], counters: 1, ..Shape::UNKNOWN };
        of(&[&KEY, &HITS]).check_table(false);
    }

    #[test]
    #[should_panic(expected = "there is no clustering key")]
    fn static_columns_want_a_clustering_key() {
        const STATIC: Shape = Shape { known: true, names: &["s"], statics: 1, plain: 1, ..Shape::UNKNOWN };
        of(&[&KEY, &STATIC]).check_table(false);
    }
}
