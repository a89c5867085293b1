//! Texts in query strings that narrow lists.

use utoipa::ToSchema;

/// An order id.
#[derive(ToSchema)]
#[schema(
    pattern = r"^[^\s\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060]([^\x00-\x1f\x7f-\x9f\u2028-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060])?$"
)]
#[allow(dead_code, reason = "only for the OpenAPI document")]
pub struct OrderIdFilter(String);

/// An email address, in any case.
#[derive(ToSchema)]
#[schema(pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e]*$")]
#[allow(dead_code, reason = "only for the OpenAPI document")]
pub struct EmailFilter(String);

/// The last four digits of a card.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9]{4}$")]
#[allow(dead_code, reason = "only for the OpenAPI document")]
pub struct Last4Filter(String);
