//! `shunt create-shards`.

use reshard::create_shards::{self, CreateError};

use super::{Failure, Target, out};

/// Makes the shard tables, or prints how they would be made.
pub(super) async fn create(target: &Target, dry_run: bool) -> Result<(), Failure> {
    let mut conn = target.home.connect().await.map_err(Failure::unavailable)?;
    let table = &target.table.table;
    let failed = |error: CreateError| match error {
        CreateError::Home(error) => Failure::unavailable(error),
        error => Failure::refused(error),
    };
    let statements = match dry_run {
        true => create_shards::plan(&mut conn, table).await.map_err(failed)?,
        false => create_shards::create(&mut conn, table).await.map_err(failed)?,
    };
    for sql in &statements {
        out(format_args!("{sql};"));
    }
    if statements.is_empty() {
        out(format_args!("all {} shard tables of {} are there and like it", table.modulus(), table.legacy()));
    }
    Ok(())
}
