//! Reading input: what texts may hold, what counts as absent, and what never refuses an order.

use anyhow::{Context, Result, ensure};
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, Api, card, events, send, text};
use till_tests::wait::until;

const INVOICES: &str = "/v1/invoices";

async fn create(api: &Api, order: &Value) -> Result<Answer> {
    send(api.secret(Method::POST, INVOICES).json(order)).await
}

fn order(number: &str, more: Value) -> Value {
    let mut order = Api::order(number);
    for (key, value) in more.as_object().into_iter().flatten() {
        order[key] = value.clone();
    }
    order
}

#[tokio::test]
async fn control_characters_are_errors_for_every_way_in() -> Result<()> {
    let app = TestApp::start().await?;
    let api = &app.api;
    for (more, field) in [
        (json!({ "order_id": "4\u{0}2" }), "order_id"),
        (json!({ "description": "a\u{1b}[31m" }), "description"),
        (json!({ "description": "a\tb" }), "description"),
        (
            json!({ "items": [{ "name": "a\u{0}", "quantity": 1, "amount": 1 }] }),
            "items[0].name",
        ),
        (json!({ "buyer": { "name": "a\u{0}" } }), "buyer.name"),
        (
            json!({ "metadata": { "note": "a\u{85}b" } }),
            "metadata.note",
        ),
        (json!({ "metadata": { "note": "a\nb" } }), "metadata.note"),
        (
            json!({ "success_url": "https://shop.example/\u{0}" }),
            "success_url",
        ),
        (json!({ "description": "a\u{202e}b" }), "description"),
        (json!({ "order_id": "a\u{202e}b" }), "order_id"),
    ] {
        let answer = create(api, &order("42", more.clone())).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == [field],
            "{more}: {answer:?}"
        );
    }

    let opened = api.invoice("42").await?;
    let paid = api.paid_with(&opened, APPROVED).await?;
    let payment = text(&paid["payment"]["id"])?;
    for (method, path, body, field) in [
        (
            Method::GET,
            "/v1/invoices?order_id=a%00".to_owned(),
            None,
            "order_id",
        ),
        (
            Method::GET,
            "/v1/invoices?cursor=%00".into(),
            None,
            "cursor",
        ),
        (Method::GET, "/v1/payments?email=a%00".into(), None, "email"),
        (
            Method::GET,
            "/v1/payments?connector=%00".into(),
            None,
            "connector",
        ),
        (Method::GET, "/v1/refunds?status=%1f".into(), None, "status"),
        (Method::GET, "/v1/events?after=%00".into(), None, "after"),
        (Method::GET, "/v1/events?type=%FF".into(), None, "type"),
        (
            Method::POST,
            format!("/v1/payments/{payment}/refunds"),
            Some(json!({ "reason": "a\u{0}" })),
            "reason",
        ),
        (
            Method::POST,
            "/v1/events/resend".into(),
            Some(json!({ "state": "failed", "after": "\u{0}" })),
            "after",
        ),
    ] {
        let mut request = api.secret(method, &path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = send(request).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == [field],
            "{path}: {answer:?}"
        );
    }

    for path in [
        "/v1/connectors/sandbox/%00/webhooks",
        "/v1/connectors/%00/main/webhooks",
        "/v1/connectors/sandbox/%FF/webhooks",
    ] {
        let request = api.request(Method::POST, path).body("{}");
        send(request).await?.problem(404, "not-found")?;
    }
    for path in [
        "/v1/invoices/%00",
        "/v1/invoices/%FF",
        "/v1/payments/pay_%00",
    ] {
        send(api.secret(Method::GET, path))
            .await?
            .problem(404, "not-found")?;
    }
    for path in [
        "/pay/frame?mode=iframe&project=pk_%00",
        "/pay/inv_%00",
        "/pay/%FF",
    ] {
        let answer = send(api.request(Method::GET, path)).await?;
        ensure!(answer.status == 404, "{path}: {answer:?}");
    }
    // A client sends what it was sent as the id of an event: anything else counts as none.
    let request = api.widget(Method::GET, &opened, "/events");
    let mut stream = request.header("last-event-id", &b"\xff"[..]).send().await?;
    ensure!(stream.status() == 200);
    let chunk = stream.chunk().await?.context("no event")?;
    ensure!(String::from_utf8_lossy(&chunk).contains("state"));
    Ok(())
}

