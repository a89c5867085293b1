//! Adyen's currencies, refusal reasons and error codes.

use till_shared::money::Currency;
use till_shared::payment::DeclineCode;

/// <https://docs.adyen.com/development-resources/currency-codes>
#[rustfmt::skip]
pub const CURRENCIES: &[&str] = &[
    "AED", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BMD",
    "BND", "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CHF", "CLP", "CNY", "COP", "CRC", "CVE",
    "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP",
    "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "ISK", "JMD",
    "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LYD",
    "MAD", "MDL", "MKD", "MMK", "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN",
    "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON",
    "RSD", "RWF", "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SOS", "SRD", "SZL", "THB", "TND", "TOP",
    "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VND", "VUV", "WST", "XAF", "XCD",
    "XOF", "XPF", "YER", "ZAR", "ZMW",
];

/// <https://docs.adyen.com/development-resources/refusal-reasons>: the code in responses, the text in
/// webhooks, and ours.
const REFUSALS: &[(&str, &str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("2", "Refused", CardDeclined),
        ("3", "Referral", CardDeclined),
        ("4", "Acquirer Error", ProcessingError),
        ("5", "Blocked Card", CardDeclined),
        ("6", "Expired Card", ExpiredCard),
        ("7", "Invalid Amount", LimitExceeded),
        ("8", "Invalid Card Number", IncorrectNumber),
        ("9", "Issuer Unavailable", ProcessingError),
        ("10", "Not supported", MethodUnavailable),
        ("11", "3D Not Authenticated", VerificationFailed),
        ("12", "Not enough balance", InsufficientFunds),
        ("14", "Acquirer Fraud", FraudSuspected),
        ("15", "Cancelled", VerificationAbandoned),
        ("16", "Shopper Cancelled", VerificationAbandoned),
        ("17", "Invalid Pin", CardDeclined),
        ("18", "Pin tries exceeded", LimitExceeded),
        ("19", "Pin validation not possible", CardDeclined),
        ("20", "FRAUD", FraudSuspected),
        ("21", "Not Submitted", ProcessingError),
        ("22", "FRAUD-CANCELLED", FraudSuspected),
        ("23", "Transaction Not Permitted", MethodUnavailable),
        ("24", "CVC Declined", IncorrectCvc),
        ("25", "Restricted Card", CardDeclined),
        ("26", "Revocation Of Auth", CardDeclined),
        ("27", "Declined Non Generic", CardDeclined),
        ("28", "Withdrawal amount exceeded", LimitExceeded),
        ("29", "Withdrawal count exceeded", LimitExceeded),
        ("31", "Issuer Suspected Fraud", FraudSuspected),
        ("32", "AVS Declined", CardDeclined),
        ("33", "Card requires online pin", CardDeclined),
        ("34", "No checking account available on Card", CardDeclined),
        ("35", "No savings account available on Card", CardDeclined),
        ("36", "Mobile pin required", VerificationFailed),
        ("37", "Contactless fallback", CardDeclined),
        ("38", "Authentication required", VerificationFailed),
        ("39", "RReq not received from DS", VerificationFailed),
        ("40", "Current AID is in Penalty Box.", CardDeclined),
        ("41", "CVM Required Restart Payment", CardDeclined),
        ("42", "3DS Authentication Error", VerificationFailed),
        ("43", "Online PIN required", CardDeclined),
        ("44", "Try another interface", CardDeclined),
        ("45", "Chip downgrade mode", CardDeclined),
        (
            "46",
            "Transaction blocked by Adyen to prevent excessive retry fees",
            LimitExceeded,
        ),
    ]
};

/// Error codes of requests whose data cannot be a card's:
/// <https://docs.adyen.com/development-resources/error-codes>
const CARD_ERRORS: &[(&str, DeclineCode)] = &[
    ("101", DeclineCode::IncorrectNumber),
    ("102", DeclineCode::MethodUnavailable),
    ("103", DeclineCode::IncorrectCvc),
    ("129", DeclineCode::ExpiredCard),
];

/// The error code of "Request already processed or in progress": the outcome is that of the earlier
/// request.
pub const IN_PROGRESS: &str = "704";

/// How many decimals Adyen's amounts in this currency have. CLP, CVE, IDR and ISK differ from ISO
/// 4217. <https://docs.adyen.com/development-resources/currency-codes>
pub fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "CVE" | "IDR" => 0,
        "CLP" | "ISK" => 2,
        _ => currency.exponent(),
    }
}

/// Our decline code for a refusal, by Adyen's code or text.
pub fn refusal(code: Option<&str>, text: Option<&str>) -> Option<DeclineCode> {
    let row = REFUSALS.iter().find(|(known_code, known_text, _)| {
        code == Some(known_code) || text.is_some_and(|t| t.eq_ignore_ascii_case(known_text))
    });
    row.map(|(.., ours)| *ours)
}

/// Our decline code for an error that means that the data cannot be a card's.
pub fn card_error(code: &str) -> Option<DeclineCode> {
    let row = CARD_ERRORS.iter().find(|(known, _)| *known == code);
    row.map(|(_, ours)| *ours)
}
