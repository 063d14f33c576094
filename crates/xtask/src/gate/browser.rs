//! The browser stage: real nodes on scratch homes, a real Chromium, a person's way through the page.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::schedule::Job;
use super::stages;
use crate::daemon::{self, Scratch, Serving};
use crate::{folders, samples, shell};

/// Walks through one home's page with `tests/browser/walk.mjs`, through the pages of two homes that pair and share with
/// `tests/browser/family.mjs`, and through copies, recovery kits and restores on two more computers with
/// `tests/browser/vault.mjs`;
/// screenshots go to `target/browser/shots`, `target/browser/family` and `target/browser/vault`.
pub(crate) fn run(job: &Job<'_>) -> Result<()> {
    stages::install(job, "tests/browser")?;
    walk(job)?;
    family(job)?;
    vault(job)
}

fn walk(job: &Job<'_>) -> Result<()> {
    let program = folders::program();
    let scratch = daemon::scratch(&program, "browser", daemon::HOUSEHOLD)?;
    let shots = folders::target().join("browser/shots");
    fs::create_dir_all(&shots)?;
    let house = House::serve(&program, scratch, "serve.log")?;
    let mut walk = shell::command(
        "node",
        &["tests/browser/walk.mjs", &house.node.address, daemon::EMAIL, &house.scratch.password],
    );
    walk.arg(samples::gather()?).arg(&shots);
    let walked = job.output.run(&mut walk);
    house.stop(&walked)?;
    walked
}

fn family(job: &Job<'_>) -> Result<()> {
    let program = folders::program();
    let here = daemon::scratch(&program, "browser-anna", "Anna's home")?;
    let there = daemon::scratch(&program, "browser-nonna", "Nonna's house")?;
    let shots = folders::target().join("browser/family");
    fs::create_dir_all(&shots)?;
    let (here, there) =
        (House::serve(&program, here, "anna.log")?, House::serve(&program, there, "nonna.log")?);
    let mut walk = shell::command("node", &["tests/browser/family.mjs", daemon::EMAIL]);
    for house in [&here, &there] {
        walk.args([&house.node.address, &house.scratch.password]);
    }
    walk.arg(samples::gather()?).arg(&shots);
    let walked = job.output.run(&mut walk);
    here.stop(&walked)?;
    there.stop(&walked)?;
    walked
}

fn vault(job: &Job<'_>) -> Result<()> {
    let program = folders::program();
    let here = daemon::scratch(&program, "browser-ward", "Anna's home")?;
    let there = daemon::scratch(&program, "browser-keeper", "Nonna's house")?;
    let shots = folders::target().join("browser/vault");
    fs::create_dir_all(&shots)?;
    let phrase = folders::target().join("browser-ward/phrase");
    let (here, there) =
        (House::serve(&program, here, "ward.log")?, House::serve(&program, there, "keeper.log")?);
    pair(&program, &here.scratch, &there.scratch)?;
    let (with_phrase, with_kit) = (Fresh::serve(&program, "new")?, Fresh::serve(&program, "kit")?);
    let mut walk = shell::command("node", &["tests/browser/vault.mjs", daemon::EMAIL]);
    for house in [&here, &there] {
        walk.args([&house.node.address, &house.scratch.password]);
    }
    walk.arg(&with_phrase.node.address).arg(&with_kit.node.address);
    walk.arg(phrase).arg(samples::gather()?).arg(&shots);
    let walked = job.output.run(&mut walk);
    with_phrase.stop(&walked)?;
    with_kit.stop(&walked)?;
    here.stop(&walked)?;
    there.stop(&walked)?;
    walked
}

/// Pairs two homes that are being served, as scripts do.
fn pair(program: &Path, inviter: &Scratch, guest: &Scratch) -> Result<()> {
    let mut invite = shell::command(program, &["peer", "invite", "--json", "--auto-confirm", "--home"]);
    let invitation: serde_json::Value = serde_json::from_str(&shell::read(invite.arg(&inviter.home))?)?;
    let link = invitation["link"].as_str().context("an invitation has a link")?;
    let mut accept = shell::command(program, &["peer", "accept", "--json", "--home"]);
    shell::read(accept.arg(&guest.home).arg(link)).map(drop)
}

/// A folder without a home whose first-run page is being served.
struct Fresh {
    node: Serving,
    log: std::path::PathBuf,
}

impl Fresh {
    fn serve(program: &Path, name: &str) -> Result<Self> {
        let folder = folders::target().join(format!("browser-{name}"));
        fs::remove_dir_all(&folder).ok();
        let log = folders::target().join(format!("browser/{name}.log"));
        let node = daemon::serve_with(program, &folder, &["--p2p-listen", "127.0.0.1:0"], &log)?;
        Ok(Self { node, log })
    }

    /// Stops the node; what it said is shown when the walk failed.
    fn stop(self, walked: &Result<()>) -> Result<()> {
        let stopped = self.node.stop();
        if walked.is_err() {
            println!("--- the new node said:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
        stopped
    }
}

/// A scratch home that is being served.
struct House {
    scratch: Scratch,
    node: Serving,
    log: std::path::PathBuf,
}

impl House {
    fn serve(program: &Path, scratch: Scratch, log: &str) -> Result<Self> {
        // Homes of a test find each other by invitation, on this machine only.
        let settings = "mdns = false\np2p_listen = \"127.0.0.1:0\"\nleave_free_mb = 16\n";
        fs::write(scratch.home.join("config.toml"), settings)?;
        let log = folders::target().join("browser").join(log);
        let node = daemon::serve(program, &scratch.home, &log)?;
        Ok(Self { scratch, node, log })
    }

    /// Stops the node; what it said is shown when the walk failed.
    fn stop(self, walked: &Result<()>) -> Result<()> {
        let stopped = self.node.stop();
        if walked.is_err() {
            println!("--- the node said:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
        stopped
    }
}
