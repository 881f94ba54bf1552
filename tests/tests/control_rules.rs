//! docs/CONTROL-TESTS.md names tests that exist, and at least one for each rule.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use tests::servers::checkout;

/// `rules::name`: the file below the checkout, and the name.
fn file_and_name(test: &str) -> (String, &str) {
    let (file, name) = test.rsplit_once("::").unwrap();
    let path = if file.contains('/') { file.to_owned() } else { format!("tests/tests/{file}.rs") };
    (path, name)
}

fn exists(test: &str) -> bool {
    let (path, name) = file_and_name(test);
    let text = fs::read_to_string(checkout().join(path)).unwrap_or_default();
    text.contains(&format!("fn {name}(")) || text.contains(&format!("mod {name} {{"))
}

#[test]
fn each_rule_has_tests_that_exist() {
    let text = fs::read_to_string(checkout().join("docs/CONTROL-TESTS.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| rule or fact"));
    let mut rules = 0;
    for row in rows {
        let (rule, tests) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        let tests: Vec<&str> = tests.split('`').filter(|part| part.contains("::")).collect();
        assert!(!tests.is_empty(), "no test: {rule}");
        for test in tests {
            assert!(exists(test), "{test} does not exist: {rule}");
        }
        rules += 1;
    }
    assert!(rules > 50, "{rules} rules were found");
}
