//! The order that a page sends: as an order of a project's server, except that the amount may be a
//! decimal string, and that the invoice expires as the project's settings say.

use crate::flow::input::{deserialize, tidy, unknown_field};
use crate::flow::invoices::Order;
use crate::flow::{Error, Result};
use serde_json::{Map, Value, json};
use till_shared::money::{Currency, Money, MoneyError};
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Only for the OpenAPI document: an [`Order`] is read from the body.
pub struct PageOrder;

impl ToSchema for PageOrder {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Order::schemas(schemas);
    }
}

impl PartialSchema for PageOrder {
    fn schema() -> RefOr<Schema> {
        let mut schema = Order::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            let minor = object.properties.shift_remove("amount");
            let decimal = ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some(r"^[0-9]+(\.[0-9]+)?$"))
                .description(Some("A decimal string, such as `19.99`."))
                .build();
            let amount = AnyOfBuilder::new()
                .item(minor.unwrap_or_else(i64::schema))
                .item(decimal)
                .build();
            object
                .properties
                .insert("amount".into(), Schema::from(amount).into());
            object.properties.shift_remove("expires_in_seconds");
            object.description = Some(
                "An order as a page sends it. Its amount is minor units or a decimal string."
                    .into(),
            );
            let example = json!({"order_id": "42", "amount": "19.99", "currency": "EUR"});
            object.example = Some(example);
        }
        schema
    }
}

/// Reads the order of a page.
///
/// # Errors
/// `invalid-request` that names the fields.
pub fn read(mut body: Map<String, Value>) -> Result<Order> {
    tidy(&mut body)?;
    if body.contains_key("expires_in_seconds") {
        return Err(Error::fields(vec![unknown_field("expires_in_seconds")]));
    }
    let decimal = match body.get("amount") {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    if decimal.is_some() {
        body.insert("amount".into(), 0.into());
    }
    let mut order: Order = deserialize(body)?;
    if let Some(text) = decimal {
        let currency: Currency = order.currency.parse().map_err(|error: MoneyError| {
            Error::field("currency", "unknown_currency", error.to_string())
        })?;
        order.amount = Money::from_decimal(&text, currency)
            .map_err(|error| Error::field("amount", "invalid", error.to_string()))?
            .amount;
    }
    Ok(order)
}
