//! Our pixels beside those of libvips and libheif.
//!
//! Both sides make a small picture in sRGB on white; what remains between them is the rounding of decoders, another
//! filter and our files' losses. A wrong turn, a wrong matrix or a forgotten profile shows as a large difference.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fast_image_resize::images::Image;
use fast_image_resize::{PixelType, Resizer};
use heirloom_media::{Decoder, Derived, InProcess, Limits, Request, Source, Wants};

use crate::folder;

/// Mean difference of a channel, of 255, up to which two pictures count as the same.
const DIFFERENCE_MAX: f64 = 4.0;

/// The size at which pictures are compared, whatever their shape.
const SIDE: u32 = 96;

/// Files on which libvips and we differ for a reason.
const ON_PURPOSE: &[(&str, &str)] = &[
    ("exiv2/2021-02-13-1929.heic", "libvips is less sharp where it turns; no channel's mean differs by 0.5"),
    ("exiv2/ReaganLargeJpg.jpg", "its profile is a printer's, which engines map differently"),
    ("heic/alpha.heic", "the transparency of HEIC is left out"),
    ("heic/invalid_id.heic", "names a main picture that isn't there; each takes another one"),
    ("made/cmyk.jpg", "libvips has a press's profile for inks that come without one, we take them as ideal"),
];

/// Our derivatives, of files without a flaw.
fn derive(file: &Path) -> Option<Derived> {
    let source = Source::Path(file.to_owned());
    let response = InProcess.answer(Request { source, wants: Wants::ALL, limits: Limits::default() }).ok()?;
    // libvips shows high dynamic range as it is stored, dark and pale.
    let profile = response.metadata.colour_profile.unwrap_or_default();
    let is_hdr = profile.ends_with("PQ") || profile.ends_with("HLG");
    response.derived.filter(|_| response.warnings.is_empty() && !is_hdr)
}

/// Pictures as `SIDE` by `SIDE` RGB pixels in sRGB on white, by one run of libvips; `None` for those it can't read.
fn by_vips(files: &[PathBuf], scratch: &Path) -> Vec<Option<Vec<u8>>> {
    std::fs::create_dir_all(scratch).unwrap();
    let links: Vec<PathBuf> = files
        .iter()
        .enumerate()
        .map(|(index, file)| {
            let extension = file.extension().unwrap_or_default().to_string_lossy();
            let link = scratch.join(format!("{index}.{extension}"));
            std::fs::copy(file, &link).unwrap();
            link
        })
        .collect();
    let mut command = Command::new("vipsthumbnail");
    command.args([
        "--size",
        &format!("{SIDE}x{SIDE}!"),
        "--eprofile",
        "srgb",
        // For files without a profile; libvips shifts their colours if it has to guess.
        "--iprofile",
        "srgb",
        "--output",
        "%s.ppm[background=255]",
    ]);
    command.args(&links).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let pixels = (0..files.len()).map(|index| small_pixels(&scratch.join(format!("{index}.ppm")))).collect();
    drop(std::fs::remove_dir_all(scratch));
    pixels
}

/// The pixels of a small PPM file, grey spread to three channels.
fn small_pixels(file: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(file).ok()?;
    let area = usize::try_from(SIDE * SIDE).unwrap();
    let (count, is_grey) = if bytes.starts_with(b"P5") { (area, true) } else { (area * 3, false) };
    let pixels = &bytes[bytes.len().checked_sub(count)?..];
    Some(if is_grey { pixels.iter().flat_map(|grey| [*grey; 3]).collect() } else { pixels.to_vec() })
}

/// RGB pixels resized to `SIDE` by `SIDE`.
fn small(width: u32, height: u32, rgb: Vec<u8>) -> Vec<u8> {
    let source = Image::from_vec_u8(width, height, rgb, PixelType::U8x3).unwrap();
    let mut target = Image::new(SIDE, SIDE, PixelType::U8x3);
    Resizer::new().resize(&source, &mut target, None).unwrap();
    target.into_vec()
}

