//! A small history that is right, and one doctored copy for each thing that can be wrong.

use super::*;
use crate::history::{Difference, Outage};

const SEED: Token = 7;
const BORN: Token = 8;

fn image(token: Token, id: u64, version: Version, changes: u32) -> Image {
    Image { id, token, version, changes, intact: true }
}

fn read(began: Micros, scope: Scope, rows: &[Image]) -> Read {
    Read { began, ended: began + 5, scope, rows: rows.to_vec() }
}

fn write(version: Version, began: Micros, fate: Fate, effects: &[Effect]) -> Write {
    Write { version, began, ended: began + 10, fate, effects: effects.to_vec() }
}

/// Row 7 (id 1) is updated at 100 and 200; row 8 (id 2) is born at 300; a failed write at 400, all by one owner.
fn right() -> History {
    let seed = |version, changes| image(SEED, 1, version, changes);
    History {
        seeds: vec![seed(0, 0)],
        writes: vec![
            write(10, 100, Fate::Acknowledged, &[Effect::Update(SEED)]),
            write(11, 200, Fate::Acknowledged, &[Effect::Update(SEED)]),
            write(12, 300, Fate::Acknowledged, &[Effect::Insert { token: BORN, id: Some(2) }]),
            write(13, 400, Fate::Failed, &[Effect::Delete(SEED), Effect::Update(BORN)]),
        ],
        reads: vec![
            read(50, Scope::Ids(1, 1), &[seed(0, 0)]),
            read(105, Scope::Ids(1, 1), &[seed(0, 0)]),
            read(150, Scope::Ids(1, 1), &[seed(10, 1)]),
            read(250, Scope::Tokens(SEED, BORN), &[seed(11, 2)]),
            read(350, Scope::All, &[seed(11, 2), image(BORN, 2, 12, 0)]),
        ],
        end: Some(read(1000, Scope::All, &[seed(11, 2), image(BORN, 2, 12, 0)])),
        ..History::default()
    }
}

/// The history is doctored, and exactly this is found: kind, count.
#[track_caller]
fn check(doctor: impl FnOnce(&mut History), expected: &[(Kind, u64)]) {
    let mut history = right();
    doctor(&mut history);
    let verdict = judge(&history);
    let found: Vec<_> = verdict.findings.iter().map(|(kind, all)| (*kind, all.len() as u64)).collect();
    assert_eq!(found, expected, "{:#?}", verdict.findings);
}

fn end(history: &mut History) -> &mut Vec<Image> {
    &mut history.end.as_mut().unwrap().rows
}

#[test]
fn a_right_history_is_clean() {
    check(|_| {}, &[]);
    let verdict = judge(&right());
    assert_eq!((verdict.acknowledged_writes, verdict.reads), (3, 5));
    assert!(verdict.is_clean());
}

#[test]
fn a_lost_insert_update_or_delete() {
    check(|h| end(h).truncate(1), &[(Kind::Lost, 1)]);
    check(|h| end(h).retain(|row| row.token != SEED), &[(Kind::Lost, 2)]);
    check(|h| end(h)[0] = image(SEED, 1, 10, 1), &[(Kind::Lost, 1)]);
    check(|h| end(h)[0] = image(SEED, 1, 0, 0), &[(Kind::Lost, 2)]);
    let delete = write(14, 500, Fate::Acknowledged, &[Effect::Delete(BORN)]);
    check(|h| h.writes.push(delete.clone()), &[(Kind::Lost, 1)]);
    check(
        |h| {
            h.writes.push(delete.clone());
            end(h).pop();
        },
        &[],
    );
}

#[test]
fn a_lost_row_of_the_start() {
    check(|h| h.seeds.push(image(9, 3, 0, 0)), &[(Kind::Lost, 1), (Kind::StaleRead, 1)]);
}

#[test]
fn a_loss_in_a_snapshot_on_the_way_counts_although_the_end_is_right() {
    let old = read(500, Scope::All, &[image(SEED, 1, 10, 1), image(BORN, 2, 12, 0)]);
    check(|h| h.snapshots.push(old), &[(Kind::Lost, 1)]);
}

#[test]
fn an_update_that_was_written_over() {
    check(|h| end(h)[0].changes = 1, &[(Kind::Lost, 1)]);
}

#[test]
fn an_id_that_the_client_was_not_told() {
    check(|h| end(h)[1].id = 12, &[(Kind::Lost, 1)]);
}

#[test]
fn a_row_nobody_wrote_and_a_row_twice() {
    check(|h| end(h).push(image(99, 9, 0, 0)), &[(Kind::Phantom, 1)]);
    check(|h| end(h).push(image(BORN, 2, 12, 0)), &[(Kind::Phantom, 1)]);
}

