//! The place of an original: `<account>/2026/2026-07/IMG_0042.HEIC`, or `<account>/undated/…`.
//!
//! The name is the one it came with, except for what no file system takes. Names that collide, compared
//! without case, get `_1`, `_2` and so on.

use jiff::civil::DateTime;

/// Longest file name in bytes, with room for a suffix below the 255 that file systems allow.
const NAME_BYTES_MAX: usize = 200;

/// The folder below `library/` for a photo taken at this local time (milliseconds as if UTC).
pub fn folder(slug: &str, taken_local_ms: Option<i64>) -> String {
    let taken = taken_local_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    match taken.map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).datetime()) {
        Some(at) => format!("{slug}/{}/{}", year(at), month(at)),
        None => format!("{slug}/undated"),
    }
}

fn year(at: DateTime) -> String {
    format!("{:04}", at.year())
}

fn month(at: DateTime) -> String {
    format!("{:04}-{:02}", at.year(), at.month())
}

/// The names to try in `folder`, best first; never ends.
pub fn candidates(folder: &str, given_name: &str, extension: &str) -> impl Iterator<Item = String> {
    let name = safe_name(given_name, extension);
    let (stem, ending) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name.as_str(), ""),
    };
    let (folder, stem, ending) = (folder.to_owned(), stem.to_owned(), ending.to_owned());
    let numbered = {
        let (folder, stem, ending) = (folder.clone(), stem.clone(), ending.clone());
        (1_u64..).map(move |n| format!("{folder}/{stem}_{n}{ending}"))
    };
    std::iter::once(format!("{folder}/{stem}{ending}")).chain(numbered)
}

/// The given name as every common file system takes it; `photo<extension>` when nothing is left of it.
pub fn safe_name(given_name: &str, extension: &str) -> String {
    let last = given_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().map(safe_char).collect();
    let trimmed = kept.trim().trim_end_matches(['.', ' ']).trim_start_matches('.');
    let named = if trimmed.is_empty() { format!("photo{extension}") } else { trimmed.to_owned() };
    let named = if is_reserved(&named) { format!("_{named}") } else { named };
    shorten(&named)
}

fn safe_char(c: char) -> char {
    match c {
        ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{fffd}' => '_',
        c if c.is_control() => '_',
        c => c,
    }
}

/// Names that Windows gives to devices, whatever follows the first dot.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || (stem.len() == 4
            && (stem.starts_with("COM") || stem.starts_with("LPT"))
            && stem.ends_with(|c: char| c.is_ascii_digit()))
}

fn shorten(name: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    let ending = name.rfind('.').map(|dot| &name[dot..]).filter(|ending| ending.len() <= 12).unwrap_or("");
    let mut end = NAME_BYTES_MAX - ending.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_photo_lies_in_its_month() {
        let check = |ms, expected: &str| assert_eq!(folder("anna", ms), expected);
        check(Some(1_784_000_000_000), "anna/2026/2026-07");
        check(Some(-3_000_000_000_000), "anna/1874/1874-12");
        check(None, "anna/undated");
        check(Some(i64::MAX), "anna/undated");
    }

    #[test]
    fn names_stay_but_for_what_no_disk_takes() {
        let check = |given: &str, expected: &str| assert_eq!(safe_name(given, ".jpg"), expected, "{given:?}");
        check("IMG_0042.HEIC", "IMG_0042.HEIC");
        check("Oma & Opa – Ostern.jpeg", "Oma & Opa – Ostern.jpeg");
        check("../../etc/passwd", "passwd");
        check("C:\\Users\\x\\a.jpg", "a.jpg");
        check("a:b?.jpg", "a_b_.jpg");
        check("..", "photo.jpg");
        check("", "photo.jpg");
        check(".hidden.jpg", "hidden.jpg");
        check("con.jpg", "_con.jpg");
        check("a\u{0}b\n.jpg", "a_b_.jpg");
    }

    #[test]
    fn twins_are_numbered() {
        let names: Vec<_> = candidates("anna/2026/2026-07", "a.b.JPG", ".jpg").take(3).collect();
        let expected =
            ["anna/2026/2026-07/a.b.JPG", "anna/2026/2026-07/a.b_1.JPG", "anna/2026/2026-07/a.b_2.JPG"];
        assert_eq!(names, expected);
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_safe_path_segment(given in "\\PC{0,300}|.{0,20}") {
            let name = safe_name(&given, ".jpg");
            prop_assert!(!name.is_empty() && name.len() <= 212 && name != "." && name != "..");
            prop_assert!(!name.contains(['/', '\\', '\0']));
            prop_assert!(!name.starts_with('.'));
        }
    }
}
