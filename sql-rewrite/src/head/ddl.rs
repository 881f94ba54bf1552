//! CREATE, ALTER, DROP, RENAME, TRUNCATE, and the account statements among them.

use super::Head;
use crate::cursor::Cursor;

/// The first word of a [`Head::Ddl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DdlVerb {
    /// CREATE, IMPORT.
    Create,
    /// ALTER.
    Alter,
    /// DROP.
    Drop,
    /// RENAME.
    Rename,
    /// TRUNCATE.
    Truncate,
}

/// What a [`Head::Ddl`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DdlObject {
    /// A table.
    Table,
    /// An index.
    Index,
    /// A view.
    View,
    /// A database.
    Database,
    /// A procedure, function, trigger, event or package.
    Routine,
    /// Anything else: server, tablespace, sequence, log file group …
    Other,
}

/// The head of a statement whose first word, already stepped over, is `word`.
pub(super) fn head(word: &[u8], cursor: &mut Cursor<'_>) -> Option<Head> {
    let verbs = [
        ("CREATE", DdlVerb::Create),
        ("ALTER", DdlVerb::Alter),
        ("DROP", DdlVerb::Drop),
        ("RENAME", DdlVerb::Rename),
        ("TRUNCATE", DdlVerb::Truncate),
    ];
    let (_, verb) = verbs.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()))?;
    cursor.eat_all(&["OR", "REPLACE"]);
    if verb == DdlVerb::Drop && cursor.eat("PREPARE") {
        return Some(Head::Deallocate { name: cursor.ident()?.into_owned() });
    }
    if verb != DdlVerb::Truncate && (cursor.at("USER") || cursor.at("ROLE")) {
        return Some(Head::Account);
    }
    let temporary = cursor.eat("TEMPORARY");
    Some(Head::Ddl { verb, object: object(verb, *cursor), temporary })
}

const OBJECTS: [(&str, DdlObject); 18] = [
    ("TABLE", DdlObject::Table),
    ("TABLES", DdlObject::Table),
    ("INDEX", DdlObject::Index),
    ("VIEW", DdlObject::View),
    ("DATABASE", DdlObject::Database),
    ("SCHEMA", DdlObject::Database),
    ("PROCEDURE", DdlObject::Routine),
    ("FUNCTION", DdlObject::Routine),
    ("TRIGGER", DdlObject::Routine),
    ("EVENT", DdlObject::Routine),
    ("PACKAGE", DdlObject::Routine),
    ("LIBRARY", DdlObject::Routine),
    ("SEQUENCE", DdlObject::Other),
    ("SERVER", DdlObject::Other),
    ("TABLESPACE", DdlObject::Other),
    ("LOGFILE", DdlObject::Other),
    ("RESOURCE", DdlObject::Other),
    ("INSTANCE", DdlObject::Other),
];

/// The first word of a kind of object; before it stand UNIQUE, ONLINE, DEFINER = … and the like.
fn object(verb: DdlVerb, mut cursor: Cursor<'_>) -> DdlObject {
    if verb == DdlVerb::Truncate {
        return DdlObject::Table;
    }
    while let Some(token) = cursor.next() {
        let word = token.bytes(cursor.sql);
        let known = OBJECTS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        if let Some((_, object)) = known {
            return *object;
        }
    }
    DdlObject::Other
}
