//! Times in query strings and bodies.

use till_shared::id::EventId;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, SchemaFormat};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A time, or a date alone.
pub struct TimeOrDate;

impl ToSchema for TimeOrDate {}

impl PartialSchema for TimeOrDate {
    fn schema() -> RefOr<Schema> {
        let time = AnyOfBuilder::new().item(text(KnownFormat::DateTime));
        RefOr::T(time.item(text(KnownFormat::Date)).build().into())
    }
}

/// An event's id, a time, or a date alone.
pub struct EventOrTime;

impl ToSchema for EventOrTime {}

impl PartialSchema for EventOrTime {
    fn schema() -> RefOr<Schema> {
        let event = AnyOfBuilder::new().item(EventId::schema());
        let time = event.item(text(KnownFormat::DateTime));
        RefOr::T(time.item(text(KnownFormat::Date)).build().into())
    }
}

fn text(format: KnownFormat) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(format)))
}
