//! Tests of the key file: every version, locked and not.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn made() -> KeyFile {
    KeyFile::make(&Root::from_bytes([7; 32]), 1).unwrap()
}

fn secrets_of(file: &KeyFile) -> (Vec<u8>, Vec<String>) {
    let Some(vault) = file.vault() else { return Default::default() };
    let keys = vault.keyring.keys().iter().map(|key| vault_text(key).to_string());
    (vault.wrapped.clone(), keys.collect())
}

fn check_same(one: &KeyFile, other: &KeyFile) {
    assert_eq!(one.certificate, other.certificate);
    assert_eq!(*one.node.to_bytes(), *other.node.to_bytes());
    let public = |file: &KeyFile| file.receive.iter().map(ReceiveKey::public).collect::<Vec<_>>();
    assert_eq!(public(one), public(other));
    assert_eq!(secrets_of(one), secrets_of(other));
}

/// The file as an earlier release wrote it.
fn earlier(keys: &KeyFile, version: u32) -> String {
    let mut text = format!(
        "version = {version}\nhousehold = \"{}\"\ncertificate = \"{}\"\nnode_keys = \"{}\"\n",
        keys.certificate.household(),
        HEXLOWER.encode(&keys.certificate.encode()),
        HEXLOWER.encode(&*keys.node.to_bytes()),
    );
    if version == 2 {
        let receive = HEXLOWER.encode(&*keys.receive[0].to_bytes());
        text.push_str(&format!("receive_keys = [\"{receive}\"]\n"));
    }
    text
}

#[test]
fn keys_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let keys = made();
    keys.save(&path, None).unwrap();
    let loaded = KeyFile::load(&path, None).unwrap();
    check_same(&keys, &loaded);
    assert_eq!(loaded.vault().unwrap().keyring.newest().generation(), 1);
    assert!(keys.save(&path, None).is_err(), "nothing is overwritten");
}

/// What the phrase opens is what the file holds.
#[test]
fn the_phrase_opens_the_vault_of_a_new_home() {
    let keys = made();
    let vault = keys.vault().unwrap();
    let household = keys.certificate.household();
    let opened = Keyring::unwrap(&Root::from_bytes([7; 32]).wrapping(), household, &vault.wrapped).unwrap();
    assert_eq!(*opened.newest().to_bytes(), *vault.keyring.newest().to_bytes());
    assert!(Keyring::unwrap(&Root::from_bytes([8; 32]).wrapping(), household, &vault.wrapped).is_err());
}

/// A file as the first release wrote it gets a receive key, once, and keeps what it had.
#[test]
fn a_file_of_version_1_is_brought_forward() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let keys = made();
    super::super::create::write_private(&path, earlier(&keys, 1).as_bytes()).unwrap();
    // What an upgrade that was interrupted left behind.
    let left = folder.path().join("keys.toml.new");
    std::fs::write(&left, "half").unwrap();
    std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o644)).unwrap();
    let upgraded = KeyFile::load(&path, None).unwrap();
    assert_eq!(upgraded.certificate, keys.certificate);
    assert_eq!(upgraded.receive.len(), 1);
    assert!(upgraded.vault().is_none());
    check_same(&upgraded, &KeyFile::load(&path, None).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!left.exists());
}

/// A file as the second release wrote it stays as it is until the phrase is typed; then the vault has keys, once.
#[test]
fn a_file_of_version_2_is_given_vault_keys() {
    for passphrase in [None, Some("a long passphrase")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let keys = made();
        let mut text = earlier(&keys, 2);
        if let Some(passphrase) = passphrase {
            let (clear, secret) = text.split_once("node_keys").unwrap();
            let secret = format!("node_keys{secret}");
            let locked = sealed_file::lock(passphrase, [1; 16], [2; 24], secret.as_bytes()).unwrap();
            text = format!("{clear}locked = \"{}\"\n", HEXLOWER.encode(&locked));
        }
        super::super::create::write_private(&path, text.as_bytes()).unwrap();
        let loaded = KeyFile::load(&path, passphrase).unwrap();
        assert!(loaded.vault().is_none());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let root = Root::from_bytes([7; 32]);
        let enable = || {
            let vault = VaultKeys::make(&root.wrapping(), keys.certificate.household()).unwrap();
            loaded.enable_vault(&path, passphrase, vault).unwrap();
            secrets_of(&loaded)
        };
        let first = enable();
        assert_eq!(enable(), first, "the second time changes nothing");
        let again = KeyFile::load(&path, passphrase).unwrap();
        check_same(&again, &loaded);
        assert_eq!(again.receive[0].public(), keys.receive[0].public());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(KeyFile::load(&path, None).is_ok(), passphrase.is_none());
    }
}

#[test]
fn a_locked_file_opens_with_its_passphrase_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let keys = made();
    keys.save(&path, Some("a long passphrase")).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&HEXLOWER.encode(&*keys.node.to_bytes())));
    assert!(!text.contains(&HEXLOWER.encode(&*keys.vault().unwrap().keyring.newest().to_bytes())));
    check_same(&keys, &KeyFile::load(&path, Some("a long passphrase")).unwrap());
    let none = format!("{:#}", KeyFile::load(&path, None).unwrap_err());
    assert!(none.contains("HEIRLOOM_KEY_PASSPHRASE_FILE"), "{none}");
    assert!(KeyFile::load(&path, Some("another")).is_err());
}

/// The most of everything still fits into what a passphrase can lock.
#[test]
fn a_full_file_can_be_locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let root = Root::from_bytes([7; 32]);
    let household = root.authority().household();
    let keys = (0..64).map(|back| VaultKey::from_bytes(u32::MAX - back, [7; 32])).collect();
    let vault = VaultKeys::wrap(Keyring::new(keys).unwrap(), &root.wrapping(), &household).unwrap();
    let receive = (0..RECEIVE_KEYS_MAX).map(|_| fresh_receive_key().unwrap()).collect();
    let file = KeyFile::make_node(&root.authority(), 9, receive, vault, 1).unwrap();
    file.save(&path, Some("a long passphrase")).unwrap();
    check_same(&file, &KeyFile::load(&path, Some("a long passphrase")).unwrap());
}

#[test]
fn damage_is_said_without_quoting_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let keys = made();
    keys.save(&path, None).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let said = format!("{:#}", KeyFile::load(&path, None).unwrap_err());
        assert!(!said.contains(&*HEXLOWER.encode(&*keys.node.to_bytes())), "{said}");
    };
    check(&text.replace("version = 3", "version = 4"));
    check(&text.replace("version = 3", "version = 0"));
    check(&text.replace("version = 3", "version = 1"));
    check(&text.replace("version = 3", "version = 2"));
    check(&text.replace("receive_keys", "received_keys"));
    check(&text.replace("node_keys = \"", "node_keys = \"zz"));
    check(&text.replace("vault_keys = [\"1:", "vault_keys = [\"-1:"));
    check(&text.replace("vault_keys = [\"1:", "vault_keys = [\"1"));
    let without = |name: &str| {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(name)).collect();
        lines.join("\n")
    };
    check(&without("vault_keys"));
    check(&without("vault_wrapped"));
}
