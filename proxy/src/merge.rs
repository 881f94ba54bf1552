//! One OK from several: the statement ran on several shards, the client sent one.

use wire::packet::OkInfo;

/// Adds the counts of `next` to `sum`. The last non-zero id stays: of rows with given ids MySQL tells the last;
/// what generated ids show is the plan's business.
#[must_use]
pub fn add(sum: OkInfo, next: &OkInfo) -> OkInfo {
    OkInfo {
        affected_rows: sum.affected_rows.saturating_add(next.affected_rows),
        last_insert_id: if next.last_insert_id == 0 { sum.last_insert_id } else { next.last_insert_id },
        status: next.status,
        warnings: sum.warnings.saturating_add(next.warnings),
        info: add_info(&sum.info, &next.info),
        state: next.state.clone(),
    }
}

/// Adds the numbers of two info texts of the same form:
/// `Rows matched: 1  Changed: 1  Warnings: 0`. Of different forms the first stays.
fn add_info(a: &[u8], b: &[u8]) -> Vec<u8> {
    let (words_a, numbers_a) = take_numbers(a);
    let (words_b, numbers_b) = take_numbers(b);
    if a.is_empty() {
        // A multi-row INSERT of one row on a shard has no info text; the client's has one.
        return b.to_vec();
    }
    if words_a != words_b {
        return a.to_vec();
    }
    let mut sums = numbers_a.iter().zip(&numbers_b).map(|(a, b)| a.saturating_add(*b));
    let mut text = Vec::with_capacity(a.len());
    for byte in words_a {
        match byte {
            b'#' => text.extend_from_slice(sums.next().unwrap_or(0).to_string().as_bytes()),
            other => text.push(other),
        }
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_texts_add_up() {
        let sum = add_info(
            b"Rows matched: 9  Changed: 2  Warnings: 0",
            b"Rows matched: 3  Changed: 1  Warnings: 1",
        );
        assert_eq!(sum, b"Rows matched: 12  Changed: 3  Warnings: 1");
        assert_eq!(
            add_info(b"", b"Records: 2  Duplicates: 0  Warnings: 0"),
            b"Records: 2  Duplicates: 0  Warnings: 0"
        );
        assert_eq!(add_info(b"a: 1", b"b: 2"), b"a: 1");
    }

    #[test]
    fn counts_add_up_and_the_last_id_stays() {
        let ok =
            |affected_rows, last_insert_id| OkInfo { affected_rows, last_insert_id, ..OkInfo::default() };
        let sum = add(add(ok(1, 7), &ok(2, 9)), &ok(3, 0));
        assert_eq!((sum.affected_rows, sum.last_insert_id), (6, 9));
    }
}
