//! From stored rows to what goes over the wire.

use super::App;
use crate::clock::rfc3339;
use crate::connectors;
use crate::store::accounts::AccountRow;
use crate::store::events::{Attempt, EventRow};
use crate::store::invoices::InvoiceRow;
use crate::store::payments::PaymentRow;
use crate::store::projects::{Project, Settings};
use crate::store::refunds::RefundRow;
use serde::Serialize;
use till_shared::event::{DeliveryAttempt, SentEvent};
use till_shared::id::ProjectId;
use till_shared::invoice::{Invoice, InvoiceStatus};
use till_shared::payment::{Method, Payment, PaymentStatus};
use till_shared::refund::Refund;
use till_shared::widget::{BillingData, MethodInfo, ProjectInfo, Verification, WidgetState};
use url::Url;
use utoipa::ToSchema;

/// A payment.
pub fn payment(row: &PaymentRow) -> Payment {
    Payment {
        id: row.id.clone(),
        object: "payment".into(),
        invoice: row.invoice.clone(),
        method: row.method,
        connector: row.connector.clone(),
        reference: row.reference.clone(),
        amount: row.money.amount,
        currency: row.money.currency,
        status: row.status,
        decline: row.decline.map(Into::into),
        card: row.card.clone(),
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}

/// A refund of a payment.
pub fn refund(row: &RefundRow, payment: &PaymentRow) -> Refund {
    Refund {
        id: row.id.clone(),
        object: "refund".into(),
        payment: row.payment.clone(),
        invoice: payment.invoice.clone(),
        amount: row.amount,
        currency: payment.money.currency,
        reason: row.reason.clone(),
        status: row.status,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}

/// A callback and what became of it.
///
/// # Errors
/// When the stored body is not what this version writes.
pub fn event(row: &EventRow, attempts: Vec<Attempt>) -> anyhow::Result<SentEvent> {
    let attempt = |a: Attempt| DeliveryAttempt {
        at: rfc3339(a.at),
        status: a.status.and_then(|s| u16::try_from(s).ok()),
        duration_ms: a.duration_ms,
        error: a.error,
        response: a.answer,
    };
    Ok(SentEvent {
        event: serde_json::from_str(&row.body)?,
        object: "event".into(),
        state: row.state,
        attempts: attempts.into_iter().map(attempt).collect(),
        next_attempt_at: row.next_attempt_at.map(rfc3339),
        delivered_at: row.delivered_at.map(rfc3339),
    })
}

/// A project, without any of its secrets.
pub fn project(row: &Project, accounts: &[AccountRow]) -> ProjectView {
    let connector = |a: &AccountRow| ConnectorView {
        kind: a.kind.clone(),
        account: a.account.clone(),
        label: a.label.clone(),
        methods: a.methods.clone(),
        currencies: a.currencies.clone(),
    };
    ProjectView {
        id: row.id.clone(),
        object: "project",
        pk: row.pk.clone(),
        settings: row.settings.clone(),
        connectors: accounts.iter().map(connector).collect(),
        notify_off_since: row.notify_off.map(rfc3339),
        version: row.version,
        created_at: rfc3339(row.created_at),
    }
}

/// A project as its operator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectView {
    /// Its id.
    pub id: ProjectId,
    /// Always `project`.
    pub object: &'static str,
    /// The publishable key.
    pub pk: String,
    /// What its owner decided.
    #[serde(flatten)]
    pub settings: Settings,
    /// Its accounts at payment systems, the preferred one first.
    pub connectors: Vec<ConnectorView>,
    /// Since when `notify_url` is turned off because it answered 410; RFC 3339 UTC.
    pub notify_off_since: Option<String>,
    /// Counts its changes.
    pub version: i64,
    /// RFC 3339 UTC.
    pub created_at: String,
}

/// An account at a payment system, without its credentials.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectorView {
    /// The connector's kind.
    pub kind: String,
    /// Its id, unique for the kind; part of the webhook's path.
    pub account: String,
    /// What its owner calls it.
    pub label: String,
    /// What it is used for; all that the connector supports where empty.
    pub methods: Vec<Method>,
    /// ISO 4217 codes; all that the connector supports where empty.
    pub currencies: Vec<String>,
}

/// An invoice with its payments.
pub fn invoice(app: &App, project: &Project, row: &InvoiceRow, payments: &[PaymentRow]) -> Invoice {
    let client_token = app.keys.client_token(&row.id);
    Invoice {
        id: row.id.clone(),
        object: "invoice".into(),
        project: row.project.clone(),
        order_id: row.order_id.clone(),
        amount: row.money.amount,
        currency: row.money.currency,
        description: row.description.clone(),
        items: row.items.clone(),
        buyer: row.buyer.clone(),
        missing: row.buyer.missing(&project.settings.required_buyer_fields),
        status: row.status,
        payments: payments.iter().map(payment).collect(),
        amount_refunded: row.amount_refunded,
        payment_url: hosted_page(app, row, &client_token),
        confirmation_url: payments.iter().find_map(confirmation_url),
        client_token,
        locale: row.locale.clone(),
        metadata: row.metadata.clone(),
        test: project.settings.test,
        created_at: rfc3339(row.created_at),
        expires_at: rfc3339(row.expires_at),
        paid_at: row.paid_at.map(rfc3339),
    }
}

