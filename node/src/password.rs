//! Passwords: how long they must be, and how they are kept (Argon2id, 64 MiB, 3 passes).

use anyhow::{anyhow, bail};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// Shorter passwords are refused (NIST SP 800-63B).
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Longer ones too, so that nobody can make the node hash megabytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// # Errors
/// When the password is too short or too long, saying what to do.
pub fn check_strength(password: &str) -> anyhow::Result<()> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        bail!("the password has fewer than {PASSWORD_CHARS_MIN} characters; choose a longer one");
    }
    if password.len() > PASSWORD_BYTES_MAX {
        bail!("the password is longer than {PASSWORD_BYTES_MAX} bytes; choose a shorter one");
    }
    Ok(())
}

/// Hashes a password with a fresh salt, as a PHC string. Takes about an eighth of a second of one core.
///
/// # Errors
/// When the system has no randomness.
pub fn hash(password: &str) -> anyhow::Result<String> {
    let hash =
        hasher().hash_password(password.as_bytes()).map_err(|error| anyhow!("cannot hash: {error}"))?;
    Ok(hash.to_string())
}

/// Whether a password is the one that was hashed. Takes as long whether it is or not; with no hash to
/// compare (an unknown email) it works on a stand-in, so that a stranger cannot tell the two apart.
pub fn verify(password: &str, stored: Option<&str>) -> bool {
    const STAND_IN: &str =
        "$argon2id$v=19$m=65536,t=3,p=1$c3RhbmQtaW4tc2FsdA$Bo3N8kbbrFYiBJgLdHGqmGkDrpHmYi6vLWjGnXoXe5w";
    if password.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(stored.unwrap_or(STAND_IN)) else {
        return false;
    };
    let matches = hasher().verify_password(password.as_bytes(), &parsed).is_ok();
    matches && stored.is_some()
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(64 * 1024, 3, 1, None).expect("the parameters are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_is_accepted() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{stored}");
        assert!(verify("correct horse", Some(&stored)));
        assert!(!verify("wrong horse", Some(&stored)));
        assert!(!verify("correct horse", None));
        assert!(!verify("x", Some("not a hash")));
    }

    #[test]
    fn short_and_huge_passwords_are_refused() {
        assert!(check_strength("seven77").is_err());
        assert!(check_strength("eight888").is_ok());
        assert!(check_strength(&"x".repeat(2000)).is_err());
    }
}
