//! The test cards: one table, read by the ledger to decide and by the page to explain.

/// What happens to a payment made with a test card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Succeeds in the answer.
    Approve,
    /// Declined in the answer, with this code.
    Decline(&'static str),
    /// Asks for verification. Confirming succeeds, or declines with `confirm_declines`.
    Verify {
        /// Whether the form may be shown in a frame.
        framable: bool,
        /// The decline code that even a confirmation ends in.
        confirm_declines: Option<&'static str>,
    },
    /// Asks for verification, which runs out after a few seconds.
    VerifyExpires,
    /// Succeeds, but the answer takes seconds.
    Slow,
    /// Takes the money, never answers, never sends a webhook.
    AnswerLost,
    /// Takes the money, never answers, sends the webhook later.
    AnswerLostWebhook,
    /// Takes the money, then answers 500.
    ServerError,
    /// Answers 503 and takes nothing.
    Unavailable,
    /// Answers `processing`; the webhook lags far behind the ledger.
    WebhookLate,
    /// Succeeds at once; the same webhook is sent twice.
    WebhookTwice,
    /// Answers `processing`; the webhook about that arrives after the one about success.
    WebhookOutOfOrder,
    /// Answers `processing`, then succeeds without telling anybody.
    WebhookNever,
}

/// One row of the table of test cards.
#[derive(Clone, Copy, Debug)]
pub struct TestCard {
    /// The card's number, digits only.
    pub number: &'static str,
    /// The brand, in lower case.
    pub brand: &'static str,
    /// The outcome's name: all that the ledger keeps of the choice.
    pub name: &'static str,
    /// What happens.
    pub outcome: Outcome,
    /// The same, in words for a person.
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

/// Every test card there is.
#[rustfmt::skip]
pub const TEST_CARDS: &[TestCard] = &[
    card("4242424242424242", "approved", Outcome::Approve, "Approved at once"),
    card("5555555555554444", "approved", Outcome::Approve, "Approved at once"),
    card("378282246310005", "approved", Outcome::Approve, "Approved at once"),

    card("4000000000003220", "verified", verify(true, None),
        "Approved after verification, in a frame"),
    card("4000000000003063", "verified_redirect", verify(false, None),
        "Approved after verification on a page that refuses to be framed"),
    card("4000000000009037", "verification_failed", verify(true, Some("verification_failed")),
        "Verification is shown; even a confirmation ends declined: verification_failed"),
    card("4000000000009052", "declined_after_verification", verify(true, Some("insufficient_funds")),
        "Verification is shown; after a confirmation declined: insufficient_funds"),
    card("4000000000009045", "verification_expires", Outcome::VerifyExpires,
        "Verification is shown and runs out after 3 s: declined, verification_abandoned"),

    decline("4000000000009995", "insufficient_funds", "Declined: insufficient_funds"),
    decline("4000000000000002", "card_declined", "Declined: card_declined"),
    decline("4000000000000069", "expired_card", "Declined: expired_card"),
    decline("4000000000000127", "incorrect_cvc", "Declined: incorrect_cvc"),
    decline("4000000000009003", "incorrect_number", "Declined: incorrect_number"),
    decline("4100000000000019", "fraud_suspected", "Declined: fraud_suspected"),
    decline("4000000000009011", "limit_exceeded", "Declined: limit_exceeded"),
    decline("4000000000009029", "method_unavailable", "Declined: method_unavailable"),
    decline("4000000000000119", "processing_error", "Declined: processing_error"),

    card("4000000000009102", "answer_lost", Outcome::AnswerLost,
        "Money is taken, the answer never comes, nor does a webhook: only the status query tells"),
    card("4000000000009110", "answer_lost_webhook", Outcome::AnswerLostWebhook,
        "Money is taken, the answer never comes, the webhook does after 2 s"),
    card("4000000000009128", "slow", Outcome::Slow, "Approved, but the answer takes 5 s"),
    card("4000000000009136", "server_error", Outcome::ServerError,
        "Money is taken, the answer is HTTP 500"),
    card("4000000000009144", "unavailable", Outcome::Unavailable,
        "HTTP 503 before anything: nothing is taken"),

    card("4000000000009151", "webhook_late", Outcome::WebhookLate,
        "Processing, succeeds after 1 s, the webhook comes 10 s after the answer"),
    card("4000000000009169", "webhook_twice", Outcome::WebhookTwice,
        "Approved at once, the same webhook comes twice"),
    card("4000000000009177", "webhook_out_of_order", Outcome::WebhookOutOfOrder,
        "Processing, succeeds after 1 s; the older “processing” webhook comes after the newer one"),
    card("4000000000009185", "webhook_never", Outcome::WebhookNever,
        "Processing, succeeds after 1 s, no webhook: only the status query tells"),
];

/// The test card with this number.
pub fn find(number: &str) -> Option<&'static TestCard> {
    TEST_CARDS.iter().find(|card| card.number == number)
}

