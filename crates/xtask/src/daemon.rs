//! The program `heirloom` as a child process: making a home, importing, serving, stopping.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{folders, shell};

/// The account that sample homes are made with.
pub(crate) const EMAIL: &str = "you@home.example";

/// The name of a household made of sample photos.
pub(crate) const HOUSEHOLD: &str = "The Sample family";

/// `heirloom ARGS`.
pub(crate) fn command(program: &Path, verb: &str, home: &Path) -> Command {
    let mut command = shell::command(program, &[verb, "--home"]);
    command.arg(home);
    command
}

/// Whether a household was founded in this folder.
pub(crate) fn is_home(home: &Path) -> bool {
    home.join("home.sqlite").is_file()
}

/// Founds a household in `home`. With a file for the phrase it says nothing and returns the program's JSON.
pub(crate) fn init(program: &Path, home: &Path, founding: &Founding<'_>) -> Result<String> {
    let mut command = command(program, "init", home);
    command.args(["--name", founding.name, "--account", founding.email]);
    command.arg("--password-file").arg(founding.password_file);
    match founding.phrase_file {
        Some(file) => shell::read(command.arg("--json").arg("--phrase-file").arg(file)),
        // The program shows the phrase and may ask whether it was written down.
        None => shell::run(command.stdin(Stdio::inherit())).map(|()| String::new()),
    }
}

/// What a household is founded with.
pub(crate) struct Founding<'a> {
    pub(crate) name: &'a str,
    pub(crate) email: &'a str,
    pub(crate) password_file: &'a Path,
    /// Where the recovery phrase goes; without it the program shows it on the terminal, once.
    pub(crate) phrase_file: Option<&'a Path>,
}

/// Writes a fresh password to a file that only its owner may read.
pub(crate) fn write_password(file: &Path) -> Result<String> {
    let password = shell::password()?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(file).with_context(|| format!("could not write {}", file.display()))?;
    writeln!(out, "{password}")?;
    Ok(password)
}

/// A scratch home under `target/`, made anew.
pub(crate) struct Scratch {
    pub(crate) home: PathBuf,
    pub(crate) password: String,
    /// The id of its one account.
    pub(crate) account: String,
}

/// Throws `target/NAME` away and founds a household there.
pub(crate) fn scratch(program: &Path, name: &str, household: &str) -> Result<Scratch> {
    let dir = folders::target().join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("could not clear {}", dir.display()))?;
    }
    fs::create_dir_all(&dir)?;
    let password_file = dir.join("password");
    let password = write_password(&password_file)?;
    let phrase_file = dir.join("phrase");
    let home = dir.join("home");
    let founding = Founding {
        name: household,
        email: EMAIL,
        password_file: &password_file,
        phrase_file: Some(&phrase_file),
    };
    let said: Value =
        serde_json::from_str(&init(program, &home, &founding)?).context("init --json prints JSON")?;
    let account = said["account"].as_str().context("init --json names the account")?.to_owned();
    Ok(Scratch { home, password, account })
}

/// A node that serves; stopped when dropped.
pub(crate) struct Serving {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
}

/// Starts serving a home on a free port and waits until it says where; what else it says goes to `log`.
pub(crate) fn serve(program: &Path, home: &Path, log: &Path) -> Result<Serving> {
    serve_with(program, home, &[], log)
}

/// As [`serve`], with more arguments.
pub(crate) fn serve_with(program: &Path, home: &Path, more: &[&str], log: &Path) -> Result<Serving> {
    let mut command = command(program, "serve", home);
    command.args(["--listen", "127.0.0.1:0"]).args(more);
    command.stdout(Stdio::piped()).stderr(fs::File::create(log)?);
    let mut child = command.spawn().context("could not start the program")?;
    let stdout = child.stdout.take().context("the program has no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    let address = lines.by_ref().map_while(Result::ok).find_map(|line| address_in(&line));
    let Some(address) = address else {
        child.kill().ok();
        let status = child.wait()?;
        bail!("the program stopped ({status}) before it listened: {}", fs::read_to_string(log)?.trim());
    };
    // Later lines must be read, or the program would stop at a full pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Ok(Serving { child, address })
}

fn address_in(line: &str) -> Option<String> {
    let at = line.find("listening on http://")?;
    let address = line[at + "listening on ".len()..].split_whitespace().next()?;
    Some(address.trim_end_matches('/').to_owned())
}

impl Serving {
    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and waits until it has; fails when it does not end well.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        shell::run(&mut shell::command("kill", &["-TERM", &pid]))?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the program did not stop cleanly ({status})");
        }
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill and both calls do nothing.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address() {
        let line = "listening on http://127.0.0.1:40123";
        assert_eq!(address_in(line).as_deref(), Some("http://127.0.0.1:40123"));
        assert_eq!(address_in("opening the home"), None);
    }
}
