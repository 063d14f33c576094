//! `heirloom status`.

use super::{Common, output};
use crate::control::{self, Command};
use crate::status::Status;

/// Arguments of `heirloom status`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let json = arguments.common.json;
    control::run(&arguments.common.home(), &Command::Status, &mut |line| {
        if json {
            return output::json_line(&line);
        }
        match serde_json::from_value::<Status>(line) {
            Ok(status) => output::line(&describe(&status)),
            Err(error) => {
                output::line(&format!("the node answers in a form this program does not know: {error}"));
            }
        }
        true
    })
}

fn describe(status: &Status) -> String {
    let mut text = format!(
        "{}: {} ({}), {} here.",
        status.name,
        output::count(status.assets, "photo", "photos"),
        output::size(status.bytes),
        output::count(status.accounts, "person signs in", "people sign in")
    );
    let open = status.jobs.waiting + status.jobs.running;
    if open > 0 {
        text += &format!(" {open} photos wait for their thumbnail.");
    }
    if status.jobs.failed > 0 {
        text += &format!(" {} files need a look: heirloom doctor.", status.jobs.failed);
    }
    text += &format!(" {}", status.vault.sentence);
    if status.vault.complete_homes == 0 {
        text += " Until another home has everything, make backups of this folder.";
    }
    text
}
