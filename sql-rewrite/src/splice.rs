//! Replacing byte ranges of the client's own text.

use std::ops::Range;

/// Replacements over one text, by byte range. They do not overlap; of several at one place the first
/// made comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edits(Vec<Edit>);

/// A range and what takes its place.
type Edit = (Range<usize>, Vec<u8>);

fn place(edit: &Edit) -> (usize, usize) {
    (edit.0.start, edit.0.end)
}

impl Edits {
    /// Replaces `range`; an empty range inserts before it.
    pub(crate) fn replace(&mut self, range: Range<usize>, with: impl Into<Vec<u8>>) {
        let at = self.0.partition_point(|edit| place(edit) <= (range.start, range.end));
        self.0.insert(at, (range, with.into()));
    }

    /// Inserts before byte `at`.
    pub(crate) fn insert(&mut self, at: usize, with: impl Into<Vec<u8>>) {
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
        let first = self.0.partition_point(|(at, _)| at.start < range.start);
        let inside = self.0.iter().skip(first).take_while(|(at, _)| at.start <= range.end);
        let mut out = Vec::with_capacity(range.len() + 64);
        let mut done = range.start;
        for (at, with) in inside {
            if at.start < done || at.end > range.end {
                continue;
            }
            out.extend_from_slice(text.get(done..at.start).unwrap_or_default());
            out.extend_from_slice(with);
            done = at.end;
        }
        out.extend_from_slice(text.get(done..range.end).unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Edits;

    #[test]
    fn edits_apply_inside_the_range_only() {
        let mut edits = Edits::default();
        edits.replace(7..11, "app.user_3");
        edits.insert(0, "/**/");
        edits.insert(11, " AS user");
        let text = b"UPDATE user SET a=1";
        assert_eq!(edits.render(text, 0..text.len()), b"/**/UPDATE app.user_3 AS user SET a=1");
        assert_eq!(edits.render(text, 12..19), b"SET a=1");
    }
}
