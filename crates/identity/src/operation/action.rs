//! What an operation does, and its bytes: a number for the kind, then the kind's fields.

use std::fmt;

use crate::{
    change_record::StreamId,
    envelope::StreamKey,
    epoch::{ENCLOSED_BYTES, WRAP_BYTES},
    ids::{AccountId, CertificateId, EnvelopeHash, EpochId, HouseholdId},
    operation::OperationError,
    receive::ReceivePublic,
    role::Role,
    wire::{Reader, Writer, is_ascending},
};

/// How many accounts of a household may be named.
pub const ACCOUNTS_MAX: usize = 32;
/// How many ends of streams a cut may name.
pub const CUT_ENTRIES_MAX: usize = 256;
/// How many households an epoch's secret may be wrapped to, and so how many an album has.
pub const MEMBERS_MAX: usize = 64;
/// How many earlier epochs a new one may name.
pub const EPOCHS_MAX: usize = 16;

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Begins an album; the author becomes its owner.
    Create {
        /// 16 random bytes, so that no two albums are alike and nobody guesses an album's id.
        nonce: [u8; 16],
        /// The author's receive key.
        receive: ReceivePublic,
    },
    /// Invites a household.
    Add {
        /// Whom.
        household: HouseholdId,
        /// As what.
        role: Role,
        /// Where its secrets are wrapped to.
        receive: ReceivePublic,
        /// Which of its accounts, at most [`ACCOUNTS_MAX`], sorted; none: everybody there.
        accounts: Vec<AccountId>,
    },
    /// Gives a household another role, or other accounts.
    SetRole {
        /// Whose.
        household: HouseholdId,
        /// Its new role.
        role: Role,
        /// Its accounts from now on; none: everybody there.
        accounts: Vec<AccountId>,
    },
    /// Ends a household's membership.
    Remove {
        /// Whose.
        household: HouseholdId,
        /// What of its changes stays.
        cut: Cut,
    },
    /// Ends the author's own membership.
    Leave {
        /// Where its own changes end.
        cut: Cut,
    },
    /// Makes another member the owner, and the author an admin.
    Transfer {
        /// The new owner.
        household: HouseholdId,
    },
    /// Begins an epoch.
    Rekey(Rekey),
    /// Says that the author has a new node and a new receive key.
    Renew {
        /// The new receive key.
        receive: ReceivePublic,
    },
}

/// Where a household's streams end when it goes: changes up to and including these envelopes stay. A stream that isn't
/// named stays with nothing. Sorted, at most [`CUT_ENTRIES_MAX`]; a stream that forked may be named once per branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut(pub Vec<CutEntry>);

/// The end of one branch of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CutEntry {
    /// The stream.
    pub stream: StreamKey,
    /// The number of its last envelope that stays, from 1.
    pub seq: u64,
    /// The hash of that envelope.
    pub hash: EnvelopeHash,
}

/// A new epoch.
#[derive(Clone, PartialEq, Eq)]
pub struct Rekey {
    /// Its id, which commits to its secret.
    pub epoch: EpochId,
    /// The epochs that it follows, at most [`EPOCHS_MAX`], sorted; none: the album's first.
    pub parents: Vec<EpochId>,
    /// The secret as [`EpochSecret::wrap`](crate::EpochSecret::wrap) gives it, for each member household; at most
    /// [`MEMBERS_MAX`], sorted by household.
    pub wraps: Vec<(HouseholdId, Vec<u8>)>,
    /// Earlier epochs' secrets as [`EpochSecret::enclose`](crate::EpochSecret::enclose) gives them, at most
    /// [`EPOCHS_MAX`], sorted by epoch.
    pub previous: Vec<(EpochId, Vec<u8>)>,
}

const CREATE: u8 = 1;
const ADD: u8 = 2;
const SET_ROLE: u8 = 3;
const REMOVE: u8 = 4;
const LEAVE: u8 = 5;
const TRANSFER: u8 = 6;
const REKEY: u8 = 7;
const RENEW: u8 = 8;

impl Action {
    /// Brings every list into its only order. Accounts and cut entries that are named twice are named once.
    pub(super) fn sort(&mut self) {
        match self {
            Self::Add { accounts, .. } | Self::SetRole { accounts, .. } => {
                accounts.sort_unstable();
                accounts.dedup();
            }
            Self::Remove { cut, .. } | Self::Leave { cut } => {
                cut.0.sort_unstable();
                cut.0.dedup();
            }
            Self::Rekey(rekey) => {
                rekey.parents.sort_unstable();
                rekey.wraps.sort_unstable();
                rekey.previous.sort_unstable();
            }
            Self::Create { .. } | Self::Transfer { .. } | Self::Renew { .. } => {}
        }
    }

