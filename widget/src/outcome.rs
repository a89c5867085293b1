//! How it ended.

use crate::browser::{self, Mode};
use crate::dom::{El, button, el, follow, message};
use crate::i18n::{fill, t};
use crate::session::{Screen, Session};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// How long the outcome is shown before the buyer is taken back, in milliseconds.
const SHOWN: u32 = 5_000;

/// The last screen. It stays until the buyer closes it or, on the hosted page, is taken back.
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
        Mode::Hosted => way_back(session, &data.shop),
        Mode::Iframe | Mode::Inline | Mode::Popup => {
            button("done", "main", &t("done"), move || session.close())
        }
    };
    let more = card.into_iter().chain([go_on]).collect();
    message(screen.word(), mark, &t(title), &text, more)
}

/// The hosted page takes the buyer back to the shop, where the project says where to.
fn way_back(session: Session, shop: &str) -> El {
    let next = move || {
        session
            .data
            .with(|data| data.as_ref()?.state.continue_url.clone())
    };
    follow(move || {
        if let Some(url) = next() {
            spawn_local(async move {
                TimeoutFuture::new(SHOWN).await;
                // The address was checked when the project gave it.
                browser::leave(&url);
            });
        }
    });
    let back = fill("back_to_shop", "{shop}", shop);
    el("div").class("back").live_children(move || match next() {
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

/// Asked before the widget closes over a payment whose fate is open.
pub fn close_question(session: Session) -> El {
    let stay = move || session.closing.set(false);
    el("div")
        .class("question")
        .attr("data-screen", "confirm-close")
        .attr("role", "alertdialog")
        .attr("aria-modal", "true")
        .attr("aria-labelledby", "question")
        .attr("aria-describedby", "question-text")
        .child(el("h2").class("heading").id("question").text(&t("leave")))
        .child(el("p").id("question-text").text(&t("leave_text")))
        .child(button("stay", "main", &t("stay"), stay))
        .child(button("leave", "quiet", &t("leave_now"), move || {
            session.close()
        }))
}
