//! PayPal's endpoints. <https://developer.paypal.com/docs/api/orders/v2/>

use super::model::{Amount, Capture, ErrorResponse, Order, Refund, Verification};
use super::new_order;
use super::session::Session;
use super::transmission::Transmission;
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::ApiError;
use crate::connectors::types::{Ctx, NewPayment, NewRefund};
use reqwest::{Method as Verb, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json;
use till_shared::id::PaymentId;

/// PayPal's API, called for one account.
pub struct Api<'a> {
    session: Session<'a>,
}

impl<'a> Api<'a> {
    /// The API with the account's credentials.
    pub fn new(ctx: &'a Ctx<'a>) -> Result<Self, CallError> {
        let session = Session::new(ctx)?;
        Ok(Self { session })
    }

    /// Checks the credentials: requests an access token, which the cache does not answer.
    pub async fn check_login(&self) -> Result<(), CallError> {
        self.session.create_token().await.map(|_| ())
    }

    /// Reads an object. `None` if PayPal does not have it.
    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, CallError> {
        let request = self.session.request(Verb::GET, path);
        let response = self.session.send(request, false).await?;
        Ok(response.into_option::<_, ErrorResponse>()?)
    }

    /// `POST /v2/checkout/orders`. An order charges nothing by itself.
    pub async fn create_order(&self, new: &NewPayment<'_>) -> Result<Order, CallError> {
        let body = new_order::body(new, self.session.credentials.shipping_preference)?;
        let request = self.session.request(Verb::POST, "v2/checkout/orders");
        let request = request.header("paypal-request-id", new.id.as_str());
        let response = self.session.send(request.json(&body), false).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `GET /v2/checkout/orders/{id}`
    pub async fn order(&self, id: &str) -> Result<Option<Order>, CallError> {
        self.read(&format!("v2/checkout/orders/{id}")).await
    }

    /// `POST /v2/checkout/orders/{id}/capture`, which charges the buyer.
    pub async fn capture_order(
        &self,
        id: &str,
        payment: &PaymentId,
    ) -> Result<Order, ApiError<ErrorResponse>> {
        let path = format!("v2/checkout/orders/{id}/capture");
        let request = self.session.request(Verb::POST, &path);
        let request = request.header("paypal-request-id", format!("{payment}-capture"));
        let response = self.session.send(request.json(&json!({})), true).await?;
        response.into_result()
    }

    /// `GET /v2/payments/captures/{id}`
    pub async fn capture(&self, id: &str) -> Result<Option<Capture>, CallError> {
        self.read(&format!("v2/payments/captures/{id}")).await
    }

    /// `GET /v2/payments/refunds/{id}`
    pub async fn refund(&self, id: &str) -> Result<Option<Refund>, CallError> {
        self.read(&format!("v2/payments/refunds/{id}")).await
    }

    /// The refund that an earlier call created. PayPal stores request ids for 45 days only, and has
    /// no list of a capture's refunds: the capture names its order, which contains them.
    pub async fn earlier_refund(&self, new: &NewRefund<'_>) -> Result<Option<Refund>, CallError> {
        let capture = self.capture(new.payment_reference).await?;
        let capture = capture.ok_or(CallError::NotSent(Cause::Missing))?;
        let order = match capture.order_id() {
            Some(order) => self.order(order).await?,
            None => None,
        };
        let units = order.into_iter().flat_map(|order| order.purchase_units);
        let mut refunds = units.flat_map(|unit| unit.payments.unwrap_or_default().refunds);
        Ok(refunds.find(|refund| refund.our_id().as_ref() == Some(new.id)))
    }

    /// `POST /v2/payments/captures/{id}/refund`
    pub async fn create_refund(&self, new: &NewRefund<'_>) -> Result<Refund, CallError> {
        let path = format!("v2/payments/captures/{}/refund", new.payment_reference);
        let body = json!({
            "amount": Amount::try_from(new.money)?,
            "custom_id": new.id,
            // PayPal refunds once for an invoice id.
            "invoice_id": new.id,
        });
        let request = self.session.request(Verb::POST, &path);
        let request = request.header("paypal-request-id", new.id.as_str());
        let response = self.session.send(request.json(&body), true).await?;
        Ok(response.into_result::<_, ErrorResponse>()?)
    }

    /// `POST /v1/notifications/verify-webhook-signature`: whether PayPal signed a webhook. PayPal
    /// compares the event byte for byte, so the body is sent as it was received.
    /// <https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post>
    pub async fn verify_webhook(
        &self,
        transmission: &Transmission<'_>,
        body: &[u8],
    ) -> Result<bool, CallError> {
        let fields = json!({
            "auth_algo": transmission.algorithm,
            "cert_url": transmission.certificate_url,
            "transmission_id": transmission.id,
            "transmission_sig": transmission.signature,
            "transmission_time": transmission.time,
            "webhook_id": self.session.credentials.webhook_id,
        });
        let fields = fields.to_string();
        let fields = fields.trim_end_matches('}').as_bytes();
        let body = [fields, b",\"webhook_event\":", body, b"}"].concat();
        let path = "v1/notifications/verify-webhook-signature";
        let request = self.session.request(Verb::POST, path);
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let response = self.session.send(request, false).await?;
        match response.into_result::<Verification, ErrorResponse>() {
            Ok(answer) => Ok(answer.verification_status == "SUCCESS"),
            // PayPal cannot read a field: it did not write it.
            Err(ApiError::Response {
                status: StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY,
                body: Some(_),
            }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
