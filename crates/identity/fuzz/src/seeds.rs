//! Writes the committed vectors, accepted and refused ones, into `corpus/`, a folder for each target.

use std::{fs, path::Path};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::Value;

/// Each target, the file of vectors it starts from, and the fields that hold what it is given.
const TARGETS: [(&str, &str, &[&str]); 10] = [
    ("operation", "operation", &["bytes"]),
    ("envelope", "envelope", &["bytes"]),
    ("card", "card", &["bytes"]),
    ("invitation", "pairing", &["link"]),
    ("certificate", "certificate", &["bytes"]),
    ("change_record", "change-record", &["bytes"]),
    ("vault_head", "vault-head", &["bytes"]),
    ("keyring", "vault-keys", &["sealed"]),
    ("kit_share", "kit", &["bytes", "text"]),
    ("kit_record", "kit", &["bytes", "record"]),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (target, format, fields) in TARGETS {
        let vectors = here.join(format!("../../../docs/formats/vectors/{format}.json"));
        let vectors: Value = serde_json::from_str(&fs::read_to_string(vectors)?)?;
        let corpus = here.join("corpus").join(target);
        fs::create_dir_all(&corpus)?;
        for list in ["accept", "reject"] {
            let mut texts = Vec::new();
            collect(&vectors[list], fields, &mut texts);
            for (index, text) in texts.into_iter().enumerate() {
                let bytes = HEXLOWER.decode(text.as_bytes()).unwrap_or_else(|_| text.as_bytes().to_vec());
                // Of a link also what is inside, but for the hash at its end, which the target puts there.
                let inside = text.split_once('#');
                let inside = inside.and_then(|(_, text)| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
                if let Some((body, _)) = inside.as_deref().and_then(|inside| inside.split_last_chunk::<4>()) {
                    fs::write(corpus.join(format!("{list}-{index:03}-inside")), body)?;
                }
                fs::write(corpus.join(format!("{list}-{index:03}")), bytes)?;
            }
        }
    }
    Ok(())
}

/// Every text in the vectors under one of these names: bytes in hexadecimal, or what a person pasted.
fn collect<'a>(value: &'a Value, names: &[&str], into: &mut Vec<&'a str>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect(value, names, into)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if names.contains(&name.as_str()) => into.push(text),
                    _ => collect(value, names, into),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
