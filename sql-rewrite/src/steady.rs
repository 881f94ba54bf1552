//! Tables that are not sharded and may be read more than once in the place of one reading.

use std::sync::Arc;

use topology::ColumnKind;

/// A table of which all readings in one statement show the same rows: a base table of InnoDB and no temporary one.
/// A view may give other rows each time (`ORDER BY RAND() LIMIT 1`), and MySQL opens a temporary table only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SteadyTable {
    columns: Vec<(String, ColumnKind)>,
}

/// What is known of a table that is not sharded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Neighbour {
    /// Nobody has asked.
    Unknown,
    /// It may change from one reading to the next, or there is none.
    Unsteady,
    /// It does not.
    Steady(Arc<SteadyTable>),
}

impl Neighbour {
    /// Reads the second column of SHOW CREATE TABLE's answer. A text of another form than usual
    /// (`sql_quote_show_create = 0`) counts as unsteady.
    #[must_use]
    pub fn read(definition: &[u8]) -> Self {
        SteadyTable::read(definition).map_or(Self::Unsteady, |table| Self::Steady(Arc::new(table)))
    }
}

impl SteadyTable {
    fn read(definition: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(definition).ok()?;
        let body = text.strip_prefix("CREATE TABLE ")?;
        // Texts within the definition have their line ends escaped.
        let (lines, options) = body.split_once("\n) ENGINE=InnoDB")?;
        // MariaDB's sequences.
        if options.contains("SEQUENCE=1") {
            return None;
        }
        let column = |line: &str| {
            let (name, rest) = line.strip_prefix("  `")?.split_once("` ")?;
            Some((name.replace("``", "`"), ColumnKind::of(rest)))
        };
        Some(Self { columns: lines.lines().filter_map(column).collect() })
    }

    /// The kind of a column.
    pub(crate) fn kind(&self, column: &str) -> Option<ColumnKind> {
        let found = self.columns.iter().find(|(name, _)| name.to_lowercase() == column.to_lowercase());
        found.map(|(_, kind)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = "CREATE TABLE `orders` (\n  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,\n  \
        `note` varchar(20) DEFAULT NULL COMMENT '\\n) ENGINE=MyISAM',\n  `made``at` datetime(3) NOT NULL,\n  \
        PRIMARY KEY (`id`),\n  KEY `note` (`note`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

    #[test]
    fn columns_of_a_base_table() {
        let table = SteadyTable::read(ORDERS.as_bytes()).unwrap();
        assert_eq!(table.kind("ID"), Some(ColumnKind::Integer { unsigned: true }));
        assert_eq!(table.kind("note"), Some(ColumnKind::Text));
        assert_eq!(table.kind("made`at"), Some(ColumnKind::Temporal));
        assert_eq!(table.kind("PRIMARY"), None);
        assert_eq!(table.columns.len(), 3);
    }

    #[test]
    fn everything_else_is_unsteady() {
        let others = [
            ORDERS.replace("CREATE TABLE", "CREATE TEMPORARY TABLE"),
            ORDERS.replace("ENGINE=InnoDB", "ENGINE=MyISAM"),
            ORDERS.replace("DEFAULT CHARSET=utf8mb4", "SEQUENCE=1"),
            "CREATE ALGORITHM=UNDEFINED DEFINER=`a`@`%` SQL SECURITY DEFINER VIEW `v` AS select 1".to_owned(),
            String::new(),
        ];
        for definition in others {
            assert_eq!(Neighbour::read(definition.as_bytes()), Neighbour::Unsteady, "{definition}");
        }
    }
}
