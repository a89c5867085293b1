//! The verification screen: the payment system's form in a frame or in a separate window. The server
//! reports when the verification is complete.

use crate::browser;
use crate::dom::{El, button, el, heading, message};
use crate::i18n::{fill, t};
use crate::method::{self, CARD};
use crate::session::Session;
use crate::wire::Verification;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// The time for the form to load in the frame, in milliseconds. After it the hint to open a window is
/// highlighted: the widget cannot detect a frame that an ad blocker or the bank's headers block.
const FRAME_TIMEOUT: u32 = 8_000;

/// Renders the verification screen.
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
        Verification::Redirect(url) => external(session, url, method.as_deref()),
        Verification::None => vec![],
    };
    screen
        .child(heading("h2", &title))
        .children(form)
        .child(button(
            "cancel-payment",
            "quiet",
            &t("cancel_payment"),
            move || {
                session.cancel_payment();
            },
        ))
}

fn frame(session: Session, url: String) -> Vec<El> {
    let (loaded, slow) = (RwSignal::new(false), RwSignal::new(false));
    spawn_local(async move {
        TimeoutFuture::new(FRAME_TIMEOUT).await;
        // The screen may have been removed, and its signals with it.
        if loaded.try_get_untracked() == Some(false) {
            slow.set(true);
        }
    });
    let to = url.clone();
    let shown = move || {
        if session.window_open.get() {
            return vec![el("p").text(&t("verify_window"))];
        }
        let frame = el("iframe")
            .id("verification-frame")
            .attr("title", &t("verify"))
            .attr("src", &url)
            .on("load", move |_| loaded.set(true));
        vec![frame]
    };
    let hint = el("p")
        .attr("role", "status")
        .reactive_attr(
            "class",
            move || {
                if slow.get() { "hint strong" } else { "hint" }
            },
        );
    vec![
        el("div").reactive_children(shown),
        hint.text(&t("verify_slow")),
        button("open-window", "second", &t("open_window"), move || {
            session.open_verification_window(&to);
        }),
    ]
}

fn external(session: Session, url: String, method: Option<&str>) -> Vec<El> {
    let framed = session.mode.framed();
    let text = move || match (framed, session.window_open.get()) {
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
        el("p").attr("role", "status").reactive_text(text),
        button("open-window", "main", &label, move || {
            if framed {
                session.open_verification_window(&to);
            } else {
                browser::redirect(&to);
            }
        }),
    ];
    if framed {
        all.push(button("this-tab", "second", &t("this_tab"), move || {
            browser::redirect(&tab);
        }));
    }
    all
}

/// Renders the screen while the outcome of the payment is pending.
pub fn processing() -> El {
    message(
        "processing",
        "mark spinner",
        &t("processing"),
        &t("processing_text"),
        vec![],
    )
}
