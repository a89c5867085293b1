//! Mollie's endpoints. <https://docs.mollie.com/reference/overview>

use super::codes;
use super::mapping::{self, billing_address};
use super::model::{Amount, Chargeback, Credentials, ErrorResponse, List, Payment, Refund};
use crate::connectors::error::CallError;
use crate::connectors::transport::{ApiError, send, send_idempotent};
use crate::connectors::types::{Ctx, NewPayment, NewRefund};
use crate::connectors::{credentials, metadata};
use reqwest::{Method as Verb, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

/// The longest description, in characters: <https://docs.mollie.com/reference/create-payment>
const MAX_DESCRIPTION: usize = 255;

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

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        let response = send(self.request(Verb::GET, path)).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `None` if Mollie says that the object does not exist.
    async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, CallError> {
        let response = send(self.request(Verb::GET, path)).await?;
        Ok(response.into_option::<_, ErrorResponse>()?)
    }

    /// `POST /payments`. No buyer can pay before this server passes on the link in the response.
    ///
    /// Mollie checks a buyer's address by rules of its own. It is not needed, so a payment that is
    /// rejected for it is created without it: with another key, because it is another request.
    pub async fn create_payment(&self, new: &NewPayment<'_>) -> Result<Payment, CallError> {
        let address = billing_address(new.buyer);
        let key = new.id.as_str();
        match self.post_payment(new, key, address.as_ref()).await {
            Err(ApiError::Response {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                body: Some(body),
            }) if address.is_some() && body.is_about("billingAddress") => {
                let key = format!("{key}-2");
                Ok(self.post_payment(new, &key, None).await?)
            }
            created => Ok(created?),
        }
    }

    async fn post_payment(
        &self,
        new: &NewPayment<'_>,
        key: &str,
        address: Option<&Value>,
    ) -> Result<Payment, ApiError<ErrorResponse>> {
        let description = new.description.unwrap_or(new.order_id);
        let description: String = description.chars().take(MAX_DESCRIPTION).collect();
        let mut body = json!({
            "amount": Amount::try_from(new.money)?,
            "description": description,
            "redirectUrl": new.return_url,
            "webhookUrl": new.webhook_url,
            "method": mapping::method(new.method),
            "metadata": { metadata::PAYMENT: new.id, "order_id": new.order_id },
        });
        if let Some(locale) = new.locale.and_then(codes::locale) {
            body["locale"] = locale.into();
        }
        if let Some(address) = address {
            body["billingAddress"] = address.clone();
        }
        let request = self.request(Verb::POST, "payments");
        let request = request.header("idempotency-key", key).json(&body);
        send_idempotent(request).await?.into_result()
    }

    /// `GET /payments/{id}` with its refunds.
    pub async fn payment(&self, id: &str) -> Result<Option<Payment>, CallError> {
        self.find(&format!("payments/{id}?embed=refunds")).await
    }

    /// `GET /payments/{id}/chargebacks`
    pub async fn chargebacks(&self, id: &str) -> Result<Vec<Chargeback>, CallError> {
        let list: List = self.get(&format!("payments/{id}/chargebacks")).await?;
        Ok(list.embedded.chargebacks)
    }

    /// A page of `GET /payments`, newest first, beginning with the payment `from`.
    pub async fn payments(&self, from: Option<&str>) -> Result<List, CallError> {
        let from = from.map(|id| format!("&from={id}")).unwrap_or_default();
        self.get(&format!("payments?limit=250{from}")).await
    }

    /// `DELETE /payments/{id}`. `None` if Mollie does not cancel the payment.
    pub async fn cancel_payment(&self, id: &str) -> Result<Option<Payment>, CallError> {
        let request = self.request(Verb::DELETE, &format!("payments/{id}"));
        match send(request).await?.into_result::<_, ErrorResponse>() {
            Ok(canceled) => Ok(Some(canceled)),
            Err(ApiError::Response { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// `GET /payments/{payment}/refunds/{id}`. `None` also if the refund was canceled.
    pub async fn refund(&self, payment: &str, id: &str) -> Result<Option<Refund>, CallError> {
        self.find(&format!("payments/{payment}/refunds/{id}")).await
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

    /// `GET /methods`, which every key may read.
    pub async fn methods(&self) -> Result<(), CallError> {
        self.get::<IgnoredAny>("methods").await?;
        Ok(())
    }
}
