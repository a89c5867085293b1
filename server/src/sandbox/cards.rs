//! The test cards. One table serves the ledger, the page that lists them and the tests.

/// Succeeds immediately (Visa).
pub const APPROVED: &str = "4242424242424242";
/// Succeeds immediately (Mastercard).
pub const APPROVED_MASTERCARD: &str = "5555555555554444";
/// Succeeds immediately (American Express).
pub const APPROVED_AMEX: &str = "378282246310005";
/// Requires verification in a frame.
pub const VERIFIED: &str = "4000000000003220";
/// Requires verification on a page that cannot be framed.
pub const VERIFIED_BY_REDIRECT: &str = "4000000000003063";
/// Requires verification, which fails even when the buyer confirms.
pub const VERIFICATION_FAILED: &str = "4000000000009037";
/// Requires verification and is declined for insufficient funds after the buyer confirms.
pub const DECLINED_AFTER_VERIFICATION: &str = "4000000000009052";
/// Requires verification, which expires after 3 seconds.
pub const VERIFICATION_EXPIRES: &str = "4000000000009045";
/// Declines with `insufficient_funds`.
pub const INSUFFICIENT_FUNDS: &str = "4000000000009995";
/// Declines with `card_declined`.
pub const CARD_DECLINED: &str = "4000000000000002";
/// Declines with `expired_card`.
pub const EXPIRED_CARD: &str = "4000000000000069";
/// Declines with `incorrect_cvc`.
pub const INCORRECT_CVC: &str = "4000000000000127";
/// Declines with `incorrect_number`.
pub const INCORRECT_NUMBER: &str = "4000000000009003";
/// Declines with `fraud_suspected`.
pub const FRAUD_SUSPECTED: &str = "4100000000000019";
/// Declines with `limit_exceeded`.
pub const LIMIT_EXCEEDED: &str = "4000000000009011";
/// Declines with `method_unavailable`.
pub const METHOD_UNAVAILABLE: &str = "4000000000009029";
/// Declines with `processing_error`.
pub const PROCESSING_ERROR: &str = "4000000000000119";
/// Succeeds without a response and without a webhook.
pub const ANSWER_LOST: &str = "4000000000009102";
/// Succeeds without a response; the webhook is sent after 2 seconds.
pub const ANSWER_LOST_WEBHOOK: &str = "4000000000009110";
/// Succeeds; the response takes 5 seconds.
pub const SLOW: &str = "4000000000009128";
/// Succeeds; the response is HTTP 500.
pub const SERVER_ERROR: &str = "4000000000009136";
/// Responds with HTTP 503 and creates no payment.
pub const UNAVAILABLE: &str = "4000000000009144";
/// Processing, then succeeds; the webhook is sent long after the change.
pub const WEBHOOK_LATE: &str = "4000000000009151";
/// Succeeds; the webhook is sent twice.
pub const WEBHOOK_TWICE: &str = "4000000000009169";
/// Processing, then succeeds; the older webhook is sent after the newer one.
pub const WEBHOOK_OUT_OF_ORDER: &str = "4000000000009177";
/// Processing, then succeeds without a webhook.
pub const WEBHOOK_NEVER: &str = "4000000000009185";
/// Succeeds; after a second the buyer's bank disputes it, reviews it, and the merchant wins.
pub const DISPUTE_WON: &str = "4000000000009201";
/// Succeeds; after a second the buyer's bank disputes it, and the merchant loses.
pub const DISPUTE_LOST: &str = "4000000000009219";
/// Succeeds; after a second the payment system takes it back.
pub const REVERSED: &str = "4000000000009227";
/// Succeeds; a refund succeeds and fails after a second.
pub const REFUND_FAILS: &str = "4000000000009235";
/// Succeeds; a refund is pending and succeeds after a second.
pub const REFUND_PENDING: &str = "4000000000009243";

/// Declines with `processing_error`; succeeds after 3 seconds all the same.
pub const SUCCEEDS_LATE: &str = "4000000000009250";

