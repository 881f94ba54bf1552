//! What an answer told of the session.

use crate::packet::{ErrInfo, OkInfo, PrepareOk, StateChange};

/// What an answer told, gathered over all of its results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The last OK packet, or what ended the last rows.
    pub last: Option<OkInfo>,
    /// The error that ended the answer.
    pub error: Option<ErrInfo>,
    /// Changes of the session's state, in order.
    pub changes: Vec<StateChange>,
    /// A packet was too large, or its changes made no sense: state may have changed without being listed.
    pub changes_lost: bool,
    /// One of the results told of warnings.
    pub warned: bool,
    /// How many result sets came.
    pub result_sets: usize,
    /// The statement that was prepared.
    pub prepared: Option<PrepareOk>,
}

impl Summary {
    pub(super) fn record(&mut self, ok: OkInfo) {
        if !ok.state.is_empty() {
            match ok.state_changes() {
                Ok(changes) => self.changes.extend(changes),
                Err(_) => self.changes_lost = true,
            }
        }
        self.warned |= ok.warnings > 0;
        self.last = Some(ok);
    }
}
