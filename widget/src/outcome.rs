//! The outcome screen and the question before closing.

use crate::browser::{self, Mode};
use crate::dom::{El, button, effect, el, message};
use crate::i18n::{fill, t};
use crate::session::{Screen, Session};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// The delay before the hosted page returns the buyer to the shop, in milliseconds.
const RETURN_DELAY: u32 = 5_000;

/// Renders the outcome. It stays until the buyer closes it or, on the hosted page, returns to the shop.
pub fn outcome(session: Session, screen: Screen) -> El {
    let Some(data) = session.data.get_untracked() else {
        return el("div");
    };
    let (mark, title, text) = match screen {
        Screen::Paid => ("mark good", "paid", fill("paid_text", "{shop}", &data.shop)),
        Screen::Refunded => ("mark good", "refunded", t("refunded_text")),
        Screen::Canceled => ("mark bad", "canceled", t("canceled_text")),
        _ => ("mark bad", "expired", t("expired_text")),
    };
    let card = data.state.payment.and_then(|payment| payment.card);
    let card = card
        .filter(|_| screen == Screen::Paid)
        .map(|(brand, last4)| {
            let text = fill("paid_with", "{brand}", brand.display_name());
            el("p").class("hint").text(&text.replace("{last4}", &last4))
        });
    let go_on = match session.mode {
        Mode::Hosted => back_to_shop(session, &data.shop),
        Mode::Iframe | Mode::Inline | Mode::Popup => {
            button("done", "main", &t("done"), move || session.close())
        }
    };
    let more = card.into_iter().chain([go_on]).collect();
    message(screen.as_str(), mark, &t(title), &text, more)
}

/// Renders the link back to the shop and follows it after a delay, if the project set a URL.
fn back_to_shop(session: Session, shop: &str) -> El {
    let next = move || {
        session
            .data
            .with(|data| data.as_ref()?.state.continue_url.clone())
    };
    effect(move || {
        if let Some(url) = next() {
            spawn_local(async move {
                TimeoutFuture::new(RETURN_DELAY).await;
                // The server validated the URL.
                browser::redirect(&url);
            });
        }
    });
    let back = fill("back_to_shop", "{shop}", shop);
    el("div")
        .class("back")
        .reactive_children(move || match next() {
            Some(url) => vec![
                el("p").class("hint").text(&t("taking_you_back")),
                el("a")
                    .id("continue")
                    .class("main")
                    .attr("href", &url)
                    .text(&back),
            ],
            None => vec![],
        })
}

/// Renders the question before closing while a payment is in progress.
pub fn close_question(session: Session) -> El {
    let stay = move || session.closing.set(false);
    el("div")
        .class("question")
        .attr("data-screen", "confirm-close")
        .attr("role", "alertdialog")
        .attr("aria-modal", "true")
        .attr("aria-labelledby", "question")
        .attr("aria-describedby", "question-text")
        .child(
            el("h2")
                .class("heading")
                .id("question")
                .text(&t("close_question")),
        )
        .child(el("p").id("question-text").text(&t("close_question_text")))
        .child(button("stay", "main", &t("stay"), stay))
        .child(button(
            "close-anyway",
            "quiet",
            &t("close_anyway"),
            move || session.close(),
        ))
}
