//! Smuggling: statements that try to be one thing for the proxy and another for the server. Each runs in every phase
//! that writes shards, as text and prepared; whatever becomes of it, both sides end equal, and where Shunt did
//! not refuse it, it did what it does on an unsharded table.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks;

use attacks::Attack;
use mysql_async::{Conn, prelude::Queryable};
use tests::{
    Outcome,
    bench::Bench,
    client::{Client, DEPRECATE_EOF, MULTI_STATEMENTS, Prepared, Reply},
    servers::Kind,
};
use topology::{Phase, Side};

use wire::packet::prepare::LAST_PREPARED;

const SCHEMA: &str = "smuggling";
const PHASES: [Phase; 3] = [Phase::DualWrite, Phase::ShardRead, Phase::Shards];

/// How an attack is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Text,
    Prepared,
    /// Prepared, and executed as "the statement that was prepared last", which MariaDB has: twice, because what Shunt
    /// prepares for the first one must not be the last then.
    LastPrepared,
}

/// What an attack came to, as far as it can be compared.
#[derive(Debug, PartialEq)]
enum Told {
    Done(u64),
    Rows(Vec<tests::client::Row>),
    Error(u16),
    /// By Shunt, and why.
    Refused(String),
}

impl Told {
    fn of(reply: Reply) -> Self {
        match reply {
            Reply::Done(done) => Self::Done(done.affected),
            Reply::Rows(_, mut rows, _) => {
                rows.sort();
                Self::Rows(rows)
            }
            Reply::Refused(error) if error.message.starts_with("Shunt") => Self::Refused(error.message),
            Reply::Refused(error) => Self::Error(error.code),
        }
    }
}

/// Runs an attack on a connection of its own.
async fn run(opts: &mysql_async::Opts, attack: &Attack, way: Way) -> Outcome<Vec<Told>> {
    let mut client = Client::connect_with(opts, DEPRECATE_EOF | MULTI_STATEMENTS).await?;
    let mut told = Vec::new();
    for setting in attack.settings {
        told.extend(client.query(setting).await?.into_iter().map(Told::of));
    }
    let replies = match way {
        Way::Text => client.query(&attack.sql).await?,
        Way::Prepared | Way::LastPrepared => match client.prepare(&attack.sql).await? {
            Ok(statement) if way == Way::Prepared => client.execute(&statement, &[]).await?,
            Ok(statement) => {
                let last = Prepared { id: LAST_PREPARED, ..statement };
                let mut replies = client.execute(&last, &[]).await?;
                replies.extend(client.execute(&last, &[]).await?);
                replies
            }
            Err(error) => vec![Reply::Refused(error)],
        },
    };
    told.extend(replies.into_iter().map(Told::of));
    // An open transaction ends here, not when the server notices that the client is gone.
    client.reset().await?;
    Ok(told)
}

/// The tables of the twin and of the sides that a phase writes.
struct Tables {
    root: Conn,
    phase: Phase,
}

impl Tables {
    fn shards() -> Vec<String> {
        (0..10).map(|i| format!("{SCHEMA}.user_{i}")).collect()
    }

    /// The twin's rows, in the twin and on each side.
    async fn reset(&mut self) -> Outcome {
        let mut sql = vec!["SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO'".to_owned(), "BEGIN".to_owned()];
        let mut fill = |table: &str, rows: &str| {
            sql.push(format!("DELETE FROM {table}"));
            sql.push(format!("INSERT INTO {table} {rows}"));
        };
        let seed = format!("SELECT * FROM {SCHEMA}_twin.seed");
        fill(&format!("{SCHEMA}_twin.user"), &seed);
        if self.phase.writes(Side::Legacy) {
            fill(&format!("{SCHEMA}.user"), &seed);
        }
        for (i, shard) in Self::shards().iter().enumerate() {
            fill(shard, &format!("{seed} WHERE id%10={i}"));
        }
        for schema in [SCHEMA.to_owned(), format!("{SCHEMA}_twin")] {
            fill(&format!("{schema}.orders"), "VALUES (1,1),(2,2),(3,3)");
        }
        sql.push("COMMIT".to_owned());
        self.root.query_drop(sql.join(";")).await?;
        Ok(())
    }

    async fn rows(&mut self, tables: &[String]) -> Outcome<Vec<(i64, Vec<u8>, i64)>> {
        let all: Vec<String> = tables.iter().map(|table| format!("SELECT id,name,n FROM {table}")).collect();
        Ok(self.root.query(format!("{} ORDER BY 1", all.join(" UNION ALL "))).await?)
    }

