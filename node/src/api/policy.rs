//! The page's content security policy: its own scripts and nothing else.

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

/// What the page may not ask a browser for.
pub const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=()";

/// The policy of a page whose inline scripts are those in `html`, each allowed by its hash.
pub fn of_page(html: &str) -> String {
    let hashes = inline_scripts(html).map(|script| {
        let digest = BASE64.encode(&Sha256::digest(script.as_bytes()));
        format!(" 'sha256-{digest}'")
    });
    let hashes: String = hashes.collect();
    format!(
        "default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; \
         img-src 'self' blob: data:; font-src 'self'; media-src 'self'; connect-src 'self'; \
         manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The text of every script that stands in the page itself.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let (script, _) = rest.split_once("</script>")?;
        (!attributes.contains("src=")).then_some(script)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_scripts_are_allowed_by_their_hash() {
        let html =
            "<script>alert(1)</script><script src=\"/a.js\"></script><script type=\"module\">x>y</script>";
        assert_eq!(inline_scripts(html).collect::<Vec<_>>(), ["alert(1)", "x>y"]);
        let policy = of_page("<script>alert(1)</script>");
        let hash = "script-src 'self' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=';";
        assert!(policy.contains(hash), "{policy}");
        assert!(of_page("").contains("script-src 'self';"));
    }
}
