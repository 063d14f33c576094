//! The raw fields of an EXIF block, whichever reader found them.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use nom_exif::{EntryValue, ExifDateTime, IfdIndex, IfdKind, MediaParser, MediaSource};

use crate::Warning;
use crate::failure::plain;

/// The part of an EXIF block in which a field stands; the same number means something else in another part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The main directory (IFD 0).
    Main,
    /// The Exif directory.
    Exif,
    /// The GPS directory.
    Gps,
}

/// The value of a field, reduced to what is used here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Text, without the closing NUL.
    Text(String),
    /// One number or several; a fraction without a denominator is `NaN`.
    Numbers(Vec<f64>),
    /// A wall clock in seconds since 1970 as if it showed UTC.
    Clock(i64),
}

/// Every field found, by part and tag number.
#[derive(Debug, Default)]
pub(crate) struct Fields(BTreeMap<(Part, u16), Value>);

impl Fields {
    /// Reads an EXIF block with both readers; warns if neither could.
    pub(crate) fn read(exif: &[u8], warnings: &mut Vec<Warning>) -> Self {
        let mut fields = Self::default();
        // A panic in one reader must not cost what the other finds.
        let first =
            catch_unwind(|| with_nom_exif(exif)).unwrap_or_else(|_| Err("the reader stopped".to_owned()));
        let second =
            catch_unwind(|| with_kamadak(exif)).unwrap_or_else(|_| Err("the reader stopped".to_owned()));
        let failed = first.is_err() && second.is_err();
        let reason = second.as_ref().err().cloned();
        for (key, value) in first.into_iter().chain(second).flatten() {
            fields.0.entry(key).or_insert(value);
        }
        if let Some(reason) = reason.filter(|_| failed) {
            warnings.push(Warning::Metadata { reason: plain(reason) });
        }
        fields
    }

    /// A field's value.
    pub(crate) fn get(&self, part: Part, tag: u16) -> Option<&Value> {
        self.0.get(&(part, tag))
    }

    /// A field's text, trimmed, without control characters; `None` if nothing remains.
    pub(crate) fn text(&self, part: Part, tag: u16) -> Option<String> {
        let Value::Text(text) = self.get(part, tag)? else { return None };
        tidy(text)
    }

    /// A field's numbers.
    pub(crate) fn numbers(&self, part: Part, tag: u16) -> Option<&[f64]> {
        let Value::Numbers(numbers) = self.get(part, tag)? else { return None };
        Some(numbers)
    }

    /// A field's first number, if it is finite.
    pub(crate) fn number(&self, part: Part, tag: u16) -> Option<f64> {
        self.numbers(part, tag)?.first().copied().filter(|number| number.is_finite())
    }

    /// A field's first number, if it is a whole one that fits.
    pub(crate) fn integer(&self, part: Part, tag: u16) -> Option<u32> {
        let number = self.number(part, tag)?;
        let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked the line before"
        )]
        is_whole.then_some(number as u32)
    }
}

