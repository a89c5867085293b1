//! The text of a list's statement.

use super::{Lead, List, Table};
use crate::store::conditions::{moved, unindexed};

impl List {
    /// The statement: the ids of the first rows, then these rows. PostgreSQL would plan the subqueries of
    /// columns for all rows of a range otherwise, and read another table whole for them. It takes a limit that
    /// is a parameter for a tenth of the rows.
    pub(super) fn sql(&self, limit: i64) -> String {
        let Table { name, columns, .. } = self.table;
        let ranges = match &self.lead {
            None => vec![self.range(None)],
            Some(Lead::Ranges(ranges)) => ranges.iter().map(|c| self.range(Some(c))).collect(),
            Some(Lead::Payments(_) | Lead::Set(_)) => vec![],
        };
        let mut parts: Vec<_> = ranges
            .iter()
            .map(|range| {
                let conditions = all(range);
                format!(
                    "select {name}.id from {name}{conditions} order by {name}.id desc limit {limit}"
                )
            })
            .collect();
        match &self.lead {
            Some(Lead::Payments(condition)) => parts.push(self.by_payments(condition, limit)),
            Some(Lead::Set(condition)) => parts.push(self.set(condition)),
            Some(Lead::Ranges(_)) | None => {}
        }
        if !self.times.is_empty() && !matches!(self.lead, Some(Lead::Set(_))) {
            parts.push(self.moved());
        }
        let names: Vec<_> = (0..parts.len()).map(|n| format!("part{n}")).collect();
        let definitions = names.iter().zip(&parts);
        let definitions: Vec<_> = definitions
            .map(|(name, part)| format!("{name} as materialized ({part})"))
            .collect();
        let ids: Vec<_> = names
            .iter()
            .map(|n| format!("select id from {n}"))
            .collect();
        format!(
            "with {} select {columns} from {name} where id in
             (select id from ({}) ids order by id desc limit {limit}) order by id desc",
            definitions.join(", "),
            ids.join(" union "),
        )
    }

    /// The conditions of a range of an index that is ordered by id.
    fn range(&self, leading: Option<&str>) -> Vec<String> {
        let mut conditions = vec![];
        if let Some(project) = &self.project {
            conditions.push(format!("{} = {project}", self.column("project")));
        }
        conditions.extend(leading.map(str::to_owned));
        conditions.extend(self.ids(&self.column("id"), true));
        conditions.extend_from_slice(&self.times);
        conditions.extend_from_slice(&self.narrowing);
        conditions
    }

    /// The conditions for the id in a column.
    fn ids(&self, column: &str, with_times: bool) -> Vec<String> {
        let of_times = self.ids_of_times.iter().filter(|_| with_times);
        let all = self.ids.iter().chain(of_times);
        all.map(|range| format!("{column} {range}")).collect()
    }

    /// The ids of invoices by a range of payments that is ordered by invoice.
    fn by_payments(&self, leading: &str, limit: i64) -> String {
        let project = self.project.iter().map(|p| format!("p.project = {p}"));
        let mut conditions: Vec<_> = project.collect();
        conditions.push(leading.to_owned());
        conditions.push("invoices.id = p.invoice".into());
        conditions.extend(self.ids("p.invoice", true));
        conditions.extend_from_slice(&self.times);
        conditions.extend_from_slice(&self.narrowing);
        // SQLite reads the tables of a cross join in their order.
        format!(
            "select distinct p.invoice as id from payments p cross join invoices{}
             order by p.invoice desc limit {limit}",
            all(&conditions)
        )
    }

    /// The ids of a few rows. No index but that of the leading condition can be used.
    fn set(&self, leading: &str) -> String {
        let name = self.table.name;
        let mut conditions = vec![leading.to_owned()];
        if let Some(project) = &self.project {
            let column = unindexed(&self.column("project"));
            conditions.push(format!("{column} = {project}"));
        }
        conditions.extend(self.ids(&unindexed(&self.column("id")), false));
        conditions.extend_from_slice(&self.times);
        conditions.extend_from_slice(&self.narrowing);
        format!("select {name}.id from {name}{}", all(&conditions))
    }

    /// The ids of the rows whose times are not those of their ids. No index but that of these rows can be
    /// used.
    fn moved(&self) -> String {
        let Table {
            name, prefix, time, ..
        } = self.table;
        let mut conditions = vec![];
        if let Some(project) = &self.project {
            conditions.push(format!("{} = {project}", self.column("project")));
        }
        conditions.push(moved(self.engine, prefix, time, &format!("{name}.")));
        conditions.extend_from_slice(&self.times);
        conditions.extend(self.ids(&unindexed(&self.column("id")), false));
        conditions.extend(self.leading.clone());
        conditions.extend_from_slice(&self.narrowing);
        format!("select {name}.id from {name}{}", all(&conditions))
    }
}

fn all(conditions: &[String]) -> String {
    match conditions {
        [] => String::new(),
        some => format!(" where {}", some.join(" and ")),
    }
}
