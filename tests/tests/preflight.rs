//! `shunt check` on real servers: each trap is found, and a sound table gives no error.

use flag_client::Home;
use mysql_async::prelude::Queryable;
use reshard::{
    create_shards,
    preflight::{self, Report, Severity},
};
use tests::{
    Outcome, home,
    rig::Rig,
    servers::{self, Kind},
};
use topology::{Phase, ShardedTable};

const BOTH: [(Kind, &str); 2] = [(Kind::MySql, "my"), (Kind::MariaDb, "ma")];
const USER: &str = "id BIGINT PRIMARY KEY AUTO_INCREMENT, email VARCHAR(40), n INT, h INT INVISIBLE DEFAULT 1, \
    g INT AS (n+1) STORED, KEY n (n)";

async fn check(rig: &Rig) -> Outcome<Report> {
    Ok(preflight::run(&rig.home, &rig.table, None).await?)
}

fn errors(report: &Report) -> Vec<String> {
    report.errors().map(|f| format!("{}: {}", f.check, f.message)).collect()
}

#[tokio::test]
async fn a_sound_table_has_no_error_and_every_trap_is_found() -> Outcome {
    let traps = [
        ("DROP TABLE @.user_2", "user_2 does not exist"),
        ("ALTER TABLE @.user_1 DROP COLUMN email", "lacks column `email`"),
        ("ALTER TABLE @.user_1 MODIFY email VARCHAR(41)", "varchar(41)"),
        ("ALTER TABLE @.user_1 MODIFY email VARCHAR(40) CHARACTER SET koi8r", "koi8r"),
        ("ALTER TABLE @.user_1 MODIFY h INT DEFAULT 1", "column `h`"),
        ("ALTER TABLE @.user_1 ADD COLUMN extra INT", "has column `extra`"),
        ("ALTER TABLE @.user_1 ADD UNIQUE KEY only_here (email)", "key `only_here`"),
        ("ALTER TABLE @.user_3 ENGINE=MyISAM", "engine MyISAM"),
        ("CREATE TRIGGER @.t BEFORE INSERT ON @.user FOR EACH ROW SET NEW.n=1", "trigger"),
        (
            "CREATE TABLE @.pet (id INT PRIMARY KEY, owner BIGINT, FOREIGN KEY (owner) REFERENCES @.user (id) ON DELETE CASCADE)",
            "foreign key",
        ),
        ("CREATE VIEW @.people AS SELECT id FROM @.user", "view"),
        ("CREATE PROCEDURE @.purge() DELETE FROM user WHERE n<0", "routine"),
        ("CREATE EVENT @.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM @.user WHERE n<0", "event"),
    ];
    for (kind, short) in BOTH {
        let mut rig = Rig::new(kind, &format!("pre_{short}"), USER, "id", 4, Phase::Legacy).await?;
        let report = check(&rig).await?;
        assert!(errors(&report).is_empty(), "{kind:?}: {:?}", errors(&report));
        assert!(report.findings.len() >= 9, "{kind:?}: {report:?}");
        for (trap, found) in traps {
            let mut rig = Rig::new(kind, &format!("pre_trap_{short}"), USER, "id", 4, Phase::Legacy).await?;
            rig.run(&format!("USE {}", rig.db)).await?;
            rig.run(trap).await?;
            let report = check(&rig).await?;
            let errors = errors(&report);
            assert!(errors.iter().any(|e| e.contains(found)), "{kind:?} {trap}: {errors:?}");
            assert!(report.errors().all(|f| f.fix.is_some()), "{kind:?} {trap}");
        }
        rig.run("DROP DATABASE @").await?;
    }
    Ok(())
}

#[tokio::test]
async fn keys_that_cannot_be_used_or_are_not_unique_are_named() -> Outcome {
    for (kind, short) in BOTH {
        let name = format!("pre_keys_{short}");
        for (columns, key, found) in [
            ("id INT PRIMARY KEY, k INT NULL", "k", "may be NULL"),
            ("id INT PRIMARY KEY, k VARCHAR(9) NOT NULL", "k", "only integer columns"),
            ("k INT NOT NULL, f FLOAT NOT NULL, PRIMARY KEY (f,k)", "k", "named exactly"),
            ("k INT NOT NULL, t TIMESTAMP(6) NOT NULL, PRIMARY KEY (t,k)", "k", "named exactly"),
            ("k INT NOT NULL, e ENUM('a','b') NOT NULL, PRIMARY KEY (e,k)", "k", "named exactly"),
            ("k INT NOT NULL, t VARCHAR(90) NOT NULL, PRIMARY KEY (t(9),k)", "k", "beginning of a column"),
            ("sidecar INT PRIMARY KEY", "sidecar", "dirty log"),
        ] {
            // The dirty log of the last one cannot even be made, and the check must say so first.
            let rig = Rig::new(kind, &name, columns, key, 2, Phase::Legacy).await;
            let Ok(rig) = rig else {
                let home = home::control(&servers::url(kind)?)?;
                let pattern = format!("rig_{name}.user_{{0..1}}");
                let table = ShardedTable::new(&name, &format!("rig_{name}.user"), key, &pattern)?;
                let report = preflight::run(&home, &table, None).await?;
                assert!(errors(&report).iter().any(|e| e.contains(found)), "{kind:?} {columns}: {report:?}");
                continue;
            };
            let report = check(&rig).await?;
            assert!(errors(&report).iter().any(|e| e.contains(found)), "{kind:?} {columns}: {report:?}");
        }
        let columns =
            "id INT PRIMARY KEY, email VARCHAR(40), UNIQUE KEY email (email), UNIQUE KEY both_of (id,email)";
        let rig = Rig::new(kind, &name, columns, "id", 2, Phase::Legacy).await?;
        let report = check(&rig).await?;
        assert_eq!(report.keys_not_unique, ["`email` (email)"], "{kind:?}");
        let warned =
            report.findings.iter().any(|f| f.severity == Severity::Warning && f.check == "unique_keys");
        assert!(warned && errors(&report).is_empty(), "{kind:?}: {report:?}");
    }
    Ok(())
}

