use super::*;

fn condition(level: &str, code: &str, message: &str) -> Condition {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Condition { level: bytes(level), code: bytes(code), message: bytes(message) }
}

fn ok(affected_rows: u64, last_insert_id: u64, info: &str, conditions: Vec<Condition>) -> Part {
    let warnings = u16::try_from(conditions.len()).unwrap();
    let ok = OkInfo {
        affected_rows,
        last_insert_id,
        warnings,
        info: info.as_bytes().to_vec(),
        ..OkInfo::default()
    };
    Part { answer: Ok(ok), conditions }
}

fn failed(message: &str) -> Part {
    Part {
        answer: Err(ErrInfo::new(1406, b"22001", message)),
        conditions: vec![condition("Error", "1406", message)],
    }
}

fn messages(conditions: &Conditions) -> Vec<String> {
    let list = conditions.list.as_ref().unwrap();
    list.iter().map(|condition| String::from_utf8_lossy(&condition.message).into_owned()).collect()
}

fn inserts(rows: &[&[u64]], duplicates: Duplicates) -> Merge {
    Merge::Inserts { rows: rows.iter().map(|rows| rows.to_vec()).collect(), duplicates }
}

fn info(merge_as: &Merge, parts: Vec<Part>) -> String {
    let (answer, _) = merge(merge_as, parts, false, false, 64);
    String::from_utf8(answer.unwrap().info).unwrap()
}

#[test]
fn counts_add_up_and_the_last_id_stays() {
    let parts = vec![
        ok(1, 7, "", vec![]),
        ok(2, 9, "Records: 2  Duplicates: 0  Warnings: 0", vec![]),
        ok(3, 0, "", vec![]),
    ];
    let (answer, conditions) =
        merge(&inserts(&[&[1], &[2, 4], &[3]], Duplicates::Fail), parts, false, false, 64);
    let answer = answer.unwrap();
    assert_eq!((answer.affected_rows, answer.last_insert_id, answer.warnings), (6, 9, 0));
    assert!(conditions.is_empty());
}

#[test]
fn info_texts_add_up() {
    let changes = Merge::Changes { rows: vec![vec![1], vec![2]] };
    let update = |info: &str| ok(1, 0, info, vec![]);
    let parts = vec![
        update("Rows matched: 9  Changed: 2  Warnings: 0"),
        update("Rows matched: 3  Changed: 1  Warnings: 0"),
    ];
    assert_eq!(info(&changes, parts), "Rows matched: 12  Changed: 3  Warnings: 0");
    assert_eq!(info(&changes, vec![update(""), update("")]), "");
}

#[test]
fn parts_of_one_row_say_by_their_counts_what_the_info_would() {
    let one = |affected: u64| ok(affected, 0, "", vec![]);
    let rows: [&[u64]; 3] = [&[1], &[2], &[3]];
    let told = |parts: Vec<Part>, duplicates| info(&inserts(&rows, duplicates), parts);
    assert_eq!(
        told(vec![one(1), one(1), one(1)], Duplicates::Fail),
        "Records: 3  Duplicates: 0  Warnings: 0"
    );
    assert_eq!(
        told(vec![one(1), one(0), one(0)], Duplicates::LeftOut),
        "Records: 3  Duplicates: 2  Warnings: 0"
    );
    assert_eq!(
        told(vec![one(1), one(2), one(0)], Duplicates::Replaced),
        "Records: 3  Duplicates: 1  Warnings: 0"
    );
    let changed = |ignore| Duplicates::Changed { id_tells: true, ignore };
    let same = || ok(1, 0, "", vec![]);
    let parts = || vec![ok(1, 8, "", vec![]), ok(2, 9, "", vec![]), same()];
    assert_eq!(told(parts(), changed(false)), "Records: 3  Duplicates: 2  Warnings: 0");
    assert_eq!(told(parts(), changed(true)), "Records: 3  Duplicates: 1  Warnings: 0");
    let ignored = Duplicates::Changed { id_tells: false, ignore: true };
    assert_eq!(told(vec![one(1), one(2), one(0)], ignored), "Records: 3  Duplicates: 1  Warnings: 0");
    let two = ok(3, 0, "Sätze: 2  Duplikate: 1  Warnungen: 0", vec![]);
    let mixed = inserts(&[&[1, 3], &[2]], Duplicates::Replaced);
    assert_eq!(info(&mixed, vec![two, one(2)]), "Sätze: 3  Duplikate: 2  Warnungen: 0");
}