/// What the ledger does for an outcome: how a payment begins, and what follows by itself.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The status it begins with.
    pub status: &'static str,
    /// The decline code it begins with.
    pub decline: Option<&'static str>,
    /// When to send a webhook about the beginning, in milliseconds from then; twice, if two.
    pub webhooks: &'static [i64],
    /// Whether the verification form may be framed, where there is one.
    pub framable: Option<bool>,
    /// The decline code that a confirmation ends in.
    pub confirm_declines: Option<&'static str>,
    /// What happens later without anybody's doing.
    pub later: Option<Later>,
    /// How the request is answered.
    pub answer: Answer,
}

/// A change that a payment goes through by itself.
#[derive(Clone, Copy, Debug)]
pub struct Later {
    /// Milliseconds from the beginning.
    pub after: i64,
    /// The status then.
    pub status: &'static str,
    /// The decline code then.
    pub decline: Option<&'static str>,
    /// Milliseconds from the change to its webhook; `None` sends none.
    pub webhook: Option<i64>,
}

/// How the request that makes a payment is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// At once.
    Now,
    /// After so many seconds.
    After(u64),
    /// The connection is held until the client gives up.
    Never,
    /// With HTTP 500.
    ServerError,
}

/// How long a verification form stays open, in milliseconds.
const VERIFICATION_LIFETIME: i64 = 30 * 60 * 1000;

const fn abandoned_after(after: i64) -> Option<Later> {
    Some(Later {
        after,
        status: "declined",
        decline: Some("verification_abandoned"),
        webhook: Some(0),
    })
}

const fn succeeds_after_a_second(webhook: Option<i64>) -> Option<Later> {
    Some(Later {
        after: 1000,
        status: "succeeded",
        decline: None,
        webhook,
    })
}

impl Outcome {
    /// The plan for a payment with this outcome. `None`: the payment system is down.
    pub const fn plan(self) -> Option<Plan> {
        const APPROVED: Plan = Plan {
            status: "succeeded",
            decline: None,
            webhooks: &[0],
            framable: None,
            confirm_declines: None,
            later: None,
            answer: Answer::Now,
        };
        const VERIFIED: Plan = Plan {
            status: "requires_verification",
            webhooks: &[],
            framable: Some(true),
            later: abandoned_after(VERIFICATION_LIFETIME),
            ..APPROVED
        };
        const PROCESSING: Plan = Plan {
            status: "processing",
            webhooks: &[],
            ..APPROVED
        };
        Some(match self {
            Self::Approve => APPROVED,
            Self::Decline(code) => Plan {
                status: "declined",
                decline: Some(code),
                ..APPROVED
            },
            Self::Verify {
                framable,
                confirm_declines,
            } => Plan {
                framable: Some(framable),
                confirm_declines,
                ..VERIFIED
            },
            Self::VerifyExpires => Plan {
                later: abandoned_after(3000),
                ..VERIFIED
            },
            Self::Slow => Plan {
                webhooks: &[5000],
                answer: Answer::After(5),
                ..APPROVED
            },
            Self::AnswerLost => Plan {
                webhooks: &[],
                answer: Answer::Never,
                ..APPROVED
            },
            Self::AnswerLostWebhook => Plan {
                webhooks: &[2000],
                answer: Answer::Never,
                ..APPROVED
            },
            Self::ServerError => Plan {
                answer: Answer::ServerError,
                ..APPROVED
            },
            Self::Unavailable => return None,
            Self::WebhookLate => Plan {
                later: succeeds_after_a_second(Some(9000)),
                ..PROCESSING
            },
            Self::WebhookTwice => Plan {
                webhooks: &[0, 1000],
                ..APPROVED
            },
            Self::WebhookOutOfOrder => Plan {
                webhooks: &[3000],
                later: succeeds_after_a_second(Some(0)),
                ..PROCESSING
            },
            Self::WebhookNever => Plan {
                later: succeeds_after_a_second(None),
                ..PROCESSING
            },
        })
    }
}
