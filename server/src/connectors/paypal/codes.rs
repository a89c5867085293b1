//! PayPal's currencies and decline codes.

use till_shared::money::Currency;
use till_shared::payment::DeclineCode;

/// <https://developer.paypal.com/api/rest/reference/currency-codes/>
pub const CURRENCIES: &[&str] = &[
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY",
    "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
];

/// Issues of a capture that are declines, not errors:
/// <https://developer.paypal.com/docs/api/orders/v2/#errors>
const CAPTURE_ISSUES: &[(&str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("COMPLIANCE_VIOLATION", FraudSuspected),
        ("DOMESTIC_TRANSACTION_REQUIRED", MethodUnavailable),
        ("INSTRUMENT_DECLINED", CardDeclined),
        ("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", LimitExceeded),
        ("ORDER_EXPIRED", VerificationAbandoned),
        ("PAYEE_BLOCKED_TRANSACTION", FraudSuspected),
        ("PAYER_ACCOUNT_LOCKED_OR_CLOSED", CardDeclined),
        ("PAYER_ACCOUNT_RESTRICTED", CardDeclined),
        ("PAYER_CANNOT_PAY", CardDeclined),
        ("PAYMENT_SOURCE_CANNOT_BE_USED", MethodUnavailable),
        ("PAYMENT_SOURCE_DECLINED_BY_PROCESSOR", CardDeclined),
        ("REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", CardDeclined),
        ("REFERENCED_CARD_EXPIRED", ExpiredCard),
        (
            "TRANSACTION_AMOUNT_EXCEEDS_MONTHLY_MAX_LIMIT",
            LimitExceeded,
        ),
        ("TRANSACTION_BLOCKED_BY_PAYEE", FraudSuspected),
        ("TRANSACTION_LIMIT_EXCEEDED", LimitExceeded),
        ("TRANSACTION_RECEIVING_LIMIT_EXCEEDED", LimitExceeded),
        ("TRANSACTION_REFUSED", CardDeclined),
    ]
};

/// Issues that say nothing about the outcome of an earlier call with the same request id.
const IN_PROGRESS: &[&str] = &[
    "ORDER_COMPLETION_IN_PROGRESS",
    "PREVIOUS_REQUEST_IN_PROGRESS",
];

/// `processor_response.response_code` of a card behind a PayPal account:
/// <https://developer.paypal.com/docs/api/orders/v2/#definition-processor_response>
const PROCESSOR_RESPONSES: &[(&str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("00N7", IncorrectCvc),
        ("0390", IncorrectNumber),
        ("0500", CardDeclined),
        ("0580", CardDeclined),
        ("0960", ProcessingError),
        ("0R00", VerificationAbandoned),
        ("1310", LimitExceeded),
        ("1320", MethodUnavailable),
        ("1330", IncorrectNumber),
        ("1380", ExpiredCard),
        ("1382", IncorrectCvc),
        ("5100", CardDeclined),
        ("5110", IncorrectCvc),
        ("5120", InsufficientFunds),
        ("5135", LimitExceeded),
        ("5140", CardDeclined),
        ("5170", CardDeclined),
        ("5180", CardDeclined),
        ("5200", ProcessingError),
        ("5400", ExpiredCard),
        ("5650", VerificationFailed),
        ("5700", MethodUnavailable),
        ("5710", LimitExceeded),
        ("5910", ProcessingError),
        ("5920", ProcessingError),
        ("6300", IncorrectNumber),
        ("7700", VerificationFailed),
        ("7710", VerificationFailed),
        ("7800", IncorrectNumber),
        ("8000", ProcessingError),
        ("8100", ProcessingError),
        ("8110", ProcessingError),
        ("8220", ProcessingError),
        ("9500", FraudSuspected),
        ("9510", FraudSuspected),
        ("9520", CardDeclined),
    ]
};

/// How many decimals PayPal's amounts in this currency have. HUF and TWD have none.
pub fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "HUF" | "TWD" => 0,
        _ => currency.exponent(),
    }
}

/// Our decline code for an issue of a capture; `None` if the issue is no decline.
pub fn capture_issue(issue: &str) -> Option<DeclineCode> {
    find(CAPTURE_ISSUES, issue)
}

/// Whether an issue says that an earlier call is still in progress.
pub fn is_in_progress(issue: &str) -> bool {
    IN_PROGRESS.contains(&issue)
}

/// Our decline code for a response code of the processor.
pub fn processor_response(code: Option<&str>) -> DeclineCode {
    let found = code.and_then(|code| find(PROCESSOR_RESPONSES, code));
    found.unwrap_or(DeclineCode::CardDeclined)
}

fn find(codes: &[(&str, DeclineCode)], code: &str) -> Option<DeclineCode> {
    let row = codes.iter().find(|(known, _)| *known == code);
    row.map(|(_, ours)| *ours)
}
