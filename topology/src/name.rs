//! Qualified table names and identifier quoting.

use std::fmt;

/// Quotes an identifier for MySQL with backticks, whatever `sql_mode` says.
///
/// Source: MySQL manual, "Schema Object Names": a backtick inside is doubled.
#[must_use]
pub fn quote_ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A table with its schema, as written in the configuration: `app.user`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QualifiedName {
    /// The schema (database).
    pub schema: String,
    /// The table.
    pub table: String,
}

/// A name that is not `schema.table`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a qualified table name; write it as schema.table, each part at most 64 characters")]
pub struct NameError(pub String);

impl QualifiedName {
    /// Builds a name from its two parts.
    #[must_use]
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { schema: schema.into(), table: table.into() }
    }

    /// Parses `schema.table`.
    ///
    /// # Errors
    /// [`NameError`] unless there is exactly one dot between two names of 1 to 64 characters
    /// without backticks, NUL or white space at the end.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bad = || NameError(text.to_owned());
        let (schema, table) = text.split_once('.').ok_or_else(bad)?;
        let fits =
            |s: &str| (1..=64).contains(&s.chars().count()) && !s.contains(['`', '.', '\0']) && s.trim() == s;
        if fits(schema) && fits(table) { Ok(Self::new(schema, table)) } else { Err(bad()) }
    }

    /// `` `schema`.`table` ``, ready to be put into SQL.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_ident(&self.schema), quote_ident(&self.table))
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_takes_schema_dot_table_only() {
        assert_eq!(QualifiedName::parse("app.user"), Ok(QualifiedName::new("app", "user")));
        for bad in ["user", "a.b.c", ".user", "app.", "app. user", "a`.b"] {
            assert!(QualifiedName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quoting_doubles_backticks() {
        assert_eq!(quote_ident("a`b"), "`a``b`");
        assert_eq!(QualifiedName::new("app", "user").quoted(), "`app`.`user`");
    }
}
