//! `cargo xtask run`: from a fresh clone to photos in a browser.
//!
//! Checks the system's packages, builds the page and the program, founds a household, imports, and then becomes the
//! serving program, so that Ctrl-C reaches it directly and it stops as it would anywhere else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::daemon::{self, Founding};
use crate::{folders, samples, shell, system, web};

const HELP: &str = "\
cargo xtask run [--home DIR] [--import DIR] [--listen ADDR] [--name HOUSEHOLD] [--account EMAIL]

Builds everything and serves a home on this machine; Ctrl-C stops it.

  --home DIR          where the household lives; made when it is not there yet.
                      Without it: a scratch home with sample photos, kept for the next time
  --import DIR        copy the photos of this folder into the home first (originals stay where they are)
  --listen ADDR       address and port to serve on (127.0.0.1:2283)
  --name HOUSEHOLD    the name of a new household
  --account EMAIL     the sign-in of a new household's first account
";

struct Plan {
    home: PathBuf,
    /// Scratch homes keep their password and phrase in files beside them; a person's own home does not.
    scratch: bool,
    import: Option<PathBuf>,
    listen: String,
    name: String,
    email: String,
}

/// Runs the verb.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some(args) = Args::new(args, HELP) else { return Ok(()) };
    let plan = plan(args)?;
    system::for_build()?;
    web::provide()?;
    println!("building the program (minutes the first time)");
    shell::run(&mut shell::cargo(&["build", "--package", "heirloom"]))?;
    let program = folders::program();
    let sign_in = found(&program, &plan)?;
    let source = match &plan.import {
        Some(dir) => Some(dir.clone()),
        None if plan.scratch => Some(samples::gather()?),
        None => None,
    };
    if let Some(source) = source {
        println!("importing {}", source.display());
        let mut import = daemon::command(&program, "import", &plan.home);
        // One bad file never stops the rest: the import has reported it, and serving goes on.
        if let Err(error) = shell::run(import.arg("--copy").arg(&source)) {
            println!("{error:#}");
        }
    }
    serve(&program, &plan, &sign_in)
}

fn plan(mut args: Args) -> Result<Plan> {
    let home = args.option("--home")?;
    let name = if home.is_none() { daemon::HOUSEHOLD } else { "Our home" };
    let plan = Plan {
        scratch: home.is_none(),
        home: match home {
            Some(dir) => absolute(&dir)?,
            None => folders::cache()?.join("sample-home/home"),
        },
        import: args.option("--import")?.map(|dir| absolute(&dir)).transpose()?,
        listen: args.option("--listen")?.unwrap_or_else(|| "127.0.0.1:2283".to_owned()),
        name: args.option("--name")?.unwrap_or_else(|| name.to_owned()),
        email: args.option("--account")?.unwrap_or_else(|| daemon::EMAIL.to_owned()),
    };
    args.finish()?;
    if let Some(dir) = plan.import.as_ref().filter(|dir| !dir.exists()) {
        bail!("there is no folder {} to import", dir.display());
    }
    Ok(plan)
}

/// Relative paths are meant from where the person stands, not from the repository.
fn absolute(dir: &str) -> Result<PathBuf> {
    std::path::absolute(dir).with_context(|| format!("{dir:?} is not a path"))
}

/// Founds the household unless it is there, and returns the lines that say how to sign in.
fn found(program: &Path, plan: &Plan) -> Result<String> {
    let folder = folders::cache()?.join("sample-home");
    // A person's own home leaves no password behind: the file lives only as long as the founding takes.
    let password_file = folder.join(if plan.scratch { "password" } else { "password-of-a-new-home" });
    if daemon::is_home(&plan.home) {
        return Ok(match fs::read_to_string(&password_file).ok().filter(|_| plan.scratch) {
            Some(password) => format!("  sign in as   {}\n  password     {}", plan.email, password.trim()),
            None => "  sign in with the e-mail address and the password of this household".to_owned(),
        });
    }
    fs::create_dir_all(&folder)?;
    let password = daemon::write_password(&password_file)?;
    let phrase_file = folder.join("phrase");
    let founding = Founding {
        name: &plan.name,
        email: &plan.email,
        password_file: &password_file,
        phrase_file: plan.scratch.then_some(phrase_file.as_path()),
    };
    let founded = daemon::init(program, &plan.home, &founding);
    if !plan.scratch {
        fs::remove_file(&password_file)?;
    }
    founded?;
    let keep = if plan.scratch { "" } else { "\n  Write both down: the password is not shown again." };
    Ok(format!("  sign in as   {}\n  password     {password}{keep}", plan.email))
}

fn serve(program: &Path, plan: &Plan, sign_in: &str) -> Result<()> {
    println!("\n  Heirloom is starting on http://{}\n\n{sign_in}\n\n  Ctrl-C stops it.\n", plan.listen);
    let mut command = daemon::command(program, "serve", &plan.home);
    command.args(["--listen", &plan.listen]);
    become_it(&mut command)
}

#[cfg(unix)]
fn become_it(command: &mut std::process::Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).context("could not start the program")
}

#[cfg(not(unix))]
fn become_it(command: &mut std::process::Command) -> Result<()> {
    shell::run(command)
}
