//! INSERT … SELECT is two statements to the planner: the SELECT, and the INSERT of what it answers.

use topology::TableId;

use crate::{
    Facts, InsertSelect, Plan, Planner, Refusal, SelectedRows, TableView, Write,
    plan::{ColumnSource, Inserted, Work, refusal as reasons},
};

impl Planner {
    /// `plan` with the SELECT in it planned, if it has one.
    pub(crate) fn with_reading(
        &self,
        mut plan: Plan,
        facts: &Facts,
        view: &dyn Fn(&TableId) -> Option<TableView>,
    ) -> Plan {
        let (select, lossy) = match &mut plan {
            Plan::InsertSelect(insert) => (&mut insert.select, insert.lossy.take()),
            Plan::Write(write) => match &mut write.work {
                Work::Elsewhere(insert) => (&mut insert.select, insert.lossy.take()),
                _ => return plan,
            },
            _ => return plan,
        };
        let statements = self.read(select, facts);
        let plans = statements.iter().map(|statement| self.plan(statement, facts, None, view));
        match plans.collect::<Vec<_>>().as_slice() {
            [Plan::Relay | Plan::Gated { .. }] => {}
            [Plan::ShardRead(read)] => match lossy {
                Some(refusal) if read.columns != ColumnSource::Rename => return Plan::Refuse(refusal),
                _ => select.clone_from(&read.text.sql),
            },
            [other @ (Plan::Fail(_) | Plan::Refuse(_))] => return other.clone(),
            // Not reached: it is one SELECT.
            _ => {
                return Plan::Refuse(Refusal {
                    reason: reasons::INSERT_SELECT.name,
                    message: "the SELECT of an INSERT is not understood; nothing was done".to_owned(),
                });
            }
        }
        if let Plan::Write(write) = &mut plan
            && let Work::Elsewhere(insert) = &write.work
        {
            write.work = Work::OtherTable(insert.text());
        }
        plan
    }

    /// The plan of an INSERT … SELECT whose SELECT has answered, under the same `facts` and `view`.
    #[must_use]
    pub fn plan_rows(
        &self,
        insert: &InsertSelect,
        selected: &SelectedRows,
        facts: &Facts,
        view: &dyn Fn(&TableId) -> Option<TableView>,
    ) -> Plan {
        let (inserted, in_place) = match insert.inserted(selected) {
            Ok(inserted) => inserted,
            Err(refusal) => return Plan::Refuse(refusal),
        };
        let plan = match inserted {
            Inserted::Nothing(write) => Plan::Write(Box::new(write)),
            Inserted::Values(text) => match self.read(&text, facts).as_slice() {
                [statement] => self.plan(statement, facts, None, view),
                // Not reached: no literal ends a statement.
                _ => Plan::Refuse(insert.none.too_many_keys()),
            },
        };
        match plan {
            Plan::Write(write) => Plan::Write(Box::new(Write { in_place: Some(in_place), ..*write })),
            other => other,
        }
    }
}