/// What happens to a payment made with a test card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The payment succeeds immediately.
    Approve,
    /// The payment is declined immediately with this code.
    Decline(&'static str),
    /// The payment requires verification.
    Verify {
        /// Whether the verification form may be shown in a frame.
        framable: bool,
        /// The decline code after the buyer confirms; `None` lets the payment succeed.
        confirm_declines: Option<&'static str>,
    },
    /// The payment requires verification, which expires after a few seconds.
    VerifyExpires,
    /// The payment succeeds; the response takes seconds.
    Slow,
    /// The payment succeeds. No response and no webhook is sent.
    AnswerLost,
    /// The payment succeeds. No response is sent; the webhook is sent later.
    AnswerLostWebhook,
    /// The payment succeeds; the response is HTTP 500.
    ServerError,
    /// No payment is created; the response is HTTP 503.
    Unavailable,
    /// The payment is processing and then succeeds; the webhook is sent long after the change.
    WebhookLate,
    /// The payment succeeds immediately; the webhook is sent twice.
    WebhookTwice,
    /// The payment is processing and then succeeds; the webhook about `processing` is sent last.
    WebhookOutOfOrder,
    /// The payment is processing and then succeeds; no webhook is sent.
    WebhookNever,
    /// The payment succeeds, and is then disputed.
    Disputed {
        /// Whether the merchant keeps the money.
        won: bool,
    },
    /// The payment succeeds, and is then taken back without a dispute.
    Reversed,
    /// The payment succeeds. A refund of it succeeds, and then fails.
    RefundFails,
    /// The payment succeeds. A refund of it is pending, and then succeeds.
    RefundPending,
    /// The payment is declined, and then succeeds all the same.
    SucceedsLate,
}

/// A test card.
#[derive(Clone, Copy, Debug)]
pub struct TestCard {
    /// The card number, digits only.
    pub number: &'static str,
    /// The brand in lower case.
    pub brand: &'static str,
    /// The outcome's name, which the ledger stores.
    pub name: &'static str,
    /// What happens to a payment.
    pub outcome: Outcome,
    /// The outcome as a sentence for the page of test cards.
    pub description: &'static str,
}

const fn card(
    number: &'static str,
    name: &'static str,
    outcome: Outcome,
    description: &'static str,
) -> TestCard {
    let brand = match number.as_bytes() {
        [b'3', ..] => "amex",
        [b'5', ..] => "mastercard",
        _ => "visa",
    };
    TestCard {
        number,
        brand,
        name,
        outcome,
        description,
    }
}

const fn decline(number: &'static str, code: &'static str, description: &'static str) -> TestCard {
    card(number, code, Outcome::Decline(code), description)
}

const fn verify(framable: bool, confirm_declines: Option<&'static str>) -> Outcome {
    Outcome::Verify {
        framable,
        confirm_declines,
    }
}

