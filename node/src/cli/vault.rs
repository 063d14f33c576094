//! `heirloom vault status | ask | keep | leave | drop | allow-deletion | refuse-deletion | run | audit | drill | repair |
//! write-usb | target | kit | newer`.

mod kit;
mod newer;
mod show;

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use super::{Common, output};
use crate::control::vault::Bucket;
use crate::control::{self, Command, VaultCommand};
use crate::vault::amount;

/// Arguments of `heirloom vault`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// How safe the photos are, and where the copies are.
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// Ask another home to keep copies. Somebody there decides.
    Ask {
        #[command(flatten)]
        common: Common,
        /// Its id, the beginning of that, or its name.
        peer: String,
        /// How much space, like 500GB or 1.5TiB; enough for what is here and some more when absent.
        #[arg(long, value_name = "AMOUNT", value_parser = amount::parse)]
        bytes: Option<u64>,
    },
    /// Keep copies for another home, or change how much.
    Keep {
        #[command(flatten)]
        common: Common,
        /// Its id, the beginning of that, or its name.
        peer: String,
        /// How much space, like 500GB or 1.5TiB; as much as it asked for when absent.
        #[arg(long, value_name = "AMOUNT", value_parser = amount::parse)]
        quota: Option<u64>,
    },
    /// No longer have another home keep copies. It holds what is there for 30 days more.
    Leave {
        #[command(flatten)]
        common: Common,
        /// Its id, the beginning of that, or its name.
        peer: String,
    },
    /// No longer keep copies for another home, or say no to it. What is here is held for 30 days more.
    Drop {
        #[command(flatten)]
        common: Common,
        /// Its id, the beginning of that, or its name.
        ward: String,
    },
    /// Let another home delete much of what is kept for it here. Ask its people first whether it was they.
    AllowDeletion(Deletion),
    /// Keep what another home wants deleted here.
    RefuseDeletion(Deletion),
    /// Copy what is not where it should be yet; returns when everything that can be reached now has it and has proved it.
    Run {
        #[command(flatten)]
        common: Common,
    },
    /// Have every place prove that it still has what it took.
    Audit {
        #[command(flatten)]
        common: Common,
    },
    /// Fetch some photos back and compare them with what they must be.
    Drill {
        #[command(flatten)]
        common: Common,
    },
    /// Read every original here, and bring back what is damaged or gone.
    Repair {
        #[command(flatten)]
        common: Common,
    },
    /// Write what is kept for another home to a disk, to be carried there. Run it again to go on, or to check the disk.
    WriteUsb {
        #[command(flatten)]
        common: Common,
        /// Its id, the beginning of that, or its name.
        ward: String,
        /// A folder on the disk.
        dir: PathBuf,
    },
    /// Disks and buckets of your own that hold a copy, too.
    #[command(subcommand)]
    Target(Target),
    /// Recovery kits: the power of the recovery phrase, shared among your family.
    #[command(subcommand)]
    Kit(kit::Kit),
    /// Newer states of this home that other homes and disks have, as after a restore from an older one.
    #[command(subcommand)]
    Newer(newer::Newer),
}

