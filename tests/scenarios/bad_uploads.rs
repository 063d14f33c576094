//! Uploads that break off or bring what is no photo: refused with words, nothing left behind, node alive.

use heirloom_testkit::photo;
use serde_json::Value;

use crate::harness::{Client, TestHome, bomb_png, files_below, padded_photo};

/// Goal: an upload that is no whole photo leaves nothing, and one that is arrives all the same.
/// Method: nothing, text, nothing but a name, half a request; then a good one, twice.
#[test]
fn an_upload_is_kept_whole_or_not_at_all() {
    let home = TestHome::new();
    let served = home.serve();
    let client = Client::with_key(served.address, &home.key());
    let refused = |name: &str, bytes: &[u8], says: &str| {
        let answer = client.upload(name, bytes).unwrap();
        assert!((400..500).contains(&answer.status), "{name}: {}", answer.head);
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{name}: {message}");
    };
    refused("empty.jpg", b"", "empty");
    refused("text.jpg", b"Dear diary", "not a picture");
    refused("text.jpg", &b"Dear diary, this goes on for long. ".repeat(40_000), "not a picture");
    let large = padded_photo(1, None, 3_000_000);
    client.upload_half("half.png", &large).unwrap();
    assert_eq!(served.client().upload("stranger.png", &photo(2, None)).unwrap().status, 401);

    let answer = client.upload("good.png", &large).unwrap();
    assert_eq!((answer.status, answer.json()["status"].as_str()), (201, Some("created")));
    let again = client.upload("other name.png", &large).unwrap();
    assert_eq!((again.status, again.json()["id"].as_str()), (200, answer.json()["id"].as_str()));
    served.stop();
    assert_eq!(home.originals(), [("undated/good.png".to_owned(), large)]);
    assert_eq!(files_below(&home.root().join("inbox")).len(), 0, "drafts are left in the inbox");
    assert_eq!(home.problems(), [] as [Value; 0]);
}

/// Goal: a decompression bomb and a cut-off photo that come as uploads are kept, set aside, and harm nobody.
/// Method: upload both between two good ones; `problems` names them.
#[test]
fn a_bad_photo_is_kept_and_set_aside() {
    let home = TestHome::new();
    let served = home.serve();
    let client = Client::with_key(served.address, &home.key());
    let good = photo(1, None);
    for (name, bytes) in
        [("a.png", &good), ("bomb.png", &bomb_png()), ("half.png", &photo(2, None)[..100].to_vec())]
    {
        assert_eq!(client.upload(name, bytes).unwrap().status, 201, "{name}");
    }
    std::fs::create_dir(home.beside("nothing")).unwrap();
    // An import of nothing ends when every thumbnail is made.
    home.import(&home.beside("nothing"));
    let problems = client.get("/api/problems").unwrap().json();
    let mut names: Vec<_> =
        problems.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["bomb.png", "half.png"]);
    assert_eq!(client.upload("b.png", &photo(3, None)).unwrap().status, 201);
    served.stop();
}
