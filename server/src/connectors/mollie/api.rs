//! Mollie's endpoints. <https://docs.mollie.com/reference/overview>

use super::mapping;
use super::model::{Amount, Credentials, ErrorResponse, List, Payment, Refund};
use crate::connectors::error::CallError;
use crate::connectors::transport::{send, send_idempotent};
use crate::connectors::types::{Ctx, NewPayment, NewRefund};
use crate::connectors::{credentials, metadata};
use reqwest::{Method as Verb, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::json;

/// Mollie's API, called for one account.
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
        let url = format!("{}/v2/{path}", self.credentials.base_url);
        let request = self.ctx.http.request(verb, url);
        request.bearer_auth(self.credentials.api_key.expose_secret())
    }

    /// `POST /payments`. No buyer can pay before this server passes on the link in the response.
    pub async fn create_payment(&self, new: &NewPayment<'_>) -> Result<Payment, CallError> {
        let request = self
            .request(Verb::POST, "payments")
            .header("idempotency-key", new.id.as_str())
            .json(&json!({
                "amount": Amount::try_from(new.money)?,
                "description": new.description.unwrap_or(new.order_id),
                "redirectUrl": new.return_url,
                "webhookUrl": new.webhook_url,
                "method": mapping::method(new.method),
                "metadata": { metadata::PAYMENT: new.id, "order_id": new.order_id },
            }));
        let response = send_idempotent(request).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `GET /payments/{id}` with its refunds.
    pub async fn payment(&self, id: &str) -> Result<Option<Payment>, CallError> {
        let path = format!("payments/{id}?embed=refunds");
        let response = send(self.request(Verb::GET, &path)).await?;
        Ok(response.into_option::<_, ErrorResponse>()?)
    }

    /// A page of `GET /payments`, newest first, beginning with the payment `from`.
    pub async fn payments(&self, from: Option<&str>) -> Result<List, CallError> {
        let from = from.map(|id| format!("&from={id}")).unwrap_or_default();
        let path = format!("payments?limit=250{from}");
        let response = send(self.request(Verb::GET, &path)).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `DELETE /payments/{id}`, which cancels the payment if that is still possible.
    pub async fn cancel_payment(&self, id: &str) -> Result<(), CallError> {
        send(self.request(Verb::DELETE, &format!("payments/{id}"))).await?;
        Ok(())
    }

    /// `POST /payments/{id}/refunds`
    pub async fn create_refund(&self, new: &NewRefund<'_>) -> Result<Refund, CallError> {
        let path = format!("payments/{}/refunds", new.payment_reference);
        let request = self
            .request(Verb::POST, &path)
            .header("idempotency-key", new.id.as_str())
            .json(&json!({
                "amount": Amount::try_from(new.money)?,
                "description": format!("Refund {}", new.id),
                "metadata": { metadata::REFUND: new.id },
            }));
        let response = send(request).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }
}
