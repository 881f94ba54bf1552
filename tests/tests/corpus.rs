//! The corpus on real servers: each statement on an unsharded twin directly, and through Shunt in each of the four
//! phases; what a client can see and the tables afterwards are compared.
//!
//! `tests/corpus/on_mysql.txt` and `on_mariadb.txt` say how each statement fares; they are exact, so what is refused can
//! change only on purpose; how much may be is said here. `UPDATE_GOLDEN=1` writes them anew; read the difference. `SHUNT_TEST_CASE` selects statements
//! by a part of their text.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use tests::{
    Outcome,
    corpus::{
        self, Block,
        fixture::Fixture,
        report::{self, Figures},
        runner::{Runner, Told},
    },
    home::Home,
    on_both_servers,
    same::told,
    servers::{self, Kind},
};

async fn statements_do_the_same_through_shunt(kind: Kind) -> Outcome {
    let only = std::env::var("SHUNT_TEST_CASE").unwrap_or_default();
    let mut blocks = corpus::blocks()?;
    blocks.retain(|block| block.step.sql.contains(&only));
    let (mut all, mut found) = (BTreeMap::new(), Vec::new());
    let mut home = Home::claim(kind).await?;
    for definitions in corpus::schemas()? {
        let mine = |(_, block): &(usize, &Block)| block.schema == definitions.name;
        let mut blocks = blocks.iter().enumerate().filter(mine).peekable();
        if blocks.peek().is_none() {
            continue;
        }
        let mut runner = Runner::new(Fixture::new(home, &definitions).await?).await?;
        for (number, block) in blocks {
            let (told, findings) = runner.run(block).await.map_err(|error| format!("{error}: {block:?}"))?;
            all.insert(number, told);
            found.extend(findings);
        }
        home = runner.fixture.stop().await?;
    }
    assert!(found.is_empty(), "{} findings: {}", found.len(), told(&found));
    let all: Vec<Told> = all.into_values().collect();
    let text = report::text(&all);
    println!("{}: {}", kind.name(), text.lines().skip(1).take(5).collect::<Vec<_>>().join("\n"));
    if !only.is_empty() {
        return Ok(());
    }
    golden(kind, &text)?;
    enough(&Figures::of(&all));
    Ok(())
}

/// What a user may expect: all that frameworks send, and nearly all else that reads or writes.
fn enough(figures: &Figures) {
    let (frameworks, both) = (figures.frameworks, figures.reads.and(figures.writes));
    assert_eq!(frameworks.run, frameworks.of, "of frameworks");
    assert!(both.percent() >= 97.0, "reads and writes: {} of {}", both.run, both.of);
}

fn golden(kind: Kind, made: &str) -> Outcome {
    let path = servers::checkout().join(format!("tests/corpus/on_{}.txt", kind.name()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, made)?;
    }
    let kept = std::fs::read_to_string(&path)?;
    let differs = made.lines().zip(kept.lines()).find(|(a, b)| a != b);
    assert!(made == kept, "{}: made and kept differ first in {differs:?}", path.display());
    Ok(())
}

on_both_servers!(statements_do_the_same_through_shunt);
