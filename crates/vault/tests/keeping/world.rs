//! What these tests share: a keeper on a temporary disk, households that sign heads, packs made from a number.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_identity::keyring::KEYRING_BYTES;
use heirloom_identity::vault_key::POINTER_BYTES;
use heirloom_identity::{
    AuthorityKey, Certificate, HeadHash, HouseholdId, KitId, KitRecord, KitSecret, NodeKeys, Quorum,
    Revocation, Root, VaultHead,
};
use heirloom_store::{Database, Disk, Durability, RealDisk};
use heirloom_vault::proof::{self, Challenge};
use heirloom_vault::{Answer, Keeper, PackId};

pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Room for everything these tests bring.
pub(crate) const QUOTA: u64 = 64 << 20;

/// A household that can sign.
pub(crate) struct Household {
    authority: AuthorityKey,
    seed: u8,
}

impl Household {
    pub(crate) fn new(seed: u8) -> Self {
        Self { authority: Root::from_bytes([seed; 32]).authority(), seed }
    }

    pub(crate) fn id(&self) -> HouseholdId {
        self.authority.household()
    }

    /// The record of a recovery kit.
    pub(crate) fn kit(&self, number: u8) -> KitRecord {
        let (root, secret) = (Root::from_bytes([self.seed; 32]), KitSecret::from_bytes([number; 32]));
        let (kit, quorum) = (KitId::from_bytes([number; 16]), Quorum::new(2, 3).unwrap());
        let shares = secret.split(&self.id(), &kit, quorum, &[number; 32]);
        KitRecord::seal(&root, &secret, &shares, 5, [number; 24]).unwrap()
    }

    /// The node of a generation; `which` tells apart nodes that were restored at the same time.
    pub(crate) fn node(&self, generation: u32, which: u8) -> Node {
        let mut secret = [self.seed; NodeKeys::BYTES];
        secret[0] = u8::try_from(generation).unwrap();
        secret[40] = which;
        secret[41] = u8::try_from(generation).unwrap();
        let keys = NodeKeys::from_bytes(&secret);
        let certificate =
            Certificate::issue(&self.authority, generation, keys.node(), keys.signer().id(), 1000).unwrap();
        Node { keys, certificate }
    }
}

pub(crate) struct Node {
    keys: NodeKeys,
    pub(crate) certificate: Certificate,
}

impl Node {
    /// Takes a kit back.
    pub(crate) fn revoke(&self, kit: &KitRecord) -> Vec<u8> {
        Revocation::sign(self.keys.signer(), &self.certificate, *kit.kit(), 9).unwrap().encode()
    }

    /// A head; `made_at_ms` makes it another one.
    pub(crate) fn head(&self, number: u64, previous: Option<&VaultHead>, made_at_ms: i64) -> VaultHead {
        let previous = match previous {
            Some(head) => head.hash(),
            None if number == 1 => HeadHash::NONE,
            None => HeadHash::from_bytes([1; 32]),
        };
        let (keyring, pointer) = ([7; KEYRING_BYTES], [8; POINTER_BYTES]);
        VaultHead::sign(
            self.keys.signer(),
            &self.certificate,
            number,
            previous,
            made_at_ms,
            &keyring,
            &pointer,
        )
        .unwrap()
    }

    /// Heads 1 to `count`, a day apart.
    pub(crate) fn chain(&self, count: u64) -> Vec<VaultHead> {
        let mut chain: Vec<VaultHead> = Vec::new();
        for number in 1..=count {
            let made = i64::try_from(number).unwrap() * DAY_MS;
            chain.push(self.head(number, chain.last(), made));
        }
        chain
    }
}

/// Bytes that no other number gives.
pub(crate) fn pack(number: u32, bytes: usize) -> (PackId, Vec<u8>) {
    let mut content = vec![0; bytes];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut content);
    (PackId::of(&content), content)
}

/// A keeper's home.
pub(crate) struct Home {
    pub(crate) scratch: tempfile::TempDir,
    pub(crate) keeper: Keeper,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(RealDisk)).unwrap()
    }

    /// A home whose packs are written through this disk.
    pub(crate) fn on(disk: Arc<dyn Disk>) -> Option<Self> {
        let scratch = scratch();
        let keeper = open(scratch.path(), disk)?;
        Some(Self { scratch, keeper })
    }

    /// The same home, started again.
    pub(crate) fn restart(self) -> Self {
        self.restart_on(Arc::new(RealDisk))
    }

    pub(crate) fn restart_on(self, disk: Arc<dyn Disk>) -> Self {
        let Self { scratch, keeper } = self;
        drop(keeper);
        let keeper = open(scratch.path(), disk).unwrap();
        Self { scratch, keeper }
    }

    /// A ward's folder.
    pub(crate) fn place(&self, ward: &HouseholdId) -> PathBuf {
        self.scratch.path().join("kept").join(ward.to_string())
    }

    pub(crate) fn pack_path(&self, ward: &HouseholdId, pack: &PackId) -> PathBuf {
        let name = pack.to_string();
        self.place(ward).join("packs").join(&name[..2]).join(format!("{name}.pack"))
    }

    /// Takes the ward's disk out, leaving an empty mount point.
    pub(crate) fn unmount(&self, ward: &HouseholdId) {
        std::fs::rename(self.place(ward), self.scratch.path().join("unmounted")).unwrap();
        std::fs::create_dir(self.place(ward)).unwrap();
    }

    pub(crate) fn mount(&self, ward: &HouseholdId) {
        std::fs::remove_dir(self.place(ward)).unwrap();
        std::fs::rename(self.scratch.path().join("unmounted"), self.place(ward)).unwrap();
    }

    pub(crate) fn days(&self, days: i64) {
        self.keeper.tick(days * DAY_MS).unwrap();
    }
}

/// A temporary folder, in memory where there is plenty: these tests cut the power by themselves and sync all the time.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    if free > 1 << 30 { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn open(home: &Path, disk: Arc<dyn Disk>) -> Option<Keeper> {
    let path = home.join("keeper.sqlite");
    // Not what the program does: these tests cut the power of files, not of SQLite, and are quicker so.
    let db = Database::open(&path, Durability::Normal, heirloom_vault::KEEPER_MIGRATIONS).unwrap();
    Keeper::open(db, home.join("kept"), disk).ok()
}

/// A question about a group of a pack.
pub(crate) fn question(pack: &PackId, bytes: usize, group: u32) -> Challenge {
    Challenge { pack: *pack, bytes: u32::try_from(bytes).unwrap(), group }
}

/// Asks about every group of a pack; whether all were proved.
pub(crate) fn proves(keeper: &Keeper, ward: &HouseholdId, pack: &PackId, bytes: usize) -> bool {
    (0..proof::group_count(u32::try_from(bytes).unwrap())).all(|group| {
        let challenge = question(pack, bytes, group);
        let answers = keeper.prove(ward, &[challenge]).unwrap();
        matches!(&answers[..], [Answer::Proof(proof)] if proof::verify(&challenge, proof))
    })
}

pub(crate) fn ids(keeper: &Keeper, ward: &HouseholdId) -> Vec<PackId> {
    keeper.list(ward, None, 4096).unwrap().into_iter().map(|(pack, _)| pack).collect()
}

/// Changes a byte of a file in the middle.
pub(crate) fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// Cuts a file in the middle.
pub(crate) fn cut(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

/// Copies a folder of folders.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
