//! One answer from several: the statement ran in parts, the client sent one.

use sql_rewrite::{Duplicates, Merge};
use wire::packet::{ErrInfo, OkInfo};

use crate::diagnostics::{Condition, Conditions};

/// What one part gave.
#[derive(Debug)]
pub(crate) struct Part {
    pub answer: Result<OkInfo, ErrInfo>,
    /// What SHOW WARNINGS listed behind it.
    pub conditions: Vec<Condition>,
}

impl Part {
    /// Leaves out some conditions.
    fn without(&mut self, left_out: impl Fn(&Condition) -> bool) {
        let all = self.conditions.len();
        self.conditions.retain(|condition| !left_out(condition));
        let left_out = u16::try_from(all - self.conditions.len()).unwrap_or(u16::MAX);
        if let Ok(ok) = &mut self.answer
            && left_out > 0
        {
            ok.warnings = ok.warnings.saturating_sub(left_out);
            ok.info = change_info(&[ok], u64::from(ok.warnings));
        }
    }
}

/// What a text is warned for when it is parsed: a hint (1064, 3126–3129), something deprecated (1287, 1681,
/// 3719, 3720, 3778). COM_STMT_PREPARE tells it, COM_STMT_EXECUTE does not.
const OF_THE_TEXT: [&[u8]; 10] =
    [b"1064", b"1287", b"1681", b"3126", b"3127", b"3128", b"3129", b"3719", b"3720", b"3778"];

/// What else a statement has once, however many rows: a column without value or default (1364), that it is
/// unsafe in the binary log (1592); and an INSERT on MySQL, of each column, a NULL where none may be (1048).
const OF_THE_STATEMENT: [&[u8]; 3] = [b"1364", b"1592", b"1048"];

/// In this form both servers write the info of a multi-row INSERT, unless `lc_messages` is another.
const INSERT_INFO: &[u8] = b"Records: #  Duplicates: #  Warnings: #";

/// What the server would have answered to the whole, and its conditions. `prepared`: the client executed
/// a prepared statement, and texts ran in its place.
pub(crate) fn merge(
    how: &Merge,
    mut parts: Vec<Part>,
    prepared: bool,
    mariadb: bool,
    max_error_count: usize,
) -> (Result<OkInfo, ErrInfo>, Conditions) {
    let mut seen: Vec<Condition> = Vec::new();
    for (i, part) in parts.iter_mut().enumerate() {
        let has = |codes: &[&[u8]], condition: &Condition| codes.contains(&&condition.code[..]);
        part.without(|condition| (prepared || i > 0) && has(&OF_THE_TEXT, condition));
        part.without(|condition| seen.contains(condition));
        let null_by_row = mariadb || !matches!(how, Merge::Inserts { .. });
        let once = part.conditions.iter().filter(|condition| {
            has(&OF_THE_STATEMENT, condition) && !(null_by_row && condition.code == b"1048")
        });
        seen.extend(once.cloned());
    }
    let rows = match how {
        Merge::Changes { rows } | Merge::Inserts { rows, .. } if parts.len() > 1 => rows,
        // One row of an INSERT … SELECT: its answer has an info text, that of VALUES has none.
        Merge::Inserts { rows, .. } if rows.len() == 1 => rows,
        _ => return alone(parts, max_error_count),
    };
    let whole = parts.iter().all(|part| part.conditions.len() < max_error_count);
    let warnings = warnings_told(&parts);
    let mut placed: Vec<(u64, Condition)> = Vec::new();
    for (part, rows) in parts.iter_mut().zip(rows) {
        placed.extend(places(rows, std::mem::take(&mut part.conditions)));
    }
    placed.sort_by_key(|(row, _)| *row);
    match first_error(rows, &parts) {
        None => {
            let ok = add(how, rows, &parts, warnings.unwrap_or(u64::from(u16::MAX)));
            let mut list: Vec<Condition> = placed.into_iter().map(|(_, condition)| condition).collect();
            list.truncate(max_error_count);
            let errors = Some(0);
            (Ok(ok), Conditions { list: Some(list), warnings, errors })
        }
        Some((row, error)) => {
            let before = placed.into_iter().filter(|(at, condition)| *at <= row && !condition.is_error());
            let mut list: Vec<Condition> = before.map(|(_, condition)| condition).collect();
            list.push(Condition::of_error(&error));
            let all = whole.then_some(list.len() as u64);
            list.truncate(max_error_count);
            (Err(error), Conditions { list: Some(list), warnings: all, errors: all.map(|_| 1) })
        }
    }
}

