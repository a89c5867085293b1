//! The outcome. It stays until the buyer closes it or, on the hosted page, returns to the shop.

use super::parts::{Button, Message};
use crate::host::{self, Mode};
use crate::i18n::{fill, t};
use crate::once::{effect, once, reactive};
use crate::state::{Screen, Session};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// The delay before the hosted page returns the buyer to the shop, in milliseconds.
const RETURN_DELAY: u32 = 5_000;

/// The screen.
#[component]
pub fn Outcome(session: Session, screen: Screen) -> impl IntoView {
    let shop = session.bill()?.project.name;
    let (mark, title, text) = match screen {
        Screen::Paid => ("mark good", "paid", fill("paid_text", "{shop}", &shop)),
        Screen::Refunded => ("mark good", "refunded", t("refunded_text")),
        Screen::Canceled => ("mark bad", "canceled", t("canceled_text")),
        _ => ("mark bad", "expired", t("expired_text")),
    };
    let card = move || {
        let text = card(session).filter(|_| screen == Screen::Paid);
        text.map(|text| once(move || view! { <p class="hint">{text}</p> }))
    };
    let go_on = match session.mode {
        Mode::Hosted => once(move || view! { <BackToShop session shop/> }),
        Mode::Iframe | Mode::Inline | Mode::Popup => once(move || {
            let press = Box::new(move || session.close());
            view! { <Button id="done" class="main" label=t("done") press/> }
        }),
    };
    Some(view! {
        <Message
            screen=screen.as_str()
            mark
            title=t(title)
            text
            more=Some(once(move || (reactive(card), go_on)))
        />
    })
}

/// The card that was charged, if the buyer submitted the payment here.
fn card(session: Session) -> Option<String> {
    let payment = session.submitted.get()?;
    let charged = session.known()?.payment?;
    let card = payment.card.filter(|_| payment.id == charged.id)?;
    let text = fill("paid_with", "{brand}", card.brand.display_name());
    Some(text.replace("{last4}", &card.last4))
}

/// The link back to the shop, which is followed after a delay, if the project set a URL.
#[component]
fn BackToShop(session: Session, shop: String) -> impl IntoView {
    let next = move || {
        session
            .data
            .with(|data| data.loaded()?.state.continue_url.clone())
    };
    effect(move || {
        if let Some(url) = next() {
            spawn_local(async move {
                TimeoutFuture::new(RETURN_DELAY).await;
                host::redirect(&url);
            });
        }
    });
    let link = move || {
        let back = fill("back_to_shop", "{shop}", &shop);
        next().map(|url| {
            once(move || {
                view! {
                    <p class="hint">{t("taking_you_back")}</p>
                    <a id="continue" class="main" href=url>
                        {back}
                    </a>
                }
            })
        })
    };
    view! { <div class="back">{reactive(link)}</div> }
}
