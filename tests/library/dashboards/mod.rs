//! The files in `dashboards/` are what the catalogue of metrics says.
//!
//! `CHORUS_WRITE_DOCS=1 cargo test -p chorus-cql --test library dashboards` writes them anew.

mod grafana;
mod rules;

use std::path::Path;

use chorus::metrics::catalog::DASHBOARDS;

/// A file below `dashboards/`, and what stands in it.
struct Generated {
    path: String,
    text: String,
}

fn generated() -> Vec<Generated> {
    let mut files: Vec<Generated> = DASHBOARDS
        .iter()
        .map(|dashboard| Generated {
            path: format!("grafana/{}.json", dashboard.uid),
            text: grafana::dashboard(dashboard),
        })
        .collect();
    files.push(Generated { path: "rules/chorus.rules.yml".into(), text: rules::rules() });
    files.push(Generated { path: "rules/chorus.test.yml".into(), text: rules::tests() });
    files
}

#[test]
fn dashboards_and_rules_are_what_the_catalogue_says() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    for Generated { path, text } in generated() {
        let file = home.join(&path);
        if std::env::var_os("CHORUS_WRITE_DOCS").is_some() {
            std::fs::write(&file, &text).expect("dashboards is writable");
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        // In which order an object's fields are written depends on who else is compiled along.
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let same = committed == text || (path.ends_with(".json") && parsed(&committed) == parsed(&text));
        assert!(same, "dashboards/{path} is out of date: see tests/library/dashboards/mod.rs");
    }
}
