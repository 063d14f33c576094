//! Who may do what: the one table that both the evaluation of past operations and the making of new ones ask.

use heirloom_identity::{Action, HouseholdId, Role};
use thiserror::Error;

/// Why a household may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The household isn't a member.
    #[error("this home is not in the album")]
    NotMember,
    /// It takes a higher role.
    #[error("this home has too few rights in the album: that takes the role {0}; ask the home that owns it")]
    NeedsRole(Role),
    /// The other one's role, or the role to be given, is not below one's own.
    #[error(
        "only a home with more rights in the album than the other has or is to have may do that; ask the home that owns it"
    )]
    NotBelow,
    /// The household to be invited is a member.
    #[error("that home is in the album already")]
    AlreadyMember,
    /// The household to be changed isn't a member.
    #[error("that home is not in the album")]
    NoSuchMember,
    /// The owner hands the album on before it goes.
    #[error("this home owns the album; hand it to another home before you leave")]
    OwnerStays,
    /// There are as many members as an album may have.
    #[error(
        "the album is shared with as many homes as an album can be; remove one before you invite another"
    )]
    TooMany,
    /// An album begins once.
    #[error("an album begins only once")]
    Begun,
}

/// What is known about the household that an action is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It never was a member, or its invitation doesn't count.
    Never,
    /// It was removed or left.
    Gone,
    /// It is a member.
    Member(Role),
}

impl Standing {
    pub(super) fn role(self) -> Option<Role> {
        match self {
            Self::Member(role) => Some(role),
            Self::Never | Self::Gone => None,
        }
    }
}

/// Whom an action is about, if anybody but its author.
pub(super) fn target(action: &Action) -> Option<HouseholdId> {
    match action {
        Action::Add { household, .. }
        | Action::SetRole { household, .. }
        | Action::Remove { household, .. }
        | Action::Transfer { household } => Some(*household),
        Action::Create { .. } | Action::Leave { .. } | Action::Rekey(_) | Action::Renew { .. } => None,
    }
}

/// Whether an author of this role may do it to somebody of this standing.
pub(super) fn judge(author: Option<Role>, action: &Action, other: Standing) -> Result<(), Refusal> {
    let author = author.ok_or(Refusal::NotMember)?;
    match action {
        Action::Create { .. } => Err(Refusal::Begun),
        Action::Rekey(_) | Action::Renew { .. } => Ok(()),
        Action::Leave { .. } if author == Role::Owner => Err(Refusal::OwnerStays),
        Action::Leave { .. } => Ok(()),
        Action::Transfer { .. } if author != Role::Owner => Err(Refusal::NeedsRole(Role::Owner)),
        Action::Transfer { .. } => match other {
            Standing::Member(Role::Owner) => Err(Refusal::AlreadyMember),
            Standing::Member(_) => Ok(()),
            Standing::Gone | Standing::Never => Err(Refusal::NoSuchMember),
        },
        _ if author < Role::Admin => Err(Refusal::NeedsRole(Role::Admin)),
        Action::Add { role, .. } => match other {
            Standing::Member(_) => Err(Refusal::AlreadyMember),
            Standing::Gone | Standing::Never => below(author, *role),
        },
        Action::SetRole { role, .. } => {
            let current = other.role().ok_or(Refusal::NoSuchMember)?;
            below(author, current.max(*role))
        }
        // Somebody whose invitation turned out not to count may still be removed: other invitations may exist.
        Action::Remove { .. } => match other {
            Standing::Gone => Err(Refusal::NoSuchMember),
            Standing::Never => Ok(()),
            Standing::Member(role) => below(author, role),
        },
    }
}

fn below(author: Role, role: Role) -> Result<(), Refusal> {
    if author > role { Ok(()) } else { Err(Refusal::NotBelow) }
}
