//! Finding a Java 17: Cassandra 5 runs on no later one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::Stop;

/// The `java` of a JDK or JRE 17, from `JAVA_HOME`, the path, or where Debian puts them.
pub(crate) fn find() -> Result<PathBuf, Stop> {
    candidates().into_iter().find(|java| is_seventeen(java)).ok_or_else(|| {
        Stop::missing("Java 17 (Debian: openjdk-17-jre-headless; looked in JAVA_HOME, PATH and /usr/lib/jvm)")
    })
}

fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(home) = std::env::var_os("JAVA_HOME") {
        found.push(Path::new(&home).join("bin/java"));
    }
    found.push(PathBuf::from("java"));
    if let Ok(entries) = std::fs::read_dir("/usr/lib/jvm") {
        let mut installed: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path().join("bin/java")).collect();
        installed.sort();
        found.extend(installed);
    }
    found
}

fn is_seventeen(java: &Path) -> bool {
    let Ok(output) = Command::new(java).arg("-version").output() else { return false };
    names_seventeen(&String::from_utf8_lossy(&output.stderr))
}

/// Whether the answer to `java -version` is that of a 17: `openjdk version "17.0.15" 2025-04-15`.
fn names_seventeen(answer: &str) -> bool {
    let quoted = answer.split('"').nth(1).unwrap_or_default();
    quoted.split(['.', '-', '+']).next() == Some("17")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_seventeen_is_taken() {
        assert!(names_seventeen("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime"));
        assert!(names_seventeen("openjdk version \"17\" 2021-09-14"));
        assert!(names_seventeen("openjdk version \"17-ea\" 2021-09-14"));
        assert!(!names_seventeen("openjdk version \"21.0.1\" 2023-10-17"));
        assert!(!names_seventeen("java version \"1.8.0_172\""));
        assert!(!names_seventeen(""));
    }
}
