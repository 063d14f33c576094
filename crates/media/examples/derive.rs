//! Reads pictures, prints what they say about themselves, and writes their derivatives beside each other.
//!
//! ```text
//! cargo run -p heirloom-media --example derive -- photo.heic other.jpg --to out/
//! cargo run -p heirloom-media --release --example derive -- photos/*.jpg --repeat 5
//! ```
#![expect(clippy::print_stdout, reason = "an example talks on standard output")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use heirloom_media::{Decoder, InProcess, Limits, Request, Response, Source, Wants};

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    let (mut folder, mut repeat) = (None, 1);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--to" => folder = args.next().map(PathBuf::from),
            "--repeat" => repeat = args.next().and_then(|count| count.parse().ok()).unwrap_or(1),
            _ => files.push(PathBuf::from(arg)),
        }
    }
    let (mut total, mut count) = (Duration::ZERO, 0_u32);
    for file in &files {
        for _ in 0..repeat {
            let start = Instant::now();
            let answer = InProcess.answer(Request {
                source: Source::Path(file.clone()),
                wants: Wants::ALL,
                limits: Limits::default(),
            });
            let took = start.elapsed();
            (total, count) = (total + took, count + 1);
            match answer {
                Ok(response) => report(file, &response, took, folder.as_deref())?,
                Err(failure) => println!("{}: {failure}", file.display()),
            }
        }
    }
    println!("{count} pictures, {:.1} ms each", total.as_secs_f64() * 1000.0 / f64::from(count.max(1)));
    Ok(())
}

/// Prints one answer, and writes the derivatives if a folder is given.
fn report(file: &Path, response: &Response, took: Duration, folder: Option<&Path>) -> std::io::Result<()> {
    let metadata = &response.metadata;
    println!(
        "{}: {} {}x{}, {took:.1?}",
        file.display(),
        response.format.name(),
        metadata.width,
        metadata.height
    );
    println!("  {metadata:?}");
    for warning in &response.warnings {
        println!("  warning: {warning}");
    }
    let Some(derived) = &response.derived else { return Ok(()) };
    println!(
        "  preview {}x{} {} bytes, thumbnail {} bytes, thumbhash {} bytes, colour {:?}",
        derived.width,
        derived.height,
        derived.preview.len(),
        derived.thumbnail.len(),
        derived.thumbhash.len(),
        derived.colour
    );
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        std::fs::write(folder.join(format!("{name}.preview.jpg")), &derived.preview)?;
        std::fs::write(folder.join(format!("{name}.thumb.webp")), &derived.thumbnail)?;
    }
    Ok(())
}
