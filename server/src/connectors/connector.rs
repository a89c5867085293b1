//! The trait that every connector implements.

use super::error::{CallError, InvalidCredentials, WebhookError};
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use crate::domain::Timing;
use async_trait::async_trait;
use axum::http::HeaderMap;
use till_shared::money::Currency;
use till_shared::payment::Method;

/// What a payment system supports.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// The payment methods.
    pub methods: &'static [Method],
    /// ISO 4217 codes; `None` if every currency is supported.
    pub currencies: Option<&'static [&'static str]>,
    /// Whether payments can be refunded.
    pub refunds: bool,
    /// Whether a payment can be created without the method's data. The payment system then asks for
    /// it on its own page.
    pub hosted_page: bool,
    /// Whether a payment can be created with the card that the buyer typed into our payment form.
    pub card_data: bool,
}

impl Capabilities {
    /// Whether a payment by this method in this currency is supported.
    pub fn supports(&self, method: Method, currency: Currency) -> bool {
        let code = &currency.code();
        self.methods.contains(&method)
            && self.currencies.is_none_or(|list| list.contains(code))
            && method.currencies().is_none_or(|list| list.contains(code))
    }
}

/// A payment system.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What the payment system supports.
    fn capabilities(&self) -> Capabilities;

    /// Checks that an account's credentials are in this connector's format.
    ///
    /// # Errors
    /// When they are not. The error quotes no value.
    fn check_credentials(&self, credentials: &serde_json::Value) -> Result<(), InvalidCredentials>;

    /// Whether an account's credentials are those of a test mode, in which no money moves.
    fn is_test(&self, credentials: &serde_json::Value) -> bool;

    /// Creates a payment, with our payment id as the idempotency key.
    ///
    /// # Errors
    /// See [`CallError`].
    async fn create(&self, ctx: &Ctx<'_>, new: &NewPayment<'_>)
    -> Result<PaymentUpdate, CallError>;

    /// Fetches the state of a payment. `None` if the payment system does not have it.
    ///
    /// # Errors
    /// See [`CallError`].
    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError>;

    /// Continues a payment whose buyer returned from the verification form with this query, and
    /// returns its state. Some payment systems complete a payment only now: if the outcome of that
    /// call is unknown, the state is `processing`. The query comes from the buyer, so a final state
    /// counts only if the payment system names our payment in its response.
    ///
    /// # Errors
    /// See [`CallError`].
    async fn handle_return(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
        _query: &[(String, String)],
    ) -> Result<Option<PaymentUpdate>, CallError> {
        self.fetch(ctx, payment).await
    }

    /// Cancels a payment that waits for verification, and returns its state. Only the payment
    /// system's word makes it `canceled`; until that comes it is `processing`.
    ///
    /// # Errors
    /// See [`CallError`].
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError>;

    /// Creates a refund, with our refund id as the idempotency key. A repeated call with the same
    /// id returns the state of the first one.
    ///
    /// # Errors
    /// See [`CallError`]. [`CallError::Refused`] means that the payment system rejects the refund.
    /// Credentials that it does not accept (HTTP 401, 403) are [`CallError::NotSent`].
    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError>;

    /// Checks that the payment system accepts the account's credentials, without moving money.
    ///
    /// # Errors
    /// See [`CallError`].
    async fn check_login(&self, ctx: &Ctx<'_>) -> Result<(), CallError>;

    /// The body of the response to an accepted webhook.
    fn webhook_response(&self) -> &'static str {
        "{\"received\":true}"
    }

    /// Verifies a webhook over its raw body and parses its messages.
    ///
    /// # Errors
    /// See [`WebhookError`].
    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        headers: &HeaderMap,
        body: &[u8],
        timing: Timing,
    ) -> Result<Vec<WebhookMessage>, WebhookError>;
}
