//! Stripe's currencies and decline codes.

use till_shared::money::Currency;
use till_shared::payment::DeclineCode;

/// <https://docs.stripe.com/currencies>, without UGX, on which Stripe's pages contradict each other.
#[rustfmt::skip]
pub const CURRENCIES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF",
    "BMD", "BND", "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP",
    "CRC", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL",
    "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "ISK", "JMD",
    "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD",
    "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN",
    "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG",
    "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SOS", "SRD", "SZL",
    "THB", "TJS", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "VND", "VUV",
    "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR", "ZMW",
];

/// <https://docs.stripe.com/declines/codes>, then the error codes that mean a decline,
/// <https://docs.stripe.com/error-codes>. For a lost or stolen card Stripe says to tell the buyer no
/// more than that the card was declined.
const DECLINES: &[(&str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("approve_with_id", CardDeclined),
        ("authentication_not_handled", VerificationFailed),
        ("authentication_required", VerificationFailed),
        ("call_issuer", CardDeclined),
        ("card_not_supported", MethodUnavailable),
        ("card_velocity_exceeded", LimitExceeded),
        ("currency_not_supported", MethodUnavailable),
        ("do_not_honor", CardDeclined),
        ("do_not_try_again", CardDeclined),
        ("duplicate_transaction", ProcessingError),
        ("expired_card", ExpiredCard),
        ("fraudulent", FraudSuspected),
        ("generic_decline", CardDeclined),
        ("highest_risk_level", FraudSuspected),
        ("incorrect_address", CardDeclined),
        ("incorrect_cvc", IncorrectCvc),
        ("incorrect_number", IncorrectNumber),
        ("incorrect_pin", CardDeclined),
        ("incorrect_zip", CardDeclined),
        ("insufficient_funds", InsufficientFunds),
        ("invalid_account", CardDeclined),
        ("invalid_amount", LimitExceeded),
        ("invalid_cvc", IncorrectCvc),
        ("invalid_expiry_month", ExpiredCard),
        ("invalid_expiry_year", ExpiredCard),
        ("invalid_number", IncorrectNumber),
        ("invalid_pin", CardDeclined),
        ("issuer_not_available", ProcessingError),
        ("lost_card", CardDeclined),
        ("merchant_blacklist", FraudSuspected),
        ("mobile_device_authentication_required", VerificationFailed),
        ("new_account_information_available", CardDeclined),
        ("no_action_taken", CardDeclined),
        ("not_permitted", CardDeclined),
        ("offline_pin_required", CardDeclined),
        ("online_or_offline_pin_required", CardDeclined),
        ("pickup_card", CardDeclined),
        ("pin_try_exceeded", LimitExceeded),
        ("previously_declined_do_not_retry", CardDeclined),
        ("processing_error", ProcessingError),
        ("reenter_transaction", ProcessingError),
        ("restricted_card", CardDeclined),
        ("revocation_of_all_authorizations", CardDeclined),
        ("revocation_of_authorization", CardDeclined),
        ("security_violation", CardDeclined),
        ("service_not_allowed", CardDeclined),
        ("stolen_card", CardDeclined),
        ("stop_payment_order", CardDeclined),
        ("testmode_decline", CardDeclined),
        ("transaction_not_allowed", MethodUnavailable),
        ("try_again_later", ProcessingError),
        ("withdrawal_count_limit_exceeded", LimitExceeded),
        ("card_declined", CardDeclined),
        ("card_decline_rate_limit_exceeded", LimitExceeded),
        ("payment_intent_authentication_failure", VerificationFailed),
        (
            "payment_intent_payment_attempt_expired",
            VerificationAbandoned,
        ),
        ("payment_intent_payment_attempt_failed", CardDeclined),
    ]
};

/// How many decimals Stripe's amounts in this currency have:
/// <https://docs.stripe.com/currencies#zero-decimal>. MGA has two decimals in ISO 4217 and none
/// here; ISK has none in ISO 4217 and two here.
pub fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "BIF" | "CLP" | "DJF" | "GNF" | "JPY" | "KMF" | "KRW" | "MGA" | "PYG" | "RWF" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// The smallest step of an amount in Stripe's units: the last of three decimals must be 0.
pub fn step(currency: Currency) -> i64 {
    match decimals(currency) {
        3 => 10,
        _ => 1,
    }
}

/// Our decline code for the first of these codes that is known.
pub fn decline<'a>(codes: impl IntoIterator<Item = &'a str>) -> DeclineCode {
    codes
        .into_iter()
        .find_map(|code| DECLINES.iter().find(|(known, _)| *known == code))
        .map_or(DeclineCode::CardDeclined, |(_, ours)| *ours)
}

/// The languages of Stripe's page: <https://docs.stripe.com/api/checkout/sessions/create>, `locale`.
#[rustfmt::skip]
const LOCALES: &[&str] = &[
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR",
    "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

/// Stripe's locale for a BCP 47 language tag; `None` if the browser's language is the better choice.
pub fn locale(tag: &str) -> Option<&'static str> {
    let known = |tag: &str| {
        LOCALES
            .iter()
            .find(|l| l.eq_ignore_ascii_case(tag))
            .copied()
    };
    let language = tag.split('-').next().unwrap_or(tag);
    let language = match language.to_ascii_lowercase().as_str() {
        "zh" if tag.to_ascii_lowercase().contains("hant") => "zh-TW",
        "no" | "nn" => "nb",
        _ => language,
    };
    known(tag).or_else(|| known(language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_are_stripes() {
        for (tag, expected) in [
            ("de", Some("de")),
            ("de-AT", Some("de")),
            ("pt-br", Some("pt-BR")),
            ("pt-PT", Some("pt")),
            ("zh-Hans", Some("zh")),
            ("zh-Hant", Some("zh-TW")),
            ("zh-Hant-HK", Some("zh-TW")),
            ("no", Some("nb")),
            ("uk", None),
            ("", None),
        ] {
            assert_eq!(locale(tag), expected, "{tag}");
        }
    }
}