/// Which deletion.
#[derive(Debug, clap::Args)]
struct Deletion {
    #[command(flatten)]
    common: Common,
    /// The home's id, the beginning of that, or its name.
    ward: String,
    /// The other way round: it is about what that home keeps for this one.
    #[arg(long)]
    of_ours: bool,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Have copies go to a folder on another disk, too.
    Add {
        #[command(flatten)]
        common: Common,
        /// The folder; made if it isn't there.
        folder: PathBuf,
    },
    /// Have copies go to a bucket of an S3-compatible store, too.
    AddS3 {
        #[command(flatten)]
        common: Common,
        /// The store's address, like https://s3.example.org.
        #[arg(long, value_name = "URL")]
        endpoint: String,
        /// The bucket, which must exist.
        #[arg(long)]
        bucket: String,
        /// What the names in it begin with.
        #[arg(long, default_value = "")]
        prefix: String,
        /// The store's region; us-east-1 when absent.
        #[arg(long, default_value = "")]
        region: String,
        /// Who you are there.
        #[arg(long, value_name = "KEY")]
        access_key: String,
        /// A file with the secret key, or - for standard input.
        #[arg(long, value_name = "FILE")]
        secret_key_file: PathBuf,
        /// Use no more of it than this, like 500GB.
        #[arg(long, value_name = "AMOUNT", value_parser = amount::parse)]
        limit: Option<u64>,
    },
    /// No longer use a folder or a bucket. What is there stays.
    Remove {
        #[command(flatten)]
        common: Common,
        /// The folder, the bucket, or the number that `heirloom vault status` shows.
        target: String,
    },
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        self.common().json
    }

    fn common(&self) -> &Common {
        match &self.verb {
            Verb::Status { common }
            | Verb::Ask { common, .. }
            | Verb::Keep { common, .. }
            | Verb::Leave { common, .. }
            | Verb::Drop { common, .. }
            | Verb::AllowDeletion(Deletion { common, .. })
            | Verb::RefuseDeletion(Deletion { common, .. })
            | Verb::Run { common }
            | Verb::Audit { common }
            | Verb::Drill { common }
            | Verb::Repair { common }
            | Verb::WriteUsb { common, .. }
            | Verb::Target(
                Target::Add { common, .. } | Target::AddS3 { common, .. } | Target::Remove { common, .. },
            ) => common,
            Verb::Kit(kit) => kit.common(),
            Verb::Newer(newer) => newer.common(),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let common = arguments.common();
    let command = command(&arguments.verb)?;
    let asked = Command::Vault(command.clone());
    if common.json {
        return control::run(&common.home(), &asked, &mut |line| {
            line.get("stage").is_some() || output::json_line(&line)
        });
    }
    let bar = output::bar(None, show::doing(&command));
    let outcome = control::run(&common.home(), &asked, &mut |line| {
        if line.get("stage").is_some() {
            show::progress(&bar, &line);
        } else {
            bar.finish_and_clear();
            show::answer(&command, &line);
        }
        true
    });
    bar.finish_and_clear();
    outcome?;
    show::done(&command);
    Ok(())
}

fn command(verb: &Verb) -> anyhow::Result<VaultCommand> {
    Ok(match verb {
        Verb::Status { .. } => VaultCommand::Status,
        Verb::Ask { peer, bytes, .. } => VaultCommand::Ask { household: peer.clone(), bytes: *bytes },
        Verb::Keep { peer, quota, .. } => VaultCommand::Keep { household: peer.clone(), quota: *quota },
        Verb::Leave { peer, .. } => VaultCommand::Leave { household: peer.clone() },
        Verb::Drop { ward, .. } => VaultCommand::Drop { household: ward.clone() },
        Verb::AllowDeletion(deletion) => deletion.answered(true),
        Verb::RefuseDeletion(deletion) => deletion.answered(false),
        Verb::Run { .. } => VaultCommand::Run,
        Verb::Audit { .. } => VaultCommand::Audit,
        Verb::Drill { .. } => VaultCommand::Drill,
        Verb::Repair { .. } => VaultCommand::Repair,
        Verb::WriteUsb { ward, dir, .. } => {
            VaultCommand::WriteUsb { ward: ward.clone(), to: control::path_bytes(dir)? }
        }
        Verb::Target(target) => about_target(target)?,
        Verb::Kit(kit) => VaultCommand::Kit(kit.command()?),
        Verb::Newer(newer) => VaultCommand::Newer(newer.command()?),
    })
}

impl Deletion {
    fn answered(&self, allow: bool) -> VaultCommand {
        VaultCommand::AnswerDeletion { household: self.ward.clone(), of_ours: self.of_ours, allow }
    }
}

fn about_target(target: &Target) -> anyhow::Result<VaultCommand> {
    Ok(match target {
        Target::Add { folder, .. } => VaultCommand::AddFolder { folder: control::path_bytes(folder)? },
        Target::AddS3 { endpoint, bucket, prefix, region, access_key, secret_key_file, limit, .. } => {
            VaultCommand::AddBucket(Bucket {
                endpoint: endpoint.clone(),
                bucket: bucket.clone(),
                prefix: prefix.clone(),
                region: region.clone(),
                access_key: access_key.clone().into(),
                secret_key: output::read_secret(secret_key_file).context("the secret key")?,
                bytes_max: *limit,
            })
        }
        Target::Remove { target, .. } => VaultCommand::RemoveTarget { target: target.clone() },
    })
}
