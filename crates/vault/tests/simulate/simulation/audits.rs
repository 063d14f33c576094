//! How soon the checks find that a keeper lost something, with the program's own plan of checks.

use std::collections::HashSet;

use heirloom_vault::PackId;
use heirloom_vault::policy::audit::{Held, When, plan};
use heirloom_vault::policy::{DAY_MS, Policy, Seed};

/// How often a keeper is asked in a day.
const PLANS_A_DAY: u32 = 4;
/// Bytes of a full pack.
const PACK_BYTES: u32 = 32 << 20;

/// What a trial showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    /// Days until the first lost pack was asked for.
    pub(crate) found_days: f64,
    /// Questions a day.
    pub(crate) asked_a_day: f64,
}

/// A keeper of `packs` packs loses one in `one_in` on a day like any other; asked until it is found out.
pub(crate) fn lose(packs: u32, one_in: u32, seed: u64) -> Trial {
    let policy = Policy::default();
    let mut seed = Seed::new(seed);
    let step = DAY_MS / i64::from(PLANS_A_DAY);
    let mut held: Vec<Held> = (0..packs).map(|number| fresh(number, &mut seed)).collect();
    let mut now_ms = 100 * DAY_MS;
    let lost: HashSet<PackId> = (0..packs.div_ceil(one_in))
        .map(|_| held[usize::try_from(seed.below(u64::from(packs))).expect("below a usize")].pack)
        .collect();
    let mut asked = 0;
    for plans in 1_u32.. {
        now_ms += step;
        let when = When { now_ms, since_last_ms: step, recount_before_ms: None };
        let picks = plan(&held, &when, &policy, seed.draw());
        asked += picks.len();
        let proven: HashSet<PackId> = picks.iter().map(|pick| pick.pack).collect();
        if proven.iter().any(|pack| lost.contains(pack)) || plans > 60 * PLANS_A_DAY {
            let found_days = f64::from(plans) / f64::from(PLANS_A_DAY);
            return Trial { found_days, asked_a_day: asked as f64 / found_days };
        }
        for one in held.iter_mut().filter(|one| proven.contains(&one.pack)) {
            one.proven_ms = Some(now_ms);
        }
    }
    unreachable!("a loss is found, or given up")
}

/// A pack that was last proved at some time of the past round.
fn fresh(number: u32, seed: &mut Seed) -> Held {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    let age = i64::try_from(seed.below(24 * DAY_MS.unsigned_abs())).unwrap_or(0);
    Held { pack: PackId::from_bytes(bytes), bytes: PACK_BYTES, proven_ms: Some(100 * DAY_MS - age) }
}