fn alone(mut parts: Vec<Part>, max_error_count: usize) -> (Result<OkInfo, ErrInfo>, Conditions) {
    let Some(part) = parts.pop() else {
        // Not reached: a program has a statement.
        return (Ok(OkInfo::default()), Conditions::default());
    };
    let conditions = match &part.answer {
        Ok(ok) => Conditions::of_ok(part.conditions, ok.warnings),
        Err(_) => Conditions::of_failure(part.conditions, max_error_count),
    };
    (part.answer, conditions)
}

/// The number of warnings, if every part tells all of its own.
fn warnings_told(parts: &[Part]) -> Option<u64> {
    let told = parts.iter().map(|part| match &part.answer {
        Ok(ok) => (ok.warnings < u16::MAX).then_some(u64::from(ok.warnings)),
        Err(_) => None,
    });
    told.sum()
}

/// Each condition of a part with the client's number of its row, in its message as well. One that names
/// no row is taken to belong to the row of the one before it.
fn places(rows: &[u64], conditions: Vec<Condition>) -> Vec<(u64, Condition)> {
    let mut row = rows.first().copied().unwrap_or(0);
    let place = |mut condition: Condition| {
        if let Some((start, number)) = row_number(&condition.message)
            && let Some(own) = client_row(rows, number)
        {
            row = own;
            condition.message.truncate(start);
            condition.message.extend_from_slice(own.to_string().as_bytes());
        }
        (row, condition)
    };
    conditions.into_iter().map(place).collect()
}

/// The client's number of a part's row.
fn client_row(rows: &[u64], number: u64) -> Option<u64> {
    rows.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
}

/// Where the row's number stands in a message that ends with one, and the number: `… at row 3`. In
/// another `lc_messages` it is not found.
fn row_number(message: &[u8]) -> Option<(usize, u64)> {
    let digits = message.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let start = message.len() - digits;
    let (text, number) = message.split_at_checked(start)?;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    text.ends_with(b" at row ").then_some((start, number))
}

/// Whether several parts failed, and one of them with an error that does not tell at which of its rows.
pub(crate) fn first_error_is_doubtful(how: &Merge, parts: &[Part]) -> bool {
    let Merge::Inserts { rows, .. } = how else { return false };
    let failed =
        || rows.iter().zip(parts).filter_map(|(rows, part)| Some((rows, part.answer.as_ref().err()?)));
    failed().count() > 1
        && failed().any(|(rows, error)| rows.len() > 1 && row_number(&error.message).is_none())
}

/// The error of the first row that failed, with the client's number of it. Of an UPDATE or DELETE it is as far as that is
/// known.
fn first_error(rows: &[Vec<u64>], parts: &[Part]) -> Option<(u64, ErrInfo)> {
    let errors = rows.iter().zip(parts).filter_map(|(rows, part)| {
        let error = part.answer.as_ref().err()?;
        let known = row_number(&error.message).and_then(|(start, n)| Some((start, client_row(rows, n)?)));
        Some(match known {
            Some((start, own)) => {
                let mut error = error.clone();
                error.message.truncate(start);
                error.message.extend_from_slice(own.to_string().as_bytes());
                (own, error)
            }
            None => (rows.first().copied().unwrap_or(0), error.clone()),
        })
    });
    errors.min_by_key(|(row, _)| *row)
}

