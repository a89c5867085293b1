//! Mollie's currencies, languages and decline codes.

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

/// The languages of Mollie's page, each language's own one first:
/// <https://docs.mollie.com/reference/create-payment>, `locale`.
#[rustfmt::skip]
const LOCALES: &[&str] = &[
    "ca_ES", "cs_CZ", "da_DK", "de_DE", "de_AT", "de_CH", "de_LU", "en_US", "en_BE", "en_GB",
    "en_NL", "es_ES", "fi_FI", "fr_FR", "fr_BE", "fr_LU", "hu_HU", "is_IS", "it_IT", "lt_LT",
    "lv_LV", "nb_NO", "nl_NL", "nl_BE", "pl_PL", "pt_PT", "sk_SK", "sv_SE",
];

/// Mollie's locale for a BCP 47 language tag; `None` if it does not have the language, so that it
/// uses the browser's.
pub fn locale(tag: &str) -> Option<&'static str> {
    let mut parts = tag.split('-');
    let language = match parts
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "no" | "nn" => "nb".to_owned(),
        language => language.to_owned(),
    };
    let region = parts.find(|part| part.len() == 2);
    let exact = region.map(|region| format!("{language}_{}", region.to_ascii_uppercase()));
    let same_language = |known: &&&str| known.split_once('_').map(|(l, _)| l) == Some(&language);
    let exact = exact.and_then(|exact| LOCALES.iter().find(|known| **known == exact));
    exact
        .or_else(|| LOCALES.iter().find(same_language))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_are_mollies() {
        for (tag, expected) in [
            ("de", Some("de_DE")),
            ("de-AT", Some("de_AT")),
            ("de-Latn-CH", Some("de_CH")),
            ("en", Some("en_US")),
            ("en-AU", Some("en_US")),
            ("nl-be", Some("nl_BE")),
            ("no", Some("nb_NO")),
            ("pt-BR", Some("pt_PT")),
            ("uk", None),
            ("zh-Hant", None),
            ("", None),
        ] {
            assert_eq!(locale(tag), expected, "{tag}");
        }
    }
}
