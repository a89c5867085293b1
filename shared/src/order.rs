//! The order that an invoice is created from.

use crate::buyer::Buyer;
use crate::invoice::Item;
#[cfg(feature = "openapi")]
use crate::money::Currency;
use crate::payment::Method;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// An order as a project sends it.
// A stored fingerprint of the serialized order recognizes the same order: the fields keep their order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(
    as = NewInvoice,
    example = json!({"order_id": "42", "amount": 1999, "currency": "EUR", "description": "A print"})
))]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Order {
    /// The project's order number, unique within the project.
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 128,
            pattern = r"^[^\s\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060]([^\x00-\x1f\x7f-\x9f\u2028-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060])?$"
        )
    )]
    pub order_id: String,
    /// The amount, in minor units. From a page also a decimal string such as `"19.99"`.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 999_999_999_999_i64)
    )]
    #[cfg_attr(test, ts(type = "number | string"))]
    pub amount: i64,
    /// The currency, ISO 4217.
    #[cfg_attr(feature = "openapi", schema(value_type = Currency))]
    pub currency: String,
    /// The description shown to the buyer.
    #[cfg_attr(
        feature = "openapi",
        schema(
            max_length = 1000,
            pattern = r"^[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e][^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]*$"
        )
    )]
    #[serde(default)]
    pub description: Option<String>,
    /// The line items.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    #[serde(default)]
    #[cfg_attr(test, ts(as = "Option<Vec<Item>>"))]
    pub items: Vec<Item>,
    /// The buyer's details, as far as they are known. Invalid ones count as missing, and the buyer is
    /// asked for them.
    #[serde(default, deserialize_with = "known_details")]
    #[cfg_attr(test, ts(as = "Option<Buyer>"))]
    pub buyer: Buyer,
    /// The language of the widget, a BCP 47 tag.
    #[cfg_attr(
        feature = "openapi",
        schema(
            max_length = 35,
            example = "de",
            pattern = r"^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$"
        )
    )]
    #[serde(default)]
    pub locale: Option<String>,
    /// Where the buyer goes after a successful payment.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^https?://[^\s/?#]+"))]
    #[serde(default)]
    pub success_url: Option<String>,
    /// Where the buyer goes otherwise.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^https?://[^\s/?#]+"))]
    #[serde(default)]
    pub failure_url: Option<String>,
    /// The payment method. From a project's server: the payment is submitted at once. From a page:
    /// the method that the widget offers first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// How long the invoice stays open, in seconds. Not from a page.
    #[cfg_attr(feature = "openapi", schema(minimum = 60, maximum = 31622400))]
    #[serde(default)]
    #[cfg_attr(test, ts(skip))]
    pub expires_in_seconds: Option<u32>,
    /// The project's own data: at most 50 entries, keys up to 40 and values up to 500 characters.
    #[cfg_attr(feature = "openapi", schema(schema_with = metadata))]
    #[serde(default)]
    #[cfg_attr(test, ts(type = "Record<string, string>", optional))]
    pub metadata: BTreeMap<String, String>,
}

/// The schema of metadata.
#[cfg(feature = "openapi")]
pub fn metadata() -> utoipa::openapi::Object {
    use utoipa::openapi::{ObjectBuilder, Schema, Type};
    let text = |min, max| {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let text = text.pattern(Some(r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"));
        text.min_length(min).max_length(Some(max)).build()
    };
    ObjectBuilder::new()
        .description(Some("The project's own data: names and texts."))
        .property_names(Some(text(Some(1), 40)))
        .additional_properties(Some(Schema::from(text(None, 500))))
        .max_properties(Some(50))
        .build()
}

/// Reads the buyer's details. What is neither text nor a number is no detail, and left out.
fn known_details<'de, D: Deserializer<'de>>(from: D) -> Result<Buyer, D::Error> {
    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Details {
        email: Detail,
        name: Detail,
        phone: Detail,
        country: Detail,
    }
    let details = Details::deserialize(from)?;
    Ok(Buyer {
        email: details.email.0,
        name: details.name.0,
        phone: details.phone.0,
        country: details.country.0,
    })
}

/// A detail of the buyer, if it is one. A phone number may be a number.
#[derive(Default)]
struct Detail(Option<String>);

impl<'de> Deserialize<'de> for Detail {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(DetailVisitor)
    }
}

struct DetailVisitor;

impl<'de> Visitor<'de> for DetailVisitor {
    type Value = Detail;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Detail, E> {
        Ok(Detail(Some(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Detail, E> {
        Ok(Detail(Some(number.to_string())))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Detail, E> {
        Ok(Detail(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Detail, E> {
        Ok(Detail(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Detail, E> {
        Ok(Detail(None))
    }

    fn visit_unit<E>(self) -> Result<Detail, E> {
        Ok(Detail(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Detail, A::Error> {
        while list.next_element::<Detail>()?.is_some() {}
        Ok(Detail(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Detail, A::Error> {
        while object.next_entry::<String, Detail>()?.is_some() {}
        Ok(Detail(None))
    }
}
