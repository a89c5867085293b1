//! The question before closing while a payment is in progress.

use super::parts::Button;
use crate::i18n::t;
use crate::state::Session;
use leptos::prelude::*;

/// The question.
#[component]
pub fn CloseQuestion(session: Session) -> impl IntoView {
    view! {
        <div
            class="question"
            data-screen="confirm-close"
            role="alertdialog"
            aria-modal="true"
            aria-labelledby="question"
            aria-describedby="question-text"
        >
            <h2 class="heading" id="question">
                {t("close_question")}
            </h2>
            <p id="question-text">{t("close_question_text")}</p>
            <Button
                id="stay"
                class="main"
                label=t("stay")
                press=Box::new(move || session.closing.set(false))
            />
            <Button
                id="close-anyway"
                class="quiet"
                label=t("close_anyway")
                press=Box::new(move || session.close())
            />
        </div>
    }
}
