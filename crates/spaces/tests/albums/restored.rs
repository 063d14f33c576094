//! Disks that are older than the home: nothing is lost, and nobody is confused.

use heirloom_spaces::AlbumEdit;

use crate::family::{Home, assert_equal, content, shared, sync, sync_all};

#[test]
fn a_disk_put_back_goes_on_as_a_new_incarnation() {
    let [mut anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    anna.add(&space, &["old"]);
    let copy = anna.copy_disk();
    anna.add(&space, &["lost on the disk, not at Ben's"]);
    sync(&anna, &ben);
    anna.restore_disk(&copy);
    assert_eq!(anna.names(&space), ["old"]);

    sync(&anna, &ben);
    assert_eq!(anna.album(&space).entries, 2, "Ben gives it back");
    anna.add(&space, &["new"]);
    sync(&anna, &ben);
    assert_equal(&[&anna, &ben], &space);
    assert_eq!(ben.album(&space).entries, 3);
    assert_eq!(
        ben.count(
            "SELECT count(DISTINCT incarnation) FROM album_streams s
                   JOIN album_envelopes e ON e.stream = s.number AND e.document = 'entries'"
        ),
        2
    );
    assert_eq!(
        ben.count(
            "SELECT count(*) FROM (SELECT 1 FROM album_envelopes GROUP BY stream, seq HAVING count(*) > 1)"
        ),
        0
    );
}

#[test]
fn a_stream_that_forked_is_kept_whole_and_counts_the_same_everywhere() {
    let [mut anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    anna.add(&space, &["base"]);
    sync_all(&[&anna, &ben, &carla]);
    let copy = anna.copy_disk();
    for name in ["left 1", "left 2", "left 3"] {
        anna.add(&space, &[name]);
    }
    sync(&anna, &ben);
    ben.edit(&space, &[AlbumEdit::Caption(content("left 3"), Some("seen".to_owned()))]);
    // The old disk writes before it hears of anybody.
    anna.restore_disk(&copy);
    anna.add(&space, &["right 1"]);
    anna.add(&space, &["right 2"]);
    sync(&anna, &carla);

    sync_all(&[&anna, &ben, &carla]);
    sync_all(&[&anna, &ben, &carla]);
    assert_equal(&[&anna, &ben, &carla], &space);
    for home in [&anna, &ben, &carla] {
        assert_eq!(home.count("SELECT count(*) FROM album_envelopes WHERE document = 'entries' AND bytes > 0 AND counted = 0"), 2);
    }
    let names = anna.names(&space);
    assert!(
        ["left 1", "left 2", "left 3"].iter().all(|name| names.contains(&(*name).to_owned())),
        "{names:?}"
    );
    // What lost at the fork is written again by the home that wrote it.
    assert!(["right 1", "right 2"].iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
}

#[test]
fn what_is_said_again_is_what_was_said_last() {
    let [mut anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    anna.add(&space, &["base"]);
    anna.edit(&space, &[AlbumEdit::Name { name: "Anna".to_owned() }]);
    sync_all(&[&anna, &ben, &carla]);
    let copy = anna.copy_disk();
    anna.add(&space, &["left"]);
    anna.edit(&space, &[AlbumEdit::Name { name: "Anna the second".to_owned() }]);
    sync(&anna, &ben);
    ben.edit(&space, &[AlbumEdit::Caption(content("left"), Some("seen".to_owned()))]);
    anna.restore_disk(&copy);
    // Neither of these is known to anybody when the fork is decided.
    let caption = |text: &str| AlbumEdit::Caption(content("base"), Some(text.to_owned()));
    anna.edit(&space, &[caption("first try")]);
    anna.edit(&space, &[caption("corrected")]);
    sync_all(&[&anna, &ben, &carla]);
    sync_all(&[&anna, &ben, &carla]);
    assert_equal(&[&anna, &ben, &carla], &space);
    let entry = ben.albums.entry(&space, &content("base")).unwrap().unwrap();
    assert_eq!(entry.caption.as_deref(), Some("corrected"));
    let names = carla.albums.names(&space).unwrap();
    assert!(format!("{names:?}").contains("Anna the second"), "{names:?}");
}
