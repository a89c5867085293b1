//! What the buyer reads. One table for each language; every text has its place in [`Texts`], so
//! that none can be forgotten in one of them.

use till_shared::card::CardError;
use till_shared::payment::DeclineCode;

/// A language's texts. `{}` stands for what the call fills in.
pub struct Texts {
    pub lang: &'static str,
    pub test_mode: &'static str,
    pub items: &'static str,
    pub your_details: &'static str,
    pub card_details: &'static str,
    pub email: &'static str,
    pub name: &'static str,
    pub phone: &'static str,
    pub country: &'static str,
    pub choose_country: &'static str,
    pub card_number: &'static str,
    pub expiry: &'static str,
    pub expiry_hint: &'static str,
    pub security_code: &'static str,
    pub holder: &'static str,
    pub pay: &'static str,
    pub paying: &'static str,
    pub safe: &'static str,
    pub close: &'static str,
    pub done: &'static str,
    pub back_to_shop: &'static str,
    pub retry: &'static str,
    pub load_failed: &'static str,
    pub load_failed_text: &'static str,
    pub bad_link: &'static str,
    pub bad_link_text: &'static str,
    pub required: &'static str,
    pub check_email: &'static str,
    pub check_phone: &'static str,
    pub check_field: &'static str,
    pub verify: &'static str,
    pub verify_text: &'static str,
    pub verify_window: &'static str,
    pub verify_slow: &'static str,
    pub verify_elsewhere: &'static str,
    pub open_window: &'static str,
    pub open_bank: &'static str,
    pub this_tab: &'static str,
    pub give_up: &'static str,
    pub processing: &'static str,
    pub processing_text: &'static str,
    pub paid: &'static str,
    pub paid_text: &'static str,
    pub paid_with: &'static str,
    pub taking_you_back: &'static str,
    pub refunded: &'static str,
    pub refunded_text: &'static str,
    pub expired: &'static str,
    pub expired_text: &'static str,
    pub canceled: &'static str,
    pub canceled_text: &'static str,
    pub leave: &'static str,
    pub leave_text: &'static str,
    pub stay: &'static str,
    pub leave_now: &'static str,
    pub unavailable: &'static str,
    pub not_reached: &'static str,
    pub failed: &'static str,
    pub given_up: &'static str,
    pub no_method: &'static str,
    pub number_errors: Errors,
    pub expiry_errors: Errors,
    pub code_errors: Errors,
}

/// What a card field's error is called.
pub struct Errors {
    pub required: &'static str,
    pub incomplete: &'static str,
    pub invalid: &'static str,
    pub expired: &'static str,
}

impl Errors {
    /// The text for an error.
    pub fn of(&self, error: CardError) -> &'static str {
        match error {
            CardError::Required => self.required,
            CardError::Incomplete => self.incomplete,
            CardError::Invalid => self.invalid,
            CardError::Expired => self.expired,
        }
    }
}

/// The texts in use.
pub fn t() -> &'static Texts {
    &ENGLISH
}

/// Why a payment was declined, and what helps.
pub fn decline(code: DeclineCode) -> &'static str {
    match code {
        DeclineCode::InsufficientFunds => {
            "Your card was declined: there is not enough money on it. Please use another card."
        }
        DeclineCode::CardDeclined => {
            "Your bank declined the card. Please use another card or ask your bank."
        }
        DeclineCode::ExpiredCard => {
            "This card has expired. Please check the date or use another card."
        }
        DeclineCode::IncorrectCvc => "The security code is not right. Please enter it again.",
        DeclineCode::IncorrectNumber => "The card number is not right. Please check it.",
        DeclineCode::VerificationFailed => {
            "Your bank could not verify the payment. You were not charged. Please try again."
        }
        DeclineCode::VerificationAbandoned => {
            "The verification was not finished. You were not charged. Please try again."
        }
        DeclineCode::FraudSuspected => {
            "Your bank declined the payment for your safety. Please ask your bank or use another card."
        }
        DeclineCode::LimitExceeded => {
            "The payment is above your card's limit. Please use another card or ask your bank."
        }
        DeclineCode::MethodUnavailable => {
            "This card can't be used for this payment. Please use another card."
        }
        DeclineCode::ProcessingError => {
            "The payment could not be processed. You were not charged. Please try again."
        }
    }
}

const ENGLISH: Texts = Texts {
    lang: "en",
    test_mode: "Test mode",
    items: "Order details",
    your_details: "Your details",
    card_details: "Card",
    email: "Email",
    name: "Full name",
    phone: "Phone",
    country: "Country",
    choose_country: "Choose a country",
    card_number: "Card number",
    expiry: "Expiry date",
    expiry_hint: "MM / YY",
    security_code: "Security code",
    holder: "Name on card",
    pay: "Pay {}",
    paying: "Paying…",
    safe: "Sent encrypted. Your card number is not stored.",
    close: "Close",
    done: "Done",
    back_to_shop: "Back to {}",
    retry: "Try again",
    load_failed: "The payment could not be loaded",
    load_failed_text: "Please check your connection and try again. Nothing was charged.",
    bad_link: "This payment link is not valid",
    bad_link_text: "Please go back to the shop and start the payment again.",
    required: "Please fill this in",
    check_email: "Please check the email address",
    check_phone: "Please check the phone number",
    check_field: "Please check this",
    verify: "Confirm with your bank",
    verify_text: "Your bank asks you to confirm this payment.",
    verify_window: "Your bank's page is open in another window. Finish there; this page follows by itself.",
    verify_slow: "Your bank's page does not show here? Open it in a window.",
    verify_elsewhere: "Your bank's page opens outside of this one.",
    open_window: "Open in a window",
    open_bank: "Go to your bank",
    this_tab: "Continue in this tab",
    give_up: "Cancel payment",
    processing: "Confirming your payment",
    processing_text: "This can take a moment. You may close this; the shop will be told either way.",
    paid: "Payment successful",
    paid_text: "{} has received your payment.",
    paid_with: "{} ending in {}",
    taking_you_back: "Taking you back to the shop…",
    refunded: "Payment refunded",
    refunded_text: "The money is on its way back to you.",
    expired: "This payment has expired",
    expired_text: "It was not paid in time. Please go back to the shop and start again.",
    canceled: "This payment was canceled",
    canceled_text: "The shop has called it off. You were not charged.",
    leave: "Your payment is still being processed",
    leave_text: "If you close this now, the payment goes on: it may still be taken, and the shop will be told.",
    stay: "Stay",
    leave_now: "Close anyway",
    unavailable: "Payments are not available just now. You were not charged. Please try again.",
    not_reached: "We could not reach the payment server. Please check your connection and try again.",
    failed: "The payment could not be carried out. You were not charged. Please try again.",
    given_up: "The payment was canceled. You were not charged.",
    no_method: "There is no way to pay this just now. Please contact the shop.",
    number_errors: Errors {
        required: "Enter your card number",
        incomplete: "The card number is incomplete",
        invalid: "Check the card number",
        expired: "Check the card number",
    },
    expiry_errors: Errors {
        required: "Enter the expiry date",
        incomplete: "The date is incomplete",
        invalid: "Check the expiry date",
        expired: "This card has expired",
    },
    code_errors: Errors {
        required: "Enter the security code",
        incomplete: "The code is incomplete",
        invalid: "Check the security code",
        expired: "Check the security code",
    },
};