#[tokio::test]
async fn an_order_id_has_no_blanks_at_its_ends() -> Result<()> {
    let app = TestApp::start().await?;
    app.api.invoice("42").await?;
    for id in ["42 ", " 42", "42\n", "\u{a0}42", "42\u{feff}"] {
        let answer = create(&app.api, &Api::order(id)).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == ["order_id"],
            "{id:?}"
        );
        ensure!(
            answer.text.contains("must not begin or end with a blank"),
            "{answer:?}"
        );
    }
    let list = send(app.api.secret(Method::GET, "/v1/invoices?order_id=42%20")).await?;
    ensure!(list.problem(422, "invalid-request")? == ["order_id"]);
    let list = send(app.api.secret(Method::GET, INVOICES)).await?.json();
    ensure!(
        list["data"].as_array().is_some_and(|all| all.len() == 1),
        "{list}"
    );
    Ok(())
}

#[tokio::test]
async fn harmless_differences_are_set_right() -> Result<()> {
    let app = TestApp::with(&["--require", "email", "--require", "phone"]).await?;
    let sent = order(
        "42",
        json!({
            "currency": " eur ",
            "description": "  A print\r\nsigned  ",
            "locale": "PT_br",
            "items": {},
            "metadata": [],
            "success_url": null,
            "method": "",
            "expires_in_seconds": null,
            "buyer": { "email": " jo@shop.example ", "phone": "", "country": "de", "name": null },
        }),
    );
    let created = create(&app.api, &sent).await?;
    ensure!(created.status == 201, "{created:?}");
    let invoice = created.json();
    ensure!(
        invoice["currency"] == "EUR" && invoice["locale"] == "pt-BR",
        "{invoice}"
    );
    ensure!(invoice["description"] == "A print\nsigned", "{invoice}");
    let buyer = json!({ "email": "jo@shop.example", "country": "DE" });
    ensure!(
        invoice["buyer"] == buyer && invoice["missing"] == json!(["phone"]),
        "{invoice}"
    );
    ensure!(
        invoice["items"] == json!([]) && invoice["metadata"] == json!({}),
        "{invoice}"
    );

    // The same order in other words is the same order.
    let again = order(
        "42",
        json!({
            "description": "A print\nsigned",
            "buyer": { "email": "jo@shop.example", "country": "DE", "phone": "unknown" },
        }),
    );
    let again = create(&app.api, &again).await?;
    ensure!(
        again.status == 200 && again.json()["id"] == invoice["id"],
        "{again:?}"
    );

    // The payment page asks for the rest.
    let billing = app.api.request(
        Method::GET,
        &format!("/v1/widget/invoices/{}", text(&invoice["id"])?),
    );
    let billing = send(billing.bearer_auth(text(&invoice["client_token"])?))
        .await?
        .json();
    ensure!(billing["missing"] == json!(["phone"]), "{billing}");
    ensure!(billing["description"] == "A print\nsigned", "{billing}");
    Ok(())
}

#[tokio::test]
async fn a_buyers_details_never_refuse_an_order() -> Result<()> {
    let app = TestApp::with(&["--require", "email", "--require", "country"]).await?;
    for (i, buyer) in [
        json!({ "email": "nobody", "country": "Germany" }),
        json!({ "email": ["a"], "country": 49 }),
        json!({ "email": "a@b", "country": {} }),
        json!([]),
        json!({ "name": "a".repeat(201), "phone": "call me" }),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = create(&app.api, &order(&i.to_string(), json!({ "buyer": buyer }))).await?;
        let invoice = answer.json();
        ensure!(
            answer.status == 201 && invoice["buyer"] == json!({}),
            "{answer:?}"
        );
        ensure!(
            invoice["missing"] == json!(["email", "country"]),
            "{invoice}"
        );
    }
    let lines = order("8", json!({ "buyer": { "name": "Jane \r\n Doe\tRoe" } }));
    let lines = create(&app.api, &lines).await?.json();
    ensure!(lines["buyer"]["name"] == "Jane Doe Roe", "{lines}");
    let unknown = order("9", json!({ "buyer": { "mail": "a@b.example" } }));
    let unknown = create(&app.api, &unknown).await?;
    ensure!(unknown.problem(422, "invalid-request")? == ["buyer.mail"]);

    // On the page, an invalid detail is an error.
    let opened = app.api.invoice("10").await?;
    let mut body = card(APPROVED);
    body["buyer"] = json!({ "email": "nobody", "country": "de" });
    let answer = app.api.pay(&opened, &body).await?;
    ensure!(
        answer.problem(422, "invalid-request")? == ["buyer.email"],
        "{answer:?}"
    );
    body["buyer"]["email"] = json!(" jo@shop.example");
    let answer = app.api.pay(&opened, &body).await?;
    ensure!(answer.status == 201, "{answer:?}");
    ensure!(app.api.read(&opened.id).await?["buyer"]["country"] == "DE");
    Ok(())
}

