//! Stripe's endpoints. <https://docs.stripe.com/api>

use super::codes;
use super::mapping::units;
use super::model::{Credentials, ErrorResponse, Intent, List, Refund, Session};
use crate::connectors::credentials;
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::{ApiError, send};
use crate::connectors::types::{Ctx, NewPayment, NewRefund};
use reqwest::{Method as Verb, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde::de::{DeserializeOwned, IgnoredAny};
use till_shared::widget::CardData;

/// The API version of this module. Without the header it is the account's default.
const VERSION: &str = "2024-06-20";

/// How many pages of a hundred refunds of one payment are read.
const MAX_REFUND_PAGES: usize = 20;

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

    /// `None` if Stripe says that the object does not exist.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        match send(self.request(Verb::GET, path)).await?.into_result() {
            Ok(found) => Ok(Some(found)),
            Err(ApiError::Response {
                status: StatusCode::NOT_FOUND,
                body: Some(body),
            }) if ErrorResponse::is_missing(&body) => Ok(None),
            Err(error) => Err(error),
        }
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

    /// `POST /payment_intents` with the buyer's card, confirmed at once. The buyer's address and
    /// browser are what Stripe asks for where its own script is not on the page:
    /// <https://docs.stripe.com/radar/integration>. Stripe's page asks the browser itself for what
    /// 3-D Secure needs.
    pub async fn create_payment_intent(
        &self,
        new: &NewPayment<'_>,
        card: &CardData,
    ) -> Result<Intent> {
        let mut form: Form = vec![
            ("amount", units(new.money)?.to_string()),
            ("currency", new.money.currency.code().to_lowercase()),
            ("payment_method_types[]", "card".into()),
            ("confirm", "true".into()),
            ("return_url", new.return_url.into()),
            ("metadata[till_payment]", new.id.to_string()),
            ("metadata[order_id]", new.order_id.into()),
        ];
        form.extend(new.description.map(|d| ("description", d.to_owned())));
        form.extend(card_fields(new, card));
        self.post("payment_intents", new.id.as_str(), &form).await
    }

    /// `POST /checkout/sessions`. The intent's metadata do not have our id: a buyer may try several
    /// cards in one session, and a declined one does not end the payment.
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
            (
                "payment_intent_data[metadata][order_id]",
                new.order_id.into(),
            ),
        ];
        let details = [
            ("payment_intent_data[description]", new.description),
            ("customer_email", new.buyer.email.as_deref()),
            ("locale", new.locale.and_then(codes::locale)),
        ];
        form.extend(present(&details));
        self.post("checkout/sessions", new.id.as_str(), &form).await
    }

    /// `GET /payment_intents/{id}`
    pub async fn payment_intent(&self, id: &str) -> Result<Option<Intent>> {
        self.get(&format!("payment_intents/{id}")).await
    }

    /// `GET /checkout/sessions/{id}` with its PaymentIntent.
    pub async fn session(&self, id: &str) -> Result<Option<Session>> {
        let path = format!("checkout/sessions/{id}?expand[]=payment_intent");
        self.get(&path).await
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

    /// `GET /refunds?payment_intent={intent}`: all refunds of a PaymentIntent.
    pub async fn refunds(&self, intent: &str) -> std::result::Result<Vec<Refund>, CallError> {
        let mut refunds: Vec<Refund> = vec![];
        for _ in 0..MAX_REFUND_PAGES {
            let mut path = format!("refunds?limit=100&payment_intent={intent}");
            if let Some(last) = refunds.last() {
                path = format!("{path}&starting_after={}", last.id);
            }
            let page = self.get::<List<Refund>>(&path).await?;
            let page = page.ok_or(CallError::Unknown(Cause::Missing))?;
            let is_last = page.data.is_empty() || !page.has_more;
            refunds.extend(page.data);
            if is_last {
                return Ok(refunds);
            }
        }
        Err(CallError::Unknown(Cause::TooManyPages))
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

    /// `GET /balance`, which every secret key may read.
    pub async fn balance(&self) -> Result<()> {
        let balance = self.get::<IgnoredAny>("balance").await?;
        balance.ok_or(CallError::Unknown(Cause::Missing))?;
        Ok(())
    }
}

/// The fields that have a value.
fn present(fields: &[(&'static str, Option<&str>)]) -> Form {
    let present =
        |(field, value): &(&'static str, Option<&str>)| Some((*field, (*value)?.to_owned()));
    fields.iter().filter_map(present).collect()
}

/// The card, its holder and the holder's client, as `payment_method_data`.
fn card_fields(new: &NewPayment<'_>, card: &CardData) -> Form {
    let (buyer, client) = (new.buyer, new.client);
    let (month, year) = (card.exp_month.to_string(), card.exp_year.to_string());
    let ip = client.ip.map(|ip| ip.to_string());
    let holder = card.holder.as_deref().or(buyer.name.as_deref());
    let browser = client.browser.as_ref().map(|b| b.user_agent.as_str());
    let agent = client.user_agent.as_deref().or(browser);
    present(&[
        ("payment_method_data[type]", Some("card")),
        ("payment_method_data[card][number]", Some(&card.number)),
        ("payment_method_data[card][exp_month]", Some(&month)),
        ("payment_method_data[card][exp_year]", Some(&year)),
        ("payment_method_data[card][cvc]", Some(&card.cvc)),
        ("payment_method_data[billing_details][name]", holder),
        (
            "payment_method_data[billing_details][email]",
            buyer.email.as_deref(),
        ),
        (
            "payment_method_data[billing_details][phone]",
            buyer.phone.as_deref(),
        ),
        (
            "payment_method_data[billing_details][address][country]",
            buyer.country.as_deref(),
        ),
        ("payment_method_data[ip]", ip.as_deref()),
        ("payment_method_data[user_agent]", agent),
        ("payment_method_data[referrer]", client.origin.as_deref()),
    ])
}
