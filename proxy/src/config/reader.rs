//! Reads TOML tables field by field and collects *every* problem with its line.

use std::{collections::BTreeSet, fmt};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One thing wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the file, from 1; 0 for what comes from the environment.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "environment: {}", self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

/// Collects problems; knows the text, so that byte offsets become lines.
#[derive(Debug)]
pub struct Problems<'t> {
    text: &'t str,
    found: BTreeSet<Problem>,
}

impl<'t> Problems<'t> {
    /// No problem yet.
    pub fn new(text: &'t str) -> Self {
        Self { text, found: BTreeSet::new() }
    }

    /// Notes a problem at a byte offset of the text.
    pub fn at(&mut self, offset: usize, message: impl Into<String>) {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        self.found.insert(Problem { line, message: message.into() });
    }

    /// Notes a problem of an environment variable.
    pub fn environment(&mut self, message: impl Into<String>) {
        self.found.insert(Problem { line: 0, message: message.into() });
    }

    /// All problems in the order of their lines.
    pub fn into_vec(self) -> Vec<Problem> {
        self.found.into_iter().collect()
    }
}

/// One TOML table being read. What is never asked for is unknown: [`Section::finish`] says so.
pub struct Section<'a, 'i> {
    name: String,
    offset: usize,
    table: Option<&'a DeTable<'i>>,
    asked: BTreeSet<&'static str>,
}

/// A value with the place it stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Byte offset in the file.
    pub offset: usize,
}

impl<'a, 'i> Section<'a, 'i> {
    /// The whole file.
    pub fn root(table: &'a Spanned<DeTable<'i>>) -> Self {
        Self { name: "the file".into(), offset: 0, table: Some(table.get_ref()), asked: BTreeSet::new() }
    }

    /// Where the section stands, for problems that concern all of it.
    pub fn offset(&self) -> usize {
        self.offset
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.asked.insert(key);
        self.table?.get(key)
    }

    /// A sub-table such as `[home]`; an absent one reads as empty.
    pub fn section(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Section<'a, 'i> {
        let value = self.get(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            problems.at(value.span().start, format!("`{key}` must be a table: [{key}]"));
        }
        let offset = value.map_or(self.offset, |value| value.span().start);
        Section { name: format!("[{key}]"), offset, table, asked: BTreeSet::new() }
    }

    /// An array of tables such as `[[table]]`.
    pub fn sections(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Vec<Section<'a, 'i>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            problems.at(value.span().start, format!("`{key}` must be an array of tables: [[{key}]]"));
            return Vec::new();
        };
        let name = format!("[[{key}]]");
        let mut sections = Vec::new();
        for item in array {
            let offset = item.span().start;
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section {
                    name: name.clone(),
                    offset,
                    table: Some(table),
                    asked: BTreeSet::new(),
                }),
                None => problems.at(offset, format!("`{key}` must hold tables: {name}")),
            }
        }
        sections
    }

    /// A string.
    pub fn text(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Placed<String>> {
        let value = self.get(key)?;
        let offset = value.span().start;
        match value.get_ref().as_str() {
            Some(text) => Some(Placed { value: text.to_owned(), offset }),
            None => {
                problems.at(offset, format!("`{key}` must be a string in quotes"));
                None
            }
        }
    }

    /// A string that must be there.
    pub fn required(
        &mut self,
        key: &'static str,
        example: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Placed<String>> {
        let there = self.table.is_some_and(|table| table.contains_key(key));
        if !there {
            self.asked.insert(key);
            problems
                .at(self.offset, format!("{} needs `{key}`, for instance {key} = \"{example}\"", self.name));
        }
        self.text(key, problems)
    }

    /// A list of strings.
    pub fn texts(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Vec<Placed<String>>> {
        let value = self.get(key)?;
        let strings = value.get_ref().as_array().map(|array| {
            array
                .iter()
                .map(|item| {
                    let value = item.get_ref().as_str()?.to_owned();
                    Some(Placed { value, offset: item.span().start })
                })
                .collect::<Option<Vec<_>>>()
        });
        if let Some(Some(strings)) = strings {
            return Some(strings);
        }
        problems.at(value.span().start, format!("`{key}` must be a list of strings: [\"…\", \"…\"]"));
        None
    }

    /// A whole number within `range`.
    pub fn number(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        problems: &mut Problems<'_>,
    ) -> Option<u64> {
        let value = self.get(key)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            problems.at(value.span().start, format!("`{key}` must be a whole number from {low} to {high}"));
        }
        number
    }

    /// A duration such as `"250ms"`, `"3s"`, `"5m"`.
    pub fn duration(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<std::time::Duration> {
        let text = self.text(key, problems)?;
        let duration = parse_duration(&text.value);
        if duration.is_none() {
            problems
                .at(text.offset, format!("`{key}` must be a duration such as \"250ms\", \"3s\" or \"5m\""));
        }
        duration
    }

    /// Every key that nobody asked for is a problem.
    pub fn finish(self, problems: &mut Problems<'_>) {
        for (key, _) in self.table.into_iter().flatten() {
            if !self.asked.contains(key.get_ref().as_ref()) {
                let known = self.asked.iter().copied().collect::<Vec<_>>().join(", ");
                let name = &self.name;
                problems.at(
                    key.span().start,
                    format!("unknown key `{}` in {name}; known are: {known}", key.get_ref()),
                );
            }
        }
    }
}

fn parse_duration(text: &str) -> Option<std::time::Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(std::time::Duration::from_millis)
}
