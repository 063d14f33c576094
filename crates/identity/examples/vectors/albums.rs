//! The vectors of albums: ids, operations, epochs and envelopes; and the homes that these and others are made of.

use heirloom_identity::{
    AccountId, Action, AlbumId, Certificate, CertificateId, Content, Cut, CutEntry, Envelope, EnvelopeError,
    EnvelopeHash, EpochId, EpochSecret, Header, HouseholdId, NodeKeys, Operation, OperationId, ReceiveKey,
    Rekey, Role, Root, SpaceId, StreamId, StreamKey, labels, seal,
};
use serde_json::{Value, json};

use super::{counting, flipped, hex, non_canonical, with};

/// A household as vectors have it: all its secrets count up from one number.
pub(crate) struct Home {
    root: Root,
    pub(crate) node: NodeKeys,
    pub(crate) certificate: Certificate,
    pub(crate) receive: ReceiveKey,
}

impl Home {
    fn new(first: u8) -> Self {
        let root = Root::from_bytes(counting(first));
        let node = NodeKeys::from_bytes(&counting(first.wrapping_add(0x40)));
        let certificate =
            Certificate::issue(&root.authority(), 1, node.node(), node.signer().id(), 1_784_000_000_000)
                .expect("the fields are good");
        let receive = ReceiveKey::from_bytes(&counting(first.wrapping_add(0x90)));
        Self { root, node, certificate, receive }
    }

    pub(crate) fn household(&self) -> HouseholdId {
        self.root.authority().household()
    }

    /// The node's signature over this body under a label that belongs to another format.
    pub(crate) fn signed_as_another(&self, label: &[u8], body: &[u8]) -> Vec<u8> {
        use ed25519_dalek::Signer as _;
        let keys = self.node.to_bytes();
        let secret = keys[32..].try_into().expect("64 bytes");
        let key = ed25519_dalek::SigningKey::from_bytes(&secret);
        [body, &key.sign(&[label, body].concat()).to_bytes()].concat()
    }
}

pub(crate) fn here() -> Home {
    Home::new(0)
}

pub(crate) fn there() -> Home {
    Home::new(1)
}

fn stream() -> StreamKey {
    StreamKey { certificate: here().certificate.id(), incarnation: StreamId::from_bytes(counting(0x80)) }
}

fn secret() -> EpochSecret {
    EpochSecret::from_bytes(counting(0x20))
}

fn create() -> Operation {
    let home = here();
    let action = Action::Create { nonce: counting(0x11), receive: home.receive.public() };
    Operation::sign(home.node.signer(), &home.certificate, None, vec![], action, 1_784_000_000_000)
        .expect("the action is good")
}

fn sign(parents: Vec<OperationId>, action: Action) -> Operation {
    let home = here();
    let space = Some(create().space());
    Operation::sign(home.node.signer(), &home.certificate, space, parents, action, 1_784_000_000_001)
        .expect("the action is good")
}

/// What `ids.json` holds beside the ids of a library.
pub(crate) fn album_ids() -> Value {
    let operation = OperationId::from_bytes(counting(0));
    let space = SpaceId::album(&operation);
    json!({
        "create": operation, "space": space, "album": AlbumId::of(&space),
        "pseudonym": space.pseudonym(),
        "stream": { "certificate": stream().certificate, "incarnation": stream().incarnation, "actor": hex(&stream().actor()) },
    })
}

fn rekey() -> Rekey {
    let (space, previous) = (create().space(), EpochSecret::from_bytes(counting(0x30)));
    let wraps = [here(), there()].into_iter().zip([1, 2]).map(|(home, random)| {
        let wrap = secret().wrap(&space, &home.receive.public(), counting(random));
        (home.household(), wrap.expect("the key is good"))
    });
    Rekey {
        epoch: secret().id(),
        parents: vec![previous.id()],
        wraps: wraps.collect(),
        previous: vec![(previous.id(), secret().enclose(&space, &previous, counting(0x60)))],
    }
}

fn cut_entry(seq: u64, hash: u8) -> CutEntry {
    CutEntry { stream: stream(), seq, hash: EnvelopeHash::from_bytes(counting(hash)) }
}

