//! A sharded table: its names, its shard key and the one shard function.

use std::{fmt, str::FromStr};

use crate::{NameError, QualifiedName, quote_ident};

/// The configured id of a table: 1 to 24 of `[0-9a-z_]`, so that a gate's name stays below
/// MySQL's 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(String);

/// Which shard: an index into [`ShardedTable::shards`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u32);

/// Eight hex digits over database, table, shard key, modulus and shard list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopologyHash(u32);

/// Why a table's configuration makes no topology.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// The id has other characters or is too long.
    #[error("table id `{0}` must be 1 to 24 characters of 0-9, a-z and _")]
    Id(String),
    /// A name is not `schema.table`.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The pattern has no `{a..b}`, or more than one, or counts down.
    #[error(
        "shards `{0}` needs exactly one counting part such as {{0..9}}: app.user_{{0..9}} or user_{{0..7}}.user"
    )]
    Pattern(String),
    /// Fewer than one or more than 1024 shards.
    #[error("shards `{0}` names {1} tables; 2 to 1024 are possible")]
    Count(String, u64),
    /// A shard is the legacy table itself.
    #[error("shard table {0} is the legacy table itself")]
    Same(QualifiedName),
}

/// The most shards one table can have: a scatter read names each of them in one statement.
const MAX_SHARDS: u64 = 1024;

/// A table that is being moved, with its targets on the same server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardedTable {
    id: TableId,
    legacy: QualifiedName,
    shard_key: String,
    shards: Vec<QualifiedName>,
}

impl TableId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`TopologyError::Id`].
    pub fn new(id: &str) -> Result<Self, TopologyError> {
        let fits =
            (1..=24).contains(&id.len()) && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'_'));
        if fits { Ok(Self(id.to_owned())) } else { Err(TopologyError::Id(id.to_owned())) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TableId {
    type Err = TopologyError;
    fn from_str(text: &str) -> Result<Self, TopologyError> {
        Self::new(text)
    }
}

impl TopologyHash {
    /// Reads eight lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex { u32::from_str_radix(text, 16).ok().map(Self) } else { None }
    }
}

impl fmt::Display for TopologyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl ShardedTable {
    /// A table from its configuration; `shards` is a pattern such as `app.user_{0..9}`.
    ///
    /// # Errors
    /// [`TopologyError`] with what is wrong.
    pub fn new(id: &str, legacy: &str, shard_key: &str, shards: &str) -> Result<Self, TopologyError> {
        let id = TableId::new(id)?;
        let legacy = QualifiedName::parse(legacy)?;
        let shards = expand(shards)?;
        if let Some(same) = shards.iter().find(|shard| same_name(shard, &legacy)) {
            return Err(TopologyError::Same(same.clone()));
        }
        Ok(Self { id, legacy, shard_key: shard_key.to_owned(), shards })
    }

    /// The configured id.
    #[must_use]
    pub fn id(&self) -> &TableId {
        &self.id
    }

    /// The table that the application names.
    #[must_use]
    pub fn legacy(&self) -> &QualifiedName {
        &self.legacy
    }

    /// The column whose value picks the shard.
    #[must_use]
    pub fn shard_key(&self) -> &str {
        &self.shard_key
    }

    /// The shard tables in shard order.
    #[must_use]
    pub fn shards(&self) -> &[QualifiedName] {
        &self.shards
    }

    /// One shard table.
    #[must_use]
    pub fn shard(&self, id: ShardId) -> &QualifiedName {
        &self.shards[id.0 as usize]
    }

    /// Every shard with its id.
    pub fn numbered_shards(&self) -> impl Iterator<Item = (ShardId, &QualifiedName)> {
        (0..).map(ShardId).zip(&self.shards)
    }

    /// How many shards there are, which is the modulus.
    #[must_use]
    pub fn modulus(&self) -> u32 {
        u32::try_from(self.shards.len()).unwrap_or(u32::MAX)
    }

    /// The shard of a key: `key mod n`, the non-negative remainder. `i128` holds every signed and
    /// unsigned 64-bit key. [`Self::shard_sql`] is the same function in SQL.
    #[must_use]
    pub fn shard_of(&self, key: i128) -> ShardId {
        let shard = key.rem_euclid(i128::from(self.modulus()));
        ShardId(u32::try_from(shard).unwrap_or(0))
    }

    /// SQL for the shard number of `column` (an SQL expression of integer type).
    ///
    /// `MOD` keeps the sign of the dividend, so one more addition brings it into `0..n`; that sum
    /// is far from any limit, so no 64-bit overflow is possible, signed or unsigned.
    #[must_use]
    pub fn shard_sql(&self, column: &str) -> String {
        let n = self.modulus();
        format!("MOD(MOD({column},{n})+{n},{n})")
    }

