//! What a fuzz target starts from: the vectors of `docs/formats`, accepted and refused ones.
//!
//! `seeds.json` in a folder `fuzz` says for a target which file of vectors it is and which fields hold what the target is
//! given. A target without a line there starts from nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::folders;

/// Bytes of the hash at the end of an invitation, which its target puts there itself.
const CHECK_BYTES: usize = 4;

/// Writes the seeds of a target into its corpus; returns how many.
pub(crate) fn write(folder: &Path, target: &str) -> Result<usize> {
    let corpus = folder.join("corpus").join(target);
    fs::create_dir_all(&corpus).with_context(|| format!("could not make {}", corpus.display()))?;
    let Ok(table) = fs::read_to_string(folder.join("seeds.json")) else { return Ok(0) };
    let table: Value = serde_json::from_str(&table).context("could not read seeds.json")?;
    let line = &table[target];
    let Some(format) = line["vectors"].as_str() else { return Ok(0) };
    let fields: Vec<&str> =
        line["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let path = folders::root().join("docs/formats/vectors").join(format!("{format}.json"));
    let vectors = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let mut texts = Vec::new();
    collect(&serde_json::from_str(&vectors)?, &fields, &mut texts);
    let seeds: Vec<Vec<u8>> = texts.iter().flat_map(|text| seeds_of(text)).collect();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(corpus.join(format!("vector-{number:03}")), seed).context("could not write a seed")?;
    }
    Ok(seeds.len())
}

/// Every text in the vectors under one of these names.
fn collect(value: &Value, names: &[&str], into: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect(value, names, into)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if names.contains(&name.as_str()) => into.push(text.clone()),
                    Value::Array(list) if names.contains(&name.as_str()) => {
                        into.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => collect(value, names, into),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Bytes that are written in hexadecimal, or what a person typed; of a link also what is inside.
fn seeds_of(text: &str) -> Vec<Vec<u8>> {
    if let Some(bytes) = hexadecimal(text) {
        return vec![bytes];
    }
    let inside = text.split_once('#').and_then(|(_, inside)| base64url(inside));
    let inside = inside.and_then(|bytes| Some(bytes[..bytes.len().checked_sub(CHECK_BYTES)?].to_vec()));
    [Some(text.as_bytes().to_vec()), inside].into_iter().flatten().collect()
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let is_even = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_even.then(|| text.as_bytes().chunks(2).filter_map(pair).collect())
}

fn base64url(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_become_bytes() {
        assert_eq!(seeds_of("00ff"), [vec![0, 255]]);
        assert_eq!(seeds_of("zoo"), [b"zoo".to_vec()]);
        assert_eq!(base64url("aGVpcmxvb20"), Some(b"heirloom".to_vec()));
        assert_eq!(seeds_of("heirloom://pair#aGVpcmxvb20")[1], b"heir");
        assert_eq!(base64url("a#"), None);
    }

    #[test]
    fn fields_are_found_wherever_they_stand() {
        let vectors = serde_json::json!({ "accept": [{ "bytes": "00" }, { "deep": { "bytes": ["01", "02"] } }], "x": "03" });
        let mut found = Vec::new();
        collect(&vectors, &["bytes"], &mut found);
        assert_eq!(found, ["00", "01", "02"]);
    }
}