/// One of each kind.
fn operations() -> Vec<(&'static str, Operation)> {
    let (home, guest) = (here(), there());
    let first = vec![create().id()];
    let household = guest.household();
    let accounts = vec![AccountId::from_random(counting(1)), AccountId::from_random(counting(2))];
    let add =
        Action::Add { household, role: Role::Contributor, receive: guest.receive.public(), accounts: vec![] };
    let cut = Cut(vec![cut_entry(7, 1), cut_entry(7, 2)]);
    vec![
        ("create", create()),
        ("add", sign(first.clone(), add.clone())),
        ("set role, two parents", {
            let parents = vec![first[0], sign(first.clone(), add).id()];
            sign(parents, Action::SetRole { household, role: Role::Viewer, accounts })
        }),
        ("remove, both branches of a fork stay", sign(first.clone(), Action::Remove { household, cut })),
        ("leave with nothing", sign(first.clone(), Action::Leave { cut: Cut::default() })),
        ("transfer", sign(first.clone(), Action::Transfer { household })),
        ("rekey", sign(first.clone(), Action::Rekey(rekey()))),
        ("renew", sign(first, Action::Renew { receive: home.receive.public() })),
    ]
}

pub(crate) fn action_json(action: &Action) -> Value {
    let cut_json = |cut: &Cut| -> Vec<Value> {
        cut.0
            .iter()
            .map(|CutEntry { stream, seq, hash }| {
                json!({ "certificate": stream.certificate, "incarnation": stream.incarnation, "seq": seq, "hash": hash })
            })
            .collect()
    };
    match action {
        Action::Create { nonce, receive } => {
            json!({ "kind": "create", "nonce": hex(nonce), "receive": receive })
        }
        Action::Add { household, role, receive, accounts } => {
            json!({ "kind": "add", "household": household, "role": role, "receive": receive, "accounts": accounts })
        }
        Action::SetRole { household, role, accounts } => {
            json!({ "kind": "set role", "household": household, "role": role, "accounts": accounts })
        }
        Action::Remove { household, cut } => {
            json!({ "kind": "remove", "household": household, "cut": cut_json(cut) })
        }
        Action::Leave { cut } => json!({ "kind": "leave", "cut": cut_json(cut) }),
        Action::Transfer { household } => json!({ "kind": "transfer", "household": household }),
        Action::Rekey(Rekey { epoch, parents, wraps, previous }) => json!({
            "kind": "rekey", "epoch": epoch, "parents": parents,
            "wraps": wraps.iter().map(|(household, sealed)| json!([household, hex(sealed)])).collect::<Vec<_>>(),
            "previous": previous.iter().map(|(epoch, sealed)| json!([epoch, hex(sealed)])).collect::<Vec<_>>(),
        }),
        Action::Renew { receive } => json!({ "kind": "renew", "receive": receive }),
    }
}

pub(crate) fn operation() -> Value {
    let accept = operations().into_iter().map(|(name, read)| {
        json!({
            "name": name, "bytes": hex(read.as_bytes()), "id": read.id(), "space": read.space(),
            "author": read.author(), "certificate": read.certificate().id(), "parents": read.parents(),
            "at_ms": read.at_ms(), "action": action_json(read.action()),
        })
    });
    let accept: Vec<Value> = accept.collect();
    let reject = bad_operations().into_iter().map(|(name, bytes)| {
        let error = Operation::decode(&bytes).err().map(|error| error.to_string());
        json!({ "name": name, "bytes": hex(&bytes), "error": error })
    });
    let reject: Vec<Value> = reject.collect();
    json!({ "format": "operation", "version": 1, "accept": accept, "reject": reject })
}

/// Where an operation's number of parents stands, and its kind when it has one parent.
const PARENTS: usize = 216;
const KIND: usize = PARENTS + 1 + 32;

