//! Random histories: honest homes that do what they may by what they know, and others that do anything at any old date,
//! fork their own history and pretend. Whatever they do, and in whatever order it arrives, everybody agrees and the
//! promises hold.

use std::collections::BTreeSet;

use heirloom_identity::{Action, Operation, OperationId, Rekey, Role};
use heirloom_spaces::membership::{Membership, Operations, evaluate, evaluate_at, next_parents};
use proptest::prelude::*;

use crate::{
    album::{Home, add, leave, remove, set, transfer},
    reference,
};

/// How many homes play along; the first creates the album.
const HOMES: u8 = 6;

/// One thing that happens.
#[derive(Debug, Clone)]
struct Step {
    /// Who acts.
    by: u8,
    /// Whom it is about.
    about: u8,
    what: What,
    /// Of what the home knows; a dishonest one may pretend to know less.
    pretend: Option<u16>,
    /// With which node of the household.
    newer: bool,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// Learns everything that the other home knows.
    Meet,
    Add(Role),
    Set(Role),
    Remove,
    Leave,
    Transfer,
    Rekey,
    Renew,
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![2 => Just(Role::Admin), 1 => Just(Role::Contributor), 1 => Just(Role::Viewer)]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        8 => Just(What::Meet),
        6 => role().prop_map(What::Add),
        3 => role().prop_map(What::Set),
        3 => Just(What::Remove),
        1 => Just(What::Leave),
        2 => Just(What::Transfer),
        1 => Just(What::Rekey),
        1 => Just(What::Renew),
    ]
}

fn steps(dishonest: bool, count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    let pretend =
        if dishonest { prop::option::weighted(0.4, any::<u16>()).boxed() } else { Just(None).boxed() };
    let newer = if dishonest { prop::bool::weighted(0.15).boxed() } else { Just(false).boxed() };
    let step = (0..HOMES, 0..HOMES, what(), pretend, newer)
        .prop_map(|(by, about, what, pretend, newer)| Step { by, about, what, pretend, newer });
    prop::collection::vec(step, count)
}

/// What homes know, and everything that was ever said.
struct World {
    homes: Vec<[Home; 2]>,
    views: Vec<Operations>,
    said: Vec<Operation>,
}

impl World {
    fn new() -> Self {
        let homes: Vec<[Home; 2]> = (0..HOMES).map(|n| [Home::new(n), Home::with_node(n, 2)]).collect();
        let create = homes[0][0].create();
        let mut view = Operations::new(create.space());
        view.insert(create.clone());
        Self { views: vec![view; homes.len()], homes, said: vec![create] }
    }

    fn run(steps: &[Step]) -> Self {
        let mut world = Self::new();
        for (at, step) in (0..).zip(steps) {
            world.step(step, at);
        }
        world
    }

    fn step(&mut self, step: &Step, at: i64) {
        let (by, about) = (usize::from(step.by), usize::from(step.about));
        if matches!(step.what, What::Meet) {
            let theirs: Vec<Operation> =
                self.views[about].ids().map(|id| self.views[about].get(&id).unwrap().clone()).collect();
            theirs.into_iter().for_each(|operation| drop(self.views[by].insert(operation)));
            return;
        }
        let home = &self.homes[by][usize::from(step.newer)];
        let Some(action) = self.action(step, at) else { return };
        let view = &self.views[by];
        let now = evaluate(view);
        let parents = match step.pretend {
            None => {
                if now.may(&home.id(), &action).is_err() {
                    return;
                }
                next_parents(view, &now, &home.id())
            }
            Some(seed) => {
                let ids: Vec<OperationId> = view.ids().collect();
                let pick = |seed: u16| ids[usize::from(seed) % ids.len()];
                if seed % 3 == 0 { vec![pick(seed), pick(seed / 7)] } else { vec![pick(seed)] }
            }
        };
        let operation = home.sign(Some(view.space()), &parents, action, at);
        self.views[by].insert(operation.clone());
        self.said.push(operation);
    }

    fn action(&self, step: &Step, at: i64) -> Option<Action> {
        let about = &self.homes[usize::from(step.about)][0];
        Some(match step.what {
            What::Meet => return None,
            What::Add(role) => add(about, role),
            What::Set(role) => set(about, role),
            What::Remove => remove(about),
            What::Leave => leave(),
            What::Transfer => transfer(about),
            What::Renew => {
                let home = &self.homes[usize::from(step.by)][usize::from(step.newer)];
                Action::Renew { receive: home.receive.public() }
            }
            What::Rekey => {
                let mut bytes = [step.about; 32];
                // Only who is dishonest begins an epoch twice.
                bytes[0] = if step.pretend.is_some() { u8::try_from(at % 5).unwrap() } else { 0x80 };
                bytes[1] = if step.pretend.is_some() { 0 } else { u8::try_from(at).unwrap() };
                let epoch = heirloom_identity::EpochId::from_bytes(bytes);
                Action::Rekey(Rekey { epoch, parents: vec![], wraps: vec![], previous: vec![] })
            }
        })
    }

