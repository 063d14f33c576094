//! The one source of randomness of the program: the operating system.

use anyhow::anyhow;
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

/// `N` fresh random bytes.
///
/// # Errors
/// When the system has none to give.
pub fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no randomness: {error}"))?;
    Ok(bytes)
}

/// Fills bytes with randomness.
///
/// # Panics
/// When the system has none to give, which it says at the very start if ever: a key made of anything else would be
/// worse than none.
pub fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system gave randomness when the home was opened");
}

/// A fresh secret of 256 bits, as text that fits in a header or a cookie.
///
/// # Errors
/// When the system has no randomness.
pub fn token() -> anyhow::Result<Zeroizing<String>> {
    Ok(Zeroizing::new(BASE64URL_NOPAD.encode(&bytes::<32>()?)))
}
