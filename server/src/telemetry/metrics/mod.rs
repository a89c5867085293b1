//! Counters and durations, for Prometheus.

mod labels;
mod registry;
mod snapshot;

pub use labels::{
    AttemptLimit, Callback, CaptchaCheck, ConnectorCall, CspDirective, OrderCheck, RefundEnd,
    Webhook, Worker,
};
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE as METRICS_TYPE;
pub use snapshot::{Backlog, Snapshot};

use crate::clock;
use labels::{
    AttemptLabels, CallLabels, ConnectorLabel, ConnectorOutcome, DeclineLabels, DirectiveLabel,
    LimitLabel, Outcome, RequestLabels, WorkerLabel,
};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use registry::{Counters, Durations, add, add_durations, fast, slow};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use strum::VariantArray;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};

/// An answered HTTP request.
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The route's template.
    pub route: &'a str,
    /// The status.
    pub status: u16,
    /// The time until the answer began; live events go on for long.
    pub took: Duration,
}

/// The metrics of this process.
pub struct Metrics {
    registry: Registry,
    requests: Durations<RequestLabels>,
    attempts: Counters<AttemptLabels>,
    attempts_refused: Counters<LimitLabel>,
    captchas: Counters<Outcome>,
    payments: Counters<ConnectorOutcome>,
    declines: Counters<DeclineLabels>,
    held: Counters<ConnectorLabel>,
    calls: Durations<CallLabels>,
    order_checks: Counters<Outcome>,
    webhooks: Counters<ConnectorOutcome>,
    refunds: Counters<ConnectorOutcome>,
    duplicates: Counters<ConnectorLabel>,
    callbacks: Durations<Outcome>,
    callbacks_failed: Counter,
    subscribers: Gauge,
    connections: Gauge,
    connections_rejected: Counter,
    worker_panics: Counters<WorkerLabel>,
    csp_reports: Counters<DirectiveLabel>,
    /// When each worker last panicked (milliseconds).
    panicked_at: Mutex<HashMap<Worker, i64>>,
}

