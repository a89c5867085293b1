//! The log, the traces and the metrics of a server. They contain ids, and never card data, keys,
//! secrets or anything that a buyer typed.

mod metrics;
mod panics;
mod text;
mod trace_context;

pub use metrics::{
    AttemptLimit, Backlog, Callback, CaptchaCheck, ConnectorCall, CspDirective, METRICS_TYPE,
    Metrics, OpenGuard, OrderCheck, RefundEnd, Request, Snapshot, Webhook, Worker,
};
pub use panics::panic_reason;
pub use trace_context::continue_trace;

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, Value};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::fmt::format::{JsonFields, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line: the event's own fields at the top level, the fields of the spans
    /// around it (the request, the payment) in `spans`.
    Json,
}

/// Exports traces until it is finished, before the process ends.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Starts logging to standard error, panics included, and exporting spans to an OpenTelemetry
/// `collector`, given as its OTLP/HTTP base URL. Without a collector no spans are kept.
///
/// # Errors
/// When the collector's URL is invalid.
pub fn start(format: LogFormat, collector: Option<&str>) -> anyhow::Result<Telemetry> {
    let traces = provider(collector).context("traces can't be exported")?;
    let tracer = traces.as_ref().map(|provider| provider.tracer("till"));
    tracing_subscriber::registry()
        .with(log(format))
        .with(tracer.map(exported))
        .init();
    panics::log_panics();
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Exports the remaining spans, for at most five seconds.
    pub fn finish(self) {
        if let Some(Err(error)) = self.traces.map(|traces| traces.shutdown()) {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

fn log<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log
            .fmt_fields(debug_fn(text::field))
            .event_format(text::Line)
            .with_ansi(false)
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .fmt_fields(JsonFields::new())
            .with_filter(filter)
            .boxed(),
    }
}

/// Exports this server's own spans and the events inside them.
fn exported<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    let ours = Targets::new().with_target("till_server", LevelFilter::INFO);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(ours)
}

/// The pipeline to the collector. Headers, time limits, sampling and the resource come from
/// OpenTelemetry's own environment variables.
fn provider(collector: Option<&str>) -> anyhow::Result<Option<SdkTracerProvider>> {
    // An empty variable counts as unset, as OpenTelemetry specifies.
    let collector = collector.filter(|base| !base.is_empty());
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    // The exporter reads the endpoint for traces by itself.
    let own_address = is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let disabled = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|v| v.eq_ignore_ascii_case("true"));
    if disabled || !(own_address || collector.is_some()) {
        return Ok(None);
    }
    let exporter = SpanExporter::builder()
        .with_http()
        // The pipeline exports on a thread of its own. Redirects could leak spans.
        .with_http_client(
            reqwest::blocking::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
        );
    let exporter = match collector {
        Some(base) if !own_address => {
            let base: url::Url = base.parse().context("--otlp-endpoint is not a URL")?;
            let base = base.as_str().trim_end_matches('/');
            exporter.with_endpoint(format!("{base}/v1/traces"))
        }
        _ => exporter,
    };
    let traces = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.build()?)
        .with_resource(resource())
        .build();
    Ok(Some(traces))
}

fn resource() -> Resource {
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let given = Resource::builder().with_attribute(version.clone()).build();
    let name = given.get(&Key::new("service.name"));
    let unknown = |name: &Value| name.as_str().starts_with("unknown_service");
    if name.as_ref().is_none_or(unknown) {
        Resource::builder()
            .with_attribute(version)
            .with_service_name("till")
            .build()
    } else {
        given
    }
}
