//! Answers about copies, for people: the sentence first, then small tables.

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::super::output;
use crate::control::VaultCommand;

/// Longest name in a table; longer ones are cut.
const NAME_CHARS_MAX: usize = 32;

/// What a command does while it is waited for.
pub(super) fn doing(command: &VaultCommand) -> &'static str {
    match command {
        VaultCommand::Audit => "Checking the copies",
        VaultCommand::Drill => "Fetching photos back",
        VaultCommand::Repair => "Reading the originals",
        VaultCommand::WriteUsb { .. } => "Writing the disk",
        VaultCommand::AddBucket(_) => "Trying the keys",
        VaultCommand::Run => "Copying",
        VaultCommand::Newer(_) => "Bringing photos home",
        _ => "",
    }
}

/// Moves the bar.
pub(super) fn progress(bar: &ProgressBar, line: &Value) {
    if let (Some(done), Some(total)) = (number(line, "done"), number(line, "total")) {
        let style = ProgressStyle::with_template("{msg}  {wide_bar}  {human_pos} of {human_len} boxes");
        if bar.length() != Some(total)
            && let Ok(style) = style
        {
            bar.set_style(style);
            bar.set_length(total);
        }
        bar.set_position(done);
    }
    bar.tick();
}

/// Shows what a command answered.
pub(super) fn answer(command: &VaultCommand, line: &Value) {
    let text = match command {
        VaultCommand::Status => status(line),
        VaultCommand::Ask { .. } => format!(
            "{} is asked for {}. Somebody there says yes or no on their Safety page, or with `heirloom vault keep`.",
            text(line, "name"),
            size(line, "bytes")
        ),
        VaultCommand::Keep { .. } => kept(line),
        VaultCommand::AnswerDeletion { .. } => deletion(line),
        VaultCommand::Run => run(line),
        VaultCommand::Audit => audit(line),
        VaultCommand::Drill => drill(line),
        VaultCommand::Repair => repair(line),
        VaultCommand::WriteUsb { .. } => format!(
            "{} of {} are on the disk. Unmount it before you unplug it.",
            packs(line, "packs"),
            text(line, "name")
        ),
        VaultCommand::AddFolder { .. } | VaultCommand::AddBucket(_) => added(line),
        VaultCommand::Kit(command) => super::kit::answer(command, line),
        VaultCommand::Newer(command) => super::newer::answer(command, line),
        VaultCommand::Leave { .. } | VaultCommand::Drop { .. } | VaultCommand::RemoveTarget { .. } => return,
    };
    output::line(text.trim_end());
}

/// Says that something is done that has no answer of its own.
pub(super) fn done(command: &VaultCommand) {
    match command {
        VaultCommand::Leave { .. } => {
            output::line("Nothing new goes there. What is there is held for 30 days after others have it.");
        }
        VaultCommand::Drop { .. } => {
            output::line("Nothing new is taken. What is here is held for 30 days, then removed.");
        }
        VaultCommand::Kit(command) => super::kit::done(command),
        VaultCommand::RemoveTarget { .. } => output::line("No longer used. What is there stays."),
        _ => {}
    }
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(line: &Value, key: &str) -> Option<u64> {
    line.get(key).and_then(Value::as_u64)
}

fn size(line: &Value, key: &str) -> String {
    number(line, key).map_or_else(|| "?".to_owned(), |bytes| DecimalBytes(bytes).to_string())
}

fn packs(line: &Value, key: &str) -> String {
    output::count(number(line, key).unwrap_or(0), "box", "boxes")
}

fn list<'a>(line: &'a Value, key: &str) -> &'a [Value] {
    line.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The day of a moment, if there was one.
fn day<'a>(line: &'a Value, key: &str) -> Option<&'a str> {
    text(line, key).get(..10)
}

fn proved(place: &Value) -> String {
    day(place, "last_proven_at").map_or_else(|| "nothing proved".to_owned(), |day| format!("proved {day}"))
}

fn backed_up(ward: &Value) -> String {
    day(ward, "last_head_at").map_or_else(|| "no backup yet".to_owned(), |day| format!("last backup {day}"))
}

