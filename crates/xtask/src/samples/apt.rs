//! Source packages from the Debian mirror that this machine uses, through `apt-get`.
//!
//! apt gets a configuration of its own in a scratch folder: its own list of sources, state and cache. The person's
//! own configuration is only read, to learn the mirror and the release, and nothing needs to be root.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::pip::last_line;
use crate::shell;

/// Source packages that carry photos.
const SOURCES: [&str; 5] =
    ["exiv2", "libimage-exiftool-perl", "libheif", "lomiri-wallpapers", "mate-backgrounds"];

/// Downloads the source archives; returns a line for each that did not come.
pub(super) fn download(work: &Path, downloads: &Path) -> Vec<String> {
    let config = match scratch(work) {
        Ok(config) => config,
        Err(error) => return vec![format!("{} from Debian ({})", SOURCES.join(", "), last_line(&error))],
    };
    let missing = |source: &&str| {
        let args = ["source", "--quiet=2", "--download-only", "--tar-only", source];
        let failed = shell::read(apt(&config, &args).current_dir(downloads)).err()?;
        Some(format!("{source} from Debian ({})", last_line(&failed)))
    };
    SOURCES.iter().filter_map(missing).collect()
}

/// Sets up apt in a scratch folder, updates its lists, and returns its configuration file.
fn scratch(work: &Path) -> Result<std::path::PathBuf> {
    if shell::find("apt-get").is_none() {
        bail!("apt-get is not at hand");
    }
    let base = work.join("apt");
    for folder in ["lists/partial", "cache/archives/partial", "trusted"] {
        fs::create_dir_all(base.join(folder))?;
    }
    trust(&base.join("trusted"));
    let sources = sources()?;
    fs::write(base.join("sources.list"), sources)?;
    let at = |name: &str| base.join(name).display().to_string();
    let lines = [
        format!("Dir::Etc::SourceList \"{}\";", at("sources.list")),
        "Dir::Etc::SourceParts \"-\";".to_owned(),
        format!("Dir::Etc::TrustedParts \"{}\";", at("trusted")),
        format!("Dir::State::Lists \"{}\";", at("lists")),
        format!("Dir::Cache \"{}\";", at("cache")),
        "APT::Sandbox::User \"\";".to_owned(),
        "Acquire::Languages \"none\";".to_owned(),
    ];
    let config = base.join("apt.conf");
    fs::write(&config, lines.join("\n"))?;
    shell::read(&mut apt(&config, &["update", "--quiet=2"])).context("apt-get update failed")?;
    Ok(config)
}

/// Makes the keys that sign Debian's archives known to the scratch configuration.
fn trust(folder: &Path) {
    for keys in ["/usr/share/keyrings", "/etc/apt/trusted.gpg.d"] {
        for key in fs::read_dir(keys).into_iter().flatten().flatten() {
            let name = key.file_name();
            let is_archive = name.to_string_lossy().contains("archive");
            if is_archive {
                // Two folders may hold the same key; the first one does.
                drop(fs::copy(key.path(), folder.join(name)));
            }
        }
    }
}

/// The `deb-src` lines that belong to the mirrors this machine already uses.
fn sources() -> Result<String> {
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)";
    let args = ["indextargets", "--format", format, "Created-By: Packages"];
    let known = shell::read(&mut shell::command("apt-get", &args))?;
    let mut lines: Vec<String> = known.lines().filter_map(source_line).collect();
    lines.dedup();
    if lines.is_empty() {
        bail!("no mirror of Debian or Ubuntu is configured");
    }
    Ok(lines.join("\n") + "\n")
}

/// The `deb-src` line for one index that apt knows, if it is of the distribution itself.
///
/// The origin is unknown until lists were fetched; then the mirror's path tells.
fn source_line(target: &str) -> Option<String> {
    let mut words = target.split(' ');
    let (uri, release, component) = (words.next()?, words.next()?, words.next()?);
    let is_ours = match words.next() {
        Some("") | None => ["/debian", "/ubuntu"].iter().any(|end| uri.trim_end_matches('/').ends_with(end)),
        Some(origin) => matches!(origin, "Debian" | "Ubuntu"),
    };
    let is_main = matches!(component, "main" | "universe") && !release.contains(['-', '/']);
    (is_ours && is_main).then(|| format!("deb-src {uri} {release} {component}"))
}

fn apt(config: &Path, args: &[&str]) -> Command {
    let mut command = shell::command("apt-get", args);
    command.env("APT_CONFIG", config);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_distribution_itself_is_a_source() {
        let line = source_line("http://mirror/debian/ bookworm main Debian");
        assert_eq!(line.as_deref(), Some("deb-src http://mirror/debian/ bookworm main"));
        let line = source_line("http://mirror/ubuntu noble universe ");
        assert_eq!(line.as_deref(), Some("deb-src http://mirror/ubuntu noble universe"));
        for other in [
            "http://mirror/debian/ bookworm-updates main Debian",
            "http://elsewhere/apt bookworm main Somebody",
            "http://elsewhere/apt bookworm main ",
            "http://mirror/debian/ bookworm contrib Debian",
            "",
        ] {
            assert_eq!(source_line(other), None, "{other}");
        }
    }
}
