//! Replacing byte ranges of the client's own text.

use std::ops::Range;

/// Replacements over one text, by byte range. They do not overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edits(Vec<(Range<usize>, Vec<u8>)>);

impl Edits {
    /// Replaces `range`; an empty range inserts before it.
    pub(crate) fn replace(&mut self, range: Range<usize>, with: impl Into<Vec<u8>>) {
        self.0.push((range, with.into()));
    }

    /// Inserts before byte `at`.
    pub(crate) fn insert(&mut self, at: usize, with: impl Into<Vec<u8>>) {
        self.replace(at..at, with);
    }

    /// These and `more`.
    pub(crate) fn with(&self, more: &Self) -> Self {
        Self(self.0.iter().chain(&more.0).cloned().collect())
    }

    /// The bytes of `range` with the edits that lie in it. Of edits at one place the first made
    /// comes first.
    pub(crate) fn render(&self, text: &[u8], range: Range<usize>) -> Vec<u8> {
        let mut edits: Vec<_> =
            self.0.iter().filter(|(at, _)| at.start >= range.start && at.end <= range.end).collect();
        edits.sort_by_key(|(at, _)| (at.start, at.end));
        let mut out = Vec::with_capacity(range.len() + 64);
        let mut done = range.start;
        for (at, with) in edits {
            if at.start < done {
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
