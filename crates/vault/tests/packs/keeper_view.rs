//! What a keeper can see of a pack: its name, its padded size and 44 bytes of header. Everything behind them looks random.
//!
//! Method: packs of very different contents are taken apart into what stands in clear and the rest. The first is printed
//! and compared; of the rest, the distribution of bytes (over all of it and in every window of 4 KiB, so that an index, a
//! border or padding would stand out), repetitions, and known plaintext are looked at. Salts are fixed, so the test gives
//! the same result every time.

use std::collections::HashSet;

use heirloom_identity::ContentHash;
use heirloom_vault::pack::{HEADER_BYTES, PackHeader};
use heirloom_vault::{BlobKind, PackWriter, SealedPack};

use crate::support::{content, household, key, salt};

/// Everything that a pack tells without its key.
fn view(sealed: &SealedPack) -> String {
    let header: &[u8; HEADER_BYTES] = sealed.bytes[..HEADER_BYTES].try_into().unwrap();
    let PackHeader { generation, salt } = PackHeader::decode(header).unwrap();
    let salt = data_encoding::HEXLOWER.encode(&salt);
    format!("pack {} of {} bytes, generation {generation}, salt {salt}", sealed.pack.id, sealed.bytes.len())
}

fn rest(sealed: &SealedPack) -> &[u8] {
    &sealed.bytes[HEADER_BYTES..]
}

fn pack(number: u64, blobs: &[Vec<u8>]) -> SealedPack {
    let mut writer = PackWriter::new(&key(), &household(), salt(number));
    for blob in blobs {
        writer.put(BlobKind::Thumbnail, blob).unwrap();
    }
    writer.finish()
}

/// As different as contents of one class can be.
fn contents() -> Vec<Vec<Vec<u8>>> {
    vec![
        vec![vec![0; 1_000_000]],
        vec![vec![0xff; 1_040_000]],
        vec![content(1, 1_030_000)],
        (0..7_000_u32).map(|number| [&number.to_le_bytes()[..], &[0x41; 61]].concat()).collect(),
        (0..500).map(|seed| content(seed, 2_000)).collect(),
        vec![content(2, 520_000), content(3, 500_000)],
    ]
}

/// Pearson's chi-square of the bytes against equal frequencies: 255 ± 22.6 for random bytes.
fn chi_square(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let expected = bytes.len() as f64 / 256.0;
    counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}

#[test]
fn a_keeper_sees_name_size_and_header() {
    let sealed = pack(1, &[b"a family secret".to_vec()]);
    let seen = view(&sealed);
    println!("{seen}");
    assert_eq!(
        seen,
        "pack 692e88b0ae631e1dc0f032b44b582c78ab02454f991ee3c4ef2d4404413bea09 of 65536 bytes, generation 1, \
         salt 1a0d12016999e47689dae5744d2b8c1903faf7ca2886a658150083100ef2c8ee"
    );
    // Of equal contents nothing is equal but the first 12 bytes of the header and the size.
    let again = pack(2, &[b"a family secret".to_vec()]);
    assert_eq!(sealed.bytes.len(), again.bytes.len());
    assert_eq!(sealed.bytes[..12], again.bytes[..12]);
    let equal = sealed.bytes.iter().zip(&again.bytes).skip(12).filter(|(a, b)| a == b).count();
    // One byte in 256 is equal by chance: 256 ± 16.
    assert!((160..352).contains(&equal), "{equal} bytes are equal");
}

#[test]
fn contents_of_one_class_have_one_size() {
    let sizes: HashSet<_> =
        contents().iter().zip(1..).map(|(blobs, number)| pack(number, blobs).bytes.len()).collect();
    assert_eq!(sizes, HashSet::from([1_048_576]));
}

#[test]
fn everything_behind_the_header_looks_random() {
    for (blobs, number) in contents().iter().zip(1..) {
        let sealed = pack(number, blobs);
        let all = chi_square(rest(&sealed));
        // Six standard deviations.
        assert!((120.0..391.0).contains(&all), "{all} in pack {number}");
        let windows: Vec<_> = rest(&sealed).chunks_exact(4_096).map(chi_square).collect();
        let worst = windows.iter().copied().fold(0.0, f64::max);
        assert!(worst < 391.0, "{worst} in a window of pack {number}");
        let mean = windows.iter().sum::<f64>() / windows.len() as f64;
        assert!((247.0..263.0).contains(&mean), "{mean} on average in pack {number}");
        let distinct: HashSet<_> = rest(&sealed).chunks_exact(16).collect();
        assert_eq!(distinct.len(), rest(&sealed).len() / 16, "something repeats in pack {number}");
    }
}

#[test]
fn nothing_known_is_in_it() {
    for number in [2, 4] {
        let blobs = &contents()[number];
        let sealed = pack(number as u64, blobs);
        let seen: HashSet<_> = sealed.bytes.windows(8).collect();
        for blob in blobs {
            assert!(!seen.contains(&blob[..8]) && !seen.contains(&blob[blob.len() - 8..]));
            assert!(!seen.contains(&ContentHash::of(blob).as_bytes()[..8]));
        }
        assert!(!seen.contains(&household().as_bytes()[..8]));
    }
}

/// Where the index begins and ends doesn't show: packs of one piece and of thousands have the same statistics at every
/// place, the trailer has one length, and no length stands in clear.
#[test]
fn how_much_is_in_it_does_not_show() {
    let one = pack(1, &[vec![0; 1_000_000]]);
    let many = pack(2, &contents()[3]);
    assert_eq!(one.bytes.len(), many.bytes.len());
    for place in (HEADER_BYTES..one.bytes.len() - 2_048).step_by(2_048) {
        let (a, b) = (&one.bytes[place..place + 2_048], &many.bytes[place..place + 2_048]);
        let difference = (chi_square(a) - chi_square(b)).abs();
        assert!(difference < 200.0, "{difference} at {place}");
    }
    for (sealed, count) in [(&one, 1_u32), (&many, 7_000)] {
        let index_bytes = count * 57 + 16;
        for number in [count, index_bytes] {
            let tail = &sealed.bytes[sealed.bytes.len() - 64..];
            assert!(!tail.windows(4).any(|window| window == number.to_le_bytes()));
        }
    }
}
