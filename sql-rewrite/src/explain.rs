//! A plan in words and SQL, for `shunt explain` and the golden cases.

use std::fmt::Write as _;

use topology::ShardId;

use crate::{After, ColumnSource, Effects, Learnt, Needs, Plan, Program, Ran, Run, ShardRead, Text, Write};

/// A generated id that stands for any, in what is explained.
const SAMPLE_ID: u64 = 1000;

/// Explains a plan, one line for each thing that happens. Where it depends on what the server will
/// answer, `learnt` is taken for the answer, or else an example.
#[must_use]
pub fn explain(plan: &Plan, learnt: Option<&Learnt>) -> String {
    let mut out = String::new();
    match plan {
        Plan::Relay => out.push_str("relay\n"),
        Plan::Gated { tables, implicit_commit } => {
            let names: Vec<&str> = tables.iter().map(topology::TableId::as_str).collect();
            let commits = if *implicit_commit { ", commits implicitly" } else { "" };
            let _ = writeln!(out, "gated {}{commits}", names.join(", "));
        }
        Plan::ShardRead(read) => shard_read(&mut out, read),
        Plan::Write(write) => explain_write(&mut out, write, learnt),
        Plan::InsertSelect(insert) => {
            let what = if insert.evaluates_keys() { "keys that are evaluated" } else { "rows that are read" };
            let _ = writeln!(out, "insert of {what} first");
            text(&mut out, "read", &insert.select);
            if !insert.evaluates_keys() {
                let _ = writeln!(out, "  at most {} rows", insert.limit.0);
            }
        }
        Plan::Ddl(ddl) => {
            out.push_str("ddl\n  run on legacy: as sent\n");
            for sql in &ddl.shards {
                text(&mut out, "run on a shard", sql.as_bytes());
            }
        }
        Plan::LockTables(lock) => {
            out.push_str("lock tables\n");
            text(&mut out, "run", &lock.sql(["<gate>"]));
        }
        Plan::Fail(error) => {
            let _ = writeln!(out, "error {}: {}", error.code, error.message);
        }
        Plan::Refuse(refusal) => {
            let _ = writeln!(out, "refused {}: {}", refusal.reason, refusal.message);
        }
    }
    out
}

/// What a plan does, in a few words that do not depend on values: `one shard`, `as sent, mirrored`,
/// `refused: returning`.
#[must_use]
pub fn how(plan: &Plan, shards_of_table: usize) -> String {
    match plan {
        Plan::Relay => "as sent".to_owned(),
        Plan::Gated { .. } => "as sent, gated".to_owned(),
        Plan::ShardRead(read) => match read.reads.iter().map(|one| one.shards.len()).max().unwrap_or(0) {
            1 => "one shard".to_owned(),
            all if all >= shards_of_table => "all shards".to_owned(),
            _ => "some shards".to_owned(),
        },
        Plan::Write(write) => write.method().to_owned(),
        Plan::InsertSelect(insert) if insert.evaluates_keys() => {
            "keys evaluated first, then inserted".to_owned()
        }
        Plan::InsertSelect(_) => "rows read first, then inserted".to_owned(),
        Plan::Ddl(_) => "on legacy and shards, while writes wait".to_owned(),
        Plan::LockTables(_) => "locked with the shards".to_owned(),
        Plan::Fail(error) => format!("error {}", error.code),
        Plan::Refuse(refusal) => format!("refused: {}", refusal.reason),
    }
}

fn shard_read(out: &mut String, read: &ShardRead) {
    let kind = match &read.columns {
        ColumnSource::Rename => "route",
        ColumnSource::Prepare | ColumnSource::Execute(_) => "scatter",
    };
    let locking = if read.locking { ", locking" } else { "" };
    let targets: Vec<String> = match read.reads.as_slice() {
        [one] => vec![shards(&one.shards)],
        several => several.iter().map(|one| format!("{} {}", one.table, shards(&one.shards))).collect(),
    };
    let anew = if read.reusable { "" } else { ", prepared anew each time" };
    let _ = writeln!(out, "{kind} to {}{locking}{anew}", targets.join("; "));
    if let ColumnSource::Execute(unread) = &read.columns {
        text_with_parameters(out, "columns", unread);
    }
    text_with_parameters(out, "run", &read.text);
}

/// The client's own parameters, in their order, are not told.
fn text_with_parameters(out: &mut String, word: &str, spliced: &Text) {
    text(out, word, &spliced.sql);
    if !spliced.params.is_sorted_by(|a, b| a < b) {
        let numbers: Vec<String> = spliced.params.iter().map(|number| (number + 1).to_string()).collect();
        let _ = writeln!(out, "  parameters: {}", numbers.join(","));
    }
}

fn shards(list: &[ShardId]) -> String {
    let numbers: Vec<String> = list.iter().map(|shard| shard.0.to_string()).collect();
    format!("shard {}", numbers.join(","))
}

fn explain_write(out: &mut String, write: &Write, learnt: Option<&Learnt>) {
    let sample;
    let learnt = match learnt {
        Some(learnt) => learnt,
        None => {
            sample = write.sample(SAMPLE_ID);
            &sample
        }
    };
    let _ = writeln!(out, "write {}", write.method());
    match &write.needs {
        Needs::Nothing => {}
        Needs::Keys { select, limit } => {
            text(out, "lock", select);
            let _ = writeln!(out, "  at most {limit} rows");
        }
        Needs::SequenceIds { count, push } => {
            let _ = write!(out, "  sequence: {count} ids");
            let _ = push.map_or(Ok(()), |push| write!(out, ", pushed above {push}"));
            out.push('\n');
        }
    }
    if let Learnt::Keys(keys) = learnt
        && let Some(select) = write.again(keys)
    {
        text(out, "whether it warns of these", &select);
    }
    let mut n = 0;
    let mut log = || {
        n += 1;
        (1, n)
    };
    match write.program(learnt, false, &mut log) {
        Ok(program) => explain_program(out, &program, &mut log),
        Err(refusal) => {
            let _ = writeln!(out, "  refused {}: {}", refusal.reason, refusal.message);
        }
    }
}

fn explain_program(out: &mut String, program: &Program, log: &mut dyn FnMut() -> (u64, u64)) {
    for run in &program.statements {
        match run {
            Run::Client => out.push_str("  run: as sent\n"),
            Run::Text(sql) => text(out, "run", sql),
        }
    }
    match &program.effects {
        Effects::Known(effects) => effects.iter().for_each(|effect| text(out, "then", effect)),
        Effects::After(after) => explain_after(out, after, log),
    }
    if let Some(last) = &program.last {
        text(out, "last", last);
    }
    if let Some(id) = program.insert_id {
        let _ = writeln!(out, "  insert id: {id}");
    }
}

/// What follows an answer that tells of an id, and of more rows than the statement lists.
fn explain_after(out: &mut String, after: &After, log: &mut dyn FnMut() -> (u64, u64)) {
    let ran = Ran { insert_id: SAMPLE_ID, affected_rows: 100 };
    for select in after.selects(&ran) {
        text(out, "then read", &select);
    }
    match after.effects(&ran, &after.sample(), log) {
        Ok(effects) => effects.iter().for_each(|effect| text(out, "then with the answer", effect)),
        Err(refusal) => {
            let _ = writeln!(out, "  refused {}: {}", refusal.reason, refusal.message);
        }
    }
}

fn text(out: &mut String, word: &str, sql: &[u8]) {
    let _ = writeln!(out, "  {word}: {}", String::from_utf8_lossy(sql).replace('\n', "⏎"));
}