impl Metrics {
    /// All counters start at zero. Rare outcomes are listed from the start for each connector, so
    /// that Prometheus sees the first one as an increase.
    pub fn new<'a>(connectors: impl IntoIterator<Item = &'a str>) -> Self {
        let mut registry = Registry::default();
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("till_build", "The version of Till", Info::new(build));
        let all = &mut registry;
        let metrics = Self {
            requests: add_durations(
                all,
                "till_http_request_duration_seconds",
                "HTTP requests, until the answer begins",
                fast,
            ),
            attempts: add(
                all,
                "till_payment_attempts",
                "Payments that were submitted to a payment system",
            ),
            attempts_refused: add(
                all,
                "till_payment_attempts_refused",
                "Attempts to pay that have to wait, by the limit that they exceed",
            ),
            captchas: add(
                all,
                "till_captchas",
                "Attempts to pay that have to come with the token of a captcha, by what came",
            ),
            payments: add(all, "till_payments", "Payments that ended"),
            declines: add(all, "till_payment_declines", "Declined payments, by reason"),
            held: add(
                all,
                "till_payments_held",
                "Payments that succeeded for a different amount and are held for review",
            ),
            calls: add_durations(
                all,
                "till_connector_call_duration_seconds",
                "Calls to payment systems",
                slow,
            ),
            order_checks: add(all, "till_order_checks", "Order checks, by their outcome"),
            webhooks: add(all, "till_webhooks", "Webhooks of payment systems"),
            refunds: add(all, "till_refunds", "Refunds that ended"),
            duplicates: add(
                all,
                "till_duplicate_refunds",
                "Refunds of an invoice's second successful payment",
            ),
            callbacks: add_durations(
                all,
                "till_callback_duration_seconds",
                "Attempts to deliver a callback",
                slow,
            ),
            callbacks_failed: add(
                all,
                "till_callbacks_failed",
                "Callbacks that will not be tried again unless they are resent",
            ),
            subscribers: add(all, "till_event_watchers", "Open streams of live events"),
            connections: add(all, "till_connections", "Open connections of clients"),
            connections_rejected: add(
                all,
                "till_connections_rejected",
                "Connections that were closed because the client has too many",
            ),
            worker_panics: add(
                all,
                "till_worker_panics",
                "Background workers that panicked and were restarted",
            ),
            csp_reports: add(
                all,
                "till_csp_reports",
                "Browsers' reports of violations of the pages' content security policy",
            ),
            panicked_at: Mutex::default(),
            registry,
        };
        metrics.start_at_zero(connectors);
        metrics
    }

    fn start_at_zero<'a>(&self, connectors: impl IntoIterator<Item = &'a str>) {
        for limit in AttemptLimit::VARIANTS {
            let limit = limit.into();
            let _ = self.attempts_refused.get_or_create(&LimitLabel { limit });
        }
        for captcha in CaptchaCheck::VARIANTS {
            let outcome = captcha.into();
            let _ = self.captchas.get_or_create(&Outcome { outcome });
        }
        for check in OrderCheck::VARIANTS {
            let outcome = check.into();
            let _ = self.order_checks.get_or_create(&Outcome { outcome });
        }
        for callback in Callback::VARIANTS {
            let outcome = callback.into();
            let _ = self.callbacks.get_or_create(&Outcome { outcome });
        }
        for worker in Worker::VARIANTS {
            let worker = worker.into();
            let _ = self.worker_panics.get_or_create(&WorkerLabel { worker });
        }
        for directive in CspDirective::VARIANTS {
            let directive = directive.into();
            let _ = self
                .csp_reports
                .get_or_create(&DirectiveLabel { directive });
        }
        for connector in connectors {
            let label = ConnectorLabel::new(connector);
            let _ = self.held.get_or_create(&label);
            let _ = self.duplicates.get_or_create(&label);
            for status in PaymentStatus::ALL.iter().filter(|s| !s.is_live()) {
                let labels = ConnectorOutcome::new(connector, status.as_str());
                let _ = self.payments.get_or_create(&labels);
            }
            for webhook in Webhook::VARIANTS {
                let labels = ConnectorOutcome::new(connector, webhook.into());
                let _ = self.webhooks.get_or_create(&labels);
            }
            for end in RefundEnd::VARIANTS {
                let labels = ConnectorOutcome::new(connector, end.into());
                let _ = self.refunds.get_or_create(&labels);
            }
        }
    }

    /// Counts an answered request.
    pub fn request(&self, request: &Request<'_>) {
        let labels = RequestLabels {
            method: request.method.to_owned(),
            route: request.route.to_owned(),
            status: format!("{}xx", request.status / 100),
        };
        let took = request.took.as_secs_f64();
        self.requests.get_or_create(&labels).observe(took);
    }

    /// Counts a payment that was stored and is about to be submitted.
    pub fn attempt(&self, connector: &str, method: Method) {
        let labels = AttemptLabels {
            connector: connector.to_owned(),
            method: method.as_str(),
        };
        self.attempts.get_or_create(&labels).inc();
    }

    /// Counts an attempt to pay that has to wait.
    pub fn attempt_refused(&self, limit: AttemptLimit) {
        let limit = limit.into();
        self.attempts_refused
            .get_or_create(&LimitLabel { limit })
            .inc();
    }

    /// Counts an attempt to pay that has to come with a captcha's token.
    pub fn captcha(&self, check: CaptchaCheck) {
        let outcome = check.into();
        self.captchas.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a payment that came to this status, if the status is final.
    pub fn payment(&self, connector: &str, status: PaymentStatus, decline: Option<DeclineCode>) {
        if status.is_live() {
            return;
        }
        let labels = ConnectorOutcome::new(connector, status.as_str());
        self.payments.get_or_create(&labels).inc();
        if status == PaymentStatus::Declined {
            let labels = DeclineLabels {
                connector: connector.to_owned(),
                code: decline.map_or("unspecified", DeclineCode::as_str),
            };
            self.declines.get_or_create(&labels).inc();
        }
    }

    /// Counts a success for a different amount, which is held for review.
    pub fn held(&self, connector: &str) {
        self.held
            .get_or_create(&ConnectorLabel::new(connector))
            .inc();
    }

    /// Counts a call to a payment system.
    pub fn call(&self, connector: &str, operation: &str, outcome: ConnectorCall, took: Duration) {
        let labels = CallLabels {
            connector: connector.to_owned(),
            operation: operation.to_owned(),
            outcome: outcome.into(),
        };
        self.calls
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Counts an order check.
    pub fn order_check(&self, check: OrderCheck) {
        let outcome = check.into();
        self.order_checks.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a payment system's webhook.
    pub fn webhook(&self, connector: &str, webhook: Webhook) {
        let labels = ConnectorOutcome::new(connector, webhook.into());
        self.webhooks.get_or_create(&labels).inc();
    }

    /// Counts a refund that ended; `duplicate` when it returns a second successful payment.
    pub fn refund(&self, connector: &str, end: RefundEnd, duplicate: bool) {
        let labels = ConnectorOutcome::new(connector, end.into());
        self.refunds.get_or_create(&labels).inc();
        if duplicate && end == RefundEnd::Succeeded {
            let label = ConnectorLabel::new(connector);
            self.duplicates.get_or_create(&label).inc();
        }
    }

    /// Counts an attempt to deliver a callback.
    pub fn callback(&self, callback: Callback, took: Duration) {
        let outcome = callback.into();
        let durations = self.callbacks.get_or_create(&Outcome { outcome });
        durations.observe(took.as_secs_f64());
    }

    /// Counts a callback that will not be tried again.
    pub fn callback_failed(&self) {
        self.callbacks_failed.inc();
    }

    /// Counts an open stream of live events, until the guard is dropped.
    pub fn subscriber(&self) -> OpenGuard {
        OpenGuard::new(&self.subscribers)
    }

    /// Counts an open connection, until the guard is dropped.
    pub fn connection(&self) -> OpenGuard {
        OpenGuard::new(&self.connections)
    }

    /// Counts a connection that was closed because its client has too many.
    pub fn connection_rejected(&self) {
        self.connections_rejected.inc();
    }

    /// Counts a browser's report of a violation of a page's content security policy.
    pub fn csp_report(&self, directive: CspDirective) {
        let directive = directive.into();
        self.csp_reports
            .get_or_create(&DirectiveLabel { directive })
            .inc();
    }

    /// Counts a background worker that panicked.
    pub fn worker_panicked(&self, worker: Worker) {
        let label = WorkerLabel {
            worker: worker.into(),
        };
        self.worker_panics.get_or_create(&label).inc();
        self.panicked_at().insert(worker, clock::now_ms());
    }

    /// The background workers that panicked after this time (milliseconds).
    pub fn panicked_workers(&self, after: i64) -> Vec<Worker> {
        let panicked_at = self.panicked_at();
        let workers = Worker::VARIANTS.iter().copied();
        workers
            .filter(|worker| panicked_at.get(worker).is_some_and(|at| *at > after))
            .collect()
    }

    fn panicked_at(&self) -> MutexGuard<'_, HashMap<Worker, i64>> {
        self.panicked_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all metrics, and what was read for this scrape, in Prometheus' text format.
    ///
    /// # Errors
    /// When formatting fails, which writing into memory does not.
    pub fn expose(&self, snapshot: &Snapshot) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        prometheus_text::encode(&mut text, &snapshot.registry())?;
        Ok(text)
    }
}

/// Counts as open until it is dropped.
pub struct OpenGuard(Gauge);

impl OpenGuard {
    fn new(open: &Gauge) -> Self {
        open.inc();
        Self(open.clone())
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
