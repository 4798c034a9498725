//! Programs of Debian packages, without installing them.

use std::path::Path;
use std::process::Command;

use crate::process;
use crate::steps::Stop;

/// Downloads a package and unpacks it into `home`: nothing is installed and no service starts.
pub(crate) fn unpack(package: &str, home: &Path) -> Result<(), Stop> {
    let _ = std::fs::remove_dir_all(home);
    std::fs::create_dir_all(home).map_err(|error| Stop::failed(format!("{}: {error}", home.display())))?;
    let download = || {
        process::run(
            "apt-get download",
            Command::new("apt-get").args(["download", "-q", package]).current_dir(home),
        )
    };
    // A machine whose package lists are old or absent needs them first.
    if download().is_err() {
        process::run("apt-get update", Command::new("apt-get").args(["update", "-qq"]))?;
        download()?;
    }
    let entries =
        std::fs::read_dir(home).map_err(|error| Stop::failed(format!("{}: {error}", home.display())))?;
    let package = entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| Stop::failed("apt-get downloaded no package"))?;
    process::run("dpkg-deb", Command::new("dpkg-deb").arg("--extract").arg(package).arg(home))
}