    /// All that was said, as a home knows it to which it came in this order.
    fn delivered(&self, order: &[usize]) -> Operations {
        let mut operations = Operations::new(self.said[0].space());
        for at in order {
            operations.insert(self.said[*at].clone());
        }
        operations
    }
}

/// The promises about one set of operations.
fn check(operations: &Operations) -> Result<(), TestCaseError> {
    let now = evaluate(operations);
    let owners: Vec<_> = now.members.iter().filter(|(_, member)| member.role == Role::Owner).collect();
    prop_assert_eq!(owners.len(), 1, "exactly one owner");
    prop_assert_eq!(now.owner.as_ref(), Some(owners[0].0));
    let effective: Vec<OperationId> = operations.ids().filter(|id| !now.ineffective.contains(id)).collect();
    for id in &effective {
        let operation = operations.get(id).unwrap();
        check_author(operations, &now, operation)?;
    }
    for removal in &now.removals {
        for id in &effective {
            let operation = operations.get(id).unwrap();
            let beside = *id != removal.operation
                && !operations.is_ancestor(id, &removal.operation)
                && !operations.is_ancestor(&removal.operation, id);
            let about = match operation.action() {
                Action::Add { household, .. } | Action::SetRole { household, .. } => {
                    *household == removal.household
                }
                _ => operation.author() == removal.household,
            };
            prop_assert!(!(beside && about), "{operation:?} stands beside {removal:?}");
        }
    }
    Ok(())
}

/// Somebody with authority, by what had an effect, let the author in before it acted; and it wasn't gone since.
fn check_author(
    operations: &Operations,
    now: &Membership,
    operation: &Operation,
) -> Result<(), TestCaseError> {
    let (id, author) = (operation.id(), operation.author());
    if matches!(operation.action(), Action::Create { .. }) {
        return Ok(());
    }
    let before = |other: &OperationId| operations.is_ancestor(other, &id) && !now.ineffective.contains(other);
    let enters = |action: &Action, by| match action {
        Action::Create { .. } => by == author,
        Action::Add { household, .. } => *household == author,
        _ => false,
    };
    let entries: Vec<OperationId> = operations
        .ids()
        .filter(before)
        .filter(|id| operations.get(id).is_some_and(|it| enters(it.action(), it.author())))
        .collect();
    let ends =
        now.removals.iter().filter(|removal| removal.household == author && before(&removal.operation));
    for end in ends {
        let again = entries.iter().any(|entry| operations.is_ancestor(&end.operation, entry));
        prop_assert!(again, "{operation:?} follows {end:?}");
    }
    // An owner's own invitation may have become void after the album was handed to it.
    let was_owner = operations.ids().filter(before).any(|id| {
        operations
            .get(&id)
            .is_some_and(|it| matches!(it.action(), Action::Transfer { household } if *household == author))
    });
    prop_assert!(!entries.is_empty() || was_owner, "nobody let the author of {operation:?} in");
    Ok(())
}

fn order(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = seed | 1;
    for at in (1..count).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
    }
    order
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn everybody_agrees_in_every_order(steps in steps(true, 5..60), seeds in prop::array::uniform3(any::<u64>())) {
        let world = World::run(&steps);
        let all = world.delivered(&(0..world.said.len()).collect::<Vec<_>>());
        let expected = evaluate(&all);
        check(&all)?;
        for seed in seeds {
            let other = world.delivered(&order(world.said.len(), seed));
            prop_assert_eq!(&evaluate(&other), &expected);
            prop_assert_eq!(other.heads(), all.heads());
        }
        // What a home knew is the same looked at from there and from here.
        for view in &world.views {
            let then = evaluate_at(&all, &view.heads()).unwrap();
            prop_assert_eq!(&then, &evaluate(view));
            check(view)?;
        }
    }

    #[test]
    fn the_slow_evaluation_agrees(steps in steps(true, 3..40)) {
        let world = World::run(&steps);
        let all = world.delivered(&(0..world.said.len()).collect::<Vec<_>>());
        let taken: Vec<Operation> = all.ids().map(|id| all.get(&id).unwrap().clone()).collect();
        let (quick, slow) = (evaluate(&all), reference::evaluate(&taken));
        prop_assert_eq!(&quick.ineffective, &slow.ineffective);
        let roles = quick.members.iter().map(|(household, member)| (*household, member.role));
        prop_assert_eq!(roles.collect::<Vec<_>>(), slow.roles.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn honest_homes_keep_what_they_do(steps in steps(false, 5..60)) {
        let world = World::run(&steps);
        let all = world.delivered(&(0..world.said.len()).collect::<Vec<_>>());
        check(&all)?;
        let now = evaluate(&all);
        // Whoever a home alone removed is out for everybody, unless the remover itself was out, demoted, or not the only
        // one to decide: an operation beside it took it away.
        for id in &now.ineffective {
            let operation = all.get(id).unwrap();
            let beside = all.ids().any(|other| {
                other != *id && !all.is_ancestor(&other, id) && !all.is_ancestor(id, &other)
            });
            let follows_void: BTreeSet<_> =
                now.ineffective.iter().filter(|other| all.is_ancestor(other, id)).collect();
            prop_assert!(beside || !follows_void.is_empty(), "{operation:?} did nothing although nothing stood beside it");
        }
    }
}
