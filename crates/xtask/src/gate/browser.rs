//! The browser stage: real nodes on scratch homes, a real Chromium, a person's way through the page.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::schedule::Job;
use super::stages;
use crate::daemon::{self, Scratch, Serving};
use crate::{folders, samples, shell};

/// Walks through one home's page with `tests/browser/walk.mjs`, through the pages of two homes that pair and share with
/// `tests/browser/family.mjs`, and through copies and a restore on a third computer with `tests/browser/vault.mjs`;
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
    let fresh = folders::target().join("browser-new");
    fs::remove_dir_all(&fresh).ok();
    let log = folders::target().join("browser/new.log");
    let fresh = daemon::serve_with(&program, &fresh, &["--p2p-listen", "127.0.0.1:0"], &log)?;
    let mut walk = shell::command("node", &["tests/browser/vault.mjs", daemon::EMAIL]);
    for house in [&here, &there] {
        walk.args([&house.node.address, &house.scratch.password]);
    }
    walk.arg(&fresh.address).arg(phrase).arg(samples::gather()?).arg(&shots);
    let walked = job.output.run(&mut walk);
    if walked.is_err() {
        println!("--- the new node said:\n{}", fs::read_to_string(&log).unwrap_or_default());
    }
    fresh.stop()?;
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

/// A scratch home that is being served.
struct House {
    scratch: Scratch,
    node: Serving,
    log: std::path::PathBuf,
}

impl House {
    fn serve(program: &Path, scratch: Scratch, log: &str) -> Result<Self> {
        // Homes of a test find each other by invitation, on this machine only.
        let settings = "mdns = false\np2p_listen = \"127.0.0.1:0\"\n";
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
