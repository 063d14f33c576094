//! Places of this household's own: folders and buckets.

use heirloom_vault::policy::Standing;
use heirloom_vault::store::{Place, TargetRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::Gathered;
use crate::api::dates::iso;
use crate::vault::place::{self, Seen};

/// What is said of a folder on a disk or share that hangs.
const SILENT: &str =
    "It does not answer: the disk, the network share or its cable may be broken. Nothing is lost.";

/// A folder or a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceNow {
    /// Its number.
    pub id: String,
    /// `folder` or `s3`.
    pub kind: &'static str,
    /// The folder, or the bucket.
    pub place: String,
    /// `ok`, `full`, `diskAbsent`, `leaving`, or what went wrong.
    pub state: String,
    /// Packs that it proved.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it last proved something.
    pub last_proven_at: Option<String>,
}

impl Gathered<'_> {
    pub(super) fn places(&self) -> Vec<PlaceNow> {
        let own = self.rows.iter().filter(|row| row.household().is_none());
        own.map(|row| self.place(row)).collect()
    }

    fn place(&self, row: &TargetRow) -> PlaceNow {
        let counts = self.counts(row.id);
        PlaceNow {
            id: row.id.to_string(),
            kind: if matches!(row.place, Place::S3(_)) { "s3" } else { "folder" },
            place: self.place_name(&row.place),
            state: self.place_state(row).to_owned(),
            packs: counts.packs,
            bytes: counts.bytes,
            last_proven_at: counts.last_proven_ms.map(iso),
        }
    }

    fn place_state<'r>(&self, row: &'r TargetRow) -> &'r str {
        let seen = match &row.place {
            Place::Folder(folder) => place::folder_seen(self.home, folder),
            Place::S3(_) | Place::Household(_) => Seen::There,
        };
        match (&row.trouble, row.absent_ms, row.full_ms, seen) {
            _ if row.standing == Standing::Leaving => "leaving",
            (_, _, _, Seen::Silent) => SILENT,
            (_, Some(_), _, _) => "diskAbsent",
            (_, _, Some(_), _) => "full",
            (Some(trouble), ..) => trouble.as_str(),
            (None, None, None, Seen::Gone) => "diskAbsent",
            (None, None, None, Seen::There) => "ok",
        }
    }
}
