//! A bucket as a place to restore from: `s3://BUCKET/FOLDER?endpoint=https://…&region=…`. Its keys come from the
//! environment, under the names that every program for such buckets knows; a command line is seen by everybody on the
//! machine.

use std::sync::Arc;

use heirloom_identity::HouseholdId;
use heirloom_vault::store::S3Place;
use heirloom_vault::target::S3Target;
use heirloom_vault::{Target, TargetError};

use super::Problem;
use crate::clock;
use crate::vault::own_places::bucket_name;

/// What a bucket's name begins with.
const SCHEME: &str = "s3://";
/// The variables with the two keys.
const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// The variable with the store's address, where the name of the bucket does not say it.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// The same for the store's region.
const REGION: &str = "AWS_REGION";

/// What says the value of a variable of the environment.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of this program.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Reads the name of a bucket; `None` when it is none.
///
/// # Errors
/// [`Problem::Origin`] when it says too little, or the keys are not there.
pub(super) fn read(text: &str, variable: Variables<'_>) -> Result<Option<S3Place>, Problem> {
    let Some(name) = text.strip_prefix(SCHEME) else { return Ok(None) };
    let (path, query) = name.split_once('?').unwrap_or((name, ""));
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    let asked = |what: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == what).map(|(_, value)| value.to_owned()).next()
    };
    let missing = |what: &str| {
        Problem::Origin(format!(
            "{what}; a bucket is named like s3://BUCKET/FOLDER?endpoint=https://s3.example.org"
        ))
    };
    if bucket.is_empty() {
        return Err(missing("that names no bucket"));
    }
    let endpoint = asked("endpoint").or_else(|| variable(ENDPOINT));
    let endpoint = endpoint.ok_or_else(|| missing("the address of the store is missing"))?;
    let [access_key, secret_key] = KEYS.map(variable);
    let (Some(access_key), Some(secret_key)) = (access_key, secret_key) else {
        let [access, secret] = KEYS;
        return Err(Problem::Origin(format!(
            "the keys of the bucket {bucket} are missing; put them into the environment as {access} and {secret}"
        )));
    };
    let (bucket, prefix) = (bucket.to_owned(), prefix.trim_matches('/').to_owned());
    let region = asked("region").or_else(|| variable(REGION)).unwrap_or_default();
    Ok(Some(S3Place { endpoint, bucket, prefix, region, access_key, secret_key }))
}

/// Opens a bucket, to read from.
///
/// # Errors
/// [`Problem::Origin`] when no copies of this household are in it, [`Problem::Unreachable`] when it does not answer.
pub(super) async fn open(place: &S3Place, household: HouseholdId) -> Result<Arc<dyn Target>, Problem> {
    let name = bucket_name(place);
    let away = |error: &TargetError| Problem::Unreachable(format!("the bucket {name}: {error}"));
    let target =
        S3Target::new(place, household, false, Arc::new(clock::now_ms)).map_err(|error| away(&error))?;
    match target.heads().await {
        Ok(heads) if !heads.is_empty() => Ok(Arc::new(target)),
        Ok(_) | Err(TargetError::DiskAbsent) => Err(Problem::Origin(format!(
            "there are no copies of this household in the bucket {name}; is it another bucket or folder, or another sheet?"
        ))),
        Err(error) => Err(away(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_and_its_keys_are_not() {
        let keys = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("id".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some("secret".to_owned()),
            _ => None,
        };
        assert!(read("/media/disk", &keys).unwrap().is_none());
        let place = read("s3://photos/family/smith/?endpoint=https://s3.example.org&region=eu", &keys);
        let place = place.unwrap().unwrap();
        assert_eq!((place.bucket.as_str(), place.prefix.as_str()), ("photos", "family/smith"));
        assert_eq!((place.endpoint.as_str(), place.region.as_str()), ("https://s3.example.org", "eu"));
        assert_eq!((place.access_key.as_str(), place.secret_key.as_str()), ("id", "secret"));
        let said = |text: &str, variable: Variables<'_>| read(text, variable).unwrap_err().to_string();
        assert!(said("s3://photos", &keys).contains("address of the store"));
        assert!(said("s3://?endpoint=https://a", &keys).contains("names no bucket"));
        assert!(said("s3://photos?endpoint=https://a", &|_| None).contains("AWS_SECRET_ACCESS_KEY"));
    }
}