/// The payment system's form, while a payment waits for it.
fn confirmation_url(payment: &PaymentRow) -> Option<String> {
    match &payment.verification {
        Verification::Redirect { url } | Verification::Frame { url } => {
            payment.status.is_live().then(|| url.clone())
        }
        Verification::None => None,
    }
}

/// Our page for an invoice; the token travels in the fragment, which no server is sent.
pub fn hosted_page(app: &App, row: &InvoiceRow, client_token: &str) -> String {
    format!("{}/pay/{}#token={client_token}", app.base_url, row.id)
}

/// What changes while the widget is open.
pub fn widget_state(project: &Project, row: &InvoiceRow, payments: &[PaymentRow]) -> WidgetState {
    // The payment that counts is the one that succeeded; without one, the newest.
    let shown = payments
        .iter()
        .find(|p| p.status == PaymentStatus::Succeeded)
        .or_else(|| payments.last());
    let waits = shown.filter(|p| p.status.is_live());
    WidgetState {
        status: row.status,
        payment: shown.map(payment),
        verification: waits.map_or(Verification::None, |p| p.verification.clone()),
        continue_url: continue_url(project, row),
    }
}

/// Where the buyer goes on to once it is over, with what became of the order.
pub fn continue_url(project: &Project, row: &InvoiceRow) -> Option<String> {
    let settings = &project.settings;
    let url = match row.status {
        InvoiceStatus::Open | InvoiceStatus::Processing => return None,
        InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded | InvoiceStatus::Refunded => {
            row.success_url.as_ref().or(settings.success_url.as_ref())
        }
        InvoiceStatus::Canceled | InvoiceStatus::Expired => failure_url(project, row),
    };
    with_outcome(url?, row)
}

/// Where the buyer goes after a payment that did not succeed, if the project wants it so.
pub fn failure_url<'a>(project: &'a Project, row: &'a InvoiceRow) -> Option<&'a String> {
    row.failure_url
        .as_ref()
        .or(project.settings.failure_url.as_ref())
}

/// The URL with `invoice`, `order_id` and `status` added.
pub fn with_outcome(url: &str, row: &InvoiceRow) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.query_pairs_mut()
        .append_pair("invoice", row.id.as_str())
        .append_pair("order_id", &row.order_id)
        .append_pair("status", row.status.as_str());
    Some(url.into())
}

/// All that the widget shows.
pub fn billing_data(
    project: &Project,
    row: &InvoiceRow,
    payments: &[PaymentRow],
    accounts: &[AccountRow],
) -> BillingData {
    let settings = &project.settings;
    BillingData {
        invoice: row.id.clone(),
        project: ProjectInfo {
            name: project.settings.name.clone(),
            logo_url: settings.widget.logo_url.clone(),
        },
        order_id: row.order_id.clone(),
        amount: row.money.amount,
        currency: row.money.currency,
        exponent: row.money.currency.exponent(),
        description: row.description.clone(),
        items: row.items.clone(),
        missing: row.buyer.missing(&settings.required_buyer_fields),
        methods: methods(row, accounts),
        theme: settings.widget.theme,
        accent: settings.widget.accent.clone(),
        locale: row
            .locale
            .clone()
            .or_else(|| settings.widget.locale.clone()),
        state: widget_state(project, row, payments),
        expires_at: rfc3339(row.expires_at),
        test: settings.test,
    }
}

/// The ways to pay, the one that the order names first.
fn methods(row: &InvoiceRow, accounts: &[AccountRow]) -> Vec<MethodInfo> {
    let mut methods = Method::ALL.to_vec();
    methods.sort_by_key(|method| Some(*method) != row.method);
    methods
        .iter()
        .filter_map(|method| {
            // The first that serves it is the first that is asked.
            let account = accounts.iter().find(|a| serves(a, *method, row))?;
            Some(MethodInfo {
                method: *method,
                fields: fields(*method, account),
            })
        })
        .collect()
}

/// Whether an account can carry an invoice by a method.
pub fn serves(account: &AccountRow, method: Method, row: &InvoiceRow) -> bool {
    let code = row.money.currency.code();
    let wanted = (account.methods.is_empty() || account.methods.contains(&method))
        && (account.currencies.is_empty() || account.currencies.iter().any(|c| c == code));
    wanted
        && connectors::by_kind(&account.kind)
            .is_some_and(|c| c.capabilities().carries(method, row.money.currency))
}

/// Whether our form asks for the card's data: not where the payment system's own does.
pub fn asks_for_card(account: &AccountRow) -> bool {
    connectors::by_kind(&account.kind).is_some_and(|c| c.capabilities().card_data)
}

fn fields(method: Method, account: &AccountRow) -> Vec<String> {
    let names: &[&str] = match method {
        Method::Card if asks_for_card(account) => {
            &["number", "exp_month", "exp_year", "cvc", "holder"]
        }
        Method::Card | Method::Paypal | Method::Ideal | Method::Bancontact | Method::Eps => &[],
    };
    names.iter().map(ToString::to_string).collect()
}
