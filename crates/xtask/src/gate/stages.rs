//! What the gate checks, in order.

use std::process::Command;

use anyhow::{Context, Result};

use super::output;
use super::schedule::Job;
use crate::{npm, openapi, samples, shell, system, tools};

/// Which lane a stage runs in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// One after the other, printing live: cargo's folder has one lock.
    Cargo,
    /// Beside it, printing into a log: npm and downloads.
    Side,
}

/// One stage.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) lane: Lane,
    /// Stages that must have passed; each stands before this one in the list.
    pub(crate) after: &'static [&'static str],
    /// Stages that must have ended, well or not, because two at once would only slow each other down.
    pub(crate) behind: &'static [&'static str],
    pub(crate) work: fn(&Job<'_>) -> Result<()>,
}

/// All stages. What a person breaks most often and what takes least time comes first.
pub(crate) static STAGES: &[Stage] = &[
    stage("system", "packages of the operating system", Lane::Cargo, &[], |_| system::for_tests()),
    stage("web-build", "install the page's packages, build the page", Lane::Side, &[], web_build),
    stage("fmt", "rustfmt", Lane::Cargo, &[], fmt),
    stage("samples", "gather the sample photos", Lane::Side, &["system"], gather_samples),
    stage("deny", "doors, licences and sources of dependencies", Lane::Cargo, &["system"], deny),
    stage("clippy", "compiler and clippy, no warnings", Lane::Cargo, &["system", "web-build"], clippy),
    stage("web-check", "types of the page", Lane::Side, &["web-build"], web_check),
    stage("web-test", "vitest", Lane::Side, &["web-build"], web_test),
    stage("rustdoc", "documentation, no warnings", Lane::Cargo, &["system", "web-build"], rustdoc),
    stage("build", "programs and tests", Lane::Cargo, &["system", "web-build"], build),
    stage(
        "nextest",
        "unit, property, vector, tidy and whole-program tests",
        Lane::Cargo,
        &["build", "samples"],
        nextest,
    ),
    stage("crash", "kill the real process again and again", Lane::Cargo, &["build", "samples"], crash),
    stage("net", "homes behind routers, in networks of namespaces", Lane::Cargo, &["build"], net),
    stage("doctest", "examples in the documentation", Lane::Cargo, &["build"], doctest),
    stage("openapi", "the committed interface is the code's", Lane::Cargo, &["build"], |_| openapi::check()),
    Stage {
        // Networks of namespaces ask for their packets in time.
        behind: &["net"],
        ..stage(
            "browser",
            "a person's way through the page",
            Lane::Side,
            &["build", "samples"],
            super::browser::run,
        )
    },
];

const fn stage(
    name: &'static str,
    about: &'static str,
    lane: Lane,
    after: &'static [&'static str],
    work: fn(&Job<'_>) -> Result<()>,
) -> Stage {
    Stage { name, about, lane, after, behind: &[], work }
}

fn fmt(job: &Job<'_>) -> Result<()> {
    job.output.run(&mut shell::cargo(&["fmt", "--all", "--check"])).context("`cargo fmt` puts it right")
}

fn deny(job: &Job<'_>) -> Result<()> {
    let mut command =
        shell::command(tools::provide(&tools::DENY)?, &["--config", ".cargo/deny.toml", "check"]);
    // A crate may give its licence as a text instead of a name; the text is recognised and checked all the same.
    command.args(["--allow", "no-license-field", "bans", "licenses", "sources"]);
    job.output.run(&mut command)
}

fn clippy(job: &Job<'_>) -> Result<()> {
    let args =
        ["clippy", "--workspace", "--all-targets", "--keep-going", "--quiet", "--", "--deny", "warnings"];
    job.output.run(&mut locked(&args))
}

fn rustdoc(job: &Job<'_>) -> Result<()> {
    let mut command = locked(&["doc", "--workspace", "--no-deps", "--keep-going", "--quiet"]);
    job.output.run(command.env("RUSTDOCFLAGS", "--deny warnings"))
}

fn build(job: &Job<'_>) -> Result<()> {
    job.output.run(&mut locked(&["build", "--workspace", "--all-targets", "--quiet"]))
}

fn nextest(job: &Job<'_>) -> Result<()> {
    run_profile(job, "default")
}

fn crash(job: &Job<'_>) -> Result<()> {
    run_profile(job, if job.long { "crash-long" } else { "crash" })
}

fn net(job: &Job<'_>) -> Result<()> {
    run_profile(job, "net")
}

fn run_profile(job: &Job<'_>, profile: &str) -> Result<()> {
    // Started by its path, because a tool in the cache folder is not on cargo's path; it finds cargo by itself.
    let program = tools::provide(&tools::NEXTEST)?;
    let args = ["nextest", "run", "--workspace", "--profile", profile, "--no-tests", "pass", "--cargo-quiet"];
    let mut command = shell::command(program, &args);
    shell::forget_cargo(&mut command);
    if job.long {
        command.env("HEIRLOOM_TEST_LONG", "1");
    }
    let (tally, verdict) = output::run_nextest(&mut command)?;
    job.count(tally);
    verdict
}

fn doctest(job: &Job<'_>) -> Result<()> {
    job.output.run(&mut locked(&["test", "--workspace", "--doc", "--quiet"]))
}

fn web_build(job: &Job<'_>) -> Result<()> {
    install(job, "web")?;
    match npm::build() {
        Some(mut build) => job.output.run(&mut build),
        None => Ok(()),
    }
}

fn web_check(job: &Job<'_>) -> Result<()> {
    job.output.run(&mut npm::npm("web", &["run", "--silent", "check"]))
}

fn web_test(job: &Job<'_>) -> Result<()> {
    job.output.run(&mut npm::npm("web", &["run", "--silent", "test"]))
}

/// Sources of samples that cannot be reached are said and passed over: tests skip what is not there.
fn gather_samples(_: &Job<'_>) -> Result<()> {
    if let Err(error) = samples::gather() {
        println!("some sample photos are missing, tests that want them look at others: {error:#}");
    }
    Ok(())
}

/// Installs the npm packages of a folder, when its lock file asks for others than are there.
pub(crate) fn install(job: &Job<'_>, folder: &str) -> Result<()> {
    let Some(mut install) = npm::install(folder) else { return Ok(()) };
    job.output.run(&mut install)?;
    npm::installed(folder)
}

/// Cargo; where nobody edits, `Cargo.lock` must already say everything.
fn locked(args: &[&str]) -> Command {
    let mut args = args.to_vec();
    if std::env::var_os("CI").is_some() {
        args.insert(1, "--locked");
    }
    shell::cargo(&args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_waits_only_for_earlier_ones() {
        for (at, stage) in STAGES.iter().enumerate() {
            for need in stage.after.iter().chain(stage.behind) {
                assert!(
                    STAGES[..at].iter().any(|earlier| earlier.name == *need),
                    "{} after {need}",
                    stage.name
                );
            }
        }
    }
}
