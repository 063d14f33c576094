//! Where a store is, checked; and errors that name no secret.

use std::error::Error;
use std::net::IpAddr;

use object_store::client::{HttpError, HttpErrorKind};
use zeroize::Zeroizing;

use super::TargetError;

/// The longest explanation that is passed on.
const EXPLANATION_CHARS_MAX: usize = 300;
/// How deep errors are looked into.
const SOURCES_MAX: usize = 8;

/// An endpoint that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) text: String,
    pub(super) is_http: bool,
}

/// Checks an address of a store: `https`, or `http` to an address at home.
pub(super) fn check_endpoint(text: &str, allow_http: bool) -> Result<Endpoint, TargetError> {
    let wrong = |why: &str| Err(TargetError::Wrong(format!("the store's address can't be used: {why}")));
    let text = text.trim().trim_end_matches('/');
    let Some((scheme, rest)) = text.split_once("://") else { return wrong("it begins with https://") };
    if rest.is_empty() || rest.contains(['@', '?', '#', '/', '\\']) || rest.chars().any(char::is_whitespace) {
        return wrong("after https:// stands a name and perhaps a port, nothing else");
    }
    let is_http = match scheme {
        "https" => false,
        "http" if allow_http || is_at_home(rest) => true,
        "http" => return wrong("http is for addresses at home only, use https"),
        _ => return wrong("it begins with https://"),
    };
    Ok(Endpoint { text: text.to_owned(), is_http })
}

/// Whether a host is this machine or one in the same private network.
fn is_at_home(host_and_port: &str) -> bool {
    let host = match host_and_port.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => host == "localhost",
    }
}

/// What must never stand in an error.
pub(super) struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    pub(super) fn new(access_key: &str, secret_key: &str) -> Self {
        let some = [access_key, secret_key].into_iter().filter(|secret| !secret.is_empty());
        Self(some.map(|secret| Zeroizing::new(secret.to_owned())).collect())
    }

    /// What went wrong, in words without secrets.
    pub(super) fn explain(&self, error: object_store::Error) -> TargetError {
        use object_store::Error as Store;
        match error {
            Store::NotFound { .. } => TargetError::Missing,
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
                TargetError::Refused("the store doesn't accept these keys".into())
            }
            other if is_offline(&other) => TargetError::Offline,
            other => TargetError::Io(self.without_secrets(&other.to_string())),
        }
    }

    fn without_secrets(&self, text: &str) -> String {
        let clean = self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"));
        clean.chars().take(EXPLANATION_CHARS_MAX).collect()
    }
}

/// Whether no answer came at all.
fn is_offline(error: &object_store::Error) -> bool {
    let mut source: Option<&dyn Error> = Some(error);
    for _ in 0..SOURCES_MAX {
        let Some(error) = source else { return false };
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return !matches!(http.kind(), HttpErrorKind::Decode | HttpErrorKind::Unknown);
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_checked() {
        for good in [
            "https://s3.example.org",
            "https://s3.example.org:8443/",
            "http://127.0.0.1:9000",
            "http://localhost:9000",
            "http://192.168.1.5",
            "http://[::1]:9000",
            "http://[fd00::1]:9000",
        ] {
            assert!(check_endpoint(good, false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "s3.example.org",
            "ftp://x",
            "https://",
            "https://a@b",
            "https://x/y",
            "https://x?y",
            "http://s3.example.org",
            "http://8.8.8.8",
            "http://[2001:db8::1]",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "https://a b",
        ] {
            assert!(check_endpoint(bad, false).is_err(), "{bad}");
        }
        assert!(check_endpoint("http://s3.example.org", true).is_ok_and(|endpoint| endpoint.is_http));
    }

    #[test]
    fn explanations_name_no_secret() {
        let secrets = Secrets::new("AKIA-me", "hush hush");
        let source = "AKIA-me with hush hush is not known".into();
        let error = secrets.explain(object_store::Error::Generic { store: "S3", source });
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("is not known") && !text.contains("AKIA-me") && !text.contains("hush"),
            "{text}"
        );
    }
}
