//! A callback that a worker delivers.

use super::column::Columns;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use till_shared::id::{EventId, InvoiceId, ProjectId};

/// A callback to deliver.
#[derive(Debug, Clone)]
pub struct PendingEvent {
    /// The event's id.
    pub id: EventId,
    /// The project that receives it.
    pub project: ProjectId,
    /// The invoice whose callbacks are delivered in order.
    pub invoice: Option<InvoiceId>,
    /// The position in that order.
    pub sequence: i64,
    /// The body.
    pub body: String,
    /// The number of earlier attempts.
    pub attempts: i64,
    /// The number of attempts before it was last resent.
    pub resent_after: i64,
    /// The version of the project.
    pub project_version: i64,
}

impl FromRow<'_, AnyRow> for PendingEvent {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            project: row.parse("project")?,
            invoice: row.parse_optional("invoice")?,
            sequence: row.try_get("sequence")?,
            body: row.try_get("body")?,
            attempts: row.try_get("attempts")?,
            resent_after: row.try_get("resent_after")?,
            project_version: row.try_get("project_version")?,
        })
    }
}
