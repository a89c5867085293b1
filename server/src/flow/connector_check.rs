//! `till connector check`: tries an account at a payment system without moving money.

use super::accounts::open_account;
use super::error::{Error, Result};
use crate::app::App;
use crate::connectors::{Account, ClientInfo, Connector, NewPayment, PaymentRef};
use crate::store::connector_accounts::AccountRow;
use crate::{clock, new_id};
use secrecy::ExposeSecret;
use serde::Serialize;
use till_shared::buyer::Buyer;
use till_shared::id::PaymentId;
use till_shared::money::{Currency, Money};
use till_shared::payment::{Method, PaymentStatus};

/// The amount of the test payment, in minor units: more than any payment system's minimum in the
/// currencies that it is made in.
const AMOUNT: i64 = 100;

/// A step of the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was tried: `credentials`, `login`, `payment`, `cancel`, `webhook_url`, `webhook_secret`.
    pub step: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// A sentence for the operator.
    pub detail: String,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// It works.
    Ok,
    /// It does not work.
    Failed,
    /// It was not tried, or cannot be known yet.
    Unknown,
}

fn step(step: &'static str, outcome: Outcome, detail: impl Into<String>) -> Step {
    Step {
        step,
        outcome,
        detail: detail.into(),
    }
}

/// Tries an account: whether the payment system accepts the credentials, whether a payment can be
/// created and canceled (in test mode only), whether webhooks can reach this server, and whether a
/// webhook has been verified with the account's secret.
///
/// # Errors
/// `not-found` if there is no such account.
pub async fn check(app: &App, kind: &str, account: &str) -> Result<Vec<Step>> {
    let row = app.store.account(kind, account).await?;
    let row = row.ok_or_else(|| Error::not_found("connector account"))?;
    let (connector, account) = open_account(app, &row)?;
    let credentials = serde_json::from_str(account.credentials.expose_secret()).unwrap_or_default();
    if let Err(error) = connector.check_credentials(&credentials) {
        return Ok(vec![step(
            "credentials",
            Outcome::Failed,
            error.to_string(),
        )]);
    }
    let mut steps = vec![step(
        "credentials",
        Outcome::Ok,
        "The credentials have the connector's format.",
    )];
    let login = login(app, connector.as_ref(), &account).await;
    let accepted = login.outcome == Outcome::Ok;
    steps.push(login);
    if !accepted {
        steps.push(step(
            "payment",
            Outcome::Unknown,
            "Not tried without a login.",
        ));
    } else if connector.is_test(&credentials) {
        steps.extend(test_payment(app, connector.as_ref(), &account, &row).await);
    } else {
        let detail = "Not tried: these are not the credentials of a test mode.";
        steps.push(step("payment", Outcome::Unknown, detail));
    }
    steps.push(webhook_url(app, &row).await);
    steps.push(webhook_secret(app, &row).await?);
    Ok(steps)
}

async fn login(app: &App, connector: &dyn Connector, account: &Account) -> Step {
    match connector.check_login(&app.ctx(account)).await {
        Ok(()) => step(
            "login",
            Outcome::Ok,
            "The payment system accepts the credentials.",
        ),
        Err(error) => step("login", Outcome::Failed, error.to_string()),
    }
}

/// The method and currency of the test payment: the first ones that the account is used for.
fn method_and_currency(connector: &dyn Connector, row: &AccountRow) -> Option<(Method, Currency)> {
    let capabilities = connector.capabilities();
    let methods = capabilities.methods.iter().copied();
    let currencies: Vec<Currency> = if row.currencies.is_empty() {
        ["EUR", "USD"]
            .iter()
            .filter_map(|c| c.parse().ok())
            .collect()
    } else {
        row.currencies
            .iter()
            .filter_map(|c| c.parse().ok())
            .collect()
    };
    methods
        .filter(|method| row.methods.is_empty() || row.methods.contains(method))
        .find_map(|method| {
            let mut currencies = currencies.iter().copied();
            let currency = currencies.find(|c| capabilities.supports(method, *c))?;
            Some((method, currency))
        })
}

