//! Everything about one photo.

use heirloom_catalog::{AssetRef, DatedBy, Derivation, Marks};
use heirloom_identity::Hashes;

use crate::home::{Home, account, arrival, at};

#[test]
fn what_goes_in_comes_out() {
    let home = Home::new();
    let photo = arrival(1, 5);
    let derivation = Derivation {
        width: 6000,
        height: 4000,
        duration_ms: None,
        taken_local_ms: Some(at(2024, 5, 3, 12)),
        offset_minutes: Some(-90),
        latitude: Some(-33.5),
        longitude: Some(151.25),
        make: Some("FUJIFILM".to_owned()),
        model: Some("X-T5".to_owned()),
        lens: Some("XF 23mm".to_owned()),
        f_number: Some(1.4),
        focal_length_mm: Some(23.0),
        exposure_seconds: Some(0.004),
        iso: Some(400),
        description: Some("In the garden\n".to_owned()),
        rating: Some(4),
        thumbhash: Some(vec![9; 25]),
        colour: Some([1, 2, 3]),
        version: 3,
        warnings: vec!["the embedded date has no zone".to_owned()],
    };
    home.catalog.insert_derived(photo.clone(), derivation).unwrap();
    let detail = home.catalog.asset(&AssetRef::Uuid(photo.asset)).unwrap().unwrap();
    assert_eq!(home.catalog.asset(&AssetRef::Local(1)).unwrap().unwrap(), detail);
    assert_eq!((detail.content, detail.sha1, detail.account), (photo.content, photo.sha1, photo.account));
    assert_eq!((detail.width, detail.height, detail.version), (Some(6000), Some(4000), 3));
    assert_eq!(detail.taken_utc_ms(), at(2024, 5, 3, 13) + 30 * 60_000);
    assert_eq!((detail.latitude, detail.longitude), (Some(-33.5), Some(151.25)));
    assert_eq!((detail.caption.as_deref(), detail.rating), (Some("In the garden"), Some(4)));
    assert_eq!((detail.f_number, detail.iso, detail.colour), (Some(1.4), Some(400), Some([1, 2, 3])));
    assert_eq!((detail.dated_by, detail.month, detail.bytes), (DatedBy::Metadata, 202_405, 1_001));
    assert_eq!(detail.warnings, ["the embedded date has no zone"]);

    let marks = Marks { caption: Some("Roses".to_owned()), rating: Some(0), ..Marks::default() };
    home.mark(1, marks);
    let detail = home.catalog.asset(&AssetRef::Local(1)).unwrap().unwrap();
    assert_eq!((detail.caption.as_deref(), detail.rating), (Some("Roses"), None));
    home.mark(1, Marks::default());
    let detail = home.catalog.asset(&AssetRef::Local(1)).unwrap().unwrap();
    assert_eq!((detail.caption.as_deref(), detail.rating), (Some("In the garden"), Some(4)));
}

#[test]
fn an_address_names_a_photo_either_way() {
    let photo = arrival(7, 0);
    assert_eq!("7".parse(), Ok(AssetRef::Local(7)));
    assert_eq!(photo.asset.to_string().parse(), Ok(AssetRef::Uuid(photo.asset)));
    for text in ["", "-1", "+1", "4294967296", "x", "7 "] {
        assert!(text.parse::<AssetRef>().is_err(), "{text:?}");
    }
}

#[test]
fn originals_are_known_by_sha1() {
    let home = Home::new();
    let photos = [arrival(1, 0), arrival(2, 0)];
    home.catalog.insert(&photos).unwrap();
    let unknown = Hashes::of(b"unknown").sha1;
    let answers = home.catalog.by_sha1(&account(1), &[photos[1].sha1, unknown, photos[0].sha1]).unwrap();
    let local_ids: Vec<_> = answers.iter().map(|known| known.map(|known| known.local_id)).collect();
    assert_eq!(local_ids, [Some(2), None, Some(1)]);
    assert_eq!(home.catalog.by_sha1(&account(2), &[photos[0].sha1]).unwrap(), [None]);
}
