//! Programs of Debian packages, without installing them.

use std::path::Path;
use std::process::Command;

use crate::process;
use crate::steps::Stop;

/// Downloads a package and unpacks it into `home`: nothing is installed and no service starts.
pub(crate) fn unpack(package: &str, home: &Path) -> Result<(), Stop> {
    fetch(home, || Ok(vec![package.to_owned()]))
}

/// The same with those of the packages it depends on that this machine lacks.
pub(crate) fn unpack_with_dependencies(package: &str, home: &Path) -> Result<(), Stop> {
    fetch(home, || needed(package))
}

fn fetch(home: &Path, packages: impl Fn() -> Result<Vec<String>, Stop>) -> Result<(), Stop> {
    let fail = |error: std::io::Error| Stop::failed(format!("{}: {error}", home.display()));
    let _ = std::fs::remove_dir_all(home);
    std::fs::create_dir_all(home).map_err(fail)?;
    let download = || {
        let mut command = Command::new("apt-get");
        process::run("apt-get download", command.args(["download", "-q"]).args(packages()?).current_dir(home))
    };
    // A machine whose package lists are old or absent needs them first.
    if download().is_err() {
        process::run("apt-get update", Command::new("apt-get").args(["update", "-qq"]))?;
        download()?;
    }
    let mut unpacked = 0;
    for path in std::fs::read_dir(home).map_err(fail)?.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "deb") {
            continue;
        }
        process::run("dpkg-deb", Command::new("dpkg-deb").arg("--extract").arg(&path).arg(home))?;
        std::fs::remove_file(&path).map_err(fail)?;
        unpacked += 1;
    }
    if unpacked == 0 { Err(Stop::failed("apt-get downloaded no package")) } else { Ok(()) }
}

/// What an installation would bring: lines such as `Inst libogg0 (1.3.5-3 Debian:12.15/oldstable [amd64])`.
fn needed(package: &str) -> Result<Vec<String>, Stop> {
    let mut packages = Vec::new();
    let mut command = Command::new("apt-get");
    command.args(["install", "--simulate", "--no-install-recommends", package]);
    process::run_seen("apt-get install --simulate", &mut command, |line| {
        packages.extend(to_install(line).map(str::to_owned));
    })?;
    if packages.is_empty() { Err(Stop::failed(format!("apt-get knows no {package}"))) } else { Ok(packages) }
}

fn to_install(line: &str) -> Option<&str> {
    line.strip_prefix("Inst ")?.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::to_install;

    #[test]
    fn packages_are_read_from_what_apt_would_do() {
        assert_eq!(to_install("Inst libogg0 (1.3.5-3 Debian:12.15/oldstable [amd64])"), Some("libogg0"));
        assert_eq!(to_install("Conf libogg0 (1.3.5-3 Debian:12.15/oldstable [amd64])"), None);
    }
}
