//! Dashboards as Grafana imports them: the schema that old and new versions read.

use chorus::metrics::catalog::{Dashboard, Form, Panel, PanelUnit};
use serde_json::{Value, json};

/// Columns of Grafana's grid.
const WIDTH: usize = 24;

pub(super) fn dashboard(dashboard: &Dashboard) -> String {
    let mut panels = Vec::new();
    let (mut id, mut y) = (0, 0);
    let mut next_id = || {
        id += 1;
        id
    };
    for row in dashboard.rows {
        panels.push(json!({
            "type": "row", "id": next_id(), "title": row.title, "collapsed": false, "panels": [],
            "gridPos": { "x": 0, "y": y, "w": WIDTH, "h": 1 },
        }));
        y += 1;
        let (mut x, mut tallest) = (0, 0);
        for panel in row.panels {
            let (width, height) = size(panel, row.panels.len());
            if x + width > WIDTH {
                (x, y, tallest) = (0, y + tallest, 0);
            }
            panels.push(picture(panel, next_id(), json!({ "x": x, "y": y, "w": width, "h": height })));
            x += width;
            tallest = tallest.max(height);
        }
        y += tallest;
    }
    let page = json!({
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["chorus", "cql"],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": { "from": "now-30m", "to": "now" },
        "timezone": "browser",
        "links": [{
            "type": "dashboards", "tags": ["chorus"], "title": "Chorus", "asDropdown": true,
            "includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link", "tooltip": "",
        }],
        "annotations": { "list": [] },
        "templating": { "list": [
            { "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus" },
            variable("job", "Job", "label_values(chorus_build_info, job)"),
            variable("instance", "Instance", "label_values(chorus_build_info{job=~\"$job\"}, instance)"),
        ] },
        "panels": panels,
    });
    let mut text = serde_json::to_string_pretty(&page).expect("it is a tree");
    text.push('\n');
    text
}

fn variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name, "label": label, "type": "query", "datasource": datasource(),
        "query": { "query": query, "refId": name }, "refresh": 2, "sort": 1,
        "multi": true, "includeAll": true, "allValue": ".*",
        "current": { "text": ["All"], "value": ["$__all"] },
    })
}

fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn size(panel: &Panel, in_row: usize) -> (usize, usize) {
    match panel.form {
        Form::Number => ((WIDTH / in_row.max(1)).clamp(3, 6), 4),
        Form::Lines | Form::Stack => (8, 8),
    }
}

fn picture(panel: &Panel, id: usize, place: Value) -> Value {
    let targets: Vec<Value> = panel
        .series
        .iter()
        .enumerate()
        .map(|(at, series)| {
            json!({
                "refId": char::from(b'A' + at as u8).to_string(),
                "datasource": datasource(),
                "expr": series.query.promql("$__rate_interval", "job=~\"$job\",instance=~\"$instance\""),
                "legendFormat": series.name,
                "range": true,
            })
        })
        .collect();
    let unit = match panel.unit {
        PanelUnit::Count => "short",
        PanelUnit::PerSecond => "cps",
        PanelUnit::Seconds => "s",
        PanelUnit::Bytes => "bytes",
        PanelUnit::BytesPerSecond => "Bps",
        PanelUnit::Share => "percentunit",
    };
    let (form, custom, options) = match panel.form {
        Form::Number => (
            "stat",
            json!({}),
            json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "graphMode": "area", "colorMode": "value", "textMode": "auto", "justifyMode": "auto", "orientation": "auto",
                "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
            }),
        ),
        form => {
            let stack = form == Form::Stack;
            (
                "timeseries",
                json!({
                    "drawStyle": "line", "lineWidth": 1, "showPoints": "never", "spanNulls": true,
                    "fillOpacity": if stack { 60 } else { 0 },
                    "stacking": { "mode": if stack { "normal" } else { "none" }, "group": "A" },
                }),
                json!({
                    "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                    "tooltip": { "mode": "multi", "sort": "desc" },
                }),
            )
        }
    };
    json!({
        "type": form,
        "id": id,
        "title": panel.title,
        "description": panel.help,
        "datasource": datasource(),
        "gridPos": place,
        "targets": targets,
        "fieldConfig": { "defaults": { "unit": unit, "min": 0, "custom": custom }, "overrides": [] },
        "options": options,
    })
}
