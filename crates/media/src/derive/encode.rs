//! Pixels as files: JPEG and WebP.

use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};
use webp::{Encoder, WebPConfig};

use super::Pixels;
use crate::Failure;
use crate::failure::plain;

/// The quality of both, on the encoders' scale to 100.
const QUALITY: u8 = 80;
/// libwebp's effort, 0..=6: 4 is its default; 2 takes a third less time for 4 % more bytes at equal quality.
const METHOD: i32 = 2;

/// Encodes a JPEG, baseline, 4:2:0.
pub(super) fn jpeg(pixels: &Pixels) -> Result<Vec<u8>, Failure> {
    let pitch = pixels.row_bytes();
    let image = Image {
        pixels: pixels.rgb.as_slice(),
        width: pitch / 3,
        pitch,
        height: pixels.rgb.len() / pitch,
        format: PixelFormat::RGB,
    };
    let encode = || {
        let mut encoder = Compressor::new()?;
        encoder.set_quality(i32::from(QUALITY))?;
        encoder.set_subsamp(Subsamp::Sub2x2)?;
        encoder.compress_to_vec(image)
    };
    encode().map_err(|error: turbojpeg::Error| Failure::Crashed { reason: plain(error) })
}

/// Encodes a WebP, lossy.
pub(super) fn webp(pixels: &Pixels) -> Result<Vec<u8>, Failure> {
    let crashed = |reason: String| Failure::Crashed { reason };
    let mut config = WebPConfig::new().map_err(|()| crashed("libwebp has another version".to_owned()))?;
    config.quality = f32::from(QUALITY);
    config.method = METHOD;
    let encoder = Encoder::from_rgb(&pixels.rgb, pixels.width, pixels.height);
    let file = encoder.encode_advanced(&config).map_err(|error| crashed(format!("libwebp: {error:?}")))?;
    Ok(file.to_vec())
}
