//! Our metadata beside exiftool's.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use heirloom_media::{Format, Metadata, metadata};
use serde_json::Value;

use crate::folder;

/// Where we differ from exiftool on purpose, by file and field.
const ON_PURPOSE: &[(&str, &str, &str)] = &[
    ("heic/L_10__29x100.heif", "size", "exiftool shows the encoder's padded size"),
    ("heic/L_12__29x100.heif", "size", "exiftool shows the encoder's padded size"),
    ("heic/L_8__29x100.heif", "size", "exiftool shows the encoder's padded size"),
    ("heic/RGB_8_chroma444.heif", "size", "exiftool shows the encoder's padded size"),
    ("heic/crop_mismatch_thumbnail.heic", "size", "exiftool shows it before the container's crop"),
    ("heic/invalid_metadata_type.heic", "size", "exiftool shows another item's size"),
];

/// What exiftool says about files, by path.
fn exiftool(files: &[PathBuf]) -> BTreeMap<PathBuf, Value> {
    // Raw numbers (`#`); dates as seconds since 1970, the clock taken as UTC; only what EXIF itself says.
    let mut command = Command::new("exiftool");
    command.args(["-json", "-fast", "-d", "%s", "-File:ImageWidth", "-File:ImageHeight", "-PNG:ImageWidth"]);
    command.args(["-PNG:ImageHeight", "-GIF:ImageWidth", "-GIF:ImageHeight", "-RIFF:ImageWidth"]);
    command.args(["-RIFF:ImageHeight", "-Meta:ImageWidth", "-Meta:ImageHeight", "-IFD0:Orientation#"]);
    command.args(["-IFD0:Make", "-IFD0:Model", "-ExifIFD:DateTimeOriginal", "-ExifIFD:OffsetTimeOriginal"]);
    command.args(["-ExifIFD:SubSecTimeOriginal", "-Composite:GPSLatitude#", "-Composite:GPSLongitude#"]);
    command.args(["-ExifIFD:ISO#", "-ExifIFD:FNumber#", "-ExifIFD:FocalLength#", "-@", "-"]);
    command.env("TZ", "UTC").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let names: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    let writer = std::thread::spawn(move || input.write_all(names.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    answers
        .into_iter()
        .map(|answer| (PathBuf::from(answer["SourceFile"].as_str().unwrap()), answer))
        .collect()
}

/// Text as exiftool gives it, numbers included: a model may be called 6500.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// Every field in which we differ, as a line.
#[expect(clippy::too_many_lines, reason = "a list of fields, one after the other")]
fn differences(
    format: Format,
    ours: &Metadata,
    theirs: &Value,
    agreed: &mut BTreeMap<&'static str, u32>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut compare = |field: &'static str, same: bool, line: String| {
        if same { *agreed.entry(field).or_default() += 1 } else { lines.push(format!("{field}: {line}")) }
    };
    let sides = (number(&theirs["ImageWidth"]), number(&theirs["ImageHeight"]));
    if let (Some(width), Some(height)) = sides {
        let mut theirs = [width, height];
        let mut own = [f64::from(ours.width), f64::from(ours.height)];
        // exiftool says how pixels are stored, we how they are shown.
        if ours.orientation >= 5 || format == Format::Heic {
            theirs.sort_by(f64::total_cmp);
            own.sort_by(f64::total_cmp);
        }
        compare("size", own == theirs, format!("{own:?}, exiftool {theirs:?}"));
    }
    if format != Format::Heic
        && let Some(orientation) = number(&theirs["Orientation"]).filter(|value| (1.0..=8.0).contains(value))
    {
        compare(
            "orientation",
            f64::from(ours.orientation) == orientation,
            format!("{}, exiftool {orientation}", ours.orientation),
        );
    }
    for (field, own, key) in [("make", &ours.make, "Make"), ("model", &ours.model, "Model")] {
        let expected = text(&theirs[key]);
        let is_same = match (own, &expected) {
            (Some(own), Some(expected)) => {
                own.starts_with(expected.as_str()) || expected.starts_with(own.as_str())
            }
            (None, Some(_)) => false,
            _ => continue,
        };
        compare(field, is_same, format!("{own:?}, exiftool {expected:?}"));
    }
    if let Some(seconds) = number(&theirs["DateTimeOriginal"]) {
        let own = ours.taken.map(|taken| taken.local_ms.div_euclid(1000));
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a date")]
        compare("date", own == Some(seconds as i64), format!("{own:?}, exiftool {seconds}"));
        if let Some(fraction) =
            text(&theirs["SubSecTimeOriginal"]).and_then(|digits| format!("0.{digits}").parse::<f64>().ok())
        {
            let own = ours.taken.map_or(0, |taken| taken.local_ms.rem_euclid(1000));
            compare(
                "fraction",
                (fraction * 1000.0 - f64::from(i32::try_from(own).unwrap())).abs() < 1.0,
                format!("{own}, exiftool {fraction}"),
            );
        }
        if let Some(offset) = text(&theirs["OffsetTimeOriginal"]).filter(|offset| offset.len() == 6) {
            let minutes = offset[1..3].parse::<i32>().unwrap() * 60 + offset[4..].parse::<i32>().unwrap();
            let minutes = if offset.starts_with('-') { -minutes } else { minutes };
            let own = ours.taken.and_then(|taken| taken.offset_minutes);
            compare("offset", own == Some(minutes), format!("{own:?}, exiftool {offset}"));
        }
    }
    if let (Some(latitude), Some(longitude)) =
        (number(&theirs["GPSLatitude"]), number(&theirs["GPSLongitude"]))
    {
        let is_known = latitude.abs() + longitude.abs() > 1e-4;
        let own = ours.position.map(|position| (position.latitude, position.longitude));
        let is_close =
            own.is_some_and(|own| (own.0 - latitude).abs() < 1e-6 && (own.1 - longitude).abs() < 1e-6);
        compare(
            "place",
            if is_known { is_close } else { own.is_none() },
            format!("{own:?}, exiftool {latitude} {longitude}"),
        );
    }
    for (field, own, key) in [
        ("iso", ours.iso.map(f64::from), "ISO"),
        ("aperture", ours.f_number, "FNumber"),
        ("focal length", ours.focal_length_mm, "FocalLength"),
    ] {
        if let Some(expected) = number(&theirs[key]).filter(|expected| *expected > 0.0) {
            let is_close = own.is_some_and(|own| (own - expected).abs() <= expected * 1e-4);
            compare(field, is_close, format!("{own:?}, exiftool {expected}"));
        }
    }
    lines
}

fn check(part: &str) {
    let files = folder::files(part);
    if files.is_empty() || !folder::has("exiftool") {
        return;
    }
    let theirs = exiftool(&files);
    let mut agreed = BTreeMap::new();
    let mut lines = Vec::new();
    for file in &files {
        let (Ok((format, ours, _)), Some(theirs)) =
            (metadata(&std::fs::read(file).unwrap()), theirs.get(file))
        else {
            continue;
        };
        let name = folder::name(file);
        for line in differences(format, &ours, theirs, &mut agreed) {
            if !ON_PURPOSE.iter().any(|(file, field, _)| name.ends_with(file) && line.starts_with(field)) {
                lines.push(format!("{name}: {line}"));
            }
        }
    }
    println!("{part}: agreed on {agreed:?}");
    assert!(lines.is_empty(), "{} differences from exiftool:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn photos_say_what_exiftool_says() {
    check("photos");
}

#[test]
fn unusual_files_say_what_exiftool_says() {
    for part in ["heic", "made", "turned", "piexif", "pillow_heif"] {
        check(&format!("formats/{part}"));
    }
}

#[test]
fn the_samples_of_exiftool_say_what_it_says() {
    check("formats/exiftool");
}

#[test]
fn the_samples_of_exiv2_say_what_exiftool_says() {
    check("formats/exiv2");
}

#[test]
fn the_samples_of_pillow_say_what_exiftool_says() {
    check("formats/pillow");
}
