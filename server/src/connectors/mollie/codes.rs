//! Mollie's currencies and decline codes.

use till_shared::payment::DeclineCode;

/// <https://docs.mollie.com/docs/multicurrency>
#[rustfmt::skip]
pub const CURRENCIES: &[&str] = &[
    "AED", "AUD", "BGN", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "ISK",
    "JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "RON", "SEK", "SGD", "THB", "TWD", "USD", "ZAR",
];

/// `details.failureReason`: <https://docs.mollie.com/reference/get-payment>
const FAILURES: &[(&str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("authentication_abandoned", VerificationAbandoned),
        ("authentication_failed", VerificationFailed),
        ("authentication_required", VerificationFailed),
        ("authentication_unavailable_acs", VerificationFailed),
        ("card_declined", CardDeclined),
        ("card_expired", ExpiredCard),
        ("inactive_card", CardDeclined),
        ("insufficient_funds", InsufficientFunds),
        ("invalid_cvv", IncorrectCvc),
        ("invalid_card_holder_name", CardDeclined),
        ("invalid_card_number", IncorrectNumber),
        ("invalid_card_type", MethodUnavailable),
        ("possible_fraud", FraudSuspected),
        ("refused_by_issuer", CardDeclined),
        ("unknown_reason", CardDeclined),
    ]
};

/// Our decline code for a failure reason.
pub fn failure(reason: Option<&str>) -> DeclineCode {
    let row = FAILURES.iter().find(|(known, _)| reason == Some(known));
    row.map_or(DeclineCode::CardDeclined, |(_, ours)| *ours)
}
