//! Who belongs to an album: a pure function of a set of signed operations.
//!
//! Every home may act while it is alone, and two may act at the same moment without knowing it. Nobody decides between
//! them: each home keeps every operation it gets, in any order, and works out the same answer from the same set. The
//! answer never depends on clocks or on who came first to a server; there is none.
//!
//! # The graph
//!
//! An operation names the newest ones its author knew ([`next_parents`]). So of any two, one *follows* the other, or they
//! stand *beside* each other: neither author knew the other's. An author can hide what it knew and name old operations,
//! but it can't make an operation that is older than the ones it names, and it can't change what others knew. Everything
//! below rests on that: **what the remover knew stays, what stands beside the removal goes, what follows it is judged by
//! it.**
//!
//! # When an operation has an effect
//!
//! An operation *has an effect* when it isn't *void* and its author could do it by the effective operations that it
//! follows. Authority that turns out never to have existed takes with it everything done with it: the invited whose
//! inviter had no right are no members, and nothing they did had an effect.
//!
//! Who could do what is one table (`permission`): roles rise from viewer over contributor and admin to owner. To invite,
//! to change a role and to remove takes an admin, and a higher role than the other has and is to have; so no two can
//! remove each other. Nobody can remove the owner, who can't leave either, only hand the album on. Every member may begin
//! an epoch and renew its own key. Inviting a member, and removing somebody who is gone, has no effect.
//!
//! What a household *is* after some operations follows from the newest effective ones about it: if any of them ends its
//! membership it isn't a member; otherwise the lowest role that they give holds, and of equal ones the lowest id decides.
//!
//! # What becomes void
//!
//! An operation takes away only what stands beside it:
//!
//! * **Remove** takes all operations by the household that is removed, and all invitations and changes of role of that
//!   household. Whoever is to come back must be invited by somebody who knew of the removal.
//! * **Leave** takes the same from its own author.
//! * **SetRole** to less than admin takes from the household what takes an admin: inviting, removing, changing roles.
//! * **Transfer** takes that, and leavings, from the owner who hands on; and from everybody what would end or change the
//!   membership of the household that becomes the owner.
//! * **Renew** by a newer node takes everything by an older node of the same household, which may be stolen. What such a
//!   node does after it knew the renewal has no effect either.
//!
//! Ownership is settled first, step by step from the creator: of transfers that an owner made side by side the one with
//! the lowest id counts. A transfer to a household that left or was removed beside it, and that never acted after it, doesn't
//! count. Once it acted that is settled for good: a removal may turn out to be void, but who was let in for that
//! reason never turns out to have been removed after all.
//!
//! Then the others go ahead one after the other. One that another effective one would take away waits until that other is
//! decided; of those that need not wait the ones by the highest authority go first, all of them at once, since none of
//! them takes another. After each turn effects are weighed anew, because what has become void may have been somebody's authority. A
//! removal, leaving or renewal that went ahead stands: what would still take it away is void itself.
//!
//! Rings, in which each waits for the next, need somebody to be an admin in one view and less in another, for each of
//! them. Admins are made by owners only, and an owner who follows its own operations makes one view after the other, so
//! rings take an owner who forked its own history. The rule for them (highest authority, then lowest id) only has to be a rule.
//!
//! # What is bounded
//!
//! A household that nobody made an admin has [`HOUSEHOLD_OPERATIONS_MAX`] operations, and the last places of an album are
//! for admins and the owner, so one that floods the album can still be removed. What comes past a limit is taken only when
//! another household's operation names it. Renewals and epochs that one household makes side by side, which an honest one
//! never does on purpose, amount to one of each. At most 64 transfers count, and removals are decided in a bounded
//! number of turns; honest families need a handful.
//!
//! # Why this holds
//!
//! * *All homes agree*: nothing above looks at anything but ids, contents and who follows whom. Tests deliver random
//!   histories in random orders, and compare with a second, slow evaluation written from the specification.
//! * *A removed household has no effect after its removal*: what it makes beside the removal is void; what it makes after
//!   it finds it gone. It can't get in first: what it made as an admin is threatened by the removal and so waits for it.
//! * *Exactly one owner*: ownership moves only along the settled chain, each step by the one before; nothing else gives
//!   or takes the owner's role.
//! * *Nothing written after its author knew of a removal is for the removed*: see [`Membership::needs_rekey`].
//!
//! # What it doesn't do
//!
//! An owner or former owner who forks its own history can contest a transfer, and an admin can pretend not to have known
//! that another became an admin, and remove or demote it as if it hadn't: everything the other did as an admin beside
//! that goes too. Both leave signed evidence. An admin can't do that to somebody who was an admin before it. There is no arbiter in a
//! family's album; it can be copied into a new one.
//!
//! A changed role has no cut: whoever was demoted can still date envelopes back to when it could write, as long as it is a
//! member. Removing and inviting again has one.
//!
//! # Reading
//!
//! [`Operations`] holds the graph; [`evaluate`] gives a [`Membership`]; [`Membership::may`], [`next_parents`],
//! [`cut_for`] and [`plan_rekey`] make new operations; [`Admission`] says which envelopes count. The same as a
//! specification: `docs/formats/membership.md`. Why so and not otherwise: `docs/decisions/0005-membership.md`.

mod admission;
mod authoring;
mod bits;
mod epochs;
mod evaluation;
mod operations;
mod permission;
mod state;
mod taking;

pub use admission::{Admission, Authored, Verdict};
pub use authoring::{cut_for, next_parents};
pub use epochs::{NewEpoch, plan_rekey};
pub use operations::{HOUSEHOLD_OPERATIONS_MAX, Inserted, OPERATIONS_MAX, Operations, PENDING_MAX, Unfit};
pub use permission::Refusal;
pub use state::{Epoch, Member, Membership, Removal, evaluate, evaluate_at};
