//! LOCK TABLES and UNLOCK TABLES.

use super::Head;
use crate::cursor::Cursor;

/// The head of a statement whose first word, already stepped over, is `word`.
pub(super) fn head(word: &[u8], cursor: &mut Cursor<'_>) -> Option<Head> {
    let locks = word.eq_ignore_ascii_case(b"LOCK");
    if !locks && !word.eq_ignore_ascii_case(b"UNLOCK") {
        return None;
    }
    // LOCK INSTANCE FOR BACKUP
    let tables = cursor.eat_any(&["TABLES", "TABLE"]);
    Some(match (tables, locks) {
        (false, _) => Head::Admin,
        (true, true) => Head::LockTables,
        (true, false) => Head::UnlockTables,
    })
}
