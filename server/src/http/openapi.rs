//! The OpenAPI 3.1 document, generated from the handlers, and a viewer for it at `/docs`.

mod callbacks;
mod corrections;
mod filters;
mod times;

use crate::app::App;
use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use till_shared::captcha::{Captcha, CaptchaKind};
use till_shared::problem::{FieldError, Problem, ProblemType, Reason};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Header, OpenApi, Ref, RefOr, Response, ResponseBuilder, ServerBuilder, Tag,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};
use utoipa_swagger_ui::SwaggerUi;

/// Declares a type that lists the problems a call may respond with.
macro_rules! problems {
    ($name:ident: $($kind:ident),* $(,)?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::http::openapi::responses(&[
                    $(till_shared::problem::ProblemType::$kind),*
                ])
            }
        }
    };
}
pub use filters::{EmailFilter, Last4Filter, OrderIdFilter};
pub(super) use problems;
pub use times::{EventOrTime, TimeOrDate};

/// Responses for these problems: one for each status, with an example of each problem.
pub fn responses(kinds: &[ProblemType]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<ProblemType>>::new();
    // Every call may fail internally or be rejected by load shedding.
    let always = [ProblemType::Internal, ProblemType::Unavailable];
    for kind in kinds.iter().chain(&always) {
        let of_status = by_status.entry(kind.status()).or_default();
        if !of_status.contains(kind) {
            of_status.push(*kind);
        }
    }
    let response = |(status, kinds): (u16, Vec<ProblemType>)| {
        let titles: Vec<_> = kinds.iter().map(|kind| kind.title()).collect();
        let examples = kinds.iter().map(|kind| {
            let example = ExampleBuilder::new().value(serde_json::to_value(example(*kind)).ok());
            (kind.as_str(), example.build())
        });
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .examples_from_iter(examples)
            .build();
        let mut response = ResponseBuilder::new()
            .description(titles.join(", or: "))
            .content("application/problem+json", content);
        if kinds.contains(&ProblemType::Unauthorized) {
            response = response.header("WWW-Authenticate", header("How to authenticate: `Bearer`"));
        }
        let again = [ProblemType::Unavailable, ProblemType::IdempotencyKeyInUse];
        if again.iter().any(|kind| kinds.contains(kind)) {
            response = response.header("Retry-After", header("Seconds to wait"));
        }
        (status.to_string(), RefOr::T(response.build()))
    };
    by_status.into_iter().map(response).collect()
}

fn header(description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(String::schema()))
        .description(Some(description))
        .build()
}

/// The responses of pages for browsers when the server fails or sheds load. Clients that do not ask
/// for HTML get a problem document.
pub struct PageProblems;

impl IntoResponses for PageProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = responses(&[]);
        for response in all.values_mut() {
            if let RefOr::T(response) = response {
                let page = ContentBuilder::new().schema(Some(String::schema())).build();
                response.content.insert("text/html".into(), page.into());
            }
        }
        all
    }
}

fn example(kind: ProblemType) -> Problem {
    let errors = match kind {
        ProblemType::InvalidRequest => {
            vec![FieldError::new(
                "amount",
                "out_of_range",
                "must be from 1 to 999999999999 minor units, not 0",
            )]
        }
        _ => vec![],
    };
    Problem {
        reason: Reason {
            r#type: format!("/problems/{kind}"),
            detail: "What happened in this case.".into(),
            errors,
            retry_after: (kind == ProblemType::TooManyAttempts).then_some(60),
        },
        title: kind.title().to_owned(),
        status: kind.status(),
        request_id: "req_01900000000070008000000000000001".into(),
        captcha: (kind == ProblemType::CaptchaRequired).then(|| Captcha {
            kind: CaptchaKind::Turnstile,
            site_key: "1x00000000000000000000AA".into(),
            script_url: "https://challenges.cloudflare.com/turnstile/v0/api.js".into(),
            page_url:
                "https://captcha.till.example/pay/inv_01900000000070008000000000000001/captcha"
                    .into(),
        }),
    }
}

