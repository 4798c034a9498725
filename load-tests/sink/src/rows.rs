//! The answers to reads of `bench.kv`, made once.

use std::sync::LazyLock;

use crate::answers::{GLOBAL_TABLE, NO_METADATA, ROWS, column_specs};
use crate::encode::{cell, int};
use crate::lz4;
use crate::tables::TABLES;

/// Rows of a page that asks for many.
const PAGE_ROWS: i32 = 5000;
const PAYLOAD: [u8; 100] = [0x70; 100];

/// A body in both of its forms.
pub(crate) struct Body {
    pub(crate) plain: Vec<u8>,
    /// None where it would be longer.
    pub(crate) lz4: Option<Vec<u8>>,
}

/// Rows with the metadata that comes with them, and without, for clients that kept it from PREPARE.
pub(crate) struct Canned {
    full: Body,
    bare: Body,
}

pub(crate) static ONE: LazyLock<Canned> = LazyLock::new(|| Canned::new(1));
pub(crate) static PAGE: LazyLock<Canned> = LazyLock::new(|| Canned::new(PAGE_ROWS));

impl Canned {
    fn new(rows: i32) -> Canned {
        let body = |metadata| {
            let plain = rows_of_kv(rows, metadata);
            Body { lz4: lz4::compress(&plain), plain }
        };
        Canned { full: body(true), bare: body(false) }
    }

    pub(crate) fn body(&self, skip_metadata: bool) -> &Body {
        if skip_metadata { &self.bare } else { &self.full }
    }
}

fn rows_of_kv(rows: i32, metadata: bool) -> Vec<u8> {
    let mut out = Vec::new();
    int(ROWS, &mut out);
    int(if metadata { GLOBAL_TABLE } else { NO_METADATA }, &mut out);
    int(2, &mut out);
    if metadata {
        column_specs(&TABLES[0], TABLES[0].columns, &mut out);
    }
    int(rows, &mut out);
    for row in 0..rows {
        cell(Some(&i64::from(row).to_be_bytes()), &mut out);
        cell(Some(&PAYLOAD), &mut out);
    }
    out
}