#[test]
fn what_is_left_of_a_failed_write() {
    check(|h| end(h)[1] = image(BORN, 2, 13, 1), &[(Kind::Phantom, 1)]);
    check(|h| h.reads.push(read(405, Scope::Ids(2, 2), &[image(BORN, 2, 13, 1)])), &[(Kind::Phantom, 1)]);
    // Its delete took effect: the row is missing, so its last acknowledged writes are lost.
    check(|h| end(h).retain(|row| row.token != SEED), &[(Kind::Lost, 2)]);
}

#[test]
fn an_unanswered_write_is_all_or_nothing() {
    let unknown = || {
        let effects = [Effect::Update(SEED), Effect::Delete(BORN), Effect::Insert { token: 9, id: None }];
        write(20, 600, Fate::Unknown, &effects)
    };
    let all = [image(SEED, 1, 20, 3), image(9, 3, 20, 0)];
    let half = [image(SEED, 1, 20, 3), image(BORN, 2, 12, 0)];
    check(|h| h.writes.push(unknown()), &[]);
    let with = |h: &mut History, rows: &[Image]| {
        h.writes.push(unknown());
        *end(h) = rows.to_vec();
    };
    check(|h| with(h, &all), &[]);
    check(|h| with(h, &half), &[(Kind::Phantom, 1)]);
    // Nothing of it is there at the end, but somebody saw it.
    check(
        |h| {
            h.writes.push(unknown());
            h.reads.push(read(650, Scope::Ids(1, 1), &[image(SEED, 1, 20, 3)]));
        },
        &[(Kind::Phantom, 1)],
    );
    // Seen new at 650, seen old at 700.
    check(
        |h| {
            with(h, &all);
            h.reads.push(read(650, Scope::Ids(1, 1), &[image(SEED, 1, 20, 3)]));
            h.reads.push(read(700, Scope::Ids(1, 1), &[image(SEED, 1, 11, 2)]));
        },
        &[(Kind::StaleRead, 1)],
    );
}

#[test]
fn stale_reads() {
    // The write at 200 ends at 210.
    let old = |began| read(began, Scope::Ids(1, 1), &[image(SEED, 1, 10, 1)]);
    check(|h| h.reads.push(old(209)), &[]);
    check(|h| h.reads.push(old(211)), &[(Kind::StaleRead, 1)]);
    // No row, where one is known: by id, by token, in a listing.
    check(|h| h.reads.push(read(400, Scope::Ids(2, 2), &[])), &[(Kind::StaleRead, 1)]);
    check(|h| h.reads.push(read(400, Scope::Tokens(BORN, BORN), &[])), &[(Kind::StaleRead, 1)]);
    check(|h| h.reads.push(read(305, Scope::Ids(2, 2), &[])), &[]);
}

#[test]
fn reads_go_forward_only() {
    // Somebody saw the write of 200..210 already at 202..207: who reads from 208 on must see it, too.
    let at = |began, version, changes| read(began, Scope::Ids(1, 1), &[image(SEED, 1, version, changes)]);
    check(|h| h.reads.push(at(202, 11, 2)), &[]);
    check(
        |h| {
            h.reads.push(at(202, 11, 2));
            h.reads.push(at(208, 10, 1));
        },
        &[(Kind::StaleRead, 1)],
    );
    check(|h| h.reads.push(at(120, 11, 2)), &[(Kind::Phantom, 1), (Kind::StaleRead, 1)]);
}

#[test]
fn differences_and_torn_rows() {
    let difference = Difference { id: 1, what: "only in legacy".to_owned() };
    check(|h| h.differences = vec![difference.clone(), difference], &[(Kind::Diverged, 1)]);
    check(|h| end(h)[0].intact = false, &[(Kind::Diverged, 1)]);
}

#[test]
fn errors_of_the_server_of_a_kill_and_of_a_flip() {
    let trouble = |at, sidecar, what| Trouble { at, sidecar, doing: "update", what };
    let refused = |code| What::Refused { code, message: String::new() };
    let cut = || What::Disconnected("reset".to_owned());
    check(|h| h.troubles.push(trouble(1, Some(0), refused(1213))), &[]);
    check(|h| h.troubles.push(trouble(1, Some(0), refused(1146))), &[(Kind::FlipError, 1)]);
    check(|h| h.troubles.push(trouble(1, Some(0), What::Wrong(String::new()))), &[(Kind::FlipError, 1)]);
    let kill = Outage { sidecar: 1, began: 500, ended: 600 };
    let cut_at = |at, sidecar| {
        move |h: &mut History| {
            h.outages.push(kill);
            h.troubles.push(trouble(at, sidecar, cut()));
        }
    };
    check(cut_at(550, Some(1)), &[]);
    check(cut_at(550, Some(0)), &[(Kind::FlipError, 1)]);
    check(cut_at(499, Some(1)), &[(Kind::FlipError, 1)]);
    check(cut_at(600 + OUTAGE_SLACK + 1, Some(1)), &[(Kind::FlipError, 1)]);
}