#[tokio::test]
async fn missing_grants_come_as_lines_to_paste_that_help() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = Rig::new(kind, &format!("pre_grant_{short}"), USER, "id", 2, Phase::Legacy).await?;
        let app = format!("'pre_app_{short}'@'%'");
        let control = format!("'pre_ctl_{short}'@'%'");
        for account in [&app, &control] {
            rig.conn.query_drop(format!("DROP USER IF EXISTS {account}")).await?;
            rig.conn.query_drop(format!("CREATE USER {account} IDENTIFIED BY 'Secret-1'")).await?;
        }
        rig.conn.query_drop(format!("GRANT SELECT, INSERT, UPDATE ON {}.user TO {app}", rig.db)).await?;
        // The control user sees other accounts only where it may read the grant tables.
        rig.conn.query_drop(format!("GRANT SELECT ON mysql.* TO {control}")).await?;
        let mut config = rig.home.config().clone();
        config.user = format!("pre_ctl_{short}");
        config.password = Some("Secret-1".to_owned());
        let home = Home::new(config);
        // What is missing hides the tables at first, so it takes more than one round of pasting.
        for round in 0..4 {
            let report = preflight::run(&home, &rig.table, None).await?;
            let mine = report.errors().filter(|f| f.check == "privileges" || f.message.contains(&app));
            let fixes: Vec<String> = mine.filter_map(|f| f.fix.clone()).collect();
            if round == 0 {
                assert!(fixes.iter().any(|fix| fix.contains("GRANT PROCESS")), "{kind:?}: {fixes:?}");
            }
            for line in fixes.iter().flat_map(|fix| fix.lines()) {
                assert!(line.starts_with("GRANT "), "{line}");
                rig.conn.query_drop(line.trim_end_matches(';')).await?;
            }
        }
        let report = preflight::run(&home, &rig.table, None).await?;
        let left: Vec<String> = errors(&report)
            .into_iter()
            .filter(|e| e.starts_with("privileges") || e.starts_with("tables") || e.contains(&app))
            .collect();
        assert!(left.is_empty(), "{kind:?}: {left:?}");
        let checked = report.findings.iter().any(|f| f.check == "applications" && f.severity == Severity::Ok)
            || errors(&report).iter().any(|e| e.starts_with("applications"));
        assert!(checked, "{kind:?}: the application's account was not looked at: {report:?}");
        // Who may lock the table needs to lock the gate.
        rig.conn.query_drop(format!("GRANT LOCK TABLES ON {}.* TO {app}", rig.db)).await?;
        for (round, wanted) in [(1, 1), (2, 0)] {
            let report = preflight::run(&home, &rig.table, None).await?;
            let mine = report.findings.iter().filter(|f| f.message.contains(&app));
            let fixes: Vec<&String> = mine.filter_map(|f| f.fix.as_ref()).collect();
            assert_eq!(fixes.len(), wanted, "{kind:?} {round}: {fixes:?}");
            for fix in fixes {
                assert_eq!(*fix, format!("GRANT LOCK TABLES ON `shunt`.* TO {app};"));
                rig.conn.query_drop(fix.trim_end_matches(';')).await?;
            }
        }
        for account in [&app, &control] {
            rig.conn.query_drop(format!("DROP USER {account}")).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn create_shards_makes_equal_tables_in_any_schema() -> Outcome {
    for (kind, short) in BOTH {
        let columns = "id BIGINT PRIMARY KEY AUTO_INCREMENT, n INT, h INT INVISIBLE DEFAULT 1, v INT AS (n+1) VIRTUAL, \
            s INT AS (n+2) STORED, e ENUM('a','b') CHARACTER SET latin1, d DATE DEFAULT '0000-00-00', \
            CONSTRAINT n_is_small CHECK (n<1000), UNIQUE KEY u (n,id)";
        let mut rig = Rig::new(
            kind,
            &format!("pre_make_{short}"),
            columns.replace(", d DATE DEFAULT '0000-00-00'", "").as_str(),
            "id",
            2,
            Phase::Legacy,
        )
        .await?;
        rig.run("INSERT INTO @.user (n) VALUES (1)").await?;
        let pattern = format!("{}_s{{0..3}}.user", rig.db);
        for i in 0..4 {
            rig.run(&format!("DROP DATABASE IF EXISTS @_s{i}")).await?;
        }
        rig.table = ShardedTable::new(rig.table.id().as_str(), &format!("{}.user", rig.db), "id", &pattern)?;
        let table = rig.table.clone();
        let plan = create_shards::plan(&mut rig.conn, &table).await?;
        assert_eq!(plan.len(), 8, "{plan:?}");
        assert_eq!(create_shards::create(&mut rig.conn, &table).await?, plan);
        assert!(create_shards::plan(&mut rig.conn, &table).await?.is_empty());
        let report = check(&rig).await?;
        assert!(errors(&report).is_empty(), "{kind:?}: {:?}", errors(&report));
        rig.run("ALTER TABLE @_s2.user DROP COLUMN e").await?;
        rig.run("DROP TABLE @_s3.user").await?;
        assert!(create_shards::create(&mut rig.conn, &table).await.is_err());
        for i in 0..4 {
            rig.run(&format!("DROP DATABASE @_s{i}")).await?;
        }
    }
    Ok(())
}
