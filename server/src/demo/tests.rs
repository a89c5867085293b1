//! Tests of the shop over HTTP, against a stub of Till's JSON API.

use super::{ShopConfig, router};
use crate::sandbox::cards;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use till_shared::card::group_number;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

async fn listen(app: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

/// A stub of `POST /v1/invoices`.
async fn create_invoice(headers: HeaderMap, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    assert_eq!(headers["authorization"], "Bearer sk_test");
    assert_eq!(
        headers["idempotency-key"],
        body["order_id"].as_str().unwrap()
    );
    if body["buyer"]["email"] == "rejected@example.com" {
        return (
            StatusCode::BAD_REQUEST,
            Json(json!({"title": "Bad", "detail": "<no> thanks"})),
        );
    }
    assert_eq!(
        body["amount"],
        1999 * body["items"][0]["quantity"].as_i64().unwrap()
    );
    let id = format!("inv_{}", body["order_id"].as_str().unwrap());
    let page = format!("http://till.test/pay/{id}");
    let body = json!({"id": id, "client_token": "tok", "payment_url": page});
    (StatusCode::CREATED, Json(body))
}

/// A running shop.
struct TestShop {
    url: String,
    http: reqwest::Client,
}

impl TestShop {
    async fn start() -> Self {
        let till = listen(axum::Router::new().route("/v1/invoices", post(create_invoice))).await;
        let app = router(ShopConfig {
            till_url: till,
            widget_origin: "http://till.test/".to_owned(),
            public_url: "http://shop.test".to_owned(),
            pk: "pk_\"<test>".to_owned(),
            secret_key: "sk_test".into(),
            signing_secret: SECRET.into(),
            sandbox_url: Some("http://sandbox.test/".to_owned()),
        })
        .unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            url: listen(app).await,
            http,
        }
    }

    /// Orders two prints and returns the order's id.
    async fn order(&self) -> String {
        let response = self
            .http
            .post(format!("{}/orders", self.url))
            .json(&json!({"quantity": 2, "email": "a@example.com", "way": "popup"}))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 201);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["token"], "tok");
        assert_eq!(body["order"]["invoice"], body["invoice"]);
        body["order"]["id"].as_str().unwrap().to_owned()
    }

    /// Sends a signed callback.
    async fn send(&self, secret: &str, path: &str, id: &str, body: &Value) -> (u16, String) {
        let body = body.to_string();
        let now = crate::clock::now().as_second();
        let signature = Webhook::new(secret)
            .unwrap()
            .sign(id, now, body.as_bytes())
            .unwrap();
        let response = self
            .http
            .post(format!("{}{path}", self.url))
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", format!("v1,bm90IHRoaXM= {signature}"))
            .body(body)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Sends a callback that the shop accepts.
    async fn callback(&self, id: &str, body: &Value) {
        assert_eq!(self.send(SECRET, "/callbacks", id, body).await.0, 204);
    }

    /// Reads an order's status and its number of callbacks.
    async fn state(&self, order: &str) -> (String, u64) {
        let response = self
            .http
            .get(format!("{}/orders.json", self.url))
            .send()
            .await
            .unwrap();
        let body: Value = response.json().await.unwrap();
        let order = body["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|o| o["id"] == order)
            .unwrap();
        (
            order["status"].as_str().unwrap().to_owned(),
            order["callbacks"].as_u64().unwrap(),
        )
    }

    async fn text(&self, path: &str) -> (u16, String) {
        let response = self
            .http
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

fn event(kind: &str, sequence: i64, order: &str, status: &str) -> Value {
    json!({
        "id": "evt_x", "type": kind, "sequence": sequence, "created_at": "2026-01-01T00:00:00Z",
        "project": "prj_1",
        "data": {"invoice": {
            "id": format!("inv_{order}"), "order_id": order, "amount": 3998, "currency": "EUR",
            "status": status,
        }},
    })
}

fn state(status: &str, callbacks: u64) -> (String, u64) {
    (status.to_owned(), callbacks)
}

#[tokio::test]
async fn a_callback_marks_the_order_paid_and_a_duplicate_counts_once() {
    let shop = TestShop::start().await;
    let order = shop.order().await;
    assert_eq!(shop.state(&order).await, state("new", 0));
    shop.callback("evt_1", &event("payment.declined", 1, &order, "open"))
        .await;
    assert_eq!(shop.state(&order).await, state("declined", 1));
    let paid = event("invoice.paid", 3, &order, "paid");
    shop.callback("evt_3", &paid).await;
    shop.callback("evt_3", &paid).await;
    assert_eq!(shop.state(&order).await, state("paid", 2));
    shop.callback(
        "evt_4",
        &event("refund.succeeded", 4, &order, "partially_refunded"),
    )
    .await;
    assert_eq!(shop.state(&order).await, state("partially_refunded", 3));
    shop.callback("evt_5", &event("refund.succeeded", 5, &order, "refunded"))
        .await;
    assert_eq!(shop.state(&order).await, state("refunded", 4));
    // A duplicate of an earlier callback does not change the status back to paid.
    shop.callback("evt_3", &paid).await;
    assert_eq!(shop.state(&order).await, state("refunded", 4));
}

#[tokio::test]
async fn an_invalid_signature_changes_nothing() {
    let shop = TestShop::start().await;
    let order = shop.order().await;
    let other = "whsec_OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk=";
    let paid = event("invoice.paid", 1, &order, "paid");
    assert_eq!(shop.send(other, "/callbacks", "evt_1", &paid).await.0, 401);
    let unsigned = shop
        .http
        .post(format!("{}/callbacks", shop.url))
        .body(paid.to_string());
    assert_eq!(unsigned.send().await.unwrap().status(), 401);
    assert_eq!(shop.state(&order).await, state("new", 0));
}

#[tokio::test]
async fn an_older_sequence_is_ignored() {
    let shop = TestShop::start().await;
    let order = shop.order().await;
    shop.callback("evt_2", &event("invoice.paid", 2, &order, "paid"))
        .await;
    shop.callback("evt_1", &event("invoice.expired", 1, &order, "expired"))
        .await;
    assert_eq!(shop.state(&order).await, state("paid", 2));
}

#[tokio::test]
async fn other_amounts_other_invoices_and_unknown_orders_are_ignored() {
    let shop = TestShop::start().await;
    let order = shop.order().await;
    let mut other_amount = event("invoice.paid", 1, &order, "paid");
    other_amount["data"]["invoice"]["amount"] = json!(1);
    shop.callback("evt_1", &other_amount).await;
    let mut other_invoice = event("invoice.paid", 1, &order, "paid");
    other_invoice["data"]["invoice"]["id"] = json!("inv_other");
    shop.callback("evt_2", &other_invoice).await;
    shop.callback("evt_3", &event("invoice.paid", 1, "A-0", "paid"))
        .await;
    shop.callback("evt_4", &json!({"id": "evt_4", "type": "ping", "data": {}}))
        .await;
    assert_eq!(shop.state(&order).await, state("new", 0));
}

#[tokio::test]
async fn an_order_check_gets_a_decision() {
    let shop = TestShop::start().await;
    let order = shop.order().await;
    let mut check = event("order.check", 0, &order, "open");
    let send = async |body: &Value| {
        let (status, text) = shop.send(SECRET, "/check", "evt_c", body).await;
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let accepted = json!({"accept": true, "amount": 3998, "currency": "EUR"});
    assert_eq!(send(&check).await, (200, accepted));
    check["data"]["invoice"]["amount"] = json!(3997);
    let rejected = json!({"accept": false, "reason": "unknown order"});
    assert_eq!(send(&check).await, (200, rejected.clone()));
    assert_eq!(
        send(&event("order.check", 0, "A-0", "open")).await,
        (200, rejected)
    );
    assert_eq!(shop.state(&order).await, state("new", 0));
}

#[tokio::test]
async fn the_link_redirects_to_the_payment_page_and_errors_are_shown() {
    let shop = TestShop::start().await;
    let link = async |form: &[(&str, &str)]| {
        let request = shop.http.post(format!("{}/orders/link", shop.url));
        request.form(form).send().await.unwrap()
    };
    let response = link(&[("quantity", "1"), ("email", "")]).await;
    assert_eq!(response.status(), 303);
    let location = response.headers()[header::LOCATION].to_str().unwrap();
    assert!(
        location.starts_with("http://till.test/pay/inv_A-"),
        "{location}"
    );
    assert_eq!(link(&[("quantity", "11")]).await.status(), 422);
    let rejected = link(&[("quantity", "1"), ("email", "rejected@example.com")]).await;
    assert_eq!(rejected.status(), 502);
    assert!(rejected.text().await.unwrap().contains("&lt;no&gt; thanks"));
    let list = shop.text("/orders").await.1;
    assert_eq!(list.matches("data-order=").count(), 1);
}

#[tokio::test]
async fn pages_escape_values_and_have_a_strict_policy() {
    let shop = TestShop::start().await;
    let order = shop.order().await;
    let response = shop.http.get(&shop.url).send().await.unwrap();
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.contains("frame-src http://till.test;"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = response.text().await.unwrap();
    assert!(
        html.contains(r#"src="http://till.test/till.js" data-project="pk_&quot;&lt;test&gt;""#)
    );
    assert!(html.contains(r#"href="http://sandbox.test/sandbox""#));
    assert!(html.contains(&format!(r#"data-order="{order}" data-status="new""#)));
    assert!(!html.contains("a@example.com"));
    for number in [cards::APPROVED, cards::VERIFIED, cards::INSUFFICIENT_FUNDS] {
        assert!(html.contains(&group_number(number)), "{number}");
    }
    // The status in the query is ignored.
    let (status, html) = shop
        .text(&format!("/thanks?order_id={order}&status=paid"))
        .await;
    assert!(status == 200 && html.contains(r#"data-status="new""#));
    assert_eq!(shop.text("/thanks").await.0, 404);
    assert_eq!(shop.text("/shop.js").await.0, 200);
}

#[test]
fn debug_redacts_secrets() {
    let config = ShopConfig {
        till_url: "http://till.test".to_owned(),
        widget_origin: "http://till.test".to_owned(),
        public_url: "http://shop.test".to_owned(),
        pk: "pk_1".to_owned(),
        secret_key: "sk_hidden".into(),
        signing_secret: SECRET.into(),
        sandbox_url: None,
    };
    let text = format!("{config:?}");
    assert!(!text.contains("sk_hidden") && !text.contains(SECRET));
}