    /// Whether the fields keep to the format: limits, order, lengths and usable keys.
    pub(super) fn check(&self) -> Result<(), OperationError> {
        match self {
            Self::Create { receive, .. } | Self::Renew { receive } => check_receive(receive),
            Self::Add { receive, accounts, .. } => {
                check_receive(receive)?;
                check_list("accounts", ACCOUNTS_MAX, accounts)
            }
            Self::SetRole { accounts, .. } => check_list("accounts", ACCOUNTS_MAX, accounts),
            Self::Remove { cut, .. } | Self::Leave { cut } => {
                check_list("ends of streams", CUT_ENTRIES_MAX, &cut.0)?;
                match cut.0.iter().all(|entry| entry.seq > 0) {
                    true => Ok(()),
                    false => Err(OperationError::CutPosition),
                }
            }
            Self::Transfer { .. } => Ok(()),
            Self::Rekey(rekey) => rekey.check(),
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        match self {
            Self::Create { nonce, receive } => to.u8(CREATE).bytes(nonce).bytes(receive.as_bytes()),
            Self::Add { household, role, receive, accounts } => {
                to.u8(ADD).bytes(household.as_bytes()).u8(role.number()).bytes(receive.as_bytes());
                write_list(to, accounts, |to, account| to.bytes(account.as_bytes()))
            }
            Self::SetRole { household, role, accounts } => {
                to.u8(SET_ROLE).bytes(household.as_bytes()).u8(role.number());
                write_list(to, accounts, |to, account| to.bytes(account.as_bytes()))
            }
            Self::Remove { household, cut } => {
                to.u8(REMOVE).bytes(household.as_bytes());
                cut.write(to)
            }
            Self::Leave { cut } => cut.write(to.u8(LEAVE)),
            Self::Transfer { household } => to.u8(TRANSFER).bytes(household.as_bytes()),
            Self::Rekey(rekey) => rekey.write(to.u8(REKEY)),
            Self::Renew { receive } => to.u8(RENEW).bytes(receive.as_bytes()),
        };
    }

    /// Reads an action; [`Action::check`] is still to be asked.
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, OperationError> {
        Ok(match from.u8().ok_or(OperationError::Truncated)? {
            CREATE => Self::Create { nonce: array(from)?, receive: receive(from)? },
            ADD => Self::Add {
                household: household(from)?,
                role: role(from)?,
                receive: receive(from)?,
                accounts: accounts(from)?,
            },
            SET_ROLE => {
                Self::SetRole { household: household(from)?, role: role(from)?, accounts: accounts(from)? }
            }
            REMOVE => Self::Remove { household: household(from)?, cut: Cut::read(from)? },
            LEAVE => Self::Leave { cut: Cut::read(from)? },
            TRANSFER => Self::Transfer { household: household(from)? },
            REKEY => Self::Rekey(Rekey::read(from)?),
            RENEW => Self::Renew { receive: receive(from)? },
            other => return Err(OperationError::Kind(other)),
        })
    }
}

impl Cut {
    fn write<'a>(&self, to: &'a mut Writer) -> &'a mut Writer {
        to.u16(u16::try_from(self.0.len()).expect("a cut has at most 256 entries"));
        for CutEntry { stream, seq, hash } in &self.0 {
            to.bytes(stream.certificate.as_bytes()).bytes(stream.incarnation.as_bytes());
            to.u64(*seq).bytes(hash.as_bytes());
        }
        to
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, OperationError> {
        let count = usize::from(from.u16().ok_or(OperationError::Truncated)?);
        at_most("ends of streams", CUT_ENTRIES_MAX, count)?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let certificate = CertificateId::from_bytes(array(from)?);
            let stream = StreamKey { certificate, incarnation: StreamId::from_bytes(array(from)?) };
            let seq = from.u64().ok_or(OperationError::Truncated)?;
            entries.push(CutEntry { stream, seq, hash: EnvelopeHash::from_bytes(array(from)?) });
        }
        Ok(Self(entries))
    }
}

impl fmt::Debug for Rekey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, parents, wraps, previous } = self;
        let wrapped: Vec<_> = wraps.iter().map(|(household, _)| household).collect();
        write!(f, "Rekey({epoch} after {parents:?} for {wrapped:?}, {} enclosed)", previous.len())
    }
}

