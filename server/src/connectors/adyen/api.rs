//! Adyen's endpoints. <https://docs.adyen.com/api-explorer/Checkout/71/overview>

use super::model::{Amount, Credentials, ErrorResponse, Payment, PaymentLink, Refund};
use crate::connectors::credentials;
use crate::connectors::error::CallError;
use crate::connectors::transport::{ApiError, Response, send};
use crate::connectors::types::{Ctx, NewPayment, NewRefund};
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
    /// then returns the outcome of the first request.
    async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Response, CallError> {
        let request = || {
            let request = self.request(Verb::POST, path);
            request.header("idempotency-key", key).json(body)
        };
        match send(request()).await {
            Err(CallError::Unknown(_)) => send(request())
                .await
                // Even if the second was not processed, the first may have been.
                .map_err(|error| CallError::Unknown(error.into_cause())),
            result => result,
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
            "merchantOrderReference": new.order_id,
            "paymentMethod": method,
            "returnUrl": new.return_url,
            "channel": "Web",
            "shopperInteraction": "Ecommerce",
            "authenticationData": { "threeDSRequestData": { "nativeThreeDS": "disabled" } },
        });
        add_buyer(&mut body, new);
        let response = self.post("payments", new.id.as_str(), &body).await?;
        response.into_result()
    }

    /// `POST /payments/details` with what the buyer brought back from the verification form.
    pub async fn submit_details(
        &self,
        payment: &PaymentId,
        details: Map<String, Value>,
    ) -> Result<Payment, CallError> {
        let key = format!("{payment}-details");
        let body = json!({ "details": details });
        let response = self.post("payments/details", &key, &body).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `POST /paymentLinks`
    pub async fn create_link(&self, new: &NewPayment<'_>) -> Result<PaymentLink, CallError> {
        let mut body = json!({
            "merchantAccount": self.credentials.merchant_account,
            "amount": Amount::try_from(new.money)?,
            "reference": new.id,
            "merchantOrderReference": new.order_id,
            "returnUrl": new.return_url,
            "allowedPaymentMethods": ["scheme"],
        });
        add_buyer(&mut body, new);
        if let Some(description) = new.description {
            body["description"] = description.into();
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

    /// `POST /payments/{id}/refunds`
    pub async fn create_refund(&self, new: &NewRefund<'_>) -> Result<Refund, CallError> {
        let path = format!("payments/{}/refunds", new.payment_reference);
        let body = json!({
            "merchantAccount": self.credentials.merchant_account,
            "amount": Amount::try_from(new.money)?,
            "reference": new.id,
        });
        let response = self.post(&path, new.id.as_str(), &body).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }
}

fn add_buyer(body: &mut Value, new: &NewPayment<'_>) {
    let fields = [
        ("shopperEmail", new.buyer.email.as_deref()),
        ("telephoneNumber", new.buyer.phone.as_deref()),
        ("countryCode", new.buyer.country.as_deref()),
        ("shopperLocale", new.locale),
    ];
    for (field, value) in fields {
        if let Some(value) = value {
            body[field] = value.into();
        }
    }
}
