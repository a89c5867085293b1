//! PayPal's endpoints. <https://developer.paypal.com/docs/api/orders/v2/>

use super::model::{Amount, CANCELED, Credentials, ErrorResponse, Order, Refund, Token};
use crate::connectors::cache::{AccessToken, Client};
use crate::connectors::credentials;
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::{ApiError, Response, send, send_idempotent};
use crate::connectors::types::{Ctx, NewPayment, NewRefund};
use crate::crypto::key_hash;
use reqwest::{Method as Verb, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::time::Duration;
use till_shared::id::PaymentId;

/// A token is renewed this long before it expires.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);
/// The length of the longest description that PayPal accepts.
const MAX_DESCRIPTION: usize = 127;

/// PayPal's API, called for one account.
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

    fn client(&self) -> Client {
        Client {
            base_url: self.credentials.base_url.to_string(),
            id: self.credentials.client_id.clone(),
            secret_hash: key_hash(self.credentials.client_secret.expose_secret()),
        }
    }

    /// The access token. Without one no request is sent, so a failure is
    /// [`CallError::NotSent`].
    async fn access_token(&self) -> Result<SecretString, CallError> {
        let token = self.ctx.cache.token(self.client(), self.create_token());
        token
            .await
            .map_err(|error| CallError::NotSent(Cause::AccessToken(error)))
    }

    /// `POST /v1/oauth2/token`
    async fn create_token(&self) -> Result<AccessToken, CallError> {
        let Credentials {
            client_id,
            client_secret,
            base_url,
            ..
        } = &self.credentials;
        let request = self.ctx.http.post(format!("{base_url}/v1/oauth2/token"));
        let request = request
            .basic_auth(client_id, Some(client_secret.expose_secret()))
            .form(&[("grant_type", "client_credentials")]);
        let response = send(request).await?;
        let token: Token = response.into_result::<_, ErrorResponse>()?;
        Ok(AccessToken {
            secret: token.access_token,
            lifetime: Duration::from_secs(token.expires_in).saturating_sub(TOKEN_MARGIN),
        })
    }

    fn request(&self, verb: Verb, path: &str) -> RequestBuilder {
        let url = format!("{}/v2/{path}", self.credentials.base_url);
        let request = self.ctx.http.request(verb, url);
        // Responses with the whole object.
        request.header("prefer", "return=representation")
    }

    /// Sends a request with an access token. If PayPal no longer accepts the token, it has not
    /// processed the request, which is then sent once more with a new token. `charges` says whether
    /// the request may charge the buyer.
    async fn send(&self, request: RequestBuilder, charges: bool) -> Result<Response, CallError> {
        let again = request.try_clone();
        let token = self.access_token().await?;
        let response = send_with(&token, request, charges).await?;
        match again {
            Some(again) if response.status == StatusCode::UNAUTHORIZED => {
                self.ctx.cache.forget(&self.client(), &token).await;
                send_with(&self.access_token().await?, again, charges).await
            }
            Some(_) | None => Ok(response),
        }
    }

    /// `POST /v2/checkout/orders`. An order charges nothing by itself.
    pub async fn create_order(&self, new: &NewPayment<'_>) -> Result<Order, CallError> {
        let (name, value) = CANCELED;
        let mut unit = json!({
            "custom_id": new.id,
            // PayPal accepts one payment for an invoice id.
            "invoice_id": new.id,
            "amount": Amount::try_from(new.money)?,
        });
        if let Some(description) = new.description {
            let description: String = description.chars().take(MAX_DESCRIPTION).collect();
            unit["description"] = description.into();
        }
        let body = json!({
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": { "paypal": { "experience_context": {
                "return_url": new.return_url,
                "cancel_url": format!("{}&{name}={value}", new.return_url),
                "user_action": "PAY_NOW",
                "shipping_preference": "NO_SHIPPING",
            } } },
        });
        let request = self.request(Verb::POST, "checkout/orders");
        let request = request.header("paypal-request-id", new.id.as_str());
        let response = self.send(request.json(&body), false).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `GET /v2/checkout/orders/{id}`
    pub async fn order(&self, id: &str) -> Result<Option<Order>, CallError> {
        let request = self.request(Verb::GET, &format!("checkout/orders/{id}"));
        let response = self.send(request, false).await?;
        Ok(response.into_option::<_, ErrorResponse>()?)
    }

    /// `POST /v2/checkout/orders/{id}/capture`, which charges the buyer.
    pub async fn capture_order(
        &self,
        id: &str,
        payment: &PaymentId,
    ) -> Result<Order, ApiError<ErrorResponse>> {
        let request = self.request(Verb::POST, &format!("checkout/orders/{id}/capture"));
        let request = request.header("paypal-request-id", format!("{payment}-capture"));
        let response = self.send(request.json(&json!({})), true).await?;
        response.into_result()
    }

    /// `GET /v2/payments/refunds/{id}`
    pub async fn refund(&self, id: &str) -> Result<Option<Refund>, CallError> {
        let request = self.request(Verb::GET, &format!("payments/refunds/{id}"));
        let response = self.send(request, false).await?;
        Ok(response.into_option::<_, ErrorResponse>()?)
    }

    /// `POST /v2/payments/captures/{id}/refund`
    pub async fn create_refund(&self, new: &NewRefund<'_>) -> Result<Refund, CallError> {
        let path = format!("payments/captures/{}/refund", new.payment_reference);
        let body = json!({ "amount": Amount::try_from(new.money)?, "custom_id": new.id });
        let request = self.request(Verb::POST, &path);
        let request = request.header("paypal-request-id", new.id.as_str());
        let response = self.send(request.json(&body), true).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }
}

async fn send_with(
    token: &SecretString,
    request: RequestBuilder,
    charges: bool,
) -> Result<Response, CallError> {
    let request = request.bearer_auth(token.expose_secret());
    if charges {
        send(request).await
    } else {
        send_idempotent(request).await
    }
}