/// Creates a payment on the payment system's own page, and cancels it. No buyer sees the page.
async fn test_payment(
    app: &App,
    connector: &dyn Connector,
    account: &Account,
    row: &AccountRow,
) -> Vec<Step> {
    let possible = method_and_currency(connector, row);
    let Some((method, currency)) = possible.filter(|_| connector.capabilities().hosted_page) else {
        let detail = "Not tried: the account has no method with a page of the payment system.";
        return vec![step("payment", Outcome::Unknown, detail)];
    };
    let money = Money {
        amount: AMOUNT,
        currency,
    };
    let id = PaymentId::from_unique(new_id::unique());
    let new = NewPayment {
        id: &id,
        method,
        money,
        card: None,
        order_id: "till-connector-check",
        description: Some("Test by till connector check"),
        buyer: &Buyer::default(),
        locale: None,
        return_url: &app.base_url,
        webhook_url: &webhook_url_of(app, row),
        client: &ClientInfo::default(),
    };
    let created = match connector.create(&app.ctx(account), &new).await {
        Ok(created) => created,
        Err(error) => return vec![step("payment", Outcome::Failed, error.to_string())],
    };
    let detail = format!(
        "A payment of {money} by {method} was created: {}.",
        created.status
    );
    let mut steps = vec![step("payment", Outcome::Ok, detail)];
    let payment = PaymentRef {
        id: &id,
        reference: created.reference.as_ref(),
        created_at: clock::now_ms(),
        calls_ended: false,
    };
    steps.push(match connector.cancel(&app.ctx(account), &payment).await {
        Ok(Some(update)) if !update.status.is_live() => {
            step("cancel", Outcome::Ok, format!("It is {}.", update.status))
        }
        Ok(Some(update)) if update.status == PaymentStatus::Processing => step(
            "cancel",
            Outcome::Ok,
            "The payment system confirms the cancellation by a webhook.",
        ),
        Ok(_) => step(
            "cancel",
            Outcome::Unknown,
            "The payment system does not cancel it. It expires there unpaid.",
        ),
        Err(error) => step("cancel", Outcome::Failed, error.to_string()),
    });
    steps
}

fn webhook_url_of(app: &App, row: &AccountRow) -> String {
    let (kind, account) = (&row.kind, &row.account);
    format!("{}/v1/connectors/{kind}/{account}/webhooks", app.base_url)
}

/// Sends an unsigned webhook to the public URL. A server of ours rejects it.
async fn webhook_url(app: &App, row: &AccountRow) -> Step {
    let url = webhook_url_of(app, row);
    match app.http.post(&url).body("{}").send().await {
        Ok(answer) if matches!(answer.status().as_u16(), 200 | 401 | 422) => {
            step("webhook_url", Outcome::Ok, format!("{url} reaches Till."))
        }
        Ok(answer) => step(
            "webhook_url",
            Outcome::Failed,
            format!("{url} answers HTTP {}: check the proxy.", answer.status()),
        ),
        Err(error) => step(
            "webhook_url",
            Outcome::Failed,
            format!("{url} cannot be reached: {}.", error.without_url()),
        ),
    }
}

/// The secret is right once a webhook has been verified with it.
async fn webhook_secret(app: &App, row: &AccountRow) -> Result<Step> {
    let last = app.store.last_webhook(&row.kind, &row.account).await?;
    Ok(match last {
        Some(at) => step(
            "webhook_secret",
            Outcome::Ok,
            format!(
                "The last verified webhook arrived at {}.",
                clock::rfc3339(at)
            ),
        ),
        None => step(
            "webhook_secret",
            Outcome::Unknown,
            format!(
                "No verified webhook has arrived yet. Send a test webhook from the payment system's \
                 dashboard to {}, and check again.",
                webhook_url_of(app, row)
            ),
        ),
    })
}
