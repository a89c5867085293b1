//! The screens, and where the focus goes between them.

use crate::browser::{self, Mode};
use crate::dom::{El, button, el, focus, follow, message};
use crate::i18n::t;
use crate::outcome::{close_question, outcome};
use crate::pay_form::{Forms, pay_form};
use crate::session::{Screen, Session, Trouble};
use crate::summary::summary;
use crate::verification::{processing, verification};
use leptos::prelude::*;

/// Puts the widget into the page.
pub fn start() {
    let session = Session::begin();
    let forms = Forms::new();
    let screen = Memo::new(move |_| session.screen());
    let shown = move || screen.get() != Screen::Loading;
    let body = move || match screen.get() {
        Screen::Loading => vec![],
        Screen::Failed => vec![failed(session)],
        Screen::Form => vec![pay_form(session, forms)],
        Screen::Verification => vec![verification(session)],
        Screen::Processing => vec![processing()],
        Screen::Paid | Screen::Refunded | Screen::Expired | Screen::Canceled => {
            vec![outcome(session, screen.get_untracked())]
        }
    };
    let offline = move || match session.offline.get() && shown() {
        true => t("offline"),
        false => String::new(),
    };
    let top = move || match shown() {
        true => vec![summary(session)],
        false => vec![],
    };
    let section = el("section")
        .class("screen")
        .child(
            el("p")
                .id("offline")
                .attr("role", "status")
                .live_text(offline),
        )
        .child(el("div").class("body").live_children(body));
    let all = el("div")
        .class("all")
        .live_flag("inert", move || session.closing.get())
        .child(el("div").class("top").live_children(top))
        .child(section);
    let close = move || match shown() && session.mode != Mode::Hosted {
        true => vec![
            button("close", "", "", move || session.ask_to_close()).attr("aria-label", &t("close")),
        ],
        false => vec![],
    };
    let question = move || match session.closing.get() {
        true => vec![close_question(session)],
        false => vec![],
    };
    el("main")
        .id("till")
        .live_flag("hidden", move || !shown())
        .child(el("div").live_children(close))
        .child(all)
        .child(el("div").live_children(question))
        .mount();
    follow(move || {
        if shown()
            && let Some(skeleton) = document().get_element_by_id("skeleton")
        {
            skeleton.remove();
        }
    });
    keep_focus(session, screen);
}

/// The focus follows the screen: to the first field that is open, and then to what is new. Only
/// where the buyer is in here already, or came here to pay.
fn keep_focus(session: Session, screen: Memo<Screen>) {
    let before = StoredValue::new(Screen::Loading);
    follow(move || {
        let (now, last) = (screen.get(), before.get_value());
        if !session.shown.get() || now == last {
            return;
        }
        before.set_value(now);
        match (now, last) {
            (Screen::Loading, _) => {}
            (Screen::Form, Screen::Loading) => {
                if matches!(session.mode, Mode::Iframe | Mode::Popup) {
                    let field = "#till input:not([type=radio]), #till select";
                    focus(if browser::may_focus() { field } else { "h1" });
                }
            }
            (Screen::Form, _) => focus("#cvc, #pay"),
            (_, Screen::Loading) if session.mode == Mode::Inline => {}
            _ => focus(".heading"),
        }
    });
    let asked = StoredValue::new(false);
    follow(move || {
        let asks = session.closing.get();
        if asks {
            focus("#stay");
        } else if asked.get_value() {
            focus(".heading, #pay");
        }
        asked.set_value(asks);
    });
}

fn failed(session: Session) -> El {
    match session.trouble.get_untracked() {
        Some(Trouble::Unreachable) => message(
            "failed",
            "mark bad",
            &t("load_failed"),
            &t("load_failed_text"),
            vec![button("retry", "main", &t("retry"), move || session.load())],
        ),
        _ => message(
            "failed",
            "mark bad",
            &t("bad_link"),
            &t("bad_link_text"),
            vec![],
        ),
    }
}
