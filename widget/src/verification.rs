//! The payment system's verification form: in a frame here, or in a window of its own. The server
//! says when it is over, whatever the frame or the window does.

use crate::browser;
use crate::dom::{El, button, el, heading, message};
use crate::i18n::{fill, t};
use crate::method::{self, CARD};
use crate::session::Session;
use crate::wire::Verification;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// How long a form may take to load in the frame, in milliseconds, before the way out to a window
/// is pointed at: ad blockers and banks that refuse frames look the same from here.
const FRAME_PATIENCE: u32 = 8_000;

/// The screen while the buyer verifies.
pub fn verification(session: Session) -> El {
    let screen = el("div")
        .class("verification")
        .attr("data-screen", "verification");
    let Some(state) = session.known() else {
        return screen;
    };
    let method = state.payment.map(|payment| payment.method);
    let method = method
        .filter(|method| method != CARD)
        .map(|m| method::name(&m));
    let title = match &method {
        Some(name) => fill("complete_with", "{method}", name),
        None => t("verify"),
    };
    let form = match state.verification {
        Verification::Frame(url) => frame(session, url),
        Verification::Redirect(url) => elsewhere(session, url, method.as_deref()),
        Verification::None => vec![],
    };
    screen
        .child(heading("h2", &title))
        .children(form)
        .child(button("give-up", "quiet", &t("give_up"), move || {
            session.give_up();
        }))
}

fn frame(session: Session, url: String) -> Vec<El> {
    let (loaded, slow) = (RwSignal::new(false), RwSignal::new(false));
    spawn_local(async move {
        TimeoutFuture::new(FRAME_PATIENCE).await;
        // The screen may be gone by now, and its signals with it.
        if loaded.try_get_untracked() == Some(false) {
            slow.set(true);
        }
    });
    let to = url.clone();
    let shown = move || match session.beside.get() {
        true => vec![el("p").text(&t("verify_window"))],
        false => vec![
            el("iframe")
                .id("verification-frame")
                .attr("title", &t("verify"))
                .attr("src", &url)
                .on("load", move |_| loaded.set(true)),
        ],
    };
    let hint = el("p")
        .attr("role", "status")
        .live_attr("class", move || match slow.get() {
            true => "hint strong",
            false => "hint",
        });
    vec![
        el("div").live_children(shown),
        hint.text(&t("verify_slow")),
        button("open-window", "second", &t("open_window"), move || {
            session.open_beside(&to);
        }),
    ]
}

fn elsewhere(session: Session, url: String, method: Option<&str>) -> Vec<El> {
    let framed = session.mode.framed();
    let text = move || match (framed, session.beside.get()) {
        (true, true) => t("verify_window"),
        (true, false) => t("verify_elsewhere"),
        (false, _) => t("verify_text"),
    };
    let label = match method {
        Some(name) => fill("pay_with", "{method}", name),
        None => t("open_bank"),
    };
    let (to, tab) = (url.clone(), url);
    let mut all = vec![
        el("p").attr("role", "status").live_text(text),
        button("open-window", "main", &label, move || match framed {
            true => session.open_beside(&to),
            false => browser::leave(&to),
        }),
    ];
    if framed {
        all.push(button("this-tab", "second", &t("this_tab"), move || {
            browser::leave(&tab);
        }));
    }
    all
}

/// The screen while the payment's fate is open.
pub fn processing() -> El {
    message(
        "processing",
        "mark turning",
        &t("processing"),
        &t("processing_text"),
        vec![],
    )
}
