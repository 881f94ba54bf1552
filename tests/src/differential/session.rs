//! Cases of several statements: transactions, and what a session keeps from one statement to the next.

use super::{
    case::{Statement, Step},
    kind::Class,
    node::{Node, Tag, seq},
    schema::quoted,
    scope::{Field, Scope, Source, Writer},
};

/// What a session can be asked about the statement before.
const ASKED: [&str; 7] = [
    "SELECT ROW_COUNT()",
    "SELECT FOUND_ROWS()",
    "SELECT LAST_INSERT_ID()",
    "SELECT @@warning_count, @@error_count",
    "SHOW WARNINGS",
    "SHOW COUNT(*) WARNINGS",
    "SELECT ROW_COUNT(), LAST_INSERT_ID(), FOUND_ROWS()",
];

/// Settings that change what statements mean.
const SETTINGS: [&str; 14] = [
    "SET sql_mode = ''",
    "SET sql_mode = 'ANSI_QUOTES,STRICT_TRANS_TABLES'",
    "SET sql_mode = 'PIPES_AS_CONCAT,NO_ZERO_DATE'",
    "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES'",
    "SET sql_mode = 'NO_UNSIGNED_SUBTRACTION,HIGH_NOT_PRECEDENCE,ONLY_FULL_GROUP_BY'",
    "SET NAMES latin1",
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET time_zone = '-05:30'",
    "SET div_precision_increment = 8",
    "SET sql_select_limit = 3",
    "SET group_concat_max_len = 16",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET autocommit = 0",
    "SET lc_time_names = 'de_DE'",
];

/// Which rows a read gives is the server's choice, as behind a LIMIT.
fn limited(step: &mut Step) {
    if let Step::Statement(statement) = step
        && statement.writes.is_empty()
    {
        statement.node = statement.node.clone().tagged(Tag::Limit);
    }
}

fn frame(class: &'static str, text: impl Into<Node>) -> Step {
    Step::Statement(Statement::frame(class, text))
}

impl Writer<'_> {
    /// Statements between BEGIN and COMMIT or ROLLBACK, with savepoints.
    pub fn transaction(&mut self) -> Vec<Step> {
        let begins = [
            "START TRANSACTION",
            "BEGIN",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT",
            "SET autocommit = 0",
        ];
        let mut steps = vec![frame("transaction", self.random.word(&begins))];
        let mut savepoints: Vec<&str> = Vec::new();
        for _ in 0..self.random.range(1, 5) {
            match self.random.weighted(&[30, 45, 10, 7, 3, 5]) {
                0 => steps.push(Step::Statement(self.one_read())),
                1 => steps.extend(self.one_write()),
                2 => {
                    let name = self.random.word(&["a", "b", "`c d`"]);
                    savepoints.push(name);
                    steps.push(frame("transaction", format!("SAVEPOINT {name}")));
                }
                3 if !savepoints.is_empty() => {
                    let name = *self.random.pick(&savepoints);
                    let word = self.random.word(&["ROLLBACK TO SAVEPOINT ", "ROLLBACK TO "]);
                    steps.push(frame("transaction", format!("{word}{name}")));
                }
                4 if !savepoints.is_empty() => {
                    let name = savepoints.remove(0);
                    savepoints.retain(|other| *other != name);
                    steps.push(frame("transaction", format!("RELEASE SAVEPOINT {name}")));
                }
                _ => steps.push(Step::Statement(Statement::read("locking read", self.locking_read()))),
            }
        }
        let ends = ["COMMIT", "COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "BEGIN"];
        steps.push(frame("transaction", self.random.word(&ends)));
        steps
    }

    /// SELECT … FOR UPDATE and the like.
    pub fn locking_read(&mut self) -> Node {
        self.begin();
        let table = self.table();
        let scope = Scope::of(Source::of(table, &table.name));
        let item = self.leaf(&scope, Class::Int);
        let filter = self.filter(&scope);
        let order = self.total_order(&scope).tagged(Tag::Total).maybe();
        let lock = self.random.word(&[" FOR UPDATE", " LOCK IN SHARE MODE", " FOR UPDATE NOWAIT"]);
        seq!["SELECT ", item, " FROM ", table.name.as_str(), filter, order, lock]
    }

    /// What a session keeps: answers about the last statement, settings, user variables, prepared text.
    pub fn session(&mut self) -> Vec<Step> {
        match self.random.below(4) {
            0 => self.asked(),
            1 => self.with_setting(),
            2 => self.with_variable(),
            _ => self.prepared_text(),
        }
    }

    fn some_statement(&mut self) -> Vec<Step> {
        if self.random.chance(40) { vec![Step::Statement(self.one_read())] } else { self.one_write() }
    }

    fn asked(&mut self) -> Vec<Step> {
        let mut steps = self.some_statement();
        if let Some(Step::Statement(statement)) = steps.last_mut() {
            statement.asked = false;
        }
        steps.push(frame("diagnostics", self.random.word(&ASKED)));
        steps
    }

    fn with_setting(&mut self) -> Vec<Step> {
        let setting = self.random.word(&SETTINGS);
        let mut steps = vec![frame("setting", setting)];
        for _ in 0..self.random.range(1, 2) {
            let mut some = self.some_statement();
            // What is cut off depends on the order within the value.
            let cut =
                |step: &Step| matches!(step, Step::Statement(statement) if statement.node.has(Tag::Bag));
            while setting.contains("group_concat_max_len") && some.iter().any(cut) {
                some = self.some_statement();
            }
            if setting.contains("sql_select_limit") {
                some.iter_mut().for_each(limited);
            }
            steps.extend(some);
        }
        steps
    }

    fn with_variable(&mut self) -> Vec<Step> {
        self.begin();
        let table = self.table();
        let scope = Scope::of(Source::of(table, &table.name));
        let key = &table.columns[table.primary[0]];
        let field = Field::of(key);
        let value = self.value_of(&field);
        let name = quoted(&key.name);
        let set = match self.random.below(3) {
            0 => seq!["SET @v = ", value],
            1 => seq!["SELECT MAX(", name.as_str(), ") INTO @v FROM ", table.name.as_str()],
            _ => seq!["SET @v = (SELECT MIN(", name.as_str(), ") FROM ", table.name.as_str(), ")"],
        };
        let item = self.expression(&scope, Class::Int);
        let operator = self.random.word(&[" = ", " >= ", " <> "]);
        let read = seq!["SELECT @v, ", item, " FROM ", table.name.as_str(), " WHERE ", name, operator, "@v"];
        vec![frame("user variable", set), Step::Statement(Statement::read("user variable", read))]
    }

    /// PREPARE, EXECUTE and DEALLOCATE in SQL.
    fn prepared_text(&mut self) -> Vec<Step> {
        let statement = match self.some_statement().pop() {
            Some(Step::Statement(statement)) => statement,
            _ => self.one_read(),
        };
        let (sql, _) = statement.node.render(false);
        let quoted = sql.replace('\\', "\\\\").replace('\'', "\\'");
        vec![
            frame("PREPARE", format!("PREPARE p FROM '{quoted}'")),
            Step::Statement(Statement {
                text_only: true,
                fixed: Some(statement.how()),
                node: "EXECUTE p".into(),
                ..statement
            }),
            frame("PREPARE", "DEALLOCATE PREPARE p"),
        ]
    }
}
