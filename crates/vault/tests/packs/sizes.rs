//! Size classes: few, near each other, and all that shows of how much is in a pack.

use heirloom_vault::pack::{
    ENTRIES_MAX, PACK_BYTES_MAX, PACK_BYTES_MIN, PIECE_BYTES_MAX, is_size_class, size_class,
};
use heirloom_vault::{BlobKind, PackWriter};

use crate::support::{content, household, key, salt};

#[test]
fn classes_are_near_each_other() {
    let mut classes = vec![];
    let mut used = 0;
    while let Some(class) = size_class(used) {
        classes.push(class);
        used = class + 1;
    }
    assert_eq!(classes.len(), 37);
    assert_eq!((classes[0], classes[36]), (PACK_BYTES_MIN, PACK_BYTES_MAX));
    for pair in classes.windows(2) {
        assert!((1.18..1.19).contains(&(pair[1] as f64 / pair[0] as f64)), "{pair:?}");
    }
    assert!(classes.iter().all(|class| is_size_class(*class as u64)));
    for bytes in [0, 44, 65_535, 65_537, 33_554_433, u64::MAX] {
        assert!(!is_size_class(bytes), "{bytes}");
    }
}

#[test]
fn a_full_pack_is_exactly_32_mib() {
    let mut writer = PackWriter::new(&key(), &household(), salt(1));
    assert_eq!(writer.room(), PIECE_BYTES_MAX);
    let blob = content(1, usize::try_from(PIECE_BYTES_MAX).unwrap());
    writer.put(BlobKind::Original, &blob).unwrap();
    assert_eq!(writer.room(), 0);
    assert_eq!(writer.finish().bytes.len(), 32 << 20);
    let mut writer = PackWriter::new(&key(), &household(), salt(1));
    assert!(writer.put(BlobKind::Original, &[&blob[..], b"1"].concat()).is_err());
    assert!(writer.is_empty());
}

#[test]
fn what_room_says_fits() {
    let mut writer = PackWriter::new(&key(), &household(), salt(1));
    let mut seed = 0;
    while writer.room() > 1 << 20 {
        seed += 1;
        let half = usize::try_from(writer.room() / 2).unwrap();
        writer.put(BlobKind::Original, &content(seed, half.min(2_000_000))).unwrap();
    }
    let rest = content(0, usize::try_from(writer.room()).unwrap());
    writer.put(BlobKind::Original, &rest).unwrap();
    let sealed = writer.finish();
    assert_eq!(sealed.bytes.len(), PACK_BYTES_MAX);
    assert!(sealed.entries.len() < ENTRIES_MAX);
}