fn bad_operations() -> Vec<(&'static str, Vec<u8>)> {
    let good = operations();
    let of = |name: &str| {
        let found = good.iter().find(|(candidate, _)| *candidate == name).expect("the name is in the list");
        found.1.encode()
    };
    let (add, transfer, rekey, set) = (of("add"), of("transfer"), of("rekey"), of("set role, two parents"));
    let remove = of("remove, both branches of a fork stay");
    let body = &transfer[..transfer.len() - 64];
    let swapped = |bytes: &[u8], first: usize, width: usize| {
        let [a, b] = [first, first + width].map(|place| bytes[place..place + width].to_vec());
        with(bytes, first, &[b, a].concat())
    };
    let resigned = |bytes: Vec<u8>| here().signed_as_another(labels::OPERATION, &bytes[..bytes.len() - 64]);
    let no_parents = [&transfer[..PARENTS], &[0], &transfer[KIND..]].concat();
    let other = there().signed_as_another(labels::OPERATION, body);
    vec![
        ("empty", vec![]),
        ("wrong version", with(&transfer, 0, &[2])),
        ("wrong algorithm", with(&transfer, 1, &[2])),
        ("truncated in the certificate", transfer[..100].to_vec()),
        ("truncated in the parents", transfer[..PARENTS + 20].to_vec()),
        ("truncated in the action", rekey[..KIND + 40].to_vec()),
        ("truncated in the signature", transfer[..transfer.len() - 1].to_vec()),
        ("trailing byte", [&transfer[..], &[0]].concat()),
        ("past 24 KiB", [&transfer[..], &[0; 24 * 1024]].concat()),
        ("17 parents", with(&transfer, PARENTS, &[17])),
        ("no parents, signed", resigned(no_parents)),
        ("create in a space, signed", resigned(with(&create().encode(), 2, &[7; 32]))),
        ("another action in no space, signed", resigned(with(&transfer, 2, &[0; 32]))),
        ("parents not sorted, signed", resigned(swapped(&set, PARENTS + 1, 32))),
        ("one parent twice, signed", resigned(with(&set, PARENTS + 33, &set[PARENTS + 1..PARENTS + 33]))),
        ("kind 0, signed", resigned(with(&transfer, KIND, &[0]))),
        ("kind 9, signed", resigned(with(&transfer, KIND, &[9]))),
        ("role 0, signed", resigned(with(&add, KIND + 33, &[0]))),
        ("role 5, signed", resigned(with(&add, KIND + 33, &[5]))),
        ("receive key of zeros, signed", resigned(with(&add, KIND + 34, &[0; 32]))),
        ("33 accounts", with(&add, KIND + 66, &[33])),
        ("accounts not sorted, signed", resigned(swapped(&set, KIND + 32 + 35, 16))),
        ("257 ends of streams", with(&remove, KIND + 33, &[1, 1])),
        ("ends of streams not sorted, signed", resigned(swapped(&remove, KIND + 35, 88))),
        ("end of a stream at 0, signed", resigned(with(&remove, KIND + 35 + 48, &[0; 8]))),
        ("65 wraps", with(&rekey, KIND + 33 + 33, &[65])),
        ("wraps not sorted, signed", resigned(swapped(&rekey, KIND + 33 + 34, 112))),
        ("flipped bit in the certificate", flipped(&transfer, 40)),
        ("flipped bit in at_ms", flipped(&transfer, 208)),
        ("flipped bit in a parent", flipped(&transfer, PARENTS + 1)),
        ("flipped bit in the action", flipped(&transfer, KIND + 1)),
        ("signed by another household's node", other),
        ("signature under another label", here().signed_as_another(labels::ENVELOPE, body)),
        ("non-canonical signature", non_canonical(&transfer)),
    ]
}