    /// Which tables are not as `wanted` are.
    async fn unequal_to(&mut self, wanted: &[String]) -> Outcome<Option<String>> {
        let wanted = self.rows(wanted).await?;
        let mut sides = vec![("the shards", Self::shards())];
        if self.phase.writes(Side::Legacy) {
            sides.push(("legacy", vec![format!("{SCHEMA}.user")]));
        }
        for (side, tables) in sides {
            let rows = self.rows(&tables).await?;
            if rows != wanted {
                let only = |a: &[(i64, Vec<u8>, i64)], b: &[(i64, Vec<u8>, i64)]| {
                    let rows = a.iter().filter(|row| !b.contains(row)).take(3);
                    rows.map(|(id, name, n)| format!("({id},{},{n})", name.escape_ascii()))
                        .collect::<String>()
                };
                return Ok(Some(format!(
                    "{side}: only there {}, only in the twin {}",
                    only(&rows, &wanted),
                    only(&wanted, &rows)
                )));
            }
        }
        let wrong: Vec<String> = Self::shards()
            .iter()
            .enumerate()
            .map(|(i, shard)| format!("SELECT id FROM {shard} WHERE MOD(MOD(id,10)+10,10)<>{i}"))
            .collect();
        let wrong: Vec<i64> = self.root.query(wrong.join(" UNION ALL ")).await?;
        if !wrong.is_empty() {
            return Ok(Some(format!("in a wrong shard: {wrong:?}")));
        }
        Ok(None)
    }

    /// Which tables are not as the twin's are.
    async fn unequal(&mut self) -> Outcome<Option<String>> {
        let orders = |schema: &str| format!("SELECT id,n FROM {schema}.orders ORDER BY 1");
        let (real, twin) = (orders(SCHEMA), orders(&format!("{SCHEMA}_twin")));
        let real: Vec<(i64, Option<i64>)> = self.root.query(real).await?;
        let twin: Vec<(i64, Option<i64>)> = self.root.query(twin).await?;
        if real != twin {
            return Ok(Some(format!("orders: {real:?} instead of {twin:?}")));
        }
        self.unequal_to(&[format!("{SCHEMA}_twin.user")]).await
    }
}

/// What is wrong with an attack's outcome; `None` if all is well.
async fn judge(bench: &Bench, tables: &mut Tables, attack: &Attack, way: Way) -> Outcome<Option<String>> {
    tables.reset().await?;
    let here = run(&bench.opts(0)?, attack, way).await;
    let here = match here {
        Ok(here) => here,
        Err(error) => return Ok(Some(format!("the connection failed: {error}"))),
    };
    if matches!(here.last(), Some(Told::Refused(_))) {
        let several = here.len() > attack.settings.len() + 1;
        // What stood in front of the refused one has run.
        return if several { tables.unequal_to(&Tables::shards()).await } else { tables.unequal().await };
    }
    let mut twin = Attack { settings: attack.settings, sql: attack.sql.clone(), only: attack.only };
    twin.sql = replaced(&twin.sql);
    let there = run(&bench.home.app_opts(None, &format!("{SCHEMA}_twin"))?, &twin, way).await?;
    if here != there {
        return Ok(Some(format!("{} instead of {}", short(&here), short(&there))));
    }
    tables.unequal().await
}

fn short(told: &[Told]) -> String {
    let mut text = format!("{told:?}");
    text.truncate(300);
    text
}

/// The twin's schema in the place of the real one.
fn replaced(sql: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut rest = sql;
    while let Some(at) = rest.windows(SCHEMA.len()).position(|part| part == SCHEMA.as_bytes()) {
        all.extend_from_slice(&rest[..at + SCHEMA.len()]);
        all.extend_from_slice(b"_twin");
        rest = &rest[at + SCHEMA.len()..];
    }
    all.extend_from_slice(rest);
    all
}

/// Those on definitions come last, and once: each is an epoch of its own, with which the ids are lost that a sidecar has
/// put by, and in 0011 the twin's would no longer be the same.
fn attacks_on(kind: Kind) -> Vec<Attack> {
    let verbs: [&[u8]; 5] = [b"TRUNCATE", b"ALTER", b"CREATE", b"DROP", b"RENAME"];
    let all = attacks::all().into_iter().filter(|attack| attack.only.is_none_or(|only| only == kind));
    let (ddl, mut others): (Vec<Attack>, Vec<Attack>) =
        all.partition(|attack| verbs.iter().any(|verb| attack.sql.starts_with(verb)));
    others.extend(ddl.into_iter().filter(|attack| attack.settings.is_empty()));
    others
}

async fn smuggling(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, SCHEMA).await?;
    bench.root(&format!("CREATE TABLE {SCHEMA}_twin.seed AS SELECT * FROM user")).await?;
    let mut tables = Tables { root: bench.direct().await?, phase: Phase::Legacy };
    let ways: &[Way] = match kind {
        Kind::MySql => &[Way::Text, Way::Prepared],
        Kind::MariaDb => &[Way::Text, Way::Prepared, Way::LastPrepared],
    };
    for phase in PHASES {
        bench.walk_to(phase).await?;
        tables.phase = phase;
        let mut found = Vec::new();
        for attack in attacks_on(kind) {
            for &way in ways {
                if let Some(what) = judge(&bench, &mut tables, &attack, way).await? {
                    let sql: String = attack.sql.escape_ascii().to_string().chars().take(120).collect();
                    found.push(format!("{phase} {way:?} {:?} {sql}\n    {what}", attack.settings));
                }
            }
        }
        assert!(found.is_empty(), "{} attacks went through:\n{}", found.len(), found.join("\n"));
    }
    Ok(())
}

#[tokio::test]
async fn no_attack_leaves_the_sides_unequal_on_mysql() {
    smuggling(Kind::MySql).await.unwrap();
}

#[tokio::test]
async fn no_attack_leaves_the_sides_unequal_on_mariadb() {
    smuggling(Kind::MariaDb).await.unwrap();
}