    /// Hash of database, table, shard key, modulus and shard list (FNV-1a, 32 bits): two sidecars
    /// with different hashes would misplace rows.
    #[must_use]
    pub fn hash(&self) -> TopologyHash {
        let parts = [self.legacy.to_string(), self.shard_key.to_lowercase(), self.modulus().to_string()];
        let names = self.shards.iter().map(ToString::to_string);
        let text = parts.into_iter().chain(names).collect::<Vec<_>>().join("\n");
        let fnv = text
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        TopologyHash(fnv)
    }

    /// `` `shunt`.`dirty_<id>` ``: primary keys written while only shards are written.
    #[must_use]
    pub fn dirty_log(&self) -> String {
        format!("`shunt`.{}", quote_ident(&format!("dirty_{}", self.id)))
    }
}

fn same_name(a: &QualifiedName, b: &QualifiedName) -> bool {
    a.schema.eq_ignore_ascii_case(&b.schema) && a.table.eq_ignore_ascii_case(&b.table)
}

/// Expands the one `{a..b}` of a shard pattern. Shard `i` is the name counted `i`; a range that
/// begins at 1 (`user{1..10}`) puts key % n = 0 on its last table, as such set-ups do.
fn expand(pattern: &str) -> Result<Vec<QualifiedName>, TopologyError> {
    let bad = || TopologyError::Pattern(pattern.to_owned());
    let (head, rest) = pattern.split_once('{').ok_or_else(bad)?;
    let (range, tail) = rest.split_once('}').ok_or_else(bad)?;
    let (from, to) = range.split_once("..").ok_or_else(bad)?;
    if tail.contains(['{', '}']) {
        return Err(bad());
    }
    let from: u64 = from.parse().map_err(|_| bad())?;
    let to: u64 = to.parse().map_err(|_| bad())?;
    let count = to.checked_sub(from).ok_or_else(bad)?.saturating_add(1);
    if !(2..=MAX_SHARDS).contains(&count) {
        return Err(TopologyError::Count(pattern.to_owned(), count));
    }
    let mut names = (from..=to)
        .map(|i| QualifiedName::parse(&format!("{head}{i}{tail}")))
        .collect::<Result<Vec<_>, _>>()?;
    if from == 1 {
        names.rotate_right(1);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> ShardedTable {
        ShardedTable::new("user", "app.user", "id", "app.user_{0..9}").unwrap()
    }

    #[test]
    fn shard_of_is_the_non_negative_remainder() {
        let table = user();
        for (key, shard) in
            [(0, 0), (7, 7), (10, 0), (-1, 9), (-10, 0), (i128::from(u64::MAX), 5), (i128::from(i64::MIN), 2)]
        {
            assert_eq!(table.shard_of(key), ShardId(shard), "{key}");
        }
    }

    #[test]
    fn patterns_expand_in_either_part() {
        let table = ShardedTable::new("user", "app.user", "id", "user_{0..7}.user").unwrap();
        assert_eq!(table.modulus(), 8);
        assert_eq!(table.shard(ShardId(3)).to_string(), "user_3.user");
        let from_one = ShardedTable::new("user", "app.user", "id", "app.user{1..10}").unwrap();
        assert_eq!(from_one.shard(from_one.shard_of(20)).table, "user10");
        assert_eq!(from_one.shard(from_one.shard_of(3)).table, "user3");
    }

    #[test]
    fn bad_patterns_say_so() {
        for bad in [
            "app.user",
            "app.user_{9..0}",
            "app.user_{0..0}",
            "app.user_{0..5000}",
            "app.{0..1}_{0..1}",
            "user_{0..9}",
        ] {
            assert!(ShardedTable::new("user", "app.user", "id", bad).is_err(), "{bad}");
        }
        assert!(ShardedTable::new("user", "app.user_1", "id", "app.user_{0..9}").is_err());
        assert!(ShardedTable::new("User", "app.user", "id", "app.user_{0..9}").is_err());
    }

    #[test]
    fn any_change_of_topology_changes_the_hash() {
        let base = user().hash();
        assert_eq!(base, user().hash());
        for (legacy, key, shards) in [
            ("app.users", "id", "app.user_{0..9}"),
            ("app.user", "tenant", "app.user_{0..9}"),
            ("app.user", "id", "app.user_{0..8}"),
            ("app.user", "id", "app.user_{1..10}"),
        ] {
            assert_ne!(base, ShardedTable::new("user", legacy, key, shards).unwrap().hash());
        }
        assert_eq!(TopologyHash::parse(&base.to_string()), Some(base));
    }
}
