//! One file, now.

use std::sync::Arc;

use heirloom::ledger::albums::Keep;
use heirloom::ledger::shared_files::FileKind;
use heirloom::sharing::demand::{self, Unreachable};
use heirloom_identity::Role;

use crate::family::{picture, two};

#[tokio::test(flavor = "multi_thread")]
async fn an_original_comes_when_it_is_looked_at_and_is_not_kept() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea");
    ben.home.ledger.set_keep(space, Keep::Demand).unwrap();
    let (asset, content) = anna.photo(1);
    anna.add(&space, asset);
    anna.share(&space, &ben, Role::Viewer);
    let entry = ben.has_entry(&space, &content).await;
    let album = Arc::new(ben.has_album(&space).await);
    let two = tokio::join!(
        demand::file(&ben.home, &album, &entry, FileKind::Original),
        demand::file(&ben.home, &album, &entry, FileKind::Original),
    );
    let path = two.0.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), picture(1));
    assert_eq!(path, two.1.unwrap(), "both waited for one fetch");
    assert!(path.starts_with(ben.home.layout.inbox()), "it lies here for a while and is not kept");
    assert_eq!(ben.home.ledger.shared_file(&content).unwrap(), None);
    let preview = demand::file(&ben.home, &album, &entry, FileKind::Preview).await.unwrap();
    assert!(preview.starts_with(ben.home.layout.cache()), "pictures stay");

    // With the other home off, what lies here is there, and the rest says why not.
    anna.stop().await;
    let (_, gone) = (content, ben.network.connection(&album.membership.owner.unwrap()));
    drop(gone);
    ben.until("Anna is off", || ben.network.connection(&album.membership.owner.unwrap()).is_none()).await;
    std::fs::remove_file(path).unwrap();
    let off = demand::file(&ben.home, &album, &entry, FileKind::Original).await;
    assert_eq!(off, Err(Unreachable::Off));
}
