//! Counts and durations, for Prometheus. Labels are few and known beforehand: connectors, routes,
//! outcomes. Nothing names a project, an order or a buyer.

use super::Scraped;
use prometheus_client::encoding::prometheus_text;
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE as METRICS_TYPE;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};
use std::time::Duration;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};

/// Enums whose variants are a label's values.
macro_rules! outcomes {
    ($( $(#[$meta:meta])* $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $word:literal ),+ $(,)? } )+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $( $(#[$vmeta])* $variant ),+
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The label's value.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }
    )+ };
}

outcomes! {
    /// How a call to a payment system ended.
    ConnectorCall {
        /// With an answer, which a decline is too.
        Answered = "answered",
        /// Nothing was taken: it never got there.
        NotSent = "not_sent",
        /// Nothing was taken: the account was refused.
        Refused = "refused",
        /// It may or may not have been carried out.
        Unknown = "unknown",
    }
    /// How a project answered an order check.
    OrderCheck {
        /// Yes.
        Accepted = "accepted",
        /// No, or another amount.
        Rejected = "rejected",
        /// Not at all, or not in a way that can be read.
        Unavailable = "unavailable",
    }
    /// What became of a payment system's message.
    Webhook {
        /// Taken, for the first time.
        Applied = "applied",
        /// Taken before.
        Repeated = "repeated",
        /// Its signature does not verify.
        Forged = "forged",
        /// Signed, and not as described.
        Malformed = "malformed",
        /// About a payment or refund that is not known here.
        Unmatched = "unmatched",
        /// Not taken now, for a reason of ours or the payment system's: it is to come again.
        Failed = "failed",
    }
    /// How a refund ended.
    RefundEnd {
        /// The money was given back.
        Succeeded = "succeeded",
        /// The payment system said no.
        Failed = "failed",
    }
    /// What became of an attempt to deliver a callback.
    Callback {
        /// 2xx.
        Delivered = "delivered",
        /// Another status.
        Refused = "refused",
        /// No answer.
        Unreachable = "unreachable",
    }
}

/// An answered HTTP request.
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The route's template.
    pub route: &'a str,
    /// The status.
    pub status: u16,
    /// Until the answer's beginning: live events go on for long.
    pub took: Duration,
}

pub(super) type Labels<const N: usize> = [(&'static str, String); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Durations<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

/// For answers within this house, in seconds.
fn fast() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

/// For calls to others, in seconds.
fn slow() -> Histogram {
    Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 20.0, 30.0])
}

/// What this process counts.
pub struct Metrics {
    registry: Registry,
    requests: Durations<3>,
    attempts: Counters<2>,
    payments: Counters<2>,
    declines: Counters<2>,
    held: Counters<1>,
    calls: Durations<3>,
    order_checks: Counters<1>,
    webhooks: Counters<2>,
    refunds: Counters<2>,
    duplicates: Counters<1>,
    callbacks: Durations<1>,
    callbacks_failed: Counter,
    watchers: Gauge,
}

