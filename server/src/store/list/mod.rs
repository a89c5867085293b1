//! The statements of lists. Each reads a few ranges of indexes that are made for it (`indexes.rs`), so that
//! it takes the same time however many rows a project has.
//!
//! A list is ordered by id, from the newest to the oldest. The first of its filters leads: an index by
//! project, filter and id has its rows in order. The other filters narrow these rows. A filter on another
//! table has no such order: the rows that it selects are collected first, if they are few.
//!
//! Ids begin with their time, so that times select a range of ids. A row whose time is not that of its id,
//! because a test clock or a resumed request moved it, is found by an index of such rows.

use super::conditions::{TOLERANCE, unindexed};
use super::engine::Engine;
use super::{Result, Store};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow};
use till_shared::id::ProjectId;

mod related;
mod statement;

/// The largest time in an id, in milliseconds (RFC 9562, section 5.7).
const LAST_TIME: i64 = (1 << 48) - 1;

/// A table that is listed.
#[derive(Clone, Copy)]
pub(super) struct Table {
    /// The table's name.
    pub name: &'static str,
    /// The columns that are read.
    pub columns: &'static str,
    /// What the table's ids begin with.
    pub prefix: &'static str,
    /// The column with the time of a row.
    pub time: &'static str,
    /// How a row refers to an invoice.
    pub invoice: InvoiceLink,
}

/// How the rows of a table refer to an invoice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InvoiceLink {
    /// They do not.
    None,
    /// They are invoices.
    Id,
    /// By the column `invoice`.
    Invoice,
    /// By the payment in the column `payment`.
    Payment,
}

/// A value of a filter.
enum Value {
    Text(String),
    Number(i64),
}

/// Where the rows come from that the other filters narrow.
enum Lead {
    /// Ranges of the table's indexes, each ordered by id.
    Ranges(Vec<String>),
    /// A range of an index of `payments p`, ordered by invoice, for a list of invoices.
    Payments(String),
    /// A few rows in any order.
    Set(String),
}

/// A list.
pub(super) struct List {
    engine: Engine,
    table: Table,
    values: Vec<Value>,
    lead: Option<Lead>,
    /// The condition of the leading filter, for use without an index.
    leading: Option<String>,
    /// The conditions of the other filters, for use without an index.
    narrowing: Vec<String>,
    /// The project's placeholder.
    project: Option<String>,
    /// The conditions for the time of a row.
    times: Vec<String>,
    /// The operators and placeholders of the range of ids that the times select.
    ids_of_times: Vec<String>,
    /// The operators and placeholders of the range of ids.
    ids: Vec<String>,
}

impl List {
    /// Begins a list of all rows of a table.
    pub fn new(store: &Store, table: Table) -> Self {
        Self {
            engine: store.engine,
            table,
            values: vec![],
            lead: None,
            leading: None,
            narrowing: vec![],
            project: None,
            times: vec![],
            ids_of_times: vec![],
            ids: vec![],
        }
    }

    /// Begins a list of a project's rows.
    pub fn of_project(store: &Store, table: Table, project: &ProjectId) -> Self {
        let mut list = Self::new(store, table);
        list.project = Some(list.text(project.as_str()));
        list
    }

    fn text(&mut self, value: impl Into<String>) -> String {
        self.values.push(Value::Text(value.into()));
        format!("${}", self.values.len())
    }

    fn number(&mut self, value: i64) -> String {
        self.values.push(Value::Number(value));
        format!("${}", self.values.len())
    }

    fn column(&self, name: &str) -> String {
        format!("{}.{name}", self.table.name)
    }

    /// Adds a filter. The first one leads.
    fn add(&mut self, lead: Lead, condition: String) {
        if self.lead.is_none() {
            self.lead = Some(lead);
            self.leading = Some(condition);
        } else {
            self.narrowing.push(condition);
        }
    }

    /// Selects the rows with a value in a column that an index by project, column and id has.
    pub fn equal(&mut self, column: &str, value: Option<&str>) {
        self.any_equal(&[column], value);
    }

    /// Selects the rows with a value in any of these columns, each of which such an index has.
    pub fn any_equal(&mut self, columns: &[&str], value: Option<&str>) {
        let Some(value) = value else { return };
        let value = self.text(value);
        let columns: Vec<_> = columns.iter().map(|column| self.column(column)).collect();
        let ranges = columns.iter().map(|column| format!("{column} = {value}"));
        let narrowed = columns
            .iter()
            .map(|column| format!("{} = {value}", unindexed(column)));
        let narrowed = format!("({})", narrowed.collect::<Vec<_>>().join(" or "));
        let ranges = ranges.collect();
        self.add(Lead::Ranges(ranges), narrowed);
    }

    /// Selects the few rows with this id of another object in a column that has an index.
    pub fn of(&mut self, column: &str, id: Option<&str>) {
        let Some(id) = id else { return };
        let (column, id) = (self.column(column), self.text(id));
        let narrowed = format!("{} = {id}", unindexed(&column));
        self.add(Lead::Set(format!("{column} = {id}")), narrowed);
    }

    /// Selects the rows after and before these times (milliseconds). The other filters come first.
    pub fn created(&mut self, after: Option<i64>, before: Option<i64>) {
        let time = self.column(self.table.time);
        if let Some(after) = after {
            let bound = self.number(after);
            self.times.push(format!("{time} > {bound}"));
            self.id_of_time(">=", after.saturating_sub(TOLERANCE));
        }
        if let Some(before) = before {
            let bound = self.number(before);
            self.times.push(format!("{time} < {bound}"));
            self.id_of_time("<", before.saturating_add(TOLERANCE + 1));
        }
    }

    /// Compares ids with the smallest id of a time, unless the list reads no range of ids.
    fn id_of_time(&mut self, operator: &str, time: i64) {
        if matches!(self.lead, Some(Lead::Set(_))) {
            return;
        }
        let time = time.clamp(0, LAST_TIME);
        let id = self.text(format!("{}{time:012x}", self.table.prefix));
        self.ids_of_times.push(format!("{operator} {id}"));
    }

    /// Selects the rows with a smaller id.
    pub fn before(&mut self, id: Option<&str>) {
        if let Some(id) = id {
            let id = self.text(id);
            self.ids.push(format!("< {id}"));
        }
    }

    /// Selects the rows with a larger id.
    pub fn after(&mut self, id: Option<&str>) {
        if let Some(id) = id {
            let id = self.text(id);
            self.ids.push(format!("> {id}"));
        }
    }

    /// Reads the first rows of the list.
    pub async fn fetch<R>(self, store: &Store, limit: i64) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let query = sqlx::query_as(AssertSqlSafe(self.sql(limit)));
        let query = self.values.iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        });
        Ok(query.fetch_all(store.lists()).await?)
    }
}