#[tokio::test]
async fn bodies_are_read_as_clients_send_them() -> Result<()> {
    let app = TestApp::start().await?;
    let raw = async |body: &[u8]| {
        let request = app.api.secret(Method::POST, INVOICES);
        let request = request.header("content-type", "application/json");
        send(request.body(body.to_owned())).await
    };
    let body = Api::order("1").to_string();
    let with_mark = [b"\xef\xbb\xbf".as_slice(), body.as_bytes()].concat();
    ensure!(
        raw(&with_mark).await?.status == 201,
        "a byte order mark was refused"
    );
    for (body, words) in [
        (&b""[..], "The body is empty"),
        (b" \n", "The body is empty"),
        (b"{", "ends too early"),
        (b"{'a': 1}", "line 1, column 2"),
        (b"\"text\"", "must be a JSON object, not text"),
        (
            b"[\"42\", 1999, \"EUR\"]",
            "must be a JSON object, not a list",
        ),
        (b"{\"a\": \"\xff\"}", "not UTF-8"),
    ] {
        let answer = raw(body).await?;
        answer.problem(422, "invalid-request")?;
        ensure!(answer.text.contains(words), "{words}: {answer:?}");
    }
    for body in [&b"[]"[..], b"null", b"{}"] {
        let fields = raw(body).await?.problem(422, "invalid-request")?;
        ensure!(fields == ["order_id"], "{fields:?}");
    }
    let twice = raw(br#"{"order_id": "1", "items": [{"name": "a", "name": "b"}]}"#).await?;
    ensure!(
        twice.problem(422, "invalid-request")? == ["items[0].name"],
        "{twice:?}"
    );
    Ok(())
}

#[tokio::test]
async fn the_answer_of_an_endpoint_may_hold_anything() -> Result<()> {
    let app = TestApp::start().await?;
    app.project
        .respond_to_callbacks(|_| "thanks\u{0}\u{202e}".into_response());
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    until("the events are delivered", async || {
        let all = events(&app.api, "?state=delivered").await?;
        Ok(all.len() == 2)
    })
    .await?;
    let event = &events(&app.api, "").await?[0];
    let path = format!("/v1/events/{}", text(&event["id"])?);
    let event = send(app.api.secret(Method::GET, &path)).await?;
    ensure!(event.text.contains("thanks\u{fffd}\u{fffd}"), "{event:?}");
    Ok(())
}

#[tokio::test]
async fn what_the_items_lack_is_a_line_of_its_own() -> Result<()> {
    let app = TestApp::start().await?;
    let items = |amount: i64| json!([{ "name": "A print", "quantity": 2, "amount": amount }]);
    for (number, locale, amount, expected) in [
        (
            "1",
            "en",
            1000,
            json!({ "name": "Discount", "quantity": 1, "amount": -1 }),
        ),
        (
            "2",
            "de",
            500,
            json!({ "name": "Weitere Kosten", "quantity": 1, "amount": 999 }),
        ),
    ] {
        let order = order(number, json!({ "items": items(amount), "locale": locale }));
        let opened = app.api.invoice_of(&order).await?;
        let billing = send(app.api.widget(Method::GET, &opened, "")).await?.json();
        ensure!(billing["items"][1] == expected, "{billing}");
        // The project's own items stay as they are.
        ensure!(app.api.read(&opened.id).await?["items"] == items(amount));
    }
    let even = order("3", json!({ "amount": 2000, "items": items(1000) }));
    let opened = app.api.invoice_of(&even).await?;
    let billing = send(app.api.widget(Method::GET, &opened, "")).await?.json();
    ensure!(billing["items"] == items(1000), "{billing}");
    let vast =
        json!([{ "name": "A", "quantity": 4_000_000_000_u32, "amount": 999_999_999_999_i64 }]);
    let vast = create(&app.api, &order("4", json!({ "items": vast }))).await?;
    ensure!(
        vast.problem(422, "invalid-request")? == ["items"],
        "{vast:?}"
    );
    Ok(())
}