impl Metrics {
    /// All at nought. What is rare begins there for each of the connectors, so that its first time
    /// is seen as an increase.
    pub fn new<'a>(connectors: impl IntoIterator<Item = &'a str>) -> Self {
        let mut registry = Registry::default();
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("till_build", "Which Till this is", Info::new(build));
        let mut all = Registrar(&mut registry);
        let metrics = Self {
            requests: all.durations(
                "till_http_request_duration_seconds",
                "HTTP requests, until the answer begins",
                fast,
            ),
            attempts: all.add(
                "till_payment_attempts",
                "Payments that a payment system was asked for",
            ),
            payments: all.add("till_payments", "Payments that came to their end"),
            declines: all.add("till_payment_declines", "Declined payments, by reason"),
            held: all.add(
                "till_payments_held",
                "Successes over another amount than ours, not believed",
            ),
            calls: all.durations(
                "till_connector_call_duration_seconds",
                "Calls to payment systems",
                slow,
            ),
            order_checks: all.add(
                "till_order_checks",
                "Order checks, by what the project said",
            ),
            webhooks: all.add("till_webhooks", "Messages of payment systems"),
            refunds: all.add("till_refunds", "Refunds that came to their end"),
            duplicates: all.add(
                "till_duplicate_refunds",
                "Second successes of an invoice, given back",
            ),
            callbacks: all.durations(
                "till_callback_duration_seconds",
                "Attempts to deliver a callback",
                slow,
            ),
            callbacks_failed: all.add(
                "till_callbacks_failed",
                "Callbacks given up, kept for resending",
            ),
            watchers: all.add("till_event_watchers", "Open streams of live events"),
            registry,
        };
        metrics.begin(connectors);
        metrics
    }

    fn begin<'a>(&self, connectors: impl IntoIterator<Item = &'a str>) {
        for outcome in OrderCheck::ALL {
            let _ = self.order_checks.get_or_create(&order_check(*outcome));
        }
        for outcome in Callback::ALL {
            let _ = self.callbacks.get_or_create(&callback(*outcome));
        }
        for kind in connectors {
            let _ = self.held.get_or_create(&connector(kind));
            let _ = self.duplicates.get_or_create(&connector(kind));
            for status in PaymentStatus::ALL.iter().filter(|s| !s.is_live()) {
                let _ = self.payments.get_or_create(&payment(kind, *status));
            }
            for outcome in Webhook::ALL {
                let _ = self.webhooks.get_or_create(&webhook(kind, *outcome));
            }
            for outcome in RefundEnd::ALL {
                let _ = self.refunds.get_or_create(&refund(kind, *outcome));
            }
        }
    }

    /// A request was answered.
    pub fn request(&self, request: &Request<'_>) {
        let labels = [
            ("method", request.method.to_owned()),
            ("route", request.route.to_owned()),
            ("status", format!("{}xx", request.status / 100)),
        ];
        let took = request.took.as_secs_f64();
        self.requests.get_or_create(&labels).observe(took);
    }

    /// A payment was written down and is about to be asked for.
    pub fn attempt(&self, kind: &str, method: Method) {
        let labels = [
            ("connector", kind.to_owned()),
            ("method", method.to_string()),
        ];
        self.attempts.get_or_create(&labels).inc();
    }

    /// A payment came to this status; counted if that is an end.
    pub fn payment(&self, kind: &str, status: PaymentStatus, decline: Option<DeclineCode>) {
        if status.is_live() {
            return;
        }
        self.payments.get_or_create(&payment(kind, status)).inc();
        if status == PaymentStatus::Declined {
            let code = decline.map_or("unspecified", DeclineCode::as_str);
            let labels = [("connector", kind.to_owned()), ("code", code.to_owned())];
            self.declines.get_or_create(&labels).inc();
        }
    }

    /// A success was not believed.
    pub fn held(&self, kind: &str) {
        self.held.get_or_create(&connector(kind)).inc();
    }

    /// A call to a payment system ended.
    pub fn call(&self, kind: &str, operation: &str, outcome: ConnectorCall, took: Duration) {
        let labels = [
            ("connector", kind.to_owned()),
            ("operation", operation.to_owned()),
            ("outcome", outcome.as_str().to_owned()),
        ];
        self.calls
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// An order check ended.
    pub fn order_check(&self, outcome: OrderCheck) {
        self.order_checks.get_or_create(&order_check(outcome)).inc();
    }

    /// A payment system's message was dealt with.
    pub fn webhook(&self, kind: &str, outcome: Webhook) {
        self.webhooks.get_or_create(&webhook(kind, outcome)).inc();
    }

    /// A refund ended; `duplicate` where it gave back a second success.
    pub fn refund(&self, kind: &str, outcome: RefundEnd, duplicate: bool) {
        self.refunds.get_or_create(&refund(kind, outcome)).inc();
        if duplicate && outcome == RefundEnd::Succeeded {
            self.duplicates.get_or_create(&connector(kind)).inc();
        }
    }

    /// A callback was attempted.
    pub fn callback(&self, outcome: Callback, took: Duration) {
        let durations = self.callbacks.get_or_create(&callback(outcome));
        durations.observe(took.as_secs_f64());
    }

    /// A callback was given up.
    pub fn callback_failed(&self) {
        self.callbacks_failed.inc();
    }

    /// One more stream of live events, until this is dropped.
    pub fn watcher(&self) -> Watcher {
        self.watchers.inc();
        Watcher(self.watchers.clone())
    }

    /// All of it, and what was looked up for this answer, as Prometheus reads it.
    ///
    /// # Errors
    /// Never, as far as is known: it is written into memory.
    pub fn expose(&self, scraped: &Scraped) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        prometheus_text::encode(&mut text, &scraped.registry())?;
        Ok(text)
    }
}

/// Counts as an open stream of live events.
pub struct Watcher(Gauge);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Registers a metric under its name and keeps a hold on it.
pub(super) struct Registrar<'a>(pub(super) &'a mut Registry);

impl Registrar<'_> {
    pub(super) fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    fn durations<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        of: fn() -> Histogram,
    ) -> Durations<N> {
        let family = Durations::new_with_constructor(of);
        self.0.register(name, help, family.clone());
        family
    }
}

pub(super) fn connector(kind: &str) -> Labels<1> {
    [("connector", kind.to_owned())]
}

fn with_outcome(kind: &str, outcome: &str) -> Labels<2> {
    [
        ("connector", kind.to_owned()),
        ("outcome", outcome.to_owned()),
    ]
}

fn payment(kind: &str, status: PaymentStatus) -> Labels<2> {
    with_outcome(kind, status.as_str())
}

fn webhook(kind: &str, outcome: Webhook) -> Labels<2> {
    with_outcome(kind, outcome.as_str())
}

fn refund(kind: &str, outcome: RefundEnd) -> Labels<2> {
    with_outcome(kind, outcome.as_str())
}

fn order_check(outcome: OrderCheck) -> Labels<1> {
    [("outcome", outcome.as_str().to_owned())]
}

fn callback(outcome: Callback) -> Labels<1> {
    [("outcome", outcome.as_str().to_owned())]
}