fn status(told: &Value) -> String {
    let mut shown = format!("{}\n", text(told, "sentence"));
    for reason in list(told, "reasons") {
        // What the sentence says already needs only what to do.
        let what = Some(text(reason, "text")).filter(|what| !text(told, "sentence").contains(what));
        shown +=
            &format!("  - {}\n", format!("{} {}", what.unwrap_or_default(), text(reason, "advice")).trim());
    }
    for alarm in list(told, "alarms") {
        shown += &format!("  ! {} {}\n", text(alarm, "text"), text(alarm, "advice"));
    }
    for reminder in list(told, "reminders") {
        shown += &format!("  ? {} {}\n", text(reminder, "text"), text(reminder, "advice"));
    }
    let pending = number(told, "pending").unwrap_or(0);
    if pending > 0 {
        let (packs, bytes) = (packs(told, "pending"), size(told, "pending_bytes"));
        shown += &format!("  Not yet where they should be: {packs} ({bytes}).\n");
    }
    shown += &table("Kept for you at", list(told, "keepers"), |keeper| {
        let space = format!("{} of {}", size(keeper, "bytes"), size(keeper, "quota"));
        [text(keeper, "state").to_owned(), photos(keeper), space, proved(keeper)]
    });
    shown += &table("On your own places", list(told, "targets"), |target| {
        let place = format!("{} {}", text(target, "id"), text(target, "state"));
        [place, packs(target, "packs"), size(target, "bytes"), proved(target)]
    });
    shown += &table("You keep for", list(told, "wards"), |ward| {
        let space = format!("{} of {}", size(ward, "bytes"), size(ward, "quota"));
        let asks = if ward.get("ask").is_some_and(|ask| !ask.is_null()) { "wants much deleted" } else { "" };
        let asks = match text(ward, "state") {
            "ending" => "ended, held for 30 days",
            "diskAbsent" => "the disk with it is not here",
            _ => asks,
        };
        [packs(ward, "packs"), space, backed_up(ward), asks.to_owned()]
    });
    shown += &table("Asks you to keep", list(told, "asks"), |ask| {
        [
            size(ask, "bytes"),
            format!("since {}", day(ask, "at").unwrap_or("today")),
            String::new(),
            String::new(),
        ]
    });
    shown
}

fn photos(keeper: &Value) -> String {
    output::count(number(keeper, "photos").unwrap_or(0), "photo", "photos")
}

/// A heading and a line for each thing, its cells under each other.
fn table(heading: &str, things: &[Value], cells: impl Fn(&Value) -> [String; 4]) -> String {
    if things.is_empty() {
        return String::new();
    }
    let name = |thing: &Value| {
        let name = if text(thing, "name").is_empty() { text(thing, "place") } else { text(thing, "name") };
        name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect::<String>()
    };
    let rows: Vec<(String, [String; 4])> = things.iter().map(|thing| (name(thing), cells(thing))).collect();
    let widest = |cell: usize| rows.iter().map(|(_, cells)| cells[cell].chars().count()).max().unwrap_or(0);
    let names = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut shown = format!("\n{heading}\n");
    for (name, [a, b, c, d]) in &rows {
        let [wide, wider, widest] = [0, 1, 2].map(widest);
        let line = format!("  {name:names$}  {a:wide$}  {b:>wider$}  {c:>widest$}  {d}");
        shown += line.trim_end();
        shown.push('\n');
    }
    shown
}

fn kept(line: &Value) -> String {
    let mut shown = format!("Up to {} are kept for {}.", size(line, "quota"), text(line, "name"));
    let (quota, free) = (number(line, "quota").unwrap_or(0), number(line, "free"));
    if free.is_some_and(|free| free < quota) {
        shown += &format!(" The disk here has {} free: give it more room in time.", size(line, "free"));
    }
    shown
}

fn deletion(line: &Value) -> String {
    let flag = |key: &str| line.get(key).and_then(Value::as_bool).unwrap_or(false);
    match (flag("allowed"), flag("waits_for_other_home")) {
        (false, _) => "Refused: nothing is deleted.".to_owned(),
        (true, true) => {
            "Allowed here. It happens when somebody in the other home allows it too; then it is held for 30 days more."
                .to_owned()
        }
        (true, false) => format!("Allowed. {} are held for 30 days, then removed.", packs(line, "packs")),
    }
}

fn run(line: &Value) -> String {
    let new = output::count(number(line, "packs").unwrap_or(0), "new box", "new boxes");
    let mut shown = format!("{new} ({}).\n", size(line, "bytes"));
    for place in list(line, "places") {
        let ended = match text(place, "ended") {
            "done" => "has everything that it should",
            "offline" => "is off",
            "diskAbsent" => "is on, its disk is not plugged in",
            "full" => "is full",
            "refused" => "refuses",
            "resting" => "waits for the hours in which copies may leave this network",
            "stopped" => "was not finished",
            _ => "could not be finished; the log says why",
        };
        shown += &format!("{} {ended}", text(place, "name"));
        if number(place, "packs").is_some_and(|packs| packs > 0) {
            shown +=
                &format!("; {} ({}) were sent and proved now", packs(place, "packs"), size(place, "bytes"));
        }
        shown += ".\n";
    }
    let pending = number(line, "pending").unwrap_or(0);
    shown += &if pending == 0 {
        "Everything is where it should be.".to_owned()
    } else {
        format!("Still to go: {}.", packs(line, "pending"))
    };
    shown + left_out(line)
}