/// Our preview and thumbnail, read back.
fn read_back(derived: &Derived) -> [(&'static str, Vec<u8>); 2] {
    let preview = turbojpeg::decompress(&derived.preview, turbojpeg::PixelFormat::RGB).unwrap();
    assert_eq!(preview.width, usize::try_from(derived.width).unwrap());
    let thumbnail = webp::Decoder::new(&derived.thumbnail).decode().unwrap();
    [
        ("preview", small(derived.width, derived.height, preview.pixels)),
        ("thumbnail", small(thumbnail.width(), thumbnail.height(), thumbnail.to_vec())),
    ]
}

/// Mean difference of all channels.
fn difference(ours: &[u8], theirs: &[u8]) -> f64 {
    let sum: u32 = ours.iter().zip(theirs).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    f64::from(sum) / f64::from(u32::try_from(ours.len()).unwrap())
}

/// Compares previews and thumbnails with what libvips makes of the originals.
fn check(name: &str, files: &[PathBuf]) {
    if files.is_empty() || !folder::has("vipsthumbnail") {
        return;
    }
    let scratch = std::env::temp_dir().join(format!("heirloom-media-{}-{name}", std::process::id()));
    let theirs = by_vips(files, &scratch);
    let (mut count, mut lines, mut sum) = (0_u32, Vec::new(), 0.0);
    for (file, theirs) in files.iter().zip(theirs) {
        let name = folder::name(file);
        let (Some(derived), Some(theirs)) = (derive(file), theirs) else { continue };
        for (kind, ours) in read_back(&derived) {
            let difference = difference(&ours, &theirs);
            (count, sum) = (count + 1, sum + difference);
            if difference > DIFFERENCE_MAX && !ON_PURPOSE.iter().any(|(known, _)| name.ends_with(known)) {
                lines.push(format!("{name} {kind}: {difference:.2}"));
            }
        }
    }
    println!("{count} compared, mean difference {:.2} of 255", sum / f64::from(count.max(1)));
    assert!(lines.is_empty(), "unlike libvips:\n{}", lines.join("\n"));
}

/// The files below a part of the samples whose extension is one of the given.
fn with_extension(part: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut files = folder::files(part);
    files.retain(|file| {
        let own = file.extension().map(|own| own.to_string_lossy().to_lowercase());
        !file.to_string_lossy().contains("variations")
            && own.is_some_and(|own| extensions.contains(&own.as_str()))
    });
    files
}

/// Everything that phones' own format is not.
const PLAIN: &[&str] = &["jpg", "jpeg", "mpo", "webp", "png"];

#[test]
fn photos_look_as_in_libvips() {
    check("lomiri", &with_extension("photos/lomiri", PLAIN));
}

#[test]
fn older_photos_look_as_in_libvips() {
    check("mate", &with_extension("photos/mate", PLAIN));
    check("piexif", &with_extension("photos/piexif", PLAIN));
}

#[test]
fn cameras_photos_look_as_in_libvips() {
    check("exiv2", &with_extension("photos/exiv2", PLAIN));
    check("pillow", &with_extension("photos/pillow", PLAIN));
}

#[test]
fn phone_photos_look_as_in_libheif() {
    check("phone", &with_extension("photos", &["heic"]));
}

#[test]
fn unusual_heic_looks_as_in_libheif() {
    let mut files = with_extension("formats/heic", &["heic", "heif"]);
    files.retain(|file| !file.ends_with("200MP.heic"));
    check("heic", &files);
}

#[test]
fn every_orientation_looks_as_in_libvips() {
    check("turned", &folder::files("formats/turned"));
}

#[test]
fn every_pixel_type_looks_as_in_libvips() {
    check("made", &with_extension("formats/made", &["jpg", "png", "webp", "gif"]));
    check("pixels", &with_extension("formats/pillow_heif", &["png", "gif"]));
}

#[test]
fn what_the_decoder_cannot_do_is_said_and_the_small_copy_shown() {
    for name in ["cat.hif", "guitar_cw90.hif"] {
        let Some(file) = folder::file(&format!("formats/heic/{name}")) else { continue };
        let request = Request { source: Source::Path(file), wants: Wants::ALL, limits: Limits::default() };
        let response = InProcess.answer(request).unwrap();
        assert_eq!(response.warnings[0].kind(), "small_copy", "{name}");
        let derived = response.derived.unwrap();
        let is_tall = derived.height > derived.width;
        assert_eq!(is_tall, response.metadata.height > response.metadata.width, "{name}");
    }
    for name in ["RGB_8__128x128.heif", "RGB_8_chroma444.heif", "L_8__128x128.heif"] {
        let Some(file) = folder::file(&format!("formats/heic/{name}")) else { continue };
        let request = Request { source: Source::Path(file), wants: Wants::ALL, limits: Limits::default() };
        assert_eq!(InProcess.answer(request).unwrap_err().kind(), "unsupported", "{name}");
    }
}