#[test]
fn warnings_stand_in_the_order_of_the_clients_rows_and_name_them() {
    let cut = |row: u64| condition("Warning", "1265", &format!("Data truncated for column 'a' at row {row}"));
    let parts = vec![
        ok(2, 0, "", vec![cut(1), cut(2)]),
        ok(2, 0, "", vec![condition("Note", "1048", "null"), cut(2)]),
    ];
    let (answer, conditions) = merge(&inserts(&[&[1, 4], &[2, 3]], Duplicates::Fail), parts, false, false, 3);
    let expected =
        ["Data truncated for column 'a' at row 1", "null", "Data truncated for column 'a' at row 3"];
    assert_eq!(messages(&conditions), expected);
    assert_eq!((answer.unwrap().warnings, conditions.warnings, conditions.errors), (4, Some(4), Some(0)));
}

#[test]
fn what_a_statement_as_such_is_warned_for_is_told_once() {
    let text = || condition("Warning", "1287", "'VALUES function' is deprecated");
    let parts = vec![ok(2, 0, "", vec![text()]), ok(1, 0, "", vec![text()])];
    let how = inserts(&[&[1], &[2]], Duplicates::Replaced);
    let (answer, conditions) = merge(&how, parts, false, false, 64);
    let answer = answer.unwrap();
    assert_eq!((answer.warnings, conditions.warnings, messages(&conditions).len()), (1, Some(1), 1));
    assert_eq!(answer.info, b"Records: 2  Duplicates: 1  Warnings: 1");
}

#[test]
fn null_in_a_column_that_takes_none_is_told_once_by_mysql_and_for_each_row_by_mariadb() {
    let null = || condition("Warning", "1048", "Column 'name' cannot be null");
    for (mariadb, told) in [(false, 1), (true, 2)] {
        let parts = vec![ok(2, 0, "", vec![null()]), ok(2, 0, "", vec![null()])];
        let how = inserts(&[&[1, 3], &[2, 4]], Duplicates::Fail);
        let (answer, conditions) = merge(&how, parts, false, mariadb, 64);
        assert_eq!((answer.unwrap().warnings, messages(&conditions).len()), (told, usize::from(told)));
    }
}

#[test]
fn what_a_text_is_warned_for_is_no_matter_of_an_execution() {
    let text = || condition("Warning", "1287", "'VALUES function' is deprecated");
    let part = ok(2, 0, "Records: 2  Duplicates: 0  Warnings: 1", vec![text()]);
    let (answer, conditions) = merge(&Merge::Alone, vec![part], true, false, 64);
    let answer = answer.unwrap();
    assert_eq!((answer.warnings, conditions.is_empty()), (0, true));
    assert_eq!(answer.info, b"Records: 2  Duplicates: 0  Warnings: 0");
}

#[test]
fn the_error_is_that_of_the_first_row_that_failed() {
    let cut = condition("Note", "1265", "cut at row 1");
    let later = condition("Note", "1265", "cut at row 3");
    let parts = vec![
        failed("Data too long for column 'b' at row 2"),
        ok(3, 0, "", vec![cut, later]),
        failed("too long at row 1"),
    ];
    let (answer, conditions) =
        merge(&inserts(&[&[1, 6], &[2, 4, 7], &[5]], Duplicates::Fail), parts, false, false, 64);
    assert_eq!(answer.unwrap_err().message, b"too long at row 5");
    assert_eq!(messages(&conditions), ["cut at row 2", "too long at row 5"]);
    assert_eq!((conditions.warnings, conditions.errors), (Some(2), Some(1)));
}

#[test]
fn a_list_that_is_cut_off_behind_an_error_tells_no_count() {
    let note = condition("Note", "1265", "cut at row 1");
    let parts = vec![ok(1, 0, "", vec![note]), failed("too long at row 1")];
    let (_, conditions) = merge(&inserts(&[&[1], &[2]], Duplicates::Fail), parts, false, false, 1);
    assert_eq!(messages(&conditions), ["cut at row 1"]);
    assert_eq!((conditions.warnings, conditions.errors), (None, None));
}

#[test]
fn which_error_is_the_first_is_doubtful_where_one_tells_no_row() {
    let doubtful =
        |rows: &[&[u64]], parts: &[Part]| first_error_is_doubtful(&inserts(rows, Duplicates::Fail), parts);
    let duplicate = || failed("Duplicate entry '5' for key 'PRIMARY'");
    let long = || failed("too long at row 1");
    assert!(doubtful(&[&[1, 3], &[2]], &[duplicate(), duplicate()]));
    assert!(doubtful(&[&[1, 3], &[2]], &[duplicate(), long()]));
    assert!(!doubtful(&[&[1], &[2]], &[duplicate(), duplicate()]));
    assert!(!doubtful(&[&[1, 3], &[2, 4]], &[long(), long()]));
    assert!(!doubtful(&[&[1, 3], &[2]], &[duplicate(), ok(1, 0, "", Vec::new())]));
}
