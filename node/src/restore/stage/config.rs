//! Settings: as the person wrote them, without those that mean nothing on another machine.

use std::path::Path;

use data_encoding::BASE64;

use super::RELAY_ROOTS;
use crate::home::config::Config;
use crate::restore::RelayAccess;
use crate::restore::state::write_whole;
use crate::restore::tables::remove;

/// The longest settings file that is taken back.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Settings that mean nothing on another machine: an address, and files that are not in the vault.
const SETTINGS_OF_THE_OLD_MACHINE: [&str; 3] = ["p2p_external", "key_passphrase_file", "relay_roots"];

/// The person's settings, without those that mean nothing on another machine; with the relay that was named for the restore
/// and its certificates, because the photos come over it, too.
pub(super) fn make_config(folder: &Path, relays: &RelayAccess) -> anyhow::Result<()> {
    let mended = old_config(folder).and_then(|(text, before)| without_old_machine(&text, &before));
    let mut text = mended.unwrap_or_else(|| Config::EXAMPLE.to_owned());
    if let Some(url) = &relays.url {
        text = with_relay(text, url, relays.token.as_deref())?;
    }
    let roots = folder.join(RELAY_ROOTS);
    let relay_roots = &relays.roots;
    if relay_roots.is_empty() {
        remove(&roots)?;
    } else {
        let pem = |root: &Vec<u8>| {
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64.encode(root))
        };
        write_whole(&roots, relay_roots.iter().map(pem).collect::<String>().as_bytes())?;
        // First, because a setting below a heading would belong to that.
        text = format!("relay_roots = [\"{RELAY_ROOTS}\"]\n{text}");
    }
    write_whole(&folder.join("config.toml"), text.as_bytes())
}

/// The settings as they were, if they came back and can be read.
pub(super) fn old_config(folder: &Path) -> Option<(String, Config)> {
    let path = folder.join("config.toml");
    std::fs::metadata(&path).ok().filter(|meta| meta.len() <= CONFIG_BYTES_MAX)?;
    let text = std::fs::read_to_string(&path).ok()?;
    let config = toml::from_str(&text).ok()?;
    Some((text, config))
}

/// Nothing changed: the text as it was, with what people wrote in it. Something to leave out: the settings alone.
fn without_old_machine(text: &str, before: &Config) -> Option<String> {
    let here = |address: &std::net::SocketAddr| address.ip().is_unspecified() || address.ip().is_loopback();
    let mut settings: toml::Table = toml::from_str(text).ok()?;
    let count = settings.len();
    for name in SETTINGS_OF_THE_OLD_MACHINE {
        settings.remove(name);
    }
    for (name, address) in [("listen", &before.listen), ("p2p_listen", &before.p2p_listen)] {
        if !here(address) {
            settings.remove(name);
        }
    }
    if settings.len() == count {
        return Some(text.to_owned());
    }
    let kept = toml::to_string(&settings).ok()?;
    Some(format!("# As before the restore, without what was true of the old machine only.\n{kept}"))
}

/// The settings with a relay before those that they name. One that they name stays where it is; the password that was
/// typed for it is newer than theirs.
fn with_relay(text: String, url: &str, token: Option<&str>) -> anyhow::Result<String> {
    let mut settings: toml::Table = toml::from_str(&text)?;
    let Some(named) = settings.remove("relays") else {
        // What people wrote, and what the example explains, stays. First, because a setting below a heading would belong
        // to that.
        return Ok(format!("relays = [{}]\n{text}", setting(url, token)));
    };
    let toml::Value::Array(mut relays) = named else { return Ok(text) };
    match (relays.iter_mut().find(|relay| is_at(relay, url)), token) {
        (Some(toml::Value::Table(known)), Some(token))
            if known.get("token").and_then(toml::Value::as_str) != Some(token) =>
        {
            known.insert("token".to_owned(), token.into());
        }
        (Some(_), _) => return Ok(text),
        (None, _) => relays.insert(0, setting(url, token)),
    }
    settings.insert("relays".to_owned(), toml::Value::Array(relays));
    Ok(toml::to_string(&settings)?)
}

/// Whether this is the relay at an address.
fn is_at(relay: &toml::Value, url: &str) -> bool {
    let known = relay.get("url").and_then(toml::Value::as_str);
    known.is_some_and(|known| known.trim_end_matches('/') == url.trim_end_matches('/'))
}

fn setting(url: &str, token: Option<&str>) -> toml::Value {
    let mut relay = toml::Table::new();
    relay.insert("url".to_owned(), url.into());
    if let Some(token) = token {
        relay.insert("token".to_owned(), token.into());
    }
    relay.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_without_those_of_the_old_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let check = |before: Option<&str>, workers: usize| {
            match before {
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            make_config(folder.path(), &RelayAccess::default()).unwrap();
            let config: Config = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(config.workers, workers);
            assert_eq!(config.key_passphrase_file, None);
            assert_eq!(config.listen, Config::default().listen);
        };
        check(Some("workers = 3\nkey_passphrase_file = \"/media/stick\"\nlisten = \"10.0.0.7:80\"\n"), 3);
        check(Some("relay_roots = [\n  \"a.pem\",\n]\nworkers = 3\n"), 3);
        check(Some("listen = \"127.0.0.1:2283\"\nworkers = 2 # as many as we have\n"), 2);
        assert!(std::fs::read_to_string(&path).unwrap().contains("as many as we have"));
        let roots = [b"one".to_vec(), b"two".to_vec()];
        make_config(folder.path(), &RelayAccess { roots: roots.to_vec(), ..RelayAccess::default() }).unwrap();
        let config = Config::load(&path).unwrap();
        assert_eq!((config.relay_roots.len(), config.workers), (1, 2));
        assert_eq!(crate::protocols::start::read_certificates(&config.relay_roots[0]).unwrap(), roots);
        check(Some("nonsense"), 0);
        check(None, 0);
    }

    #[test]
    fn the_relay_that_was_typed_stands_before_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let typed = |token: Option<&str>| RelayAccess {
            url: Some("https://new.example.org".to_owned()),
            token: token.map(str::to_owned),
            ..RelayAccess::default()
        };
        let check = |before: &str, token: Option<&str>, expected: &[(&str, Option<&str>)]| {
            std::fs::write(&path, before).unwrap();
            make_config(folder.path(), &typed(token)).unwrap();
            let config: Config = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let relays = config.relays.iter().map(|relay| (relay.url.as_str(), relay.token.as_deref()));
            assert_eq!(relays.collect::<Vec<_>>(), expected);
            assert_eq!(config.workers, 3);
        };
        let (new, old) = ("https://new.example.org", "https://old.example.org");
        check("workers = 3 # enough\n", Some("a \"secret\""), &[(new, Some("a \"secret\""))]);
        assert!(std::fs::read_to_string(&path).unwrap().contains("# enough"));
        let before = format!("workers = 3\n[[relays]]\nurl = \"{old}\"\n");
        check(&before, None, &[(new, None), (old, None)]);
        let known = format!("workers = 3 # enough\nrelays = [{{ url = \"{new}\", token = \"x\" }}]\n");
        for typed in [None, Some("x")] {
            check(&known, typed, &[(new, Some("x"))]);
            assert!(std::fs::read_to_string(&path).unwrap().contains("# enough"), "nothing is to be changed");
        }
        check(&known, Some("y"), &[(new, Some("y"))]);
        let second = format!("workers = 3\n[[relays]]\nurl = \"{old}\"\n[[relays]]\nurl = \"{new}/\"\n");
        check(&second, Some("y"), &[(old, None), (&format!("{new}/"), Some("y"))]);
    }
}
