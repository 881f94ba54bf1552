//! Replacing byte ranges of the client's own text.

use std::ops::Range;

/// A piece of SQL, and which of the client's parameters each `?` in it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// In the session's character set.
    pub sql: Vec<u8>,
    /// Numbers of parameters, from 0, in the order of the `?`.
    pub params: Vec<usize>,
}

impl<T: Into<Vec<u8>>> From<T> for Text {
    /// Text without a `?`.
    fn from(sql: T) -> Self {
        Self { sql: sql.into(), params: Vec::new() }
    }
}

impl Text {
    pub(crate) fn push(&mut self, more: impl Into<Self>) {
        let mut more = more.into();
        self.sql.append(&mut more.sql);
        self.params.append(&mut more.params);
    }

    /// The pieces with `between` them.
    pub(crate) fn join(pieces: impl IntoIterator<Item = Self>, between: &str) -> Self {
        pieces
            .into_iter()
            .reduce(|mut all, piece| {
                all.push(between);
                all.push(piece);
                all
            })
            .unwrap_or_default()
    }
}

/// Replacements over one text, by byte range. They do not overlap; of several at one place the first
/// made comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edits(Vec<Edit>);

/// A range and what takes its place.
type Edit = (Range<usize>, Text);

fn place(edit: &Edit) -> (usize, usize) {
    (edit.0.start, edit.0.end)
}

impl Edits {
    /// Replaces `range`, and what was to be replaced in it; an empty range inserts before it.
    pub(crate) fn replace(&mut self, range: Range<usize>, with: impl Into<Text>) {
        let inside = |edit: &Edit| {
            !edit.0.is_empty() && range.start <= edit.0.start && edit.0.end <= range.end
                || range.start < edit.0.start && edit.0.end < range.end
        };
        self.0.retain(|edit| !inside(edit));
        let at = self.0.partition_point(|edit| place(edit) <= (range.start, range.end));
        self.0.insert(at, (range, with.into()));
    }

    /// Inserts before byte `at`.
    pub(crate) fn insert(&mut self, at: usize, with: impl Into<Text>) {
        self.replace(at..at, with);
    }

    /// These and `more`.
    pub(crate) fn with(&self, more: &Self) -> Self {
        let mut all: Vec<Edit> = self.0.iter().chain(&more.0).cloned().collect();
        all.sort_by_key(place);
        Self(all)
    }

    /// The bytes of `range` with the edits that lie in it.
    pub(crate) fn render(&self, text: &[u8], range: Range<usize>) -> Vec<u8> {
        self.render_with(text, range, &[]).sql
    }

    /// The same, where the `?` of `text` stand at the bytes `params`.
    pub(crate) fn render_with(&self, text: &[u8], range: Range<usize>, params: &[usize]) -> Text {
        let first = self.0.partition_point(|(at, _)| at.start < range.start);
        let inside = self.0.iter().skip(first).take_while(|(at, _)| at.start <= range.end);
        let mut out = Text::default();
        let keep = |out: &mut Text, kept: Range<usize>| {
            out.sql.extend_from_slice(text.get(kept.clone()).unwrap_or_default());
            let (from, to) =
                (params.partition_point(|at| *at < kept.start), params.partition_point(|at| *at < kept.end));
            out.params.extend(from..to);
        };
        let mut done = range.start;
        for (at, with) in inside {
            if at.start < done || at.end > range.end {
                continue;
            }
            keep(&mut out, done..at.start);
            out.push(with.clone());
            done = at.end;
        }
        keep(&mut out, done..range.end);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{Edits, Text};

    #[test]
    fn edits_apply_inside_the_range_only() {
        let mut edits = Edits::default();
        edits.replace(7..11, "app.user_3");
        edits.insert(0, "/**/");
        edits.insert(11, " AS user");
        let text = b"UPDATE user SET a=1";
        assert_eq!(edits.render(text, 0..text.len()), b"/**/UPDATE app.user_3 AS user SET a=1");
        assert_eq!(edits.render(text, 12..19), b"SET a=1");
        edits.replace(7..19, "x");
        assert_eq!(edits.render(text, 0..text.len()), b"/**/UPDATE x");
    }

    #[test]
    fn parameters_keep_their_numbers() {
        let text = b"a = ? AND b = ? AND c = ?";
        let params = [4, 14, 24];
        let mut edits = Edits::default();
        let copied = edits.render_with(text, 10..15, &params);
        assert_eq!(copied, Text { sql: b"b = ?".to_vec(), params: vec![1] });
        edits.replace(0..5, Text::join([copied.clone(), copied], " OR "));
        let all = edits.render_with(text, 0..text.len(), &params);
        assert_eq!(all.sql, b"b = ? OR b = ? AND b = ? AND c = ?");
        assert_eq!(all.params, [1, 1, 1, 2]);
    }
}
