//! Prometheus and Grafana as `dashboards/docker-compose.yml` starts them: whether it can be read, and what it mounts is there and
//! fits together. Containers are not started; a machine that tests has no Docker.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::server::Programs;
use crate::debian;
use crate::process;
use crate::steps::{Outcome, Stop};
use crate::tree::Tree;

/// Docker's compose accepts the file, and what it mounts is what the containers look for.
pub(super) fn composed(tree: &Tree) -> Outcome {
    let folder = tree.root.join("dashboards");
    Programs::find(tree)?.check_config(&folder.join("prometheus.yml"))?;
    let compose = Compose::find(tree)?;
    let stack = compose.read(&folder.join("docker-compose.yml"))?;
    let files = |folder: &str| -> Result<Vec<Value>, Stop> {
        let folder = tree.root.join("dashboards/grafana/provisioning").join(folder);
        let entries = std::fs::read_dir(&folder).map_err(|error| fail(&folder, error))?;
        entries.flatten().map(|entry| compose.yaml(&entry.path())).collect()
    };
    let wrong = complaints(&stack, &files("datasources")?, &files("dashboards")?, &|path| path.exists());
    if wrong.is_empty() { Ok(String::new()) } else { Err(Stop::failed(wrong.join("\n"))) }
}

/// The dashboards are what Grafana's own types take.
pub(super) fn typed(tree: &Tree) -> Outcome {
    let folder = tree.root.join("dashboards/grafana");
    let entries = std::fs::read_dir(&folder).map_err(|error| fail(&folder, error))?;
    let pages: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    let mut command = Command::new("go");
    command.current_dir(tree.root.join("dashboards/schema")).args(["run", "."]).args(&pages);
    process::run("dashboards/schema", &mut command)?;
    Ok(format!("({} dashboards)", pages.len()))
}

fn fail(path: &Path, error: std::io::Error) -> Stop {
    Stop::failed(format!("{}: {error}", path.display()))
}

/// Debian's docker-compose, which is a Python program, with the packages it needs.
pub(in crate::layers) struct Compose {
    /// Below which the program and its packages are: the root of the file system, or where the package was unpacked.
    home: PathBuf,
    /// For what it prints.
    understood: PathBuf,
}

impl Compose {
    pub(in crate::layers) fn find(tree: &Tree) -> Result<Compose, Stop> {
        let understood = tree.target.join("docker-compose.yml");
        if Path::new("/usr/bin/docker-compose").exists() {
            return Ok(Compose { home: PathBuf::from("/"), understood });
        }
        let home = tree.target.join("docker-compose");
        if !home.join("usr/bin/docker-compose").exists() {
            debian::unpack_with_dependencies("docker-compose", &home)
                .map_err(|stop| Stop::missing(format!("docker-compose (Debian: docker-compose): {stop}")))?;
        }
        Ok(Compose { home, understood })
    }

    /// Debian's Python, which has the packages of Debian that are installed, and those that were unpacked.
    fn python(&self) -> Command {
        let mut command = Command::new("/usr/bin/python3");
        command.env("PYTHONPATH", self.home.join("usr/lib/python3/dist-packages"));
        command
    }

    /// The file as compose understands it: checked against its schema, with whole paths.
    fn read(&self, file: &Path) -> Result<Value, Stop> {
        let mut command = self.python();
        command.arg(self.home.join("usr/bin/docker-compose")).arg("--file").arg(file).arg("config");
        let mut text = String::new();
        process::run_seen("docker-compose config", &mut command, |line| {
            text.push_str(line);
            text.push('\n');
        })?;
        std::fs::write(&self.understood, text).map_err(|error| fail(&self.understood, error))?;
        self.yaml(&self.understood)
    }

    fn yaml(&self, file: &Path) -> Result<Value, Stop> {
        let program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
        let mut text = String::new();
        process::run_seen("yaml", self.python().args(["-c", program]).arg(file), |line| text.push_str(line))?;
        serde_json::from_str(&text).map_err(|error| Stop::failed(format!("{}: {error}", file.display())))
    }
}