/// All test cards.
#[rustfmt::skip]
pub const TEST_CARDS: &[TestCard] = &[
    card(APPROVED, "approved", Outcome::Approve, "Succeeds immediately."),
    card(APPROVED_MASTERCARD, "approved", Outcome::Approve, "Succeeds immediately."),
    card(APPROVED_AMEX, "approved", Outcome::Approve, "Succeeds immediately."),

    card(VERIFIED, "verified", verify(true, None),
        "Requires verification in a frame. Succeeds after confirmation."),
    card(VERIFIED_BY_REDIRECT, "verified_redirect", verify(false, None),
        "Requires verification on a page that cannot be framed. Succeeds after confirmation."),
    card(VERIFICATION_FAILED, "verification_failed", verify(true, Some("verification_failed")),
        "Requires verification. Declines with verification_failed after confirmation."),
    card(DECLINED_AFTER_VERIFICATION, "declined_after_verification", verify(true, Some("insufficient_funds")),
        "Requires verification. Declines with insufficient_funds after confirmation."),
    card(VERIFICATION_EXPIRES, "verification_expires", Outcome::VerifyExpires,
        "Requires verification, which expires after 3 seconds. Declines with verification_abandoned."),

    decline(INSUFFICIENT_FUNDS, "insufficient_funds", "Declines with insufficient_funds."),
    decline(CARD_DECLINED, "card_declined", "Declines with card_declined."),
    decline(EXPIRED_CARD, "expired_card", "Declines with expired_card."),
    decline(INCORRECT_CVC, "incorrect_cvc", "Declines with incorrect_cvc."),
    decline(INCORRECT_NUMBER, "incorrect_number", "Declines with incorrect_number."),
    decline(FRAUD_SUSPECTED, "fraud_suspected", "Declines with fraud_suspected."),
    decline(LIMIT_EXCEEDED, "limit_exceeded", "Declines with limit_exceeded."),
    decline(METHOD_UNAVAILABLE, "method_unavailable", "Declines with method_unavailable."),
    decline(PROCESSING_ERROR, "processing_error", "Declines with processing_error."),

    card(ANSWER_LOST, "answer_lost", Outcome::AnswerLost,
        "Charges the card. Sends no response and no webhook; only a status query shows the result."),
    card(ANSWER_LOST_WEBHOOK, "answer_lost_webhook", Outcome::AnswerLostWebhook,
        "Charges the card. Sends no response; sends the webhook after 2 seconds."),
    card(SLOW, "slow", Outcome::Slow, "Succeeds. The response takes 5 seconds."),
    card(SERVER_ERROR, "server_error", Outcome::ServerError,
        "Charges the card. Responds with HTTP 500."),
    card(UNAVAILABLE, "unavailable", Outcome::Unavailable,
        "Responds with HTTP 503. Does not charge the card."),

    card(WEBHOOK_LATE, "webhook_late", Outcome::WebhookLate,
        "Processing, succeeds after 1 second. Sends the webhook 10 seconds after the response."),
    card(WEBHOOK_TWICE, "webhook_twice", Outcome::WebhookTwice,
        "Succeeds immediately. Sends the same webhook twice."),
    card(WEBHOOK_OUT_OF_ORDER, "webhook_out_of_order", Outcome::WebhookOutOfOrder,
        "Processing, succeeds after 1 second. Sends the webhook about processing after the one about success."),
    card(WEBHOOK_NEVER, "webhook_never", Outcome::WebhookNever,
        "Processing, succeeds after 1 second. Sends no webhook; only a status query shows the result."),

    card(DISPUTE_WON, "dispute_won", Outcome::Disputed { won: true },
        "Succeeds. The buyer's bank disputes it after 1 second, reviews it after another second, and you win a second later."),
    card(DISPUTE_LOST, "dispute_lost", Outcome::Disputed { won: false },
        "Succeeds. The buyer's bank disputes it after 1 second. You lose after another second."),
    card(REVERSED, "reversed", Outcome::Reversed,
        "Succeeds. The payment system takes the money back after 1 second, without a dispute."),
    card(REFUND_FAILS, "refund_fails", Outcome::RefundFails,
        "Succeeds. A refund succeeds and fails after 1 second. The webhook about its success is sent last."),
    card(REFUND_PENDING, "refund_pending", Outcome::RefundPending,
        "Succeeds. A refund is pending and succeeds after 1 second."),
    card(SUCCEEDS_LATE, "succeeds_late", Outcome::SucceedsLate,
        "Declines with processing_error. Charges the card after 3 seconds all the same."),
];

/// The outcome with this name; `Approve` if there is none.
pub fn outcome(name: &str) -> Outcome {
    let card = TEST_CARDS.iter().find(|card| card.name == name);
    card.map_or(Outcome::Approve, |card| card.outcome)
}

/// Finds a test card by its number.
pub fn find(number: &str) -> Option<&'static TestCard> {
    TEST_CARDS.iter().find(|card| card.number == number)
}
