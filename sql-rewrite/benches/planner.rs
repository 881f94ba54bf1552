//! What planning costs: `cargo bench --bench planner`.
//!
//! `hit` is a text whose form was read before, with other values; `miss` is one that is new. `plan` is what a prepared
//! statement costs at each execution.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sql_rewrite::{Planner, Value};
use topology::Phase;

/// One statement, as text with `{}` for its value.
struct Form {
    name: &'static str,
    phase: Phase,
    sql: &'static str,
}

const FORMS: [Form; 6] = [
    Form { name: "select_by_key", phase: Phase::ShardRead, sql: "SELECT name, age FROM user WHERE id = {}" },
    Form {
        name: "select_orm",
        phase: Phase::DualWrite,
        sql: "SELECT `user`.`id`, `user`.`name`, `user`.`email`, `user`.`age` FROM `user` WHERE (`user`.`age` > 18 \
              AND `user`.`id` = {}) ORDER BY `user`.`id` ASC LIMIT 21",
    },
    Form {
        name: "select_scatter",
        phase: Phase::Shards,
        sql: "SELECT u.name, COUNT(*) FROM user u JOIN orders o ON o.user_id = u.id WHERE u.age > {} GROUP BY u.name",
    },
    Form {
        name: "update_by_key",
        phase: Phase::DualWrite,
        sql: "UPDATE user SET name = 'x', votes = votes + 1 WHERE id = {}",
    },
    Form { name: "delete_by_key", phase: Phase::Shards, sql: "DELETE FROM user WHERE id = {}" },
    Form {
        name: "insert",
        phase: Phase::Shards,
        sql: "INSERT INTO user (id, name, email, age, votes) VALUES ({}, 'Alice', 'alice@example.org', 31, 0)",
    },
];

fn with_value(sql: &str, value: u64) -> Vec<u8> {
    sql.replace("{}", &value.to_string()).into_bytes()
}

fn texts(criterion: &mut Criterion) {
    let (schemas, facts) = (common::tables(), common::facts(false));
    for form in FORMS {
        let view = common::view(&schemas, form.phase);
        let mut group = criterion.benchmark_group(form.name);
        let known = common::planner(&schemas);
        let mut value = 1_000_000;
        let mut next = || {
            value += 1;
            with_value(form.sql, value)
        };
        group.bench_function("hit", |bencher| {
            bencher.iter_batched(&mut next, |sql| known.read(&sql, &facts), BatchSize::SmallInput);
        });
        group.bench_function("miss", |bencher| {
            let fresh = |sql: Vec<u8>| (common::planner(&schemas), sql);
            let read = |(planner, sql): (Planner, Vec<u8>)| (planner.read(&sql, &facts), planner);
            bencher.iter_batched(|| fresh(next()), read, BatchSize::SmallInput);
        });
        let statements = known.read(&next(), &facts);
        group.bench_function("plan", |bencher| {
            bencher.iter(|| known.plan(black_box(&statements[0]), &facts, None, &view));
        });
        group.finish();
    }
}

fn prepared(criterion: &mut Criterion) {
    let (schemas, facts) = (common::tables(), common::facts(false));
    let (planner, view) = (common::planner(&schemas), common::view(&schemas, Phase::Shards));
    let statements = planner.read(b"SELECT name, age FROM user WHERE id = ?", &facts);
    criterion.bench_function("prepared/plan", |bencher| {
        bencher.iter(|| planner.plan(&statements[0], &facts, Some(black_box(&[Value::Int(7)])), &view));
    });
}

/// Twice the rows must cost twice the time.
fn long_insert(criterion: &mut Criterion) {
    let (schemas, facts) = (common::tables(), common::facts(false));
    let view = common::view(&schemas, Phase::Shards);
    let mut group = criterion.benchmark_group("long_insert");
    for rows in [1_000, 2_000, 4_000] {
        let values: Vec<String> =
            (0..rows).map(|id| format!("({id}, 'Alice', 'alice{id}@example.org', 31, 0)")).collect();
        let sql = format!("INSERT INTO user (id, name, email, age, votes) VALUES {}", values.join(", "));
        group.throughput(Throughput::Bytes(sql.len() as u64));
        let fresh = || common::planner(&schemas);
        group.bench_function(format!("{rows}_rows"), |bencher| {
            let run = |planner: Planner| {
                let statements = planner.read(sql.as_bytes(), &facts);
                planner.plan(&statements[0], &facts, None, &view)
            };
            bencher.iter_batched(fresh, run, BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, texts, prepared, long_insert);
criterion_main!(benches);
