//! `cargo xtask`: everything a person types in this repository, as one program.
//!
//! One verb is one file: [`run`] (try it), [`gate`] (`cargo xtask test`), [`mod@bench`], [`web`], [`samples`], [`openapi`],
//! [`simulate`], [`fuzz`].
//! Below them stand helpers without a verb: [`system`] (packages of the operating system), [`tools`] (programs built
//! with cargo), [`npm`], [`daemon`] (the program `heirloom` as a child process), [`folders`], [`shell`] and [`args`].
//!
//! It knows nothing of the other crates and uses no library but `anyhow` and `serde_json`, so that it compiles in
//! seconds on a bare machine: it must run before anything else can be built.
#![expect(clippy::print_stdout, reason = "a command-line tool talks on standard output")]

mod args;
mod bench;
mod daemon;
mod folders;
mod fuzz;
mod gate;
mod npm;
mod openapi;
mod run;
mod samples;
mod shell;
mod simulate;
mod system;
mod tools;
mod web;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask VERB

  run      build everything, make a home with sample photos, serve it     run --help
  test     run every check of the project                                 test --help
  bench    measure, print a table, write target/bench.json                bench --help
  web      build the web page                                             web --help
  samples  gather the sample photos                                       samples --help
  openapi  write docs/openapi.json and the page's client from the code    openapi --help
  simulate play seeded histories of homes that share albums           simulate --help
  fuzz     give every reader of bytes from outside millions of inputs     fuzz --help
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let Some((verb, rest)) = args.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match verb.as_str() {
        "run" => run::run(rest),
        "test" => gate::run(rest),
        "bench" => bench::run(rest),
        "web" => web::run(rest),
        "samples" => samples::run(rest),
        "openapi" => openapi::run(rest),
        "simulate" => simulate::run(rest),
        "fuzz" => fuzz::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("there is no verb {other:?}\n\n{HELP}"),
    }
}
