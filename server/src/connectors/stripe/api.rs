//! Stripe's endpoints. <https://docs.stripe.com/api>

use super::mapping::units;
use super::model::{Credentials, ErrorResponse, Intent, List, PaymentMethod, Refund, Session};
use crate::connectors::credentials;
use crate::connectors::error::CallError;
use crate::connectors::transport::{ApiError, send};
use crate::connectors::types::{Ctx, NewPayment, NewRefund};
use reqwest::{Method as Verb, RequestBuilder};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use till_shared::widget::CardData;

/// The API version of this module. Without the header it is the account's default.
const VERSION: &str = "2024-06-20";

type Form = Vec<(&'static str, String)>;
type Result<T> = std::result::Result<T, ApiError<ErrorResponse>>;

/// Stripe's API, called for one account.
pub struct Api<'a> {
    ctx: &'a Ctx<'a>,
    credentials: Credentials,
}

impl<'a> Api<'a> {
    /// The API with the account's credentials.
    pub fn new(ctx: &'a Ctx<'a>) -> std::result::Result<Self, CallError> {
        let credentials = credentials::read(ctx)?;
        Ok(Self { ctx, credentials })
    }

    fn request(&self, verb: Verb, path: &str) -> RequestBuilder {
        let url = format!("{}/v1/{path}", self.credentials.base_url);
        self.ctx
            .http
            .request(verb, url)
            .bearer_auth(self.credentials.secret_key.expose_secret())
            .header("stripe-version", VERSION)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        send(self.request(Verb::GET, path)).await?.into_option()
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, key: &str, form: &Form) -> Result<T> {
        let request = self.request(Verb::POST, path);
        let request = request.header("idempotency-key", key).form(form);
        send(request).await?.into_result()
    }

    /// Posts without a body. `None` if Stripe rejects the request.
    async fn act<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let response = send(self.request(Verb::POST, path)).await?;
        match response.into_result() {
            Ok(changed) => Ok(Some(changed)),
            Err(ApiError::Response { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `POST /payment_methods` with the buyer's card.
    pub async fn create_payment_method(
        &self,
        new: &NewPayment<'_>,
        card: &CardData,
    ) -> Result<PaymentMethod> {
        let mut form: Form = vec![
            ("type", "card".into()),
            ("card[number]", card.number.clone()),
            ("card[exp_month]", card.exp_month.to_string()),
            ("card[exp_year]", card.exp_year.to_string()),
            ("card[cvc]", card.cvc.clone()),
        ];
        let name = card.holder.as_ref().or(new.buyer.name.as_ref());
        let details = [
            ("billing_details[name]", name),
            ("billing_details[email]", new.buyer.email.as_ref()),
            ("billing_details[phone]", new.buyer.phone.as_ref()),
        ];
        for (field, value) in details {
            form.extend(value.map(|v| (field, v.clone())));
        }
        let key = format!("{}-card", new.id);
        self.post("payment_methods", &key, &form).await
    }

    /// `POST /payment_intents`, confirmed at once.
    pub async fn create_payment_intent(
        &self,
        new: &NewPayment<'_>,
        method: PaymentMethod,
    ) -> Result<Intent> {
        let mut form: Form = vec![
            ("amount", units(new.money)?.to_string()),
            ("currency", new.money.currency.code().to_lowercase()),
            ("payment_method", method.id),
            ("payment_method_types[]", "card".into()),
            ("confirm", "true".into()),
            ("return_url", new.return_url.into()),
            ("metadata[till_payment]", new.id.to_string()),
            ("metadata[order_id]", new.order_id.into()),
        ];
        form.extend(new.description.map(|d| ("description", d.to_owned())));
        self.post("payment_intents", new.id.as_str(), &form).await
    }

    /// `POST /checkout/sessions`. The intent's metadata stay empty: a buyer may try several cards
    /// in one session, and a declined one does not end the payment.
    pub async fn create_session(&self, new: &NewPayment<'_>) -> Result<Session> {
        let product = new.description.unwrap_or(new.order_id).to_owned();
        let currency = new.money.currency.code().to_lowercase();
        let amount = units(new.money)?.to_string();
        let mut form: Form = vec![
            ("mode", "payment".into()),
            ("payment_method_types[]", new.method.as_str().to_owned()),
            ("line_items[0][quantity]", "1".into()),
            ("line_items[0][price_data][unit_amount]", amount),
            ("line_items[0][price_data][currency]", currency),
            ("line_items[0][price_data][product_data][name]", product),
            ("success_url", new.return_url.into()),
            ("cancel_url", new.return_url.into()),
            ("client_reference_id", new.order_id.into()),
            ("metadata[till_payment]", new.id.to_string()),
        ];
        form.extend(new.buyer.email.clone().map(|e| ("customer_email", e)));
        self.post("checkout/sessions", new.id.as_str(), &form).await
    }

    /// `GET /payment_intents/{id}`
    pub async fn payment_intent(&self, id: &str) -> Result<Option<Intent>> {
        self.get(&format!("payment_intents/{id}")).await
    }

    /// `GET /checkout/sessions/{id}`
    pub async fn session(&self, id: &str) -> Result<Option<Session>> {
        self.get(&format!("checkout/sessions/{id}")).await
    }

    /// `POST /payment_intents/{id}/cancel`. `None` if Stripe does not cancel it.
    pub async fn cancel_payment_intent(&self, id: &str) -> Result<Option<Intent>> {
        self.act(&format!("payment_intents/{id}/cancel")).await
    }

    /// `POST /checkout/sessions/{id}/expire`. `None` if Stripe does not expire it.
    pub async fn expire_session(&self, id: &str) -> Result<Option<Session>> {
        self.act(&format!("checkout/sessions/{id}/expire")).await
    }

    /// A page of `GET /payment_intents` or `GET /checkout/sessions`: objects created in a span of
    /// time, in seconds since 1970-01-01 UTC.
    pub async fn list<T: DeserializeOwned>(
        &self,
        list: &str,
        (from, to): (i64, i64),
        starting_after: Option<&str>,
    ) -> Result<Option<List<T>>> {
        let mut path = format!("{list}?limit=100&created[gte]={from}&created[lte]={to}");
        if let Some(id) = starting_after {
            path = format!("{path}&starting_after={id}");
        }
        self.get(&path).await
    }

    /// `GET /refunds/{id}`
    pub async fn refund(&self, id: &str) -> Result<Option<Refund>> {
        self.get(&format!("refunds/{id}")).await
    }

    /// `GET /refunds?payment_intent={intent}`
    pub async fn refunds(&self, intent: &str) -> Result<Option<List<Refund>>> {
        let path = format!("refunds?limit=100&payment_intent={intent}");
        self.get(&path).await
    }

    /// `POST /refunds`
    pub async fn create_refund(&self, new: &NewRefund<'_>) -> Result<Refund> {
        let form: Form = vec![
            ("payment_intent", new.payment_reference.into()),
            ("amount", units(new.money)?.to_string()),
            ("metadata[till_refund]", new.id.to_string()),
        ];
        self.post("refunds", new.id.as_str(), &form).await
    }
}