/// Text fit to be shown: no control characters but line breaks, no blanks around it, at most 4,000 characters.
pub(crate) fn tidy(text: &str) -> Option<String> {
    let text = text.split('\0').next().unwrap_or_default();
    let shown = text.chars().filter(|character| !character.is_control() || *character == '\n');
    let text: String = shown.take(4_000).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

type Found = Vec<((Part, u16), Value)>;

/// The fields that `nom-exif` finds.
fn with_nom_exif(exif: &[u8]) -> Result<Found, String> {
    let source = MediaSource::from_memory(exif.to_vec()).map_err(|error| error.to_string())?;
    let entries = MediaParser::new().parse_exif(source).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for entry in entries {
        let part = match entry.ifd_kind() {
            _ if entry.ifd() != IfdIndex::MAIN => continue,
            IfdKind::Tiff => Part::Main,
            IfdKind::Exif => Part::Exif,
            IfdKind::Gps => Part::Gps,
            _ => continue,
        };
        let code = entry.tag().code();
        if let Ok(value) = entry.into_result()
            && let Some(value) = from_nom_exif(&value)
        {
            found.push(((part, code), value));
        }
    }
    Ok(found)
}

/// One of `nom-exif`'s values in our form.
fn from_nom_exif(value: &EntryValue) -> Option<Value> {
    let text = |text: &str| (!text.trim().is_empty()).then(|| Value::Text(text.to_owned()));
    let ratio = |numerator: f64, denominator: f64| {
        numerator / if denominator == 0.0 { f64::NAN } else { denominator }
    };
    Some(match value {
        EntryValue::Text(content) => return text(content),
        EntryValue::Undefined(bytes) => return std::str::from_utf8(bytes).ok().and_then(text),
        EntryValue::DateTime(_) | EntryValue::NaiveDateTime(_) => {
            let clock: ExifDateTime = value.as_datetime()?;
            Value::Clock(clock.into_naive().and_utc().timestamp())
        }
        EntryValue::URational(number) => Value::Numbers(vec![number.to_f64().unwrap_or(f64::NAN)]),
        EntryValue::IRational(number) => Value::Numbers(vec![number.to_f64().unwrap_or(f64::NAN)]),
        EntryValue::URationalArray(numbers) => {
            let each = |n: &nom_exif::URational| ratio(f64::from(n.numerator()), f64::from(n.denominator()));
            Value::Numbers(numbers.iter().map(each).collect())
        }
        EntryValue::U8Array(bytes) => return std::str::from_utf8(bytes).ok().and_then(text),
        EntryValue::U16Array(numbers) => Value::Numbers(numbers.iter().map(|n| f64::from(*n)).collect()),
        EntryValue::U32Array(numbers) => Value::Numbers(numbers.iter().map(|n| f64::from(*n)).collect()),
        EntryValue::U8(number) => Value::Numbers(vec![f64::from(*number)]),
        EntryValue::U16(number) => Value::Numbers(vec![f64::from(*number)]),
        EntryValue::U32(number) => Value::Numbers(vec![f64::from(*number)]),
        other => Value::Numbers(vec![other.try_as_float()?]),
    })
}

/// The fields that `kamadak-exif` finds, as many as it can in a damaged block.
fn with_kamadak(exif: &[u8]) -> Result<Found, String> {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let whole = reader.read_raw(exif.to_vec());
    let block =
        whole.or_else(|error| error.distill_partial_result(|_| {})).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for field in block.fields().filter(|field| field.ifd_num == exif::In::PRIMARY) {
        let part = match field.tag.context() {
            exif::Context::Tiff => Part::Main,
            exif::Context::Exif => Part::Exif,
            exif::Context::Gps => Part::Gps,
            _ => continue,
        };
        if let Some(value) = from_kamadak(&field.value) {
            found.push(((part, field.tag.number()), value));
        }
    }
    Ok(found)
}

/// One of `kamadak-exif`'s values in our form.
fn from_kamadak(value: &exif::Value) -> Option<Value> {
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        (!text.trim_matches(['\0', ' ']).is_empty()).then(|| Value::Text(text.into_owned()))
    };
    match value {
        exif::Value::Ascii(lines) => text(lines.first()?),
        exif::Value::Undefined(bytes, _) => text(bytes),
        exif::Value::Rational(numbers) => {
            let each = |n: &exif::Rational| if n.denom == 0 { f64::NAN } else { n.to_f64() };
            Some(Value::Numbers(numbers.iter().map(each).collect()))
        }
        exif::Value::SRational(numbers) => {
            let each = |n: &exif::SRational| if n.denom == 0 { f64::NAN } else { n.to_f64() };
            Some(Value::Numbers(numbers.iter().map(each).collect()))
        }
        other => Some(Value::Numbers(other.iter_uint()?.map(f64::from).collect())),
    }
}
