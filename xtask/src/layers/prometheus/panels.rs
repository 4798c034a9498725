//! The expressions of the dashboards, as a Prometheus can be asked them.

use serde_json::Value;

use crate::steps::Stop;
use crate::tree::Tree;

/// One question of a panel.
pub(super) struct Question {
    /// Dashboard and panel.
    pub(super) panel: String,
    pub(super) expression: String,
}

/// Those of every dashboard below `dashboards/grafana`.
pub(super) fn questions(tree: &Tree) -> Result<Vec<Question>, Stop> {
    let folder = tree.root.join("dashboards/grafana");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| Stop::failed(format!("{}: {error}", folder.display())))?;
    let mut questions = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))?;
        let page: Value = serde_json::from_str(&text)
            .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))?;
        questions.extend(of_dashboard(&page));
    }
    Ok(questions)
}

fn of_dashboard(page: &Value) -> Vec<Question> {
    let mut questions = Vec::new();
    for panel in page["panels"].as_array().into_iter().flatten() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let Some(expression) = target["expr"].as_str() else { continue };
            // What Grafana puts in for its variables.
            let expression = expression
                .replace("$__rate_interval", "10s")
                .replace("$job", ".*")
                .replace("$instance", ".*");
            let name = |of: &Value| of["title"].as_str().unwrap_or_default().to_owned();
            questions.push(Question { panel: format!("{}: {}", name(page), name(panel)), expression });
        }
    }
    questions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_found_with_their_variables_filled_in() {
        let page = serde_json::json!({ "title": "Load", "panels": [
            { "type": "row" },
            { "title": "Rows", "targets": [{ "expr": "rate(x{job=~\"$job\"}[$__rate_interval])" }] },
        ] });
        let questions = of_dashboard(&page);
        assert_eq!(questions.len(), 1);
        assert_eq!(questions[0].panel, "Load: Rows");
        assert_eq!(questions[0].expression, "rate(x{job=~\".*\"}[10s])");
    }
}
