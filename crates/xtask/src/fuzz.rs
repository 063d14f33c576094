//! `cargo xtask fuzz`: builds the fuzz targets of every package and lets each run for a while.
//!
//! A folder `fuzz` beside a package's `src` is a workspace of its own with one file a target; nothing else of the project
//! builds or checks it. A target starts from the vectors of `docs/formats` (see [`seeds`]) and from what earlier runs
//! found, which stays in `fuzz/corpus`, out of the history.

mod seeds;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::{folders, shell};

const HELP: &str = "\
cargo xtask fuzz [TARGET…] [--seconds N] [--long-inputs] [--sanitizer NAME] [--list]

Gives every reader of bytes that come from outside (peers, relays, disks, browsers, people) millions of inputs, and
fails when one panics, takes more memory than its input justifies, or reads what it would write differently. Builds all
targets first: that takes minutes the first time, and a few GB in target/fuzz.

  TARGET…           only these, as --list names them
  --seconds N       how long each runs (60)
  --long-inputs     inputs of up to 256 KiB instead of 4 KiB: slower, for limits
  --sanitizer NAME  builds with a sanitizer, such as address (none: all of this is safe Rust)
  --list            names the targets

Needs a nightly compiler and cargo-fuzz, which no other check needs and which it does not install:
  rustup toolchain install nightly --profile minimal
  cargo install cargo-fuzz

An input that breaks a target is left in fuzz/artifacts and named; it becomes a test before the fault is mended.
";

/// What cargo-fuzz builds with.
const TOOLCHAIN: &str = "+nightly";
/// Memory that one target may take in all; what one input may take, the targets count themselves.
const RSS_MB_MAX: &str = "-rss_limit_mb=1024";
/// Seconds for one input.
const INPUT_SECONDS_MAX: &str = "-timeout=10";
/// Bytes of an input, and with `--long-inputs`.
const INPUT_BYTES_MAX: [&str; 2] = ["-max_len=4096", "-max_len=262144"];

/// A target and the folder `fuzz` that it lies in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    folder: PathBuf,
    name: String,
}

/// Runs the verb.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some(mut args) = Args::new(args, HELP) else { return Ok(()) };
    let seconds = args.option("--seconds")?.unwrap_or_else(|| "60".to_owned());
    let seconds: u32 = seconds.parse().with_context(|| format!("{seconds:?} is no number of seconds"))?;
    let sanitizer = args.option("--sanitizer")?.unwrap_or_else(|| "none".to_owned());
    let long = args.switch("--long-inputs");
    let list = args.switch("--list");
    let targets = chosen(targets()?, &args.words()?)?;
    if list {
        targets.iter().for_each(|target| println!("{}", target.line()));
        return Ok(());
    }
    check_tools()?;
    let mut fuzzer =
        Fuzzer { seconds, sanitizer, bytes: INPUT_BYTES_MAX[usize::from(long)], broken: Vec::new() };
    targets.iter().try_for_each(|target| fuzzer.build(target))?;
    targets.iter().try_for_each(|target| fuzzer.run(target))?;
    if fuzzer.broken.is_empty() {
        println!("\n{} targets ran for {seconds} s each; none broke", targets.len());
        return Ok(());
    }
    bail!("these targets broke: {}; the inputs lie in fuzz/artifacts beside them", fuzzer.broken.join(", "))
}

impl Target {
    fn line(&self) -> String {
        let folder = self.folder.strip_prefix(folders::root()).unwrap_or(&self.folder);
        format!("{:<18} {}", self.name, folder.display())
    }
}

/// All targets: the files in `fuzz/fuzz_targets` of every package.
fn targets() -> Result<Vec<Target>> {
    let root = folders::root();
    let crates = fs::read_dir(root.join("crates")).context("could not list the packages")?;
    let packages = crates.flatten().map(|entry| entry.path()).chain([root.join("node")]);
    let mut targets = Vec::new();
    for folder in packages.map(|package| package.join("fuzz")) {
        let Ok(files) = fs::read_dir(folder.join("fuzz_targets")) else { continue };
        let names = files.flatten().filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
        targets.extend(names.map(|name| Target { folder: folder.clone(), name }));
    }
    targets.sort();
    Ok(targets)
}

fn chosen(all: Vec<Target>, names: &[String]) -> Result<Vec<Target>> {
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|target| target.name != **name)) {
        bail!("there is no target {unknown:?}; `cargo xtask fuzz --list` names them");
    }
    Ok(all.into_iter().filter(|target| names.is_empty() || names.contains(&target.name)).collect())
}

/// Says everything that is missing, and how to get it.
fn check_tools() -> Result<()> {
    let answers = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        command.current_dir(std::env::temp_dir()).status().is_ok_and(|status| status.success())
    };
    let mut missing = Vec::new();
    if !answers("cargo", &[TOOLCHAIN, "--version"]) {
        missing.push("a nightly compiler: `rustup toolchain install nightly --profile minimal`");
    }
    if shell::find("cargo-fuzz").is_none() {
        missing.push("cargo-fuzz: `cargo install cargo-fuzz`");
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("fuzzing needs what is not on this machine:\n  {}", missing.join("\n  "))
}

struct Fuzzer {
    seconds: u32,
    sanitizer: String,
    bytes: &'static str,
    broken: Vec<String>,
}

impl Fuzzer {
    fn build(&self, target: &Target) -> Result<()> {
        println!("building {}", target.name);
        shell::run(&mut self.cargo_fuzz("build", target))
    }

    /// Lets a target run. One that breaks is remembered, and the others run all the same.
    fn run(&mut self, target: &Target) -> Result<()> {
        let seeds = seeds::write(&target.folder, &target.name)?;
        println!("\n{}: {} s, from {seeds} seeds", target.name, self.seconds);
        let mut command = self.cargo_fuzz("run", target);
        let time = format!("-max_total_time={}", self.seconds);
        command.args(["--", &time, self.bytes, RSS_MB_MAX, INPUT_SECONDS_MAX, "-print_final_stats=1"]);
        let status = command.status().context("could not start cargo-fuzz")?;
        if !status.success() {
            self.broken.push(target.name.clone());
        }
        Ok(())
    }

    fn cargo_fuzz(&self, verb: &str, target: &Target) -> Command {
        let package = target.folder.parent().unwrap_or(Path::new("."));
        let mut command = Command::new("cargo");
        shell::forget_cargo(&mut command);
        // What `cargo xtask` runs with is another toolchain than the one that is asked for.
        command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").current_dir(package);
        command.args([TOOLCHAIN, "fuzz", verb, "--sanitizer", &self.sanitizer, "--target-dir"]);
        command.arg(folders::target().join("fuzz")).arg(&target.name);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_its_own_name_and_a_place_in_its_manifest() {
        let all = targets().unwrap();
        assert!(!all.is_empty());
        for target in &all {
            assert_eq!(all.iter().filter(|other| other.name == target.name).count(), 1, "{}", target.name);
            let manifest = fs::read_to_string(target.folder.join("Cargo.toml")).unwrap();
            assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
        }
        assert!(chosen(all, &["no such target".to_owned()]).is_err());
    }
}
