//! A household's photos as encrypted copies in another node over the network, and back on a new computer, against restic
//! (through a server of its kind) and borg (through a pipe to `borg serve`) on the same disk and the same photos.
//!
//! One round: the amount makes it long. What our nodes do with the photos before (thumbnails, index) is not part of it;
//! what they copy besides the originals (previews, databases) is. Both sides' processor time and memory count.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::measure::{self, Spent};
use super::vault;
use super::{Measured, ingest};
use crate::daemon::{self, Serving};
use crate::{folders, shell};

/// Where restic's server listens.
const SERVER: &str = "127.0.0.1:18273";
/// How often a server is asked whether it is there, and how long between.
const KNOCKS_MAX: usize = 100;
const KNOCK_EVERY: Duration = Duration::from_millis(100);

/// What a way there and back took, on both sides together.
struct Figures {
    name: &'static str,
    backup: Spent,
    restore: Spent,
    stored: u64,
}

/// Runs the bench.
pub(crate) fn measure() -> Result<Measured> {
    let program = ingest::build_program()?;
    vault::provide(&["restic", "borg", "rclone"], &["restic", "borgbackup", "rclone"]);
    let place = folders::target().join("bench/vault-node");
    fs::remove_dir_all(&place).ok();
    let bytes = vault::size()?;
    let homes = Homes::found(&program, &place, bytes)?;
    let mut all = vec![homes.measure()?];
    let library = homes.ward.join("library");
    if shell::find("restic").is_some() && shell::find("rclone").is_some() {
        all.push(restic(&library, &place)?);
    }
    if shell::find("borg").is_some() {
        all.push(borg(&library, &place)?);
    }
    for figures in &all {
        println!("  {}: {:.1} s", figures.name, figures.backup.wall.as_secs_f64());
    }
    for folder in ["bench/vault-node", "bench/vault-ward", "bench/vault-keeper"] {
        fs::remove_dir_all(folders::target().join(folder)).ok();
    }
    Ok(tell(&all, bytes))
}

/// Two households on the loopback.
struct Homes<'a> {
    program: &'a Path,
    ward: PathBuf,
    keeper: PathBuf,
    place: &'a Path,
}

impl<'a> Homes<'a> {
    /// Founds both, and imports the photos into one of them.
    fn found(program: &'a Path, place: &'a Path, bytes: u64) -> Result<Self> {
        let found = |name, household| -> Result<PathBuf> {
            let home = daemon::scratch(program, name, household)?.home;
            fs::write(home.join("config.toml"), "mdns = false\np2p_listen = \"127.0.0.1:0\"\n")?;
            Ok(home)
        };
        let ward = found("bench/vault-ward", "The Smiths")?;
        let keeper = found("bench/vault-keeper", "Nonna")?;
        let homes = Self { program, ward, keeper, place };
        let photos = vault::make_photos(place, bytes)?;
        println!("importing them");
        homes.say("import", &homes.ward, &[photos.as_ref()])?;
        fs::remove_dir_all(photos)?;
        Ok(homes)
    }

