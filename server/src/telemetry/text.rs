//! The log for people: one short line for each event. A field that the event and several of its spans
//! have is written once.

use std::fmt;
use tracing::field::Field;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The fields of spans that are written: what an event is about. The JSON log has all.
const OF_SPANS: [&str; 11] = [
    "request",
    "project",
    "order",
    "invoice",
    "payment",
    "refund",
    "event",
    "webhook",
    "connector",
    "attempt",
    "status",
];

/// Precedes each field in what [`field`] writes.
const SEPARATOR: char = '\u{1f}';

/// Writes a field. Fields of OpenTelemetry are for the collector, not for readers.
pub fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(writer, "{SEPARATOR}{value:?}"),
        name if name.starts_with("otel.") => Ok(()),
        name => write!(writer, "{SEPARATOR}{name}={value:?}"),
    }
}

/// Writes an event: the time, the level, the message, its fields, and what its spans say that it is
/// about, the innermost first.
pub struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        SystemTime.format_time(&mut writer)?;
        write!(writer, " {:>5}", event.metadata().level())?;
        if !event.metadata().target().starts_with("till") {
            write!(writer, " {}:", event.metadata().target())?;
        }
        let mut own = String::new();
        context.format_fields(Writer::new(&mut own), event)?;
        let mut written = vec![];
        write_new(&mut writer, &mut written, &own, |_| true)?;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                write_new(&mut writer, &mut written, fields, |name| {
                    OF_SPANS.contains(&name)
                })?;
            }
        }
        writeln!(writer)
    }
}

/// Writes the fields that are wanted and whose names were not written yet.
fn write_new(
    writer: &mut Writer<'_>,
    written: &mut Vec<String>,
    fields: &str,
    wanted: impl Fn(&str) -> bool,
) -> fmt::Result {
    for text in fields.split(SEPARATOR).map(str::trim) {
        let name = text.split_once('=').map_or("", |(name, _)| name);
        let is_field = !name.is_empty() && !name.contains(' ');
        let known = written.iter().any(|one| one == name);
        if text.is_empty() || is_field && (known || !wanted(name)) {
            continue;
        }
        if is_field {
            written.push(name.to_owned());
        }
        match text.split_once('=').filter(|_| is_field) {
            Some((name, value)) => write!(writer, " {name}={}", unquoted(value))?,
            None => write!(writer, " {text}")?,
        }
    }
    Ok(())
}

/// A value without its quotation marks, if it is one word.
fn unquoted(value: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,{}".contains(c);
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner
        .filter(|inner| !inner.is_empty() && inner.chars().all(plain))
        .unwrap_or(value)
}
