//! Looking after what came from other homes: the doctor knows it, an export holds it.

use heirloom::care::doctor::examine;
use heirloom::care::export::export;
use heirloom_identity::Role;

use crate::family::{Place, picture, two};

fn problems(place: &Place) -> Vec<String> {
    let found = examine(&place.home, true, &mut |_| true).unwrap();
    found.problems.into_iter().filter(|problem| problem.kind != "disk").map(|problem| problem.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_and_an_export_know_what_others_shared() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea");
    let (asset, content) = anna.photo(1);
    anna.add(&space, asset);
    anna.share(&space, &ben, Role::Viewer);
    ben.has_entry(&space, &content).await;
    ben.until("the original", || ben.home.ledger.shared_file(&content).unwrap().is_some()).await;
    assert_eq!(problems(&ben), [""; 0]);

    for place in [&anna, &ben] {
        let folder = tempfile::tempdir().unwrap();
        let mut lines = Vec::new();
        let summary = export(&place.home, folder.path(), &mut |line| {
            lines.push(line.clone());
            true
        });
        assert_eq!(summary.unwrap().failed, 0, "{lines:?}");
        let album = folder.path().join("albums").join("Sea");
        assert_eq!(std::fs::read(album.join("IMG_1.png")).unwrap(), picture(1));
        let described = std::fs::read_to_string(album.join("album.json")).unwrap();
        assert!(described.contains("\"title\": \"Sea\"") && described.contains("IMG_1.png"), "{described}");
        let again = export(&place.home, folder.path(), &mut |_| true).unwrap();
        assert_eq!((again.copied, again.failed), (0, 0), "what is there is not copied again");
    }

    let file = ben.home.ledger.shared_file(&content).unwrap().unwrap();
    std::fs::write(ben.home.layout.original(&file.path), picture(2)).unwrap();
    assert_eq!(problems(&ben), ["shared-changed"]);
    std::fs::write(ben.home.layout.library().join("shared").join("stray.png"), b"?").unwrap();
    assert!(problems(&ben).contains(&"unknown-file".to_owned()));
}