/// What is wrong with a stack.
fn complaints(
    stack: &Value,
    sources: &[Value],
    providers: &[Value],
    exists: &dyn Fn(&Path) -> bool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let services = &stack["services"];
    // What is mounted into a service, here and there.
    let mounts = |service: &str| -> Vec<(PathBuf, String)> {
        let volumes = services[service]["volumes"].as_array().into_iter().flatten();
        let parts = volumes.filter_map(|volume| volume.as_str()?.strip_suffix(":ro")?.split_once(':'));
        parts.map(|(here, there)| (here.into(), there.to_owned())).collect()
    };
    // Where a path of a container is here.
    let here = |service: &str, path: &str| -> Option<PathBuf> {
        mounts(service).into_iter().find_map(|(here, there)| {
            let rest = path.strip_prefix(&there)?;
            match rest.strip_prefix('/') {
                None if rest.is_empty() => Some(here),
                None => None,
                Some(rest) => Some(here.join(rest)),
            }
        })
    };
    let mut wants = |service: &str, path: &str| match here(service, path) {
        Some(file) if exists(&file) => {}
        Some(file) => {
            wrong.push(format!("{service} looks for {path}, which is {}, which is not there", file.display()))
        }
        None => wrong.push(format!("{service} looks for {path}, where nothing is mounted")),
    };
    let command = services["prometheus"]["command"].as_array().into_iter().flatten();
    let config = command.filter_map(|word| word.as_str()?.strip_prefix("--config.file=")).next();
    wants("prometheus", config.unwrap_or("no configuration"));
    wants("prometheus", "/etc/prometheus/rules/chorus.rules.yml");
    // Where Grafana looks unless it is told otherwise.
    wants("grafana", "/etc/grafana/provisioning/datasources");
    wants("grafana", "/etc/grafana/provisioning/dashboards");
    let home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str();
    wants("grafana", home.unwrap_or("no dashboard to begin with"));
    let folders = providers.iter().flat_map(|file| file["providers"].as_array().into_iter().flatten());
    let folders: Vec<&str> = folders.filter_map(|provider| provider["options"]["path"].as_str()).collect();
    folders.iter().for_each(|folder| wants("grafana", folder));
    if folders.is_empty() {
        wrong.push("no dashboards are provided".to_owned());
    }
    let reached =
        sources.iter().flat_map(|file| file["datasources"].as_array().into_iter().flatten()).any(|source| {
            source["type"] == "prometheus"
                && source["access"] == "proxy"
                && source["url"]
                    .as_str()
                    .and_then(|url| url.strip_prefix("http://")?.split_once(':'))
                    .is_some_and(|(host, port)| services[host].is_object() && port == "9090")
        });
    if !reached {
        wrong.push("no data source leads to a Prometheus of the stack".to_owned());
    }
    // Everybody on the machine may look, and nobody else: there is no password.
    for service in ["prometheus", "grafana"] {
        let ports = services[service]["ports"].as_array().into_iter().flatten();
        for port in ports.filter_map(Value::as_str).filter(|port| !port.starts_with("127.0.0.1:")) {
            wrong.push(format!("{service} listens at {port}"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stack_that_does_not_fit_together_is_found_out() {
        let stack = json!({ "services": {
            "prometheus": { "command": ["--config.file=/etc/prometheus/prometheus.yml"], "ports": ["127.0.0.1:9090:9090/tcp"],
                "volumes": ["/d/prometheus.yml:/etc/prometheus/prometheus.yml:ro", "/d/rules:/etc/prometheus/rules:ro"] },
            "grafana": { "environment": { "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": "/var/lib/grafana/chorus/o.json" },
                "volumes": ["/d/grafana/provisioning:/etc/grafana/provisioning:ro", "/d/grafana:/var/lib/grafana/chorus:ro"] },
        } });
        let sources = [
            json!({ "datasources": [{ "type": "prometheus", "access": "proxy", "url": "http://prometheus:9090" }] }),
        ];
        let providers = [json!({ "providers": [{ "options": { "path": "/var/lib/grafana/chorus" } }] })];
        let right = complaints(&stack, &sources, &providers, &|_| true);
        assert!(right.is_empty(), "{right:?}");
        assert_eq!(
            complaints(&stack, &sources, &providers, &|path| path != Path::new("/d/grafana/o.json")).len(),
            1
        );
        assert_eq!(complaints(&stack, &[], &[], &|_| true).len(), 2);
        let mut open = stack.clone();
        open["services"]["grafana"]["ports"] = json!(["3000:3000/tcp"]);
        open["services"]["prometheus"]["volumes"] = json!([]);
        assert_eq!(complaints(&open, &sources, &providers, &|_| true).len(), 3);
    }
}
