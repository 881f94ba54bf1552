//! A difference as one line for a person.

use std::fmt;

use super::{Problem, RowDifference};

impl fmt::Display for RowDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}: ", self.key)?;
        match &self.problem {
            Problem::MissingInShards => write!(f, "in legacy, missing in the shards"),
            Problem::MissingInLegacy { shard } => write!(f, "in {shard}, missing in legacy"),
            Problem::Misplaced { found_in, belongs_in } => {
                write!(f, "found in {}, belongs in {belongs_in}", found_in.join(" and "))
            }
            Problem::Differs { shard, columns } => {
                write!(f, "differs between legacy and {shard}:")?;
                for column in columns {
                    write!(
                        f,
                        " `{}` is {} in legacy, {} in the shard;",
                        column.column, column.legacy, column.shard
                    )?;
                }
                Ok(())
            }
        }
    }
}