/// Completes the document with title, server, security schemes, tags, callbacks and the schemas of
/// problems. `base_url` is the server's public URL.
fn complete(mut api: OpenApi, base_url: &str) -> OpenApi {
    corrections::apply(&mut api);
    let server = ServerBuilder::new()
        .url(base_url)
        .description(Some("This server"))
        .build();
    api.servers = Some(vec![server]);
    api.webhooks = Some(callbacks::webhooks());
    api.info.contact = None;
    api.info.title = "Till".into();
    api.info.version = env!("CARGO_PKG_VERSION").into();
    api.info.description = Some(
        "Take payments on your own site. Money is integer minor units with an ISO 4217 currency; \
         times are RFC 3339 UTC; errors are RFC 9457 problem documents; lists are paged by cursor."
            .into(),
    );
    let tag = |name: &str, text: &str| {
        let mut tag = Tag::new(name);
        tag.description = Some(text.to_owned());
        tag
    };
    api.tags = Some(vec![
        tag("invoices", "Amounts owed for orders"),
        tag("payments", "Attempts to pay, and refunds"),
        tag("disputes", "Payments that the buyer's bank disputes"),
        tag("events", "Callbacks and their delivery"),
        tag("testing", "Time in test projects"),
        tag("callbacks", "Requests that Till sends to your server"),
        tag(
            "projects",
            "For the operator: projects, their keys and accounts",
        ),
        tag("widget", "The payment widget's API"),
        tag("pages", "Pages for browsers"),
        tag("operation", "Health checks and metrics"),
    ]);
    let components = api.components.get_or_insert_default();
    callbacks::schemas(components);
    let schemas = [
        (Problem::name(), Problem::schema()),
        (Reason::name(), Reason::schema()),
        (FieldError::name(), FieldError::schema()),
        (Captcha::name(), Captcha::schema()),
        (CaptchaKind::name(), CaptchaKind::schema()),
        (ProblemType::name(), ProblemType::schema()),
    ];
    for (name, schema) in schemas {
        components.schemas.insert(name.into_owned(), schema);
    }
    let bearer = |text: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        SecurityScheme::Http(scheme.description(Some(text)).build())
    };
    for (name, text) in [
        (
            "secret_key",
            "The project's secret key, `sk_...`: on its server only. The operation names the scope that the key \
             needs: `read`, `write` or `refund`",
        ),
        (
            "publishable_key",
            "The project's publishable key, `pk_...`, with an allowed Origin",
        ),
        (
            "client_token",
            "The invoice's client token, `ct_...`: for the widget. It is valid until a day after the \
             invoice was paid, canceled or expired",
        ),
        (
            "operator",
            "An operator's token: one of `till operator create`, or `TILL_OPERATOR_TOKEN`, which is an admin's. \
             The operation names the role that it needs: `viewer`, `support` or `admin`",
        ),
    ] {
        components.add_security_scheme(name, bearer(text));
    }
    api
}

/// States that the operations are reached where the document is, and not at the public URL.
pub fn at_this_listener(mut api: OpenApi) -> OpenApi {
    for item in api.paths.paths.values_mut() {
        let server = ServerBuilder::new()
            .url("/")
            .description(Some("The operator's listener"))
            .build();
        item.servers = Some(vec![server]);
    }
    api
}

/// `/openapi.json`. The document is completed at the first request for it: most servers are never asked
/// for it.
pub fn router(api: OpenApi, base_url: String) -> Router<Arc<App>> {
    let document = Arc::new(LazyLock::new(move || json!(complete(api, &base_url))));
    Router::new().route(
        "/openapi.json",
        get(move || async move { Json(&**document).into_response() }),
    )
}

/// `/docs`, the viewer of `/openapi.json`.
pub fn viewer() -> Router<Arc<App>> {
    let viewer = SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from("/openapi.json"));
    Router::new().merge(viewer)
}