pub(crate) fn epoch() -> Value {
    let (home, space) = (here(), create().space());
    let previous = EpochSecret::from_bytes(counting(0x30));
    let public = home.receive.public();
    let hpke = [("plain", &b"label"[..], &b"context"[..], &b"secret"[..]), ("empty", b"", b"", b"")].map(
        |(name, label, context, plaintext)| {
            let sealed = seal(&public, label, context, plaintext, counting(5)).expect("the key is good");
            json!({
                "name": name, "key": hex(&*home.receive.to_bytes()), "public": public, "label": hex(label),
                "context": hex(context), "plaintext": hex(plaintext), "random": hex(&counting::<32>(5)),
                "sealed": hex(&sealed),
            })
        },
    );
    let wrap = secret().wrap(&space, &public, counting(1)).expect("the key is good");
    let enclosed = secret().enclose(&space, &previous, counting(0x60));
    let broken = |what: &str, sealed: Vec<u8>, epoch: EpochId, name: &str| {
        let error = match what {
            "wrap" => EpochSecret::unwrap_with(&space, &home.receive, &epoch, &sealed).err(),
            _ => secret().disclose(&space, &epoch, &sealed).err(),
        };
        json!({ "name": name, "what": what, "epoch": epoch, "sealed": hex(&sealed), "error": error.map(|e| e.to_string()) })
    };
    let context = [&space.as_bytes()[..], secret().id().as_bytes()].concat();
    let cheat = seal(&public, labels::EPOCH_WRAP, &context, previous.as_bytes(), counting(1))
        .expect("the key is good");
    let relabelled = seal(&public, labels::EPOCH_HISTORY, &context, secret().as_bytes(), counting(1))
        .expect("the key is good");
    json!({
        "format": "epoch", "version": 1, "space": space, "key": hex(&*home.receive.to_bytes()), "public": public,
        "secret": hex(secret().as_bytes()), "epoch": secret().id(),
        "previous_secret": hex(previous.as_bytes()), "previous": previous.id(),
        "accept": {
            "hpke": hpke,
            "wrap": { "random": hex(&counting::<32>(1)), "sealed": hex(&wrap) },
            "enclosed": { "nonce": hex(&counting::<24>(0x60)), "sealed": hex(&enclosed) },
        },
        "reject": [
            broken("wrap", vec![], secret().id(), "empty"),
            broken("wrap", wrap[..79].to_vec(), secret().id(), "a byte short"),
            broken("wrap", [&wrap[..], &[0]].concat(), secret().id(), "a byte long"),
            broken("wrap", wrap.clone(), previous.id(), "of another epoch"),
            broken("wrap", flipped(&wrap, 0), secret().id(), "flipped bit in the sender's key"),
            broken("wrap", flipped(&wrap, 40), secret().id(), "flipped bit in the ciphertext"),
            broken("wrap", with(&wrap, 0, &[0; 32]), secret().id(), "sender's key of zeros"),
            broken("wrap", relabelled, secret().id(), "under another label"),
            broken("wrap", cheat, secret().id(), "of a secret that the id doesn't commit to"),
            broken("enclosed", enclosed[..71].to_vec(), previous.id(), "a byte short"),
            broken("enclosed", enclosed.clone(), secret().id(), "of another epoch"),
            broken("enclosed", flipped(&enclosed, 0), previous.id(), "flipped bit in the nonce"),
            broken("enclosed", flipped(&enclosed, 71), previous.id(), "flipped bit in the tag"),
        ],
    })
}

fn header(seq: u64, prev: EnvelopeHash) -> Header {
    Header { space: create().space(), stream: stream(), seq, prev, heads: vec![create().id()] }
}

fn content(document: &str, change: &[u8]) -> Content {
    Content {
        account: AccountId::from_random(counting(0)),
        document: document.parse().expect("the name is good"),
        change: change.to_vec(),
        at_ms: 1_784_000_000_000,
    }
}

fn sealed(header: &Header, content: &Content) -> Envelope {
    Envelope::seal(here().node.signer(), header, &secret(), content, counting(0x70)).expect("it is good")
}

/// Reads, verifies and opens; says how far it came.
pub(crate) fn open(
    bytes: &[u8],
    certificate: &Certificate,
    space: &SpaceId,
    secret: &EpochSecret,
) -> Result<(Envelope, Content), (&'static str, EnvelopeError)> {
    let envelope = Envelope::decode(bytes).map_err(|error| ("decode", error))?;
    envelope.verify(certificate).map_err(|error| ("verify", error))?;
    let content = envelope.open(space, secret).map_err(|error| ("open", error))?;
    Ok((envelope, content))
}

pub(crate) fn envelope() -> Value {
    let (home, space) = (here(), create().space());
    let first = sealed(&header(1, EnvelopeHash::NONE), &content("about", b"opaque to this format"));
    let heads = (1..=16).map(|first| OperationId::from_bytes(counting(first))).collect();
    let second =
        sealed(&Header { heads, ..header(2, first.hash()) }, &content(&"a".repeat(64), &[0x5a; 2000]));
    let accept = [("first", &first), ("second, 16 heads, longest name, 2000 bytes", &second)];
    let accept = accept.map(|(name, envelope)| {
        let read = envelope.open(&space, &secret()).expect("what was sealed opens");
        json!({
            "name": name, "bytes": hex(envelope.as_bytes()), "hash": envelope.hash(),
            "pseudonym": envelope.pseudonym(), "incarnation": envelope.stream().incarnation,
            "seq": envelope.seq(), "prev": envelope.prev(), "epoch": envelope.epoch(), "heads": envelope.heads(),
            "account": read.account, "document": read.document.as_str(), "change": hex(&read.change),
            "at_ms": read.at_ms,
        })
    });
    let reject = bad_envelopes(first.as_bytes(), second.as_bytes()).into_iter().map(|(name, bytes)| {
        let (step, error) = open(&bytes, &home.certificate, &space, &secret()).err().unzip();
        let error = error.map(|error| error.to_string());
        json!({ "name": name, "bytes": hex(&bytes), "step": step, "error": error })
    });
    json!({
        "format": "envelope", "version": 1, "space": space, "secret": hex(secret().as_bytes()),
        "certificate": hex(&home.certificate.encode()), "nonce": hex(&counting::<24>(0x70)),
        "accept": accept, "reject": reject.collect::<Vec<_>>(),
    })
}

