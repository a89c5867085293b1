//! The requests that the server sends to a project, as `webhooks` of the document.

use till_shared::event::{Event, EventType, OrderCheckAnswer};
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
    Paths, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::AllOfBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, ObjectBuilder, Ref, Required, Response, ResponseBuilder, Schema,
    Type,
};
use utoipa::{PartialSchema, ToSchema};

/// Every callback, by its type.
pub fn webhooks() -> Paths {
    let add = |paths: PathsBuilder, kind: &EventType| {
        let item = PathItem::new(HttpMethod::Post, operation(*kind));
        paths.path(kind.as_str(), item)
    };
    EventType::ALL.iter().fold(PathsBuilder::new(), add).build()
}

/// Adds the schemas that only callbacks use.
pub fn schemas(components: &mut Components) {
    let mut all = vec![
        (Event::name().into_owned(), Event::schema()),
        (
            OrderCheckAnswer::name().into_owned(),
            OrderCheckAnswer::schema(),
        ),
    ];
    Event::schemas(&mut all);
    components.schemas.extend(all);
}

/// What a callback reports, and the objects in its `data`.
fn subject(kind: EventType) -> (&'static str, &'static [&'static str]) {
    const INVOICE: &[&str] = &["invoice"];
    const PAYMENT: &[&str] = &["invoice", "payment"];
    const REFUND: &[&str] = &["invoice", "payment", "refund"];
    const DISPUTE: &[&str] = &["invoice", "payment", "dispute"];
    match kind {
        EventType::OrderCheck => ("Confirm an order", INVOICE),
        EventType::InvoicePaid => ("The invoice is paid", PAYMENT),
        EventType::PaymentSucceeded => ("A payment succeeded", PAYMENT),
        EventType::PaymentDeclined => ("A payment was declined", PAYMENT),
        EventType::PaymentFailed => ("A payment failed. No money was taken", PAYMENT),
        EventType::PaymentDuplicateRefunded => (
            "A second successful payment of the same order was refunded",
            PAYMENT,
        ),
        EventType::PaymentReversed => (
            "The payment system took a payment back without a dispute",
            PAYMENT,
        ),
        EventType::InvoiceExpired => ("The invoice expired unpaid", INVOICE),
        EventType::InvoiceCanceled => ("The invoice was canceled", INVOICE),
        EventType::RefundSucceeded => ("A refund succeeded", REFUND),
        EventType::RefundFailed => ("A refund failed, or its money came back", REFUND),
        EventType::DisputeOpened => ("The buyer's bank disputes a payment", DISPUTE),
        EventType::DisputeUpdated => ("A dispute changed", DISPUTE),
        EventType::DisputeClosed => ("A dispute is decided", DISPUTE),
        EventType::Ping => ("A test of the endpoint", &[]),
    }
}

fn operation(kind: EventType) -> Operation {
    let (summary, objects) = subject(kind);
    let operation = OperationBuilder::new()
        .operation_id(Some(operation_id(kind)))
        .tag("callbacks")
        .summary(Some(summary))
        .parameters(Some(headers()))
        .request_body(Some(
            RequestBodyBuilder::new()
                .content(
                    "application/json",
                    ContentBuilder::new()
                        .schema(Some(body(kind, objects)))
                        .build(),
                )
                .required(Some(Required::True))
                .build(),
        ));
    if kind == EventType::OrderCheck {
        return order_check(operation).build();
    }
    operation
        .description(Some(
            "Sent to the project's `notify_url`. The signature is that of Standard Webhooks. An event \
             may arrive more than once: handle each `id` once.",
        ))
        .response("2XX", empty("Delivered"))
        .response("410", empty("Turns the endpoint off, until `notify_url` is set again"))
        .response(
            "default",
            empty("Not delivered. Till sends the event again later, at most nine times"),
        )
        .build()
}

fn order_check(operation: OperationBuilder) -> OperationBuilder {
    let answer = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(OrderCheckAnswer::name())))
        .build();
    let answered = ResponseBuilder::new()
        .description("Whether the project accepts the order")
        .content("application/json", answer)
        .build();
    operation
        .description(Some(
            "Sent to the project's `check_url` before money moves. The signature is that of Standard \
             Webhooks. Answer within 5 seconds. An `amount` and a `currency` in the answer must equal \
             the order's.",
        ))
        .response("200", answered)
        .response(
            "default",
            empty("Till asks once more. Without an answer, nothing is charged"),
        )
}

/// `invoice.paid` gives `onInvoicePaid`.
fn operation_id(kind: EventType) -> String {
    let words = kind.as_str().split(['.', '_']);
    let capitalized = words.filter_map(|word| {
        let (first, rest) = word.split_at_checked(1)?;
        Some(first.to_uppercase() + rest)
    });
    format!("on{}", capitalized.collect::<String>())
}

/// An event of this type, with these objects.
fn body(kind: EventType, objects: &[&str]) -> Schema {
    let kind = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([kind.as_str()]))
        .build();
    let mut data = ObjectBuilder::new();
    for object in objects {
        data = data.required(*object);
    }
    let narrowed = ObjectBuilder::new()
        .property("type", kind)
        .property("data", data.build())
        .build();
    AllOfBuilder::new()
        .item(Ref::from_schema_name(Event::name()))
        .item(narrowed)
        .build()
        .into()
}

fn headers() -> Vec<Parameter> {
    let header = |name: &str, description: &str, pattern: &str| {
        let value = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(pattern))
            .build();
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(description))
            .schema(Some(value))
            .build()
    };
    vec![
        header(
            "webhook-id",
            "The event's id, the same on every attempt",
            "^evt_[0-9a-z]{1,60}$",
        ),
        header(
            "webhook-timestamp",
            "When the attempt was made, in seconds since 1970",
            "^[0-9]+$",
        ),
        header(
            "webhook-signature",
            "`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`. Two of them, separated by a \
             space, for 24 hours after the secret was rotated",
            "^v1,[0-9A-Za-z+/=]+( v1,[0-9A-Za-z+/=]+)*$",
        ),
    ]
}

fn empty(description: &str) -> Response {
    ResponseBuilder::new().description(description).build()
}
