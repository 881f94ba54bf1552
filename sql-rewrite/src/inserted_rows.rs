//! INSERT … SELECT is two statements to the planner: the SELECT, and the INSERT of what it answers.

use crate::{
    Facts, InsertSelect, Plan, Planner, Refusal, SelectedRows, Views, Write,
    plan::{ColumnSource, Inserted, Work, refusal as reasons},
};

impl Planner {
    /// `plan` with the SELECTs in it planned, if it has some.
    pub(crate) fn with_reading(&self, mut plan: Plan, facts: &Facts, views: &dyn Views) -> Plan {
        match &mut plan {
            Plan::InsertSelect(insert) => {
                let lossy = insert.lossy.take();
                if let Some(other) = self.plan_reading(&mut insert.select, lossy, facts, views) {
                    return other;
                }
            }
            Plan::Write(write) => {
                let Work::Elsewhere(work) = &mut write.work else { return plan };
                let without_hints = Facts { without_full_group_by: None, ..facts.clone() };
                let facts = if work.inner { &without_hints } else { facts };
                for (select, scattered) in &mut work.selects {
                    if let Some(other) = self.plan_reading(select, scattered.take(), facts, views) {
                        return other;
                    }
                }
                write.work = Work::OtherTable(work.text());
            }
            _ => {}
        }
        plan
    }

    /// Puts what runs for it in the place of a SELECT; what happens instead of all, if it cannot be run.
    fn plan_reading(
        &self,
        select: &mut Vec<u8>,
        scattered: Option<Refusal>,
        facts: &Facts,
        views: &dyn Views,
    ) -> Option<Plan> {
        let statements = self.read(select, facts);
        let plans = statements.iter().map(|statement| self.plan(statement, facts, None, views));
        match plans.collect::<Vec<_>>().as_slice() {
            [Plan::Relay | Plan::Gated { .. }] => None,
            [Plan::ShardRead(read)] => match scattered {
                Some(refusal) if read.columns != ColumnSource::Rename => Some(Plan::Refuse(refusal)),
                _ => {
                    select.clone_from(&read.text.sql);
                    None
                }
            },
            [other @ (Plan::Fail(_) | Plan::Refuse(_))] => Some(other.clone()),
            // Not reached: it is one SELECT.
            _ => Some(Plan::Refuse(Refusal {
                reason: reasons::INSERT_SELECT.name,
                message: "a SELECT in a statement is not understood; nothing was done".to_owned(),
            })),
        }
    }

    /// The plan of an INSERT … SELECT whose SELECT has answered, under the same `facts` and `views`.
    #[must_use]
    pub fn plan_rows(
        &self,
        insert: &InsertSelect,
        selected: &SelectedRows,
        facts: &Facts,
        views: &dyn Views,
    ) -> Plan {
        let (inserted, in_place) = match insert.inserted(selected) {
            Ok(inserted) => inserted,
            Err(refusal) => return Plan::Refuse(refusal),
        };
        let plan = match inserted {
            Inserted::Nothing(write) => Plan::Write(Box::new(write)),
            Inserted::Values(text) => match self.read(&text, facts).as_slice() {
                [statement] => self.plan(statement, facts, None, views),
                // Not reached: no literal ends a statement.
                _ => Plan::Refuse(insert.none.too_many_keys()),
            },
        };
        match plan {
            Plan::Write(write) => Plan::Write(Box::new(Write { in_place: Some(in_place), ..*write })),
            Plan::InsertSelect(again) => Plan::Refuse(again.without_literal()),
            other => other,
        }
    }
}