impl Rekey {
    fn check(&self) -> Result<(), OperationError> {
        check_list("epochs to follow", EPOCHS_MAX, &self.parents)?;
        at_most("wraps", MEMBERS_MAX, self.wraps.len())?;
        at_most("earlier epochs", EPOCHS_MAX, self.previous.len())?;
        if !is_ascending(self.wraps.iter().map(|(household, _)| household)) {
            return Err(OperationError::Order("wraps"));
        }
        if !is_ascending(self.previous.iter().map(|(epoch, _)| epoch)) {
            return Err(OperationError::Order("earlier epochs"));
        }
        let wraps = self.wraps.iter().map(|(_, sealed)| (sealed.len(), WRAP_BYTES));
        let previous = self.previous.iter().map(|(_, sealed)| (sealed.len(), ENCLOSED_BYTES));
        match wraps.chain(previous).find(|(found, expected)| found != expected) {
            Some((found, _)) => Err(OperationError::Sealed(found)),
            None => Ok(()),
        }
    }

    fn write<'a>(&self, to: &'a mut Writer) -> &'a mut Writer {
        to.bytes(self.epoch.as_bytes());
        write_list(to, &self.parents, |to, epoch| to.bytes(epoch.as_bytes()));
        write_list(to, &self.wraps, |to, (household, sealed)| to.bytes(household.as_bytes()).bytes(sealed));
        write_list(to, &self.previous, |to, (epoch, sealed)| to.bytes(epoch.as_bytes()).bytes(sealed))
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, OperationError> {
        Ok(Self {
            epoch: EpochId::from_bytes(array(from)?),
            parents: read_list(from, "epochs to follow", EPOCHS_MAX, |from| {
                Ok(EpochId::from_bytes(array(from)?))
            })?,
            wraps: read_list(from, "wraps", MEMBERS_MAX, |from| {
                Ok((household(from)?, array::<WRAP_BYTES>(from)?.to_vec()))
            })?,
            previous: read_list(from, "earlier epochs", EPOCHS_MAX, |from| {
                Ok((EpochId::from_bytes(array(from)?), array::<ENCLOSED_BYTES>(from)?.to_vec()))
            })?,
        })
    }
}

pub(super) fn at_most(what: &'static str, max: usize, found: usize) -> Result<(), OperationError> {
    if found <= max { Ok(()) } else { Err(OperationError::TooMany { what, max, found }) }
}

fn check_list<T: PartialOrd>(what: &'static str, max: usize, list: &[T]) -> Result<(), OperationError> {
    at_most(what, max, list.len())?;
    if is_ascending(list) { Ok(()) } else { Err(OperationError::Order(what)) }
}

fn check_receive(receive: &ReceivePublic) -> Result<(), OperationError> {
    if receive.is_usable() { Ok(()) } else { Err(OperationError::ReceiveKey) }
}

/// Writes how many there are in one byte, then each. [`Action::check`] came before.
fn write_list<'a, T>(
    to: &'a mut Writer,
    list: &[T],
    each: impl for<'b> Fn(&'b mut Writer, &T) -> &'b mut Writer,
) -> &'a mut Writer {
    to.u8(u8::try_from(list.len()).expect("no list has more than 64 values"));
    for value in list {
        each(to, value);
    }
    to
}

fn read_list<T>(
    from: &mut Reader<'_>,
    what: &'static str,
    max: usize,
    each: impl Fn(&mut Reader<'_>) -> Result<T, OperationError>,
) -> Result<Vec<T>, OperationError> {
    let count = usize::from(from.u8().ok_or(OperationError::Truncated)?);
    at_most(what, max, count)?;
    (0..count).map(|_| each(from)).collect()
}

fn array<const N: usize>(from: &mut Reader<'_>) -> Result<[u8; N], OperationError> {
    from.array().ok_or(OperationError::Truncated)
}

fn household(from: &mut Reader<'_>) -> Result<HouseholdId, OperationError> {
    Ok(HouseholdId::from_bytes(array(from)?))
}

fn receive(from: &mut Reader<'_>) -> Result<ReceivePublic, OperationError> {
    Ok(ReceivePublic::from_bytes(array(from)?))
}

fn role(from: &mut Reader<'_>) -> Result<Role, OperationError> {
    let number = from.u8().ok_or(OperationError::Truncated)?;
    Role::from_number(number).ok_or(OperationError::Role(number))
}

fn accounts(from: &mut Reader<'_>) -> Result<Vec<AccountId>, OperationError> {
    read_list(from, "accounts", ACCOUNTS_MAX, |from| Ok(AccountId::from_bytes(array(from)?)))
}
