//! The sandbox's endpoints.

use super::model::{Credentials, ErrorResponse, Payment, Payments, Refund};
use crate::connectors::credentials;
use crate::connectors::error::CallError;
use crate::connectors::transport::{ApiError, send};
use crate::connectors::types::{Ctx, NewPayment, NewRefund};
use reqwest::{Method as Verb, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;
use till_shared::id::PaymentId;

/// The sandbox's API, called for one account.
pub struct Api<'a> {
    ctx: &'a Ctx<'a>,
    credentials: Credentials,
}

impl<'a> Api<'a> {
    /// The API with the account's credentials.
    pub fn new(ctx: &'a Ctx<'a>) -> Result<Self, CallError> {
        let credentials = credentials::read(ctx)?;
        Ok(Self { ctx, credentials })
    }

    fn request(&self, verb: Verb, path: &str) -> RequestBuilder {
        let url = format!("{}/v1/{path}", self.credentials.base_url);
        let request = self.ctx.http.request(verb, url);
        request.bearer_auth(self.credentials.api_key.expose_secret())
    }

    /// `POST /payments`
    pub async fn create_payment(&self, new: &NewPayment<'_>) -> Result<Payment, CallError> {
        let request = self
            .request(Verb::POST, "payments")
            .header("idempotency-key", new.id.as_str())
            .json(&json!({
                "amount": new.money.amount,
                "currency": new.money.currency,
                "reference": new.id,
                "card": new.card,
                "return_url": new.return_url,
                "webhook_url": new.webhook_url,
            }));
        Ok(send(request).await?.into_result::<_, ErrorResponse>()?)
    }

    /// `GET /payments/{id}`
    pub async fn payment(&self, id: &str) -> Result<Option<Payment>, CallError> {
        let request = self.request(Verb::GET, &format!("payments/{id}"));
        Ok(send(request).await?.into_option::<_, ErrorResponse>()?)
    }

    /// `GET /payments?reference={reference}`
    pub async fn payment_by_our_id(
        &self,
        reference: &PaymentId,
    ) -> Result<Option<Payment>, CallError> {
        let request = self.request(Verb::GET, &format!("payments?reference={reference}"));
        let list = send(request)
            .await?
            .into_option::<Payments, ErrorResponse>()?;
        Ok(list.and_then(|list| list.data.into_iter().next()))
    }

    /// `POST /payments/{id}/cancel`. `None` if the sandbox says that it does not cancel it.
    pub async fn cancel_payment(&self, id: &str) -> Result<Option<Payment>, CallError> {
        let request = self.request(Verb::POST, &format!("payments/{id}/cancel"));
        match send(request).await?.into_result::<_, ErrorResponse>() {
            Ok(canceled) => Ok(Some(canceled)),
            Err(ApiError::Response {
                status: StatusCode::CONFLICT | StatusCode::NOT_FOUND,
                body: Some(_),
            }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks the API key: reads the payments with a reference that no payment has.
    pub async fn check_login(&self) -> Result<(), CallError> {
        let request = self.request(Verb::GET, "payments?reference=login");
        let response = send(request).await?;
        response.into_result::<Payments, ErrorResponse>()?;
        Ok(())
    }

    /// `POST /payments/{id}/refunds`
    pub async fn create_refund(&self, new: &NewRefund<'_>) -> Result<Refund, CallError> {
        let path = format!("payments/{}/refunds", new.payment_reference);
        let request = self
            .request(Verb::POST, &path)
            .header("idempotency-key", new.id.as_str())
            .json(&json!({ "amount": new.money.amount, "reference": new.id }));
        Ok(send(request).await?.into_result::<_, ErrorResponse>()?)
    }
}
