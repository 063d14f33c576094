//! Where a store is, checked; and errors that name no secret.

use std::error::Error;
use std::net::IpAddr;

use object_store::client::{HttpError, HttpErrorKind};
use zeroize::Zeroizing;

use super::TargetError;

/// The longest explanation that is passed on.
const EXPLANATION_CHARS_MAX: usize = 300;
/// How deep errors are looked into.
const SOURCES_MAX: usize = 16;

/// An endpoint that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) text: String,
    pub(crate) is_http: bool,
}

/// Checks an address of a store: `https`, or `http` to an address at home.
pub(crate) fn check_endpoint(text: &str, allow_http: bool) -> Result<Endpoint, TargetError> {
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

    /// What went wrong, in words without secrets that say what to look at.
    pub(super) fn explain(&self, error: object_store::Error) -> TargetError {
        use object_store::Error as Store;
        let text = error.to_string();
        if let Some(known) = code_in(&text).and_then(known_code) {
            return known;
        }
        match error {
            Store::NotFound { .. } => TargetError::Missing,
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
                TargetError::Refused("the store doesn't accept these keys".into())
            }
            other if is_offline(&other) => tls_trouble(&other).unwrap_or(TargetError::Offline),
            _ if text.contains("incorrectly configured region") => refused(WRONG_REGION),
            _ => TargetError::Io(self.without_secrets(&text)),
        }
    }

    fn without_secrets(&self, text: &str) -> String {
        let clean = self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"));
        clean.chars().take(EXPLANATION_CHARS_MAX).collect()
    }
}

const WRONG_REGION: &str = "the bucket lies in another region than the one that was given";

fn refused(why: &str) -> TargetError {
    TargetError::Refused(why.to_owned())
}

/// The code of an S3 error in the text of an answer.
fn code_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.trim())
}

/// What a store's error means, where a person can do something about it.
fn known_code(code: &str) -> Option<TargetError> {
    Some(match code {
        "NoSuchBucket" => refused("the store has no bucket of that name"),
        "InvalidAccessKeyId" | "NotSignedUp" => refused("the store doesn't know this access key"),
        "SignatureDoesNotMatch" => refused("the secret key isn't the one that belongs to this access key"),
        "AccessDenied" => refused("these keys may not read and write in this bucket"),
        "RequestTimeTooSkewed" => refused("this computer's clock is wrong; set it, then it goes on"),
        "AuthorizationHeaderMalformed" | "PermanentRedirect" => refused(WRONG_REGION),
        "QuotaExceeded" | "XMinioAdminBucketQuotaExceeded" | "XMinioStorageFull" => {
            TargetError::Full { quota: 0, used: 0 }
        }
        _ => return None,
    })
}

/// What is wrong with the encryption of a connection; none: the network, which passes.
fn tls_trouble(error: &object_store::Error) -> Option<TargetError> {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    use rustls::Error as Tls;
    Some(match sources(error).find_map(tls_error)? {
        Tls::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => refused("the store's certificate is out of date, or this computer's clock is wrong"),
        Tls::InvalidCertificate(_) => {
            refused("the store's certificate is none that this computer trusts for that address")
        }
        Tls::InvalidMessage(_) => refused("nothing speaks https at that address"),
        _ => return None,
    })
}

/// The error of the encryption in an error of the system's, however often it was wrapped in another of those.
fn tls_error<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    for _ in 0..SOURCES_MAX {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        error = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    }
    None
}

/// An error and what it comes from.
fn sources(error: &object_store::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source()).take(SOURCES_MAX)
}

/// Whether no answer came at all.
fn is_offline(error: &object_store::Error) -> bool {
    let http = sources(error).find_map(|error| error.downcast_ref::<HttpError>());
    http.is_some_and(|http| !matches!(http.kind(), HttpErrorKind::Decode | HttpErrorKind::Unknown))
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
    #[test]
    fn what_a_store_answers_is_said_in_words() {
        let secrets = Secrets::new("AKIA-me", "hush hush");
        let answer = |code: &str| {
            let source = format!("<Error><Code>{code}</Code><Message>for AKIA-me</Message></Error>").into();
            secrets.explain(object_store::Error::PermissionDenied { path: "x".into(), source }).to_string()
        };
        for (code, expected) in [
            ("NoSuchBucket", "it refuses: the store has no bucket of that name"),
            ("RequestTimeTooSkewed", "it refuses: this computer's clock is wrong; set it, then it goes on"),
            (
                "PermanentRedirect",
                "it refuses: the bucket lies in another region than the one that was given",
            ),
            ("XMinioStorageFull", "it is full: 0 of 0 bytes"),
            ("Another", "it refuses: the store doesn't accept these keys"),
        ] {
            assert_eq!(answer(code), expected);
        }
    }

    #[test]
    fn a_certificate_is_no_passing_trouble() {
        let said = |error: rustls::Error| {
            let source = Box::new(std::io::Error::other(std::io::Error::other(error)));
            tls_trouble(&object_store::Error::Generic { store: "S3", source }).map(|said| said.to_string())
        };
        let untrusted = said(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer));
        assert!(untrusted.is_some_and(|said| said.contains("trusts")));
        let expired = said(rustls::Error::InvalidCertificate(rustls::CertificateError::Expired));
        assert!(expired.is_some_and(|said| said.contains("clock")));
        assert_eq!(said(rustls::Error::HandshakeNotComplete), None);
    }
}
