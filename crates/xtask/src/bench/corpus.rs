//! The photos that benches use: real camera files of 10 megapixels and more among the samples.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{folders, samples, shell};

/// At most this many photos of a size class; more would only make the bench longer.
const PHOTOS_PER_CLASS_MAX: usize = 4;

/// A JPEG and its size.
#[derive(Clone, Debug)]
pub(crate) struct Photo {
    pub(crate) file: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) pixels: u64,
}

/// The size classes: what phones write, and what cameras write.
pub(crate) const CLASSES: &[&str] = &["12 MP", "18–24 MP"];

impl Photo {
    /// One of [`CLASSES`].
    pub(crate) fn class(&self) -> &'static str {
        if self.pixels < 16_000_000 { CLASSES[0] } else { CLASSES[1] }
    }
}

/// Up to four photos of each size class. Where cameras wrote HEIC, the picture as a JPEG of the same size stands in.
pub(crate) fn photos() -> Result<Vec<Photo>> {
    let mut files = Vec::new();
    list(&samples::gather()?, &mut files);
    files.sort();
    let mut photos: Vec<Photo> =
        files.iter().filter(|file| has_extension(file, &["jpg", "jpeg"])).filter_map(|f| photo(f)).collect();
    photos.extend(from_heic(&files)?);
    let mut chosen: Vec<Photo> = Vec::new();
    for photo in photos {
        let same = chosen.iter().filter(|other| other.class() == photo.class());
        if (10_000_000..30_000_000).contains(&photo.pixels) && same.count() < PHOTOS_PER_CLASS_MAX {
            chosen.push(photo);
        }
    }
    if chosen.is_empty() {
        bail!("there is no JPEG of 10 megapixels or more among the samples; run `cargo xtask samples`");
    }
    Ok(chosen)
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

fn has_extension(file: &Path, extensions: &[&str]) -> bool {
    let own = file.extension().map(|text| text.to_string_lossy().to_lowercase());
    own.is_some_and(|own| extensions.contains(&own.as_str()))
}

fn from_heic(files: &[PathBuf]) -> Result<Vec<Photo>> {
    let dir = folders::target().join("bench/jpeg");
    fs::create_dir_all(&dir)?;
    let mut photos = Vec::new();
    for file in files.iter().filter(|file| has_extension(file, &["heic"])) {
        let big_enough = fs::metadata(file).is_ok_and(|meta| (800_000..8_000_000).contains(&meta.len()));
        let stem = file.file_stem().context("a file has a name")?.to_string_lossy();
        let out = dir.join(format!("{stem}.jpg"));
        if big_enough && !out.is_file() {
            let mut convert = shell::command("heif-convert", &["-q", "92"]);
            // A file that libheif cannot read is simply not part of the corpus.
            if shell::read(convert.arg(file).arg(&out)).is_err() {
                continue;
            }
        }
        photos.extend(photo(&out));
    }
    Ok(photos)
}

fn photo(file: &Path) -> Option<Photo> {
    let bytes = fs::read(file).ok()?;
    let pixels = jpeg_pixels(&bytes)?;
    Some(Photo { file: file.to_owned(), bytes: u64::try_from(bytes.len()).ok()?, pixels })
}

/// Width times height as the first frame header says it.
fn jpeg_pixels(bytes: &[u8]) -> Option<u64> {
    let mut at = 2;
    while bytes.get(at)? == &0xFF {
        let marker = *bytes.get(at + 1)?;
        let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
        if matches!(marker, 0xC0..=0xC2) {
            let side =
                |at: usize| Some(u64::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])));
            return Some(side(at + 5)? * side(at + 7)?);
        }
        at += 2 + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_size_of_a_jpeg() {
        let bytes = b"\xFF\xD8\xFF\xE0\x00\x04ab\xFF\xC0\x00\x11\x08\x0F\xA0\x17\x70\x03";
        assert_eq!(jpeg_pixels(bytes), Some(24_000_000));
        assert_eq!(jpeg_pixels(b"\xFF\xD8\xFF"), None);
        assert_eq!(jpeg_pixels(b"GIF89a"), None);
    }
}
