//! Files to import: good ones of a chosen size, and odd ones made by hand.

use std::fs;
use std::path::{Path, PathBuf};

use heirloom_testkit::photo;

/// A photo with `padding` bytes behind its end, which every decoder ignores: small pixels, large file.
pub(crate) fn padded_photo(seed: u32, taken: Option<&str>, padding: usize) -> Vec<u8> {
    let mut bytes = photo(seed, taken);
    let filler = seed.to_le_bytes();
    bytes.extend(filler.iter().copied().cycle().take(padding));
    bytes
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    path.to_owned()
}

/// A real grey JPEG of any size in a few bytes: its two Huffman tables have one code of one bit each (no
/// change of brightness; end of block), so a block takes two zero bits. Width and height are multiples of 8.
pub(crate) fn huge_jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, content: &[u8]| {
        file.extend([0xFF, marker]);
        file.extend(u16::try_from(content.len() + 2).unwrap().to_be_bytes());
        file.extend(content);
    };
    let mut quantisation = vec![0];
    quantisation.extend([16; 64]);
    segment(0xDB, &quantisation);
    let [h1, h0] = height.to_be_bytes();
    let [w1, w0] = width.to_be_bytes();
    segment(0xC0, &[8, h1, h0, w1, w0, 1, 1, 0x11, 0]);
    let mut table = vec![0x00, 1];
    table.extend([0; 15]);
    table.push(0);
    segment(0xC4, &table);
    table[0] = 0x10;
    segment(0xC4, &table);
    segment(0xDA, &[1, 1, 0x00, 0, 63, 0]);
    let blocks = usize::from(width / 8) * usize::from(height / 8);
    file.extend(std::iter::repeat_n(0, blocks.div_ceil(4)));
    file.extend([0xFF, 0xD9]);
    file
}

/// A PNG whose header claims 60,000 × 60,000 pixels, and which has next to none.
pub(crate) fn bomb_png() -> Vec<u8> {
    let mut bytes = photo(7, None);
    // Signature (8), length and name of the header chunk (8), then width and height; their checksum follows
    // the 13 bytes of the header.
    bytes[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| (crc >> 1) ^ (0xEDB8_8320 & (0_u32.wrapping_sub(crc & 1)));
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}
