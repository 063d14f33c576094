//! Broken files: no panic, no long wait, and words for the person.

use std::path::Path;
use std::time::Duration;

use heirloom_media::{Decoder, Failure, InProcess, Limits, Request, Response, Source, Wants};

use crate::folder;

/// No broken file may hold a worker longer; generous, because tests run unoptimised.
const SECONDS_MAX: u64 = 15;

/// How long this thread has worked, whatever else keeps the machine busy: as Linux counts it, in hundredths of a second.
fn worked() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
}

fn answer(file: &Path) -> Result<Response, Failure> {
    let source = Source::Path(file.to_owned());
    InProcess.answer(Request { source, wants: Wants::ALL, limits: Limits::default() })
}

fn check(part: &str, extensions: &[&str]) {
    for file in folder::files(part) {
        let own = file.extension().map(|own| own.to_string_lossy().to_lowercase()).unwrap_or_default();
        if !extensions.is_empty() && !extensions.contains(&own.as_str()) {
            continue;
        }
        let name = folder::name(&file);
        let before = worked();
        let answer = answer(&file);
        let took = worked() - before;
        assert!(took < Duration::from_secs(SECONDS_MAX), "{name} took {took:?}");
        match answer {
            Ok(response) => {
                let derived = response.derived.expect("derivatives were asked for");
                assert!(
                    derived.preview.starts_with(&[0xFF, 0xD8]) && derived.thumbnail.starts_with(b"RIFF"),
                    "{name}"
                );
            }
            Err(Failure::Crashed { reason }) => panic!("{name} crashed the decoder: {reason}"),
            Err(failure) => {
                let words = failure.to_string();
                assert!(words.ends_with('.') && words.len() > 60 && !words.contains('\n'), "{name}: {words}");
            }
        }
    }
}

#[test]
fn cut_jpegs_end_in_words_or_in_a_picture() {
    check("damaged/cut", &["jpg", "mpo"]);
}

#[test]
fn cut_heics_end_in_words_or_in_a_picture() {
    check("damaged/cut", &["heic", "hif"]);
}

#[test]
fn other_cut_files_end_in_words_or_in_a_picture() {
    check("damaged/cut", &["png", "webp", "gif"]);
}

#[test]
fn jpegs_with_flipped_bytes_end_in_words_or_in_a_picture() {
    check("damaged/flipped", &["jpg", "mpo"]);
}

#[test]
fn heics_with_flipped_bytes_end_in_words_or_in_a_picture() {
    check("damaged/flipped", &["heic", "hif"]);
}

#[test]
fn other_files_with_flipped_bytes_end_in_words_or_in_a_picture() {
    check("damaged/flipped", &["png", "webp", "gif"]);
}

#[test]
fn other_projects_broken_files_end_in_words_or_in_a_picture() {
    for part in ["damaged/exiv2", "damaged/libheif", "damaged/pillow", "damaged/pillow_heif"] {
        check(part, &[]);
    }
}

#[test]
fn bombs_are_refused_from_their_header() {
    for name in ["bomb_claim.png", "bomb_real.png", "bomb_claim.gif", "bomb_claim.webp", "bomb_claim.jpg"] {
        let Some(file) = folder::file(&format!("damaged/made/{name}")) else { continue };
        let before = worked();
        let failure = answer(&file).unwrap_err();
        assert!(matches!(failure.kind(), "too_large" | "damaged" | "truncated"), "{name}: {failure}");
        let took = worked() - before;
        assert!(took < Duration::from_secs(2), "{name} took {took:?}");
    }
}

#[test]
fn every_kind_of_not_a_picture_has_its_own_words() {
    let cases = [
        ("empty.jpg", "empty"),
        ("zeros.jpg", "unknown_format"),
        ("text.jpg", "unknown_format"),
        ("page.heic", "unknown_format"),
    ];
    for (name, kind) in cases {
        let Some(file) = folder::file(&format!("damaged/made/{name}")) else { continue };
        assert_eq!(answer(&file).unwrap_err().kind(), kind, "{name}");
    }
}

#[test]
fn content_counts_not_the_extension() {
    let Some(file) = folder::file("damaged/made/wrong_extension.png") else { return };
    assert_eq!(answer(&file).unwrap().format.name(), "JPEG");
}

#[test]
fn a_cut_photo_is_shown_as_far_as_it_goes() {
    for name in ["mate_Storm_50.jpg", "pillow_heif_pug_50.heic", "turned_orientation_6_95.webp"] {
        let Some(file) = folder::file(&format!("damaged/cut/{name}")) else { continue };
        match answer(&file) {
            Ok(response) => {
                assert!(response.warnings.iter().any(|warning| warning.kind() == "incomplete"), "{name}");
            }
            // libwebp's format has no picture before its end.
            Err(failure) => {
                assert_eq!((failure.kind(), name.ends_with(".webp")), ("truncated", true), "{name}");
            }
        }
    }
}

#[test]
fn two_hundred_megapixels_pass_or_meet_a_clear_limit() {
    let Some(file) = folder::file("formats/heic/200MP.heic") else { return };
    let limits = Limits { pixels_max: 100_000_000, ..Limits::default() };
    let request = Request { source: Source::Path(file), wants: Wants::ALL, limits };
    let failure = InProcess.answer(request).unwrap_err();
    assert_eq!(failure, Failure::TooLarge { pixels: 16_320 * 12_240, limit: 100_000_000 });
    let words = failure.to_string();
    assert!(words.contains("200 megapixels, and the limit is 100"), "{words}");
}