fn audit(line: &Value) -> String {
    let count = |key: &str| number(line, key).unwrap_or(0);
    let bad = count("wrong") + count("missing");
    let mut shown = format!("{} asked for, {} proved.", packs(line, "asked"), count("ok"));
    if bad > 0 {
        shown += &format!(" {bad} are damaged or gone there, and are sent again.");
    }
    if count("unanswered") > 0 {
        shown += &format!(" {} were not answered: somebody is off.", count("unanswered"));
    }
    shown + left_out(line)
}

fn drill(line: &Value) -> String {
    let photos = output::count(number(line, "photos").unwrap_or(0), "photo", "photos");
    let mut shown = format!("{photos} ({}) came back as they should.", size(line, "bytes"));
    if let Some(unreachable) = number(line, "unreachable").filter(|count| *count > 0) {
        shown += &format!(" {unreachable} could not be tried: whoever has them is off.");
    }
    shown + left_out(line)
}

fn repair(line: &Value) -> String {
    let healed = output::count(number(line, "healed").unwrap_or(0), "photo", "photos");
    format!("{healed} brought back ({}).{}", size(line, "bytes"), left_out(line))
}

fn left_out(line: &Value) -> &'static str {
    match line.get("homes_left_out") {
        Some(Value::Bool(true)) => {
            "\nOther homes were left out, since this one is not up: start it with `heirloom serve`."
        }
        _ => "",
    }
}

fn added(line: &Value) -> String {
    let mut shown = format!("Copies go to {} from now on.", text(line, "place"));
    if line.get("same_disk") == Some(&Value::Bool(true)) {
        shown +=
            " It is on the same disk as the photos: it helps against mistakes, not when that disk fails.";
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sentence_comes_first_and_tables_line_up() {
        let told = json!({
            "sentence": "All photos but 3 are complete in 2 other homes; the rest are on the way.",
            "reasons": [{"kind": "away", "text": "Ben's has not been reached for 4 days.", "advice": "Give them a call."}],
            "pending": 2, "pending_bytes": 64_000_000_u64, "alarms": [],
            "keepers": [
                {"household": "ab", "name": "Nonna", "state": "ok", "photos": 1204, "bytes": 380_000_000_000_u64,
                 "quota": 500_000_000_000_u64, "last_proven_at": "2026-11-20T10:00:00.000Z"},
                {"household": "cd", "name": "Ben's", "state": "warning", "photos": 1, "bytes": 0, "quota": 1_000_000_000,
                 "last_proven_at": null},
            ],
            "targets": [{"id": "3", "kind": "folder", "place": "/media/usb", "state": "ok", "packs": 12, "bytes": 5_000_000,
                "last_proven_at": null}],
            "wards": [{"household": "ab", "name": "Nonna", "packs": 7, "bytes": 1000, "quota": 2000, "ask": {"packs": 4, "bytes": 5},
                "last_head_at": "2026-11-19T10:00:00.000Z"}],
            "asks": [{"household": "ef", "name": "Carla", "bytes": 2_000_000_000_u64, "at": "2026-11-18T10:00:00.000Z"}],
        });
        insta::assert_snapshot!(status(&told), @r"
        All photos but 3 are complete in 2 other homes; the rest are on the way.
          - Ben's has not been reached for 4 days. Give them a call.
          Not yet where they should be: 2 boxes (64.00 MB).

        Kept for you at
          Nonna  ok       1,204 photos  380.00 GB of 500.00 GB  proved 2026-11-20
          Ben's  warning       1 photo          0 B of 1.00 GB  nothing proved

        On your own places
          /media/usb  3 ok  12 boxes  5.00 MB  nothing proved

        You keep for
          Nonna  7 boxes  1.00 kB of 2.00 kB  last backup 2026-11-19  wants much deleted

        Asks you to keep
          Carla  2.00 GB  since 2026-11-18
        ");
    }

    #[test]
    fn what_a_run_did() {
        let line = json!({"done": true, "packs": 2, "bytes": 3_000_000, "pending": 1, "complete_homes": 1, "homes_left_out": true,
            "places": [{"name": "Nonna", "packs": 2, "bytes": 3_000_000, "ended": "done"},
                {"name": "Ben's", "packs": 0, "bytes": 0, "ended": "offline"}]});
        insta::assert_snapshot!(run(&line), @r"
        2 new boxes (3.00 MB).
        Nonna has everything that it should; 2 boxes (3.00 MB) were sent and proved now.
        Ben's is off.
        Still to go: 1 box.
        Other homes were left out, since this one is not up: start it with `heirloom serve`.
        ");
    }
}
