//! What audits cost: questions, bytes on the wire and bytes read in a day, for a vault of 1 TB.
//!
//! `cargo run -p heirloom-vault --example audit_cost -- [BYTES] [DAYS]`: 10^12 bytes in full packs over 60 days unless told
//! otherwise. The plan is the one that the engine carries out, played hour by hour from the day on which everything was
//! proved, and the proofs are real ones of a full pack. The last line is JSON.

#![expect(clippy::print_stdout, reason = "an example that talks to the person who runs it")]

use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

use heirloom_vault::policy::audit::{Held, When, plan};
use heirloom_vault::policy::{DAY_MS, Policy, Seed};
use heirloom_vault::proof::{self, CHALLENGES_MAX, Challenge, GROUP_BYTES, outboard_bytes};
use heirloom_vault::{PackId, pack::PACK_BYTES_MAX};

/// Plans in a day.
const PLANS_A_DAY: i64 = 24;

/// Everything of one day, or of many.
#[derive(Default)]
struct Cost {
    questions: u64,
    requests: u64,
    sent: u64,
    received: u64,
    read: u64,
}

/// What one question and its answer weigh.
struct Weight {
    question: u64,
    answer: u64,
    read: u64,
    verify_us: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let vault: u64 = args.next().map_or(Ok(1_000_000_000_000), |text| text.parse())?;
    let days: i64 = args.next().map_or(Ok(60), |text| text.parse())?;
    let weight = weigh()?;
    let packs = usize::try_from(vault.div_ceil(PACK_BYTES_MAX as u64))?;
    let (total, worst, longest_ms) = play(packs, days, &weight)?;
    let day = |sum: u64| sum / days.unsigned_abs().max(1);
    println!("{packs} packs of 32 MiB at one place, {days} days, a plan an hour");
    println!("questions a day     {:>12}", day(total.questions));
    println!("  on the worst day  {:>12}", worst.questions);
    println!("requests a day      {:>12}", day(total.requests));
    println!("bytes sent a day    {:>12}", day(total.sent));
    println!("bytes received      {:>12}", day(total.received));
    println!("bytes read there    {:>12}", day(total.read));
    println!("longest unproved    {:>12.1} days", days_of(longest_ms));
    println!("one answer          {:>12} bytes, checked in {:.0} µs", weight.answer, weight.verify_us);
    println!(
        "{{\"packs\":{packs},\"questions\":{},\"worst\":{},\"requests\":{},\"sent\":{},\"received\":{},\"read\":{},\
         \"longestDays\":{:.1},\"answerBytes\":{}}}",
        day(total.questions),
        worst.questions,
        day(total.requests),
        day(total.sent),
        day(total.received),
        day(total.read),
        days_of(longest_ms),
        weight.answer
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
fn days_of(ms: i64) -> f64 {
    ms as f64 / DAY_MS as f64
}

/// Proves groups of a real pack and weighs what is asked and answered.
fn weigh() -> Result<Weight, Box<dyn Error>> {
    let mut seed = Seed::new(1);
    let pack: Vec<u8> = (0..PACK_BYTES_MAX / 8).flat_map(|_| seed.draw().to_le_bytes()).collect();
    let (id, outboard) = proof::outboard(&pack);
    let bytes = u32::try_from(pack.len())?;
    let groups = [0, 1, 1_000, 2_047];
    let (mut answer, mut question) = (0, 0);
    let began = Instant::now();
    let mut verified = 0.0;
    for group in groups {
        let challenge = Challenge { pack: id, bytes, group };
        let range = challenge.range();
        let group = &pack[usize::try_from(range.start)?..usize::try_from(range.end)?];
        let proved = proof::prove(&challenge, group, &outboard)?;
        let checking = Instant::now();
        assert!(proof::verify(&challenge, &proved), "a real proof is right");
        verified += checking.elapsed().as_secs_f64();
        answer = answer.max(proved.len() as u64);
        question = question.max(postcard::to_stdvec(&challenge)?.len() as u64);
    }
    println!("4 proofs made and checked in {:?}", began.elapsed());
    // A keeper reads the group and the tree beside the pack.
    let read = u64::from(GROUP_BYTES) + u64::from(outboard_bytes(bytes));
    Ok(Weight { question, answer, read, verify_us: verified * 1e6 / 4.0 })
}

/// Carries plans out and counts: all days together, the day with the most questions, and the longest that a pack was not
/// proved.
fn play(packs: usize, days: i64, weight: &Weight) -> Result<(Cost, Cost, i64), Box<dyn Error>> {
    let ids: Vec<PackId> = (0..packs).map(|number| PackId::of(&number.to_le_bytes())).collect();
    let index: HashMap<PackId, usize> = ids.iter().enumerate().map(|(number, id)| (*id, number)).collect();
    let bytes = u32::try_from(PACK_BYTES_MAX)?;
    let mut held: Vec<Held> =
        ids.iter().map(|pack| Held { pack: *pack, bytes, proven_ms: Some(0) }).collect();
    let (mut total, mut worst, mut longest_ms) = (Cost::default(), Cost::default(), 0);
    let mut seed = Seed::new(2);
    for day in 0..days {
        let mut today = Cost::default();
        for hour in 1..=PLANS_A_DAY {
            let now_ms = day * DAY_MS + hour * DAY_MS / PLANS_A_DAY;
            let when = When { now_ms, since_last_ms: DAY_MS / PLANS_A_DAY, recount_before_ms: None };
            let picks = plan(&held, &when, &Policy::default(), seed.draw());
            today.add(picks.len() as u64, weight);
            for pick in picks {
                let one = &mut held[index[&pick.pack]];
                longest_ms = longest_ms.max(now_ms - one.proven_ms.unwrap_or(0));
                one.proven_ms = Some(now_ms);
            }
        }
        total.sum(&today);
        if today.questions > worst.questions {
            worst = today;
        }
    }
    Ok((total, worst, longest_ms))
}

impl Cost {
    /// So many questions at once.
    fn add(&mut self, questions: u64, weight: &Weight) {
        self.questions += questions;
        self.requests += questions.div_ceil(CHALLENGES_MAX as u64);
        self.sent += questions * weight.question;
        // The question comes back beside its answer.
        self.received += questions * (weight.question + weight.answer);
        self.read += questions * weight.read;
    }

    fn sum(&mut self, other: &Self) {
        self.questions += other.questions;
        self.requests += other.requests;
        self.sent += other.sent;
        self.received += other.received;
        self.read += other.read;
    }
}
