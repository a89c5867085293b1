//! The payment: its row in the ledger and its JSON.

use jiff::Timestamp;
use serde_json::{Value, json};
use till_shared::money::{Currency, Money};

use super::plan::Plan;
use crate::clock::now_ms;
use crate::new_id;

/// A payment, as the ledger stores it. Amounts are in minor units, times in milliseconds since
/// the epoch.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Payment {
    pub id: String,
    pub account: String,
    pub reference: String,
    pub idempotency_key: String,
    pub fingerprint: String,
    /// The first response. A retry with the same idempotency key gets it again.
    #[sqlx(rename = "answer")]
    pub response: String,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub decline_code: Option<String>,
    pub captured: i64,
    pub refunded: i64,
    /// What the payment system took back without a dispute.
    pub reversed: i64,
    pub outcome: String,
    pub brand: Option<String>,
    pub last4: Option<String>,
    pub exp_month: Option<i64>,
    pub exp_year: Option<i64>,
    pub verify_token: Option<String>,
    pub framable: Option<bool>,
    pub confirm_declines: Option<String>,
    pub return_url: String,
    pub webhook_url: Option<String>,
    /// When the scheduled change is due.
    pub later_at: Option<i64>,
    pub later_status: Option<String>,
    pub later_decline: Option<String>,
    /// The delay of the scheduled change's webhook; `None` sends none.
    pub later_webhook: Option<i64>,
    pub created_at: i64,
}

/// The card details that may be stored.
#[derive(Clone, Debug)]
pub(super) struct CardSummary {
    pub brand: &'static str,
    pub last4: String,
    pub exp_month: i64,
    pub exp_year: i64,
}

/// A payment to create.
pub(super) struct NewPayment<'a> {
    pub account: &'a str,
    pub reference: &'a str,
    pub idempotency_key: &'a str,
    pub fingerprint: String,
    pub amount: i64,
    pub currency: &'a str,
    pub outcome: &'static str,
    pub plan: Plan,
    pub card: Option<CardSummary>,
    pub return_url: &'a str,
    pub webhook_url: Option<&'a str>,
}

impl Payment {
    /// Returns the payment as the API shows it.
    pub fn to_json(&self, public_url: &str) -> Value {
        let mut object = json!({
            "id": self.id,
            "object": "payment",
            "reference": self.reference,
            "amount": self.amount,
            "currency": self.currency,
            "status": self.status,
            "captured": self.captured,
            "refunded": self.refunded,
            "reversed": self.reversed,
            "created_at": rfc3339(self.created_at),
        });
        if let Some(code) = &self.decline_code {
            object["decline_code"] = json!(code);
        }
        if self.requires_verification()
            && let Some(token) = &self.verify_token
        {
            let url = format!("{public_url}/verify/{token}");
            object["verification"] = json!({"url": url, "framable": self.framable});
        }
        if let Some(brand) = &self.brand {
            object["card"] = json!({
                "brand": brand,
                "last4": self.last4,
                "exp_month": self.exp_month,
                "exp_year": self.exp_year,
            });
        }
        object
    }

    /// Formats an amount in the payment's currency, for example `19.99 EUR`.
    pub fn display(&self, amount: i64) -> String {
        match self.currency.parse::<Currency>() {
            Ok(currency) => format!("{} {currency}", Money { amount, currency }.to_decimal()),
            Err(_) => format!("{amount} {}", self.currency),
        }
    }

    /// What is left to refund.
    pub fn refundable(&self) -> i64 {
        self.captured - self.refunded - self.reversed
    }

    /// Whether the buyer still has to confirm the payment.
    pub fn requires_verification(&self) -> bool {
        self.status == "requires_verification"
    }
}

impl NewPayment<'_> {
    /// Builds the payment's first row from the plan of its outcome.
    pub fn to_payment(&self, public_url: &str) -> Payment {
        let plan = &self.plan;
        let now = now_ms();
        let card = self.card.as_ref();
        let mut payment = Payment {
            id: format!("sbp_{}", new_id::unique()),
            account: self.account.to_owned(),
            reference: self.reference.to_owned(),
            idempotency_key: self.idempotency_key.to_owned(),
            fingerprint: self.fingerprint.clone(),
            response: String::new(),
            amount: self.amount,
            currency: self.currency.to_owned(),
            status: plan.status.to_owned(),
            decline_code: plan.decline.map(str::to_owned),
            captured: if plan.status == "succeeded" {
                self.amount
            } else {
                0
            },
            refunded: 0,
            reversed: 0,
            outcome: self.outcome.to_owned(),
            brand: card.map(|card| card.brand.to_owned()),
            last4: card.map(|card| card.last4.clone()),
            exp_month: card.map(|card| card.exp_month),
            exp_year: card.map(|card| card.exp_year),
            verify_token: plan.framable.map(|_| random_secret()),
            framable: plan.framable,
            confirm_declines: plan.confirm_declines.map(str::to_owned),
            return_url: self.return_url.to_owned(),
            webhook_url: self.webhook_url.map(str::to_owned),
            later_at: plan.scheduled.map(|change| now + change.after_ms),
            later_status: plan.scheduled.map(|change| change.status.to_owned()),
            later_decline: plan
                .scheduled
                .and_then(|change| change.decline)
                .map(str::to_owned),
            later_webhook: plan.scheduled.and_then(|change| change.webhook_delay_ms),
            created_at: now,
        };
        payment.response = payment.to_json(public_url).to_string();
        payment
    }
}

/// Formats milliseconds since the epoch as RFC 3339.
pub(super) fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string())
}

/// Returns 32 random bytes in hex.
pub(super) fn random_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}
