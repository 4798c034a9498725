//! Cassandra's jars, fetched once with Maven and kept in the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::steps::Stop;
use crate::tree::Tree;

const POM: &str = include_str!("../../cassandra/pom.xml");

/// A directory with every jar of the version that `xtask/cassandra/pom.xml` names.
pub(crate) fn fetch(tree: &Tree) -> Result<PathBuf, Stop> {
    let home = tree.target.join("cassandra");
    let jars = home.join(format!("jars-{}", version(POM)));
    if jars.is_dir() {
        return Ok(jars);
    }
    // Fetched beside and renamed when whole, so that an interrupted download is not taken for a class path.
    let partial = home.join(format!("fetching-{}", std::process::id()));
    std::fs::create_dir_all(&partial)
        .map_err(|error| Stop::failed(format!("{}: {error}", partial.display())))?;
    println!("    fetching Cassandra {} and its dependencies with Maven", version(POM));
    let fetched = process::run("mvn dependency:copy-dependencies", &mut maven(tree, &partial)).map_err(
        |stop| match stop {
            Stop::Missing(_) => Stop::missing("Maven, which fetches Cassandra's jars (Debian: maven)"),
            failed => failed,
        },
    );
    let placed = fetched.and_then(|()| {
        match std::fs::rename(&partial, &jars) {
            Ok(()) => Ok(()),
            // Another run was faster; its jars are as good.
            Err(_) if jars.is_dir() => Ok(()),
            Err(error) => Err(Stop::failed(format!("{}: {error}", jars.display()))),
        }
    });
    let _ = std::fs::remove_dir_all(&partial);
    placed.map(|()| jars)
}

fn maven(tree: &Tree, into: &Path) -> Command {
    let mut command = Command::new("mvn");
    command
        .args(["--batch-mode", "--quiet", "--file"])
        .arg(tree.root.join("xtask/cassandra/pom.xml"))
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", into.display()));
    command
}

/// The version of the dependency, which is the last `<version>` of the pom.
fn version(pom: &str) -> &str {
    let after = pom.rsplit("<version>").next().unwrap_or_default();
    after.split('<').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pom_names_one_released_cassandra_five() {
        assert!(version(POM).starts_with("5."), "{}", version(POM));
        assert_eq!(POM.matches("<dependency>").count(), 1);
    }
}