/// One OK of several. The last non-zero id stays: of rows with given ids MySQL tells the last; what
/// generated ids show is the plan's business.
fn add(how: &Merge, rows: &[Vec<u64>], parts: &[Part], warnings: u64) -> OkInfo {
    let oks = || parts.iter().filter_map(|part| part.answer.as_ref().ok());
    let last = oks().next_back().cloned().unwrap_or_default();
    OkInfo {
        affected_rows: oks().fold(0, |sum, ok| sum.saturating_add(ok.affected_rows)),
        last_insert_id: oks().rev().map(|ok| ok.last_insert_id).find(|id| *id != 0).unwrap_or(0),
        warnings: u16::try_from(warnings).unwrap_or(u16::MAX),
        info: match how {
            Merge::Inserts { duplicates, .. } => {
                let parts: Vec<(&Vec<u64>, &OkInfo)> = rows.iter().zip(oks()).collect();
                insert_info(&parts, *duplicates, warnings)
            }
            _ => change_info(&oks().collect::<Vec<_>>(), warnings),
        },
        ..last
    }
}

/// `Records: 3  Duplicates: 0  Warnings: 0`. A part of one row without warnings has no info text, but
/// its counts say the same.
fn insert_info(parts: &[(&Vec<u64>, &OkInfo)], duplicates: Duplicates, warnings: u64) -> Vec<u8> {
    let mut words = INSERT_INFO.to_vec();
    let mut sums = [0_u64, 0, warnings];
    for (rows, ok) in parts {
        let (text, numbers) = take_numbers(&ok.info);
        sums[0] += rows.len() as u64;
        sums[1] += match (&numbers[..], duplicates) {
            ([_, told, _], _) => {
                words = text;
                *told
            }
            (_, Duplicates::Fail) => 0,
            // With CLIENT_FOUND_ROWS a row that was there and did not change counts like a new one.
            (_, Duplicates::Changed { id_tells: true, .. })
                if ok.affected_rows == 1 && ok.last_insert_id == 0 =>
            {
                1
            }
            (_, Duplicates::LeftOut | Duplicates::Changed { ignore: true, .. }) => {
                1_u64.saturating_sub(ok.affected_rows)
            }
            // The new row counts one, each old row another.
            (_, Duplicates::Replaced | Duplicates::Changed { .. }) => ok.affected_rows.saturating_sub(1),
        };
    }
    put_numbers(&words, &sums)
}

/// `Rows matched: 3  Changed: 2  Warnings: 0`; DELETE has none.
fn change_info(oks: &[&OkInfo], warnings: u64) -> Vec<u8> {
    let mut parts = oks.iter().map(|ok| take_numbers(&ok.info));
    let Some((words, mut sums)) = parts.next() else { return Vec::new() };
    for (_, numbers) in parts {
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum = sum.saturating_add(number);
        }
    }
    if let [_, _, last] = &mut sums[..] {
        *last = warnings;
    }
    put_numbers(&words, &sums)
}

/// How many rows an UPDATE matched or a DELETE removed.
pub(crate) fn found(ok: &OkInfo) -> u64 {
    let (_, numbers) = take_numbers(&ok.info);
    numbers.first().copied().unwrap_or(ok.affected_rows)
}

/// The text with `#` for each number, and the numbers.
fn take_numbers(text: &[u8]) -> (Vec<u8>, Vec<u64>) {
    let mut words = Vec::with_capacity(text.len());
    let mut numbers: Vec<u64> = Vec::new();
    let mut in_number = false;
    for byte in text {
        if byte.is_ascii_digit() {
            if !in_number {
                words.push(b'#');
                numbers.push(0);
            }
            if let Some(number) = numbers.last_mut() {
                *number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
            }
        } else {
            words.push(*byte);
        }
        in_number = byte.is_ascii_digit();
    }
    (words, numbers)
}

/// The text with the numbers in the places of `#`.
fn put_numbers(words: &[u8], numbers: &[u64]) -> Vec<u8> {
    let mut numbers = numbers.iter();
    let mut text = Vec::with_capacity(words.len() + 8);
    for byte in words {
        match byte {
            b'#' => text.extend_from_slice(numbers.next().unwrap_or(&0).to_string().as_bytes()),
            other => text.push(*other),
        }
    }
    text
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
