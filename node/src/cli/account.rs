//! `heirloom account add | list | reset-password | api-key`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;

use super::{Common, output};
use crate::control::{self, Command};

/// Arguments of `heirloom account`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Let another person of the household sign in.
    Add {
        #[command(flatten)]
        common: Common,
        /// Their email.
        email: String,
        /// Their name, as the page shows it.
        #[arg(long)]
        name: Option<String>,
        /// A file with their password, or - for standard input.
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        /// They may manage accounts too.
        #[arg(long)]
        admin: bool,
    },
    /// Who signs in here.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Give someone a new password and sign them out everywhere.
    ResetPassword {
        #[command(flatten)]
        common: Common,
        /// Their email.
        email: String,
        /// A file with the new password, or - for standard input.
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// Make a key that a program can use instead of a password; shown once.
    ApiKey {
        #[command(flatten)]
        common: Common,
        /// Whom it stands for.
        email: String,
        /// What it is for.
        #[arg(long, default_value = "a program")]
        name: String,
    },
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        self.common().json
    }

    fn common(&self) -> &Common {
        match &self.verb {
            Verb::Add { common, .. }
            | Verb::List { common }
            | Verb::ResetPassword { common, .. }
            | Verb::ApiKey { common, .. } => common,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let common = arguments.common();
    let command = command(&arguments.verb)?;
    control::run(&common.home(), &command, &mut |line| {
        if common.json {
            return output::json_line(&line);
        }
        output::line(&describe(&line));
        true
    })?;
    if matches!(arguments.verb, Verb::ResetPassword { .. }) && !common.json {
        output::line("The password is changed; every session of this person has ended.");
    }
    Ok(())
}

fn command(verb: &Verb) -> anyhow::Result<Command> {
    Ok(match verb {
        Verb::Add { email, name, password_file, admin, .. } => Command::AccountAdd {
            email: email.clone(),
            name: name.clone(),
            password: output::read_secret(password_file)?,
            admin: *admin,
        },
        Verb::List { .. } => Command::AccountList,
        Verb::ResetPassword { email, password_file, .. } => Command::AccountResetPassword {
            email: email.clone(),
            password: output::read_secret(password_file)?,
        },
        Verb::ApiKey { email, name, .. } => {
            Command::AccountApiKey { email: email.clone(), name: name.clone() }
        }
    })
}

fn describe(line: &Value) -> String {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
    if line.get("api_key").is_some() {
        return format!("The key, shown this once: {}", text("api_key"));
    }
    let admin = line.get("admin").and_then(Value::as_bool).unwrap_or(false);
    let manages = if admin { "  (manages accounts)" } else { "" };
    format!("{}  {}  library/{}{manages}", text("name"), text("email"), text("folder"))
}
