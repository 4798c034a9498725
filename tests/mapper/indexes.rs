//! Custom indexes.

use std::collections::BTreeMap;

use chorus::Model;
use chorus::mapper::Mapper;
use chorus::mapper::schema::SyncReport;

use crate::shop;

#[derive(Model)]
#[chorus(table = "found")]
struct Found {
    #[chorus(partition_key)]
    id: i32,
    #[chorus(index(
        name = "found_text",
        class = "StorageAttachedIndex",
        options = "{'case_sensitive': 'false'}"
    ))]
    text: String,
    #[chorus(index(class = "sai", entries))]
    map: BTreeMap<String, i32>,
    #[chorus(index)]
    place: [f32; 3],
}

const FOUND: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS shop.found (id int, text text, map map<text, int>, place vector<float, 3>, PRIMARY KEY ((id)))",
    "CREATE CUSTOM INDEX IF NOT EXISTS found_text ON shop.found (text) USING 'StorageAttachedIndex' \
     WITH OPTIONS = {'case_sensitive': 'false'}",
    "CREATE CUSTOM INDEX IF NOT EXISTS ON shop.found (entries(map)) USING 'sai'",
    "CREATE INDEX IF NOT EXISTS ON shop.found (place)",
];

#[tokio::test]
async fn statements_of_custom_indexes_are_written() {
    let (_cluster, mapper) = shop().await;
    assert_eq!(mapper.schema().create_statements::<Found>().unwrap(), FOUND);
}

/// Custom indexes, which the embedded node does not have.
pub(crate) async fn custom_indexes_are_made_once(mapper: &Mapper) {
    let schema = mapper.schema();
    assert_eq!(schema.sync_table::<Found>().await.unwrap().statements, FOUND);
    assert_eq!(schema.sync_table::<Found>().await.unwrap(), SyncReport::default());
}
