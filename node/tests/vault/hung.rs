//! A folder on a share of the network that does not answer: nobody waits for it for ever, and it is said.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use heirloom::vault::audits::{self, Scope};
use heirloom::vault::place::Limited;
use heirloom::vault::status::status;
use heirloom_store::RealDisk;
use heirloom_vault::folder::{Expected, MARKER_NAME};
use heirloom_vault::policy::Policy;
use heirloom_vault::store::Place;
use heirloom_vault::target::FolderTarget;
use heirloom_vault::{Target, TargetError};
use tokio_util::sync::CancellationToken;

use crate::homes::{Scratch, add_folder, household, photo, photos, run};

/// Makes a folder hang: whoever reads its marker waits until somebody writes into it.
struct Hung {
    folder: PathBuf,
    marker: Vec<u8>,
}

impl Hung {
    fn begin(folder: &Path) -> Self {
        let marker = folder.join(MARKER_NAME);
        let hung = Self { folder: folder.to_owned(), marker: std::fs::read(&marker).unwrap() };
        std::fs::remove_file(&marker).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&marker).status().unwrap().success());
        hung
    }

    /// The share answers again, also those who have been waiting for it.
    fn end(self) {
        let (marker, pipe) = (self.folder.join(MARKER_NAME), self.folder.join("pipe"));
        std::fs::rename(&marker, &pipe).unwrap();
        std::fs::write(&marker, &self.marker).unwrap();
        // It opens once somebody reads, as those who wait do.
        drop(OpenOptions::new().write(true).open(&pipe).unwrap());
    }
}

/// Goal: a folder that never answers costs a run, a check and the page some seconds and no copy, and the other folder gets
/// everything; nothing counts as lost; people are told; when it answers it gets what it missed. Method: a pipe in the place of
/// the folder's marker, which holds whoever reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_does_not_answer_holds_up_nobody() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..3);
    let (well, folder) = (scratch.beside("well"), scratch.beside("share"));
    let (id_well, id) = (add_folder(&home, &well), add_folder(&home, &folder));
    run(&home).await;
    let counts = |id| {
        let overview = home.vault.store.overview(home.vault.engine.now(), &Policy::default()).unwrap();
        overview.targets[&id]
    };
    assert_eq!((counts(id_well).photos, counts(id).photos), (3, 3));

    let hung = Hung::begin(&folder);
    let limit = Duration::from_millis(200);
    let expected = Expected { household: household(&home), disks: Vec::new() };
    let target = FolderTarget::new(folder.clone(), expected, Arc::new(RealDisk), Arc::new(|| 0)).unwrap();
    let target: Arc<dyn Target> = Arc::new(Limited::new(target, limit));
    let place = Place::Folder(folder.to_str().unwrap().to_owned());
    home.vault.engine.hold_open(id, place, Arc::clone(&target));
    photo(&home, 50);
    let report = run(&home).await;
    assert_eq!(counts(id_well).photos, 4, "{report:?}");
    assert_eq!((counts(id).photos, counts(id).lost), (3, 0), "{report:?}");
    let audited = audits::run(&home, Scope::Everything, 1, &CancellationToken::new()).await.unwrap();
    assert_eq!((audited.wrong, audited.missing), (0, 0), "{audited:?}");
    let said = |home: &Arc<heirloom::home::Home>| {
        let places = status(home).unwrap().targets;
        places.into_iter().find(|place| place.place.ends_with("share")).unwrap().state
    };
    let state = said(&home);
    assert!(state.contains("does not answer") && state.contains("Nothing is lost"), "{state}");
    assert_eq!(target.heads().await, Err(TargetError::DiskAbsent), "it is not waited for again");

    hung.end();
    let answers = async {
        while target.state().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::wait::PATIENCE, answers).await.expect("it answers");
    run(&home).await;
    assert_eq!((counts(id).photos, counts(id).lost), (4, 0));
    assert_eq!(said(&home), "ok");
}