/// Where an envelope's number of heads stands, and its ciphertext when it has one head.
const HEADS: usize = 154;
const CIPHERTEXT: usize = HEADS + 1 + 32 + 24 + 4;

fn bad_envelopes(good: &[u8], many: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let end = good.len();
    let resigned = |bytes: Vec<u8>| here().signed_as_another(labels::ENVELOPE, &bytes[..bytes.len() - 64]);
    let no_heads = [&good[..HEADS], &[0], &good[HEADS + 33..]].concat();
    let swapped = [
        &many[..HEADS + 1],
        &many[HEADS + 33..HEADS + 65],
        &many[HEADS + 1..HEADS + 33],
        &many[HEADS + 65..],
    ];
    let other_space = Header { space: SpaceId::from_bytes(counting(9)), ..header(1, EnvelopeHash::NONE) };
    let other_epoch = Envelope::seal(
        here().node.signer(),
        &header(1, EnvelopeHash::NONE),
        &EpochSecret::from_bytes(counting(0x30)),
        &content("about", b""),
        counting(0x70),
    );
    let other_stream = StreamKey { certificate: CertificateId::from_bytes(counting(3)), ..stream() };
    let other_stream = Header { stream: other_stream, ..header(1, EnvelopeHash::NONE) };
    vec![
        ("empty", vec![]),
        ("wrong version", with(good, 0, &[2])),
        ("wrong algorithm", with(good, 1, &[2])),
        ("truncated in the header", good[..100].to_vec()),
        ("truncated in the heads", good[..HEADS + 9].to_vec()),
        ("truncated in the ciphertext", good[..CIPHERTEXT + 9].to_vec()),
        ("truncated in the signature", good[..end - 1].to_vec()),
        ("trailing byte", [good, &[0]].concat()),
        ("number 0", with(good, 82, &[0])),
        ("number 1 with a predecessor", with(good, 90, &[1])),
        ("number 2 without a predecessor", with(good, 82, &[2])),
        ("no heads", resigned(no_heads)),
        ("17 heads", with(good, HEADS, &[17])),
        ("heads not sorted, signed", resigned(swapped.concat())),
        ("ciphertext of a length that no padding gives", with(good, CIPHERTEXT - 4, &[145])),
        ("ciphertext of 4 GiB", with(good, CIPHERTEXT - 4, &[0xff; 4])),
        ("of another certificate's stream", sealed(&other_stream, &content("about", b"")).encode()),
        ("flipped bit in the pseudonym", flipped(good, 2)),
        ("flipped bit in the incarnation", flipped(good, 66)),
        ("flipped bit in a head", flipped(good, HEADS + 1)),
        ("flipped bit in the nonce", flipped(good, CIPHERTEXT - 5)),
        ("flipped bit in the ciphertext", flipped(good, CIPHERTEXT)),
        ("flipped bit in the signature", flipped(good, end - 64)),
        ("non-canonical signature", non_canonical(good)),
        ("signature under another label", here().signed_as_another(labels::OPERATION, &good[..end - 64])),
        (
            "signed by another household's node",
            there().signed_as_another(labels::ENVELOPE, &good[..end - 64]),
        ),
        ("of another space", sealed(&other_space, &content("about", b"")).encode()),
        ("of another epoch", other_epoch.expect("it is good").encode()),
        ("flipped bit in a head, signed", resigned(flipped(good, HEADS + 1))),
        ("flipped bit in the ciphertext, signed", resigned(flipped(good, CIPHERTEXT))),
    ]
}
