//! Adyen's endpoints. <https://docs.adyen.com/api-explorer/Checkout/71/overview>

use super::buyer::{add_buyer, add_client, cut};
use super::model::{
    Amount, Credentials, ErrorResponse, Modification, Payment, PaymentLink, PaymentMethods,
};
use crate::connectors::credentials;
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::{ApiError, Response, send, send_idempotent};
use crate::connectors::types::{Ctx, NewPayment, NewRefund};
use crate::crypto::hmac_sha256;
use axum::http::HeaderValue;
use reqwest::{Method as Verb, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use till_shared::id::PaymentId;

/// Adyen's API, called for one account.
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
        let url = format!("{}/{path}", self.credentials.base_url);
        let request = self.ctx.http.request(verb, url);
        // A key that cannot be a header's value is left out: Adyen then rejects the request.
        match HeaderValue::from_str(self.credentials.api_key.expose_secret()) {
            Ok(mut key) => {
                key.set_sensitive(true);
                request.header("x-api-key", key)
            }
            Err(_) => request,
        }
    }

    /// Posts, and if the outcome is unknown posts once more with the same idempotency key: Adyen
    /// then returns the outcome of the first request. Keys are unique to the company account and have
    /// at most 64 characters. <https://docs.adyen.com/development-resources/api-idempotency>
    async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Response, CallError> {
        let request = || {
            let request = self.request(Verb::POST, path);
            request.header("idempotency-key", key).json(body)
        };
        match send(request()).await {
            Err(CallError::Unknown(_)) => {}
            result => return result,
        }
        // Unless the second is answered with an outcome, the first may have been processed.
        let second = send(request()).await;
        let second = second.map_err(|error| CallError::Unknown(error.into_cause()))?;
        if second.status.is_success() {
            Ok(second)
        } else {
            Err(CallError::Unknown(Cause::Status(second.status)))
        }
    }

    /// `POST /payments`
    pub async fn create_payment(
        &self,
        new: &NewPayment<'_>,
        method: Value,
    ) -> Result<Payment, ApiError<ErrorResponse>> {
        let mut body = json!({
            "merchantAccount": self.credentials.merchant_account,
            "amount": Amount::try_from(new.money)?,
            "reference": new.id,
            "merchantOrderReference": cut(new.order_id, 1000),
            "paymentMethod": method,
            "returnUrl": new.return_url,
            "channel": "Web",
            "shopperInteraction": "Ecommerce",
            "authenticationData": { "threeDSRequestData": { "nativeThreeDS": "disabled" } },
        });
        add_buyer(&mut body, new);
        add_client(&mut body, new.client);
        let response = self.post("payments", new.id.as_str(), &body).await?;
        response.into_result()
    }

    /// `POST /payments/details` with what the buyer brought back from the verification form. The
    /// idempotency key depends on the details: those of another payment do not take the place of
    /// the right ones.
    pub async fn submit_details(
        &self,
        payment: &PaymentId,
        details: Map<String, Value>,
    ) -> Result<Payment, CallError> {
        let body = json!({ "details": details });
        let hash = hmac_sha256(payment.as_str().as_bytes(), &[body.to_string().as_bytes()]);
        let hash = hex::encode(hash);
        let key = format!("{payment}-{}", hash.get(..24).unwrap_or(&hash));
        let response = self.post("payments/details", &key, &body).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `POST /paymentLinks`
    pub async fn create_link(&self, new: &NewPayment<'_>) -> Result<PaymentLink, CallError> {
        let mut body = json!({
            "merchantAccount": self.credentials.merchant_account,
            "amount": Amount::try_from(new.money)?,
            "reference": new.id,
            "merchantOrderReference": cut(new.order_id, 1000),
            "returnUrl": new.return_url,
            "allowedPaymentMethods": ["scheme"],
        });
        add_buyer(&mut body, new);
        if let Some(description) = new.description {
            body["description"] = cut(description, 280).into();
        }
        let response = self.post("paymentLinks", new.id.as_str(), &body).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `GET /paymentLinks/{id}`
    pub async fn link(&self, id: &str) -> Result<PaymentLink, CallError> {
        let response = send(self.request(Verb::GET, &format!("paymentLinks/{id}"))).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `PATCH /paymentLinks/{id}`. `None` if Adyen does not expire it.
    pub async fn expire_link(&self, id: &str) -> Result<Option<PaymentLink>, CallError> {
        let request = self.request(Verb::PATCH, &format!("paymentLinks/{id}"));
        let response = send(request.json(&json!({ "status": "expired" }))).await?;
        match response.into_result::<_, ErrorResponse>() {
            Ok(link) => Ok(Some(link)),
            Err(ApiError::Response { .. }) => Ok(None),
            Err(ApiError::Call(error)) => Err(error),
        }
    }

    /// `POST /cancels`: cancels a payment by our id. The outcome follows by webhook. `purpose` tells
    /// the idempotency keys of two requests apart. <https://docs.adyen.com/online-payments/cancel>
    pub async fn cancel_payment(
        &self,
        payment: &PaymentId,
        purpose: &str,
    ) -> Result<Modification, CallError> {
        let key = format!("{payment}-{purpose}");
        let body = json!({
            "merchantAccount": self.credentials.merchant_account,
            "paymentReference": payment,
            "reference": key,
        });
        let response = self.post("cancels", &key, &body).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `POST /payments/{id}/refunds`
    pub async fn create_refund(&self, new: &NewRefund<'_>) -> Result<Modification, CallError> {
        let path = format!("payments/{}/refunds", new.payment_reference);
        let body = json!({
            "merchantAccount": self.credentials.merchant_account,
            "amount": Amount::try_from(new.money)?,
            "reference": new.id,
        });
        let response = self.post(&path, new.id.as_str(), &body).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `POST /paymentMethods`: a read.
    pub async fn payment_methods(&self) -> Result<PaymentMethods, CallError> {
        let body = json!({
            "merchantAccount": self.credentials.merchant_account,
            "channel": "Web",
        });
        let request = self.request(Verb::POST, "paymentMethods").json(&body);
        let response = send_idempotent(request).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }
}
