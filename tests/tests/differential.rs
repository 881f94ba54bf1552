//! The random oracle: through Shunt it finds nothing. And the oracle itself: without Shunt it finds nothing either, and
//! what is doctored it finds and makes short.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use mysql_async::prelude::Queryable;
use tests::{
    Outcome,
    differential::{
        campaign::{self, Options},
        case::Case,
        fixture::{Fixture, Way},
        runner::Runner,
        schema::Schema,
        shrink::shrink,
    },
    home::Home,
    servers::Kind,
};
use topology::Phase;

const SEED: u64 = 7;

/// What runs through Shunt: the seed, and how many statements, each in every phase.
const THROUGH_SEED: u64 = 77;
const STATEMENTS: u64 = 5_200;

/// So many comparisons (one statement in one phase) at least.
const COMPARISONS: u64 = 20_000;

/// The most refusals, in percent of the comparisons.
const MOST_REFUSED: u64 = 2;

/// So many cases are enough for each mutant.
const CASES: u64 = 400;

async fn nothing_differs(server: Kind) -> Outcome {
    let options = Options { server, seed: SEED, from: 0, statements: 1_000, only: None, phases: Vec::new() };
    let report = campaign::run(&options).await?;
    assert!(report.comparisons >= 900 && report.refusals == 0, "{}", report.told);
    assert!(report.unsteady.is_empty(), "{:#?}", report.unsteady);
    Ok(())
}

/// Through Shunt in each phase a statement gives what it gives directly, or is refused by name.
async fn through_shunt(server: Kind) -> Outcome {
    let options = Options {
        server,
        seed: THROUGH_SEED,
        from: 0,
        statements: STATEMENTS,
        only: None,
        phases: Phase::ALL.to_vec(),
    };
    let report = campaign::run(&options).await?;
    assert!(report.comparisons >= COMPARISONS, "{}", report.told);
    let refused = report.refusals * 100;
    assert!(refused <= report.comparisons * MOST_REFUSED, "too much is refused: {}", report.told);
    assert!(report.differences.is_empty(), "{}", report.differences.join("\n"));
    assert!(report.unsteady.is_empty(), "{:#?}", report.unsteady);
    Ok(())
}

/// A second copy that is not quite the first one: each is found, and the case made short.
async fn mutants(server: Kind) -> Outcome {
    let mutants = [
        // A value that changes on its way into the table.
        "CREATE TRIGGER dif_ctrl.doctored BEFORE UPDATE ON dif_ctrl.acct FOR EACH ROW SET NEW.id = OLD.id + 1000",
        // A write that hits another row, although its answer is the same.
        "CREATE TRIGGER dif_ctrl.doctored BEFORE UPDATE ON dif_ctrl.item FOR EACH ROW SET NEW.line = NEW.line + 100",
        // Only the definition of a column.
        "ALTER TABLE dif_ctrl.item MODIFY owner BIGINT NOT NULL",
    ];
    for mutant in mutants {
        let schema = Schema::new(server, SEED);
        let fixture = Fixture::new(Home::claim(server).await?, schema, vec![Way::control()]).await?;
        let mut runner = Runner::new(fixture).await?;
        runner.fixture.home.root().query_drop(mutant).await.map_err(|error| format!("{error}: {mutant}"))?;
        let mut shrunk = None;
        for index in 0..CASES {
            let case = Case::new(&runner.fixture.schema, SEED, index);
            if let Some(first) = runner.run(&case).await?.into_iter().next() {
                shrunk = Some(shrink(&mut runner, &case, &first).await?);
                break;
            }
        }
        let shrunk = shrunk.unwrap_or_else(|| panic!("not found: {mutant}"));
        let statements: Vec<String> =
            shrunk.case.statements().map(|statement| statement.node.render(false).0).collect();
        assert!(statements.len() <= 2 && statements.concat().len() < 200, "{mutant}: {statements:#?}");
        let rows: usize = shrunk.rows.iter().map(Vec::len).sum();
        assert!(rows <= 3, "{mutant}: {rows} rows");
    }
    Ok(())
}

#[tokio::test]
async fn without_shunt_nothing_differs_on_mysql() {
    nothing_differs(Kind::MySql).await.unwrap();
}

#[tokio::test]
async fn without_shunt_nothing_differs_on_mariadb() {
    nothing_differs(Kind::MariaDb).await.unwrap();
}

#[tokio::test]
async fn through_shunt_nothing_differs_on_mysql() {
    through_shunt(Kind::MySql).await.unwrap();
}

#[tokio::test]
async fn through_shunt_nothing_differs_on_mariadb() {
    through_shunt(Kind::MariaDb).await.unwrap();
}

#[tokio::test]
async fn mutants_are_found_and_made_short_on_mysql() {
    mutants(Kind::MySql).await.unwrap();
}

#[tokio::test]
async fn mutants_are_found_and_made_short_on_mariadb() {
    mutants(Kind::MariaDb).await.unwrap();
}
