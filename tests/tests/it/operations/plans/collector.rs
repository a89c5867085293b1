//! Collects the statements that are run in this process.

use anyhow::Result;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The statements, each once, with single spaces.
#[derive(Clone, Default)]
pub struct Collector(Arc<Mutex<BTreeSet<String>>>);

impl Collector {
    /// Begins to collect.
    pub fn start() -> Result<Self> {
        let collector = Self::default();
        let subscriber = tracing_subscriber::registry().with(collector.clone());
        tracing::subscriber::set_global_default(subscriber)?;
        Ok(collector)
    }

    /// Returns the statements that read or write rows.
    pub fn statements(&self) -> Vec<String> {
        let statements = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = ["select ", "insert ", "update ", "delete ", "with "];
        let of_rows = |statement: &&String| rows.iter().any(|verb| statement.starts_with(verb));
        statements.iter().filter(of_rows).cloned().collect()
    }
}

/// A text with single spaces.
pub fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "sqlx::query" {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        // A statement of up to four words is its own summary.
        let text = if text.statement.is_empty() {
            text.summary
        } else {
            text.statement
        };
        let mut statements = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        statements.insert(single_spaced(&text));
    }
}

#[derive(Default)]
struct Text {
    summary: String,
    statement: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