    fn measure(&self) -> Result<Figures> {
        let (ward, keeper) = (self.serve(&self.ward)?, self.serve(&self.keeper)?);
        let [ward_id, keeper_id] = [self.household(&self.ward)?, self.household(&self.keeper)?];
        let link = self.invite(&["--auto-confirm"])?;
        self.say("peer accept", &self.ward, &[link.as_ref()])?;
        self.say("vault ask", &self.ward, &[keeper_id.as_ref(), "--bytes".as_ref(), "100GB".as_ref()])?;
        let nodes = [ward.id(), keeper.id()];
        let backup = over(&nodes, || {
            self.say("vault keep", &self.keeper, &[ward_id.as_ref(), "--quota".as_ref(), "100GB".as_ref()])?;
            self.say("vault run", &self.ward, &[])
        })?;
        self.expect_safe()?;
        let stored = vault::size_of(&self.keeper.join("kept"))?;
        ward.stop()?;
        let link = self.invite(&[])?;
        let (mut back, new) = (Spent::NOTHING, self.place.join("new"));
        let nodes = over(&[keeper.id()], || {
            let mut restore = shell::command(self.program, &["restore", "--json", "--home"]);
            restore.arg(&new).arg("--phrase-file").arg(self.ward.with_file_name("phrase"));
            restore.args(["--from", &link, "--p2p-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
            back = measure::spent(restore.stdout(Stdio::null()))?;
            Ok(())
        })?;
        if vault::count(&new.join("library"))? != vault::count(&self.ward.join("library"))? {
            bail!("the restored library has another number of files");
        }
        keeper.stop()?;
        fs::remove_dir_all(&new)?;
        fs::remove_dir_all(&self.keeper)?;
        Ok(Figures { name: "ours", backup, restore: back.beside(&nodes), stored })
    }

    fn serve(&self, home: &Path) -> Result<Serving> {
        daemon::serve(self.program, home, &home.with_file_name("log"))
    }

    fn say(&self, verb: &str, home: &Path, rest: &[&Path]) -> Result<()> {
        let mut command = Command::new(self.program);
        command.args(verb.split(' ')).arg("--json").arg("--home").arg(home).args(rest);
        shell::run(command.stdout(Stdio::null()))
    }

    fn ask(&self, verb: &str, home: &Path, rest: &[&str]) -> Result<Value> {
        let mut command = Command::new(self.program);
        command.args(verb.split(' ')).arg("--json").arg("--home").arg(home).args(rest);
        serde_json::from_str(&shell::read(&mut command)?).context("--json prints JSON")
    }

    fn invite(&self, more: &[&str]) -> Result<String> {
        let said = self.ask("peer invite", &self.keeper, more)?;
        Ok(said["link"].as_str().context("an invitation has a link")?.to_owned())
    }

    fn household(&self, home: &Path) -> Result<String> {
        let said = self.ask("status", home, &[])?;
        Ok(said["household"].as_str().context("a home has a household")?.to_owned())
    }

    fn expect_safe(&self) -> Result<()> {
        let said = self.ask("vault status", &self.ward, &[])?;
        if said["complete_homes"].as_u64() != Some(1) {
            bail!("not every photo is complete in the other home: {said}");
        }
        Ok(())
    }
}

fn restic(library: &Path, place: &Path) -> Result<Figures> {
    let store = place.join("store");
    fs::create_dir_all(&store)?;
    let server = Server::start(&store)?;
    let repo = format!("rest:http://{SERVER}/");
    shell::run(vault::restic_on(Path::new(&repo), &["init"]).stdout(Stdio::null()))?;
    let (there, back) = (&mut vault::restic_on(Path::new(&repo), &["backup", "."]), place.join("back"));
    let backup = server.beside(|| synced(there.current_dir(library)))?;
    let mut restoring = vault::restic_on(Path::new(&repo), &["restore", "latest", "--target"]);
    let restore = server.beside(|| synced(restoring.arg(&back)))?;
    finish("restic", backup, restore, &store, &back)
}

fn borg(library: &Path, place: &Path) -> Result<Figures> {
    // Borg calls what it takes for ssh with the name of the machine first.
    let pipe = place.join("pipe");
    fs::write(&pipe, "#!/bin/sh\nshift\nexec \"$@\"\n")?;
    fs::set_permissions(&pipe, fs::Permissions::from_mode(0o755))?;
    let (store, back) = (place.join("store"), place.join("back"));
    fs::create_dir_all(&back)?;
    let archive = format!("ssh://here{}::photos", store.display());
    let repo = format!("ssh://here{}", store.display());
    let on = |words: &[&str]| {
        let mut command = vault::borg_on(words);
        command.env("BORG_RSH", &pipe);
        command
    };
    shell::run(on(&["init", "--encryption=repokey-blake2"]).arg(&repo))?;
    let backup = synced(on(&["create", "--compression=none"]).arg(&archive).arg(".").current_dir(library))?;
    let restore = synced(on(&["extract"]).arg(&archive).current_dir(&back))?;
    finish("borg", backup, restore, &store, &back)
}

fn finish(name: &'static str, backup: Spent, restore: Spent, store: &Path, back: &Path) -> Result<Figures> {
    let stored = vault::size_of(store)?;
    fs::remove_dir_all(store)?;
    fs::remove_dir_all(back)?;
    Ok(Figures { name, backup, restore, stored })
}

/// Runs a command that leaves its bytes in memory, until they are on the medium.
fn synced(command: &mut Command) -> Result<Spent> {
    let started = Instant::now();
    let spent = measure::spent(command.stdout(Stdio::null()))?;
    shell::run(&mut shell::command("sync", &[]))?;
    Ok(Spent { wall: started.elapsed(), ..spent })
}

/// What running processes take while something is done.
fn over(nodes: &[u32], work: impl FnOnce() -> Result<()>) -> Result<Spent> {
    let cpu = || nodes.iter().map(|node| measure::cpu_of(*node)).sum::<Result<Duration>>();
    let (before, started) = (cpu()?, Instant::now());
    work()?;
    let wall = started.elapsed();
    let resident_bytes_max = nodes.iter().map(|node| measure::peak_of(*node)).sum();
    Ok(Spent { wall, cpu: cpu()?.saturating_sub(before), resident_bytes_max })
}

/// A server that keeps restic's packs, ended when dropped.
struct Server(Child);

impl Server {
    fn start(store: &Path) -> Result<Self> {
        let mut command = shell::command("rclone", &["serve", "restic", "--addr", SERVER]);
        let child = command.arg(store).stderr(Stdio::null()).spawn().context("could not start rclone")?;
        let server = Self(child);
        for _ in 0..KNOCKS_MAX {
            if std::net::TcpStream::connect(SERVER).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(KNOCK_EVERY);
        }
        bail!("rclone does not answer on {SERVER}; is the port taken?")
    }

    /// What a client takes together with this.
    fn beside(&self, client: impl FnOnce() -> Result<Spent>) -> Result<Spent> {
        let mut spent = Spent::NOTHING;
        let server = over(&[self.0.id()], || {
            spent = client()?;
            Ok(())
        })?;
        Ok(spent.beside(&server))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn tell(all: &[Figures], bytes: u64) -> Measured {
    let (mut rows, mut told) = (Vec::new(), json!({ "bytes": bytes }));
    let megabytes = |bytes: u64| bytes / 1_000_000;
    for figures in all {
        let (there, back) = (&figures.backup, &figures.restore);
        rows.push(vec![
            figures.name.to_owned(),
            format!("{:.1}", there.wall.as_secs_f64()),
            format!("{:.1}", there.cpu.as_secs_f64()),
            megabytes(there.resident_bytes_max).to_string(),
            megabytes(figures.stored).to_string(),
            format!("{:.1}", back.wall.as_secs_f64()),
            format!("{:.1}", back.cpu.as_secs_f64()),
            megabytes(back.resident_bytes_max).to_string(),
        ]);
        told[figures.name] = json!({
            "backup_s": there.wall.as_secs_f64(), "backup_cpu_s": there.cpu.as_secs_f64(),
            "backup_mb_max": megabytes(there.resident_bytes_max), "stored_mb": megabytes(figures.stored),
            "restore_s": back.wall.as_secs_f64(), "restore_cpu_s": back.cpu.as_secs_f64(),
            "restore_mb_max": megabytes(back.resident_bytes_max),
        });
    }
    Measured {
        title: format!("{} MB of photos to another node and back: both sides, one round", megabytes(bytes)),
        head: vec!["with", "s", "cpu s", "MB held", "MB stored", "s back", "cpu s back", "MB held"],
        rows,
        json: told,
    }
}
