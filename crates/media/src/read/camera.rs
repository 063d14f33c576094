//! With what a picture was taken, and what was said about it.

use super::fields::{Fields, Part};
use crate::Metadata;

/// Tags of the main part.
const DESCRIPTION: u16 = 0x010E;
const MAKE: u16 = 0x010F;
const MODEL: u16 = 0x0110;
const RATING: u16 = 0x4746;
/// Tags of the Exif part.
const EXPOSURE: u16 = 0x829A;
const F_NUMBER: u16 = 0x829D;
const SENSITIVITY: u16 = 0x8827;
const FOCAL_LENGTH: u16 = 0x920A;
const LENS_MODEL: u16 = 0xA434;

/// Captions that cameras write by themselves; nobody meant them.
const MEANINGLESS: [&str; 12] = [
    "OLYMPUS DIGITAL CAMERA",
    "SONY DSC",
    "DCIM",
    "DIGITAL CAMERA",
    "KODAK DIGITAL STILL CAMERA",
    "MINOLTA DIGITAL CAMERA",
    "SAMSUNG DIGITAL CAMERA",
    "SAMSUNG CAMERA PICTURES",
    "KONICA MINOLTA DIGITAL CAMERA",
    "JPEG",
    "DEFAULT",
    "IMAGE DESCRIPTION",
];

/// Reads camera, lens, exposure, caption and rating into `metadata`.
pub(crate) fn read(fields: &Fields, metadata: &mut Metadata) {
    let positive = |tag| fields.number(Part::Exif, tag).filter(|number| *number > 0.0);
    metadata.make = fields.text(Part::Main, MAKE);
    metadata.model = fields.text(Part::Main, MODEL);
    metadata.lens =
        fields.text(Part::Exif, LENS_MODEL).filter(|lens| lens.chars().any(char::is_alphanumeric));
    metadata.f_number = positive(F_NUMBER);
    metadata.focal_length_mm = positive(FOCAL_LENGTH);
    metadata.exposure_seconds = positive(EXPOSURE);
    metadata.iso = fields.integer(Part::Exif, SENSITIVITY).filter(|iso| *iso > 0);
    metadata.description = fields.text(Part::Main, DESCRIPTION).filter(|text| is_meant(text));
    let stars = fields.integer(Part::Main, RATING).and_then(|stars| u8::try_from(stars).ok());
    metadata.rating = stars.filter(|stars| (1..=5).contains(stars));
}

/// Whether a person may have written this caption.
pub(crate) fn is_meant(text: &str) -> bool {
    !MEANINGLESS.iter().any(|known| known.eq_ignore_ascii_case(text))
}
