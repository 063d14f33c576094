//! Packages of the operating system: what the build and the tests need, and how to get it.
//!
//! As root on Debian or its descendants the missing ones are installed; anywhere else one line is printed that a
//! person can type. Nothing here touches a machine that lacks nothing.

use anyhow::{Context, Result, bail};

use crate::shell;

/// The oldest Node.js that the web page's tools run on.
const NODE_MIN: (u32, u32) = (20, 19);

/// A program and the Debian package that brings it.
struct Need {
    program: &'static str,
    package: &'static str,
}

const BUILD: &[Need] = &[
    Need { program: "cc", package: "build-essential" },
    Need { program: "c++", package: "build-essential" },
    Need { program: "make", package: "build-essential" },
    Need { program: "cmake", package: "cmake" },
    Need { program: "nasm", package: "nasm" },
    Need { program: "ffmpeg", package: "ffmpeg" },
];

const TESTS: &[Need] = &[
    Need { program: "chromium", package: "chromium" },
    Need { program: "exiftool", package: "libimage-exiftool-perl" },
    Need { program: "heif-convert", package: "libheif-examples" },
    Need { program: "vips", package: "libvips-tools" },
    Need { program: "ip", package: "iproute2" },
    Need { program: "nft", package: "nftables" },
];

/// Makes sure of what a build needs.
pub(crate) fn for_build() -> Result<()> {
    check_node()?;
    provide(BUILD.iter())
}

/// Makes sure of what a build and all the tests need.
pub(crate) fn for_tests() -> Result<()> {
    check_node()?;
    provide(BUILD.iter().chain(TESTS))
}

fn provide<'a>(needs: impl Iterator<Item = &'a Need>) -> Result<()> {
    let mut packages: Vec<&str> =
        needs.filter(|need| shell::find(need.program).is_none()).map(|need| need.package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let line = packages.join(" ");
    if !(shell::find("apt-get").is_some() && is_root()) {
        let prefix = if shell::find("apt-get").is_some() {
            "type: sudo apt-get install"
        } else {
            "on Debian they are called:"
        };
        bail!("some programs are missing; {prefix} {line}");
    }
    println!("installing system packages: {line}");
    apt(&["update", "-qq"])?;
    let mut install = vec!["install", "--yes", "-qq", "--no-install-recommends"];
    install.extend(packages);
    apt(&install)
}

fn apt(args: &[&str]) -> Result<()> {
    let mut command = shell::command("apt-get", args);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdout(std::process::Stdio::null());
    shell::run(&mut command)
}

fn is_root() -> bool {
    shell::read(&mut shell::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0")
}

fn check_node() -> Result<()> {
    let advice = format!("install Node.js {}.{} or newer (with npm)", NODE_MIN.0, NODE_MIN.1);
    let said = shell::read(&mut shell::command("node", &["--version"])).context(advice.clone())?;
    let version = parse_version(&said).with_context(|| format!("node says it is {said:?}"))?;
    if version < NODE_MIN {
        bail!("this is Node.js {}, too old for the web page's tools: {advice}", said.trim());
    }
    shell::find("npm").map(drop).context(advice)
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_of_node() {
        assert_eq!(parse_version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(parse_version("v22"), None);
        assert!(parse_version("v18.19.0").unwrap() < NODE_MIN);
    }
}
