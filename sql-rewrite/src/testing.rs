//! Facts for unit tests.

use crate::{Charset, Facts, Server, SqlMode};

/// A session on MySQL 9.7, database `app`.
pub(crate) fn mysql() -> Facts {
    Facts {
        database: Some("app".to_owned()),
        sql_mode: SqlMode::default(),
        without_full_group_by: None,
        charset: Charset::Utf8,
        server: Server { mariadb: false, version: 90_700 },
        lower_case_table_names: false,
        multi_statements: true,
        auto_increment_increment: 1,
        auto_increment_offset: 1,
        safe_updates: false,
        binary_rows: false,
    }
}

/// The same on MariaDB 10.11.
pub(crate) fn mariadb() -> Facts {
    Facts { server: Server { mariadb: true, version: 101_119 }, ..mysql() }
}
