//! Where the widget runs: the address it was opened with, and the page around it. Messages are
//! bound to exact origins in both directions.

use js_sys::JSON;
use leptos::prelude::window;
use till_shared::id::InvoiceId;
use till_shared::message::{ToPage, ToWidget};
use till_shared::widget::{Returned, Theme};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Storage, UrlSearchParams, Window};

/// How the widget was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It fills a window of its own.
    Hosted,
    /// In a dialog over the project's page.
    Iframe,
    /// In the flow of the project's page.
    Inline,
    /// In a window that the project's page opened.
    Popup,
}

impl Mode {
    /// Whether it runs in a frame.
    pub fn framed(self) -> bool {
        matches!(self, Self::Iframe | Self::Inline)
    }
}

/// What the address says.
#[derive(Debug, Clone)]
pub struct Page {
    /// The invoice; `None` if the address names none.
    pub invoice: Option<InvoiceId>,
    /// The client token, from the fragment.
    pub token: String,
    /// How it was opened.
    pub mode: Mode,
    /// The origin of the page around it.
    pub origin: Option<String>,
    /// A BCP 47 tag that the page asks for.
    pub locale: Option<String>,
    /// The colours that the page asks for.
    pub theme: Option<Theme>,
}

impl Page {
    /// Reads the address.
    pub fn read() -> Self {
        let location = window().location();
        let part = |text: Result<String, JsValue>| text.unwrap_or_default();
        let path = part(location.pathname());
        let query = UrlSearchParams::new_with_str(&part(location.search())).ok();
        let param = |name: &str| query.as_ref().and_then(|q| q.get(name));
        let fragment = part(location.hash());
        let fragment = UrlSearchParams::new_with_str(fragment.trim_start_matches('#')).ok();
        // `/pay/inv_...`; under `trunk serve` the query names it.
        let in_path = path.rsplit('/').next().and_then(|id| id.parse().ok());
        let origin = param("origin");
        let mode = match (param("mode").as_deref(), &origin) {
            (Some("iframe"), Some(_)) => Mode::Iframe,
            (Some("inline"), Some(_)) => Mode::Inline,
            (Some("popup"), Some(_)) => Mode::Popup,
            _ => Mode::Hosted,
        };
        Self {
            invoice: in_path.or_else(|| param("invoice").and_then(|id| id.parse().ok())),
            token: fragment.and_then(|f| f.get("token")).unwrap_or_default(),
            mode,
            origin,
            locale: param("locale").filter(|l| !l.is_empty()),
            theme: param("theme").and_then(|t| t.parse().ok()),
        }
    }

    /// The window of the project's page.
    fn around(&self) -> Option<Window> {
        match self.mode {
            Mode::Hosted => None,
            Mode::Iframe | Mode::Inline => window().parent().ok().flatten(),
            // Another origin's window is of another realm, where no class test holds.
            Mode::Popup => {
                let opener = window().opener().ok().filter(JsValue::is_object);
                opener.map(JsCast::unchecked_into)
            }
        }
    }

    /// Tells the project's page.
    pub fn post(&self, message: &ToPage) {
        let (Some(around), Some(origin)) = (self.around(), &self.origin) else {
            return;
        };
        let text = serde_json::to_string(message).unwrap_or_default();
        if let Ok(object) = JSON::parse(&text) {
            // It fails only for a malformed origin, and then nobody is there to be told.
            let _ = around.post_message(&object, origin);
        }
    }

    /// Before the window goes to a verification form: where to come back to.
    pub fn remember(&self) {
        let (Mode::Popup, Some(invoice)) = (self.mode, &self.invoice) else {
            return;
        };
        let location = window().location();
        let parts = [location.pathname(), location.search(), location.hash()];
        let address: String = parts.into_iter().filter_map(Result::ok).collect();
        if let Some(storage) = session_storage() {
            // Where storage is blocked the buyer comes back to the hosted page.
            let _ = storage.set_item(&format!("till:{invoice}"), &address);
        }
    }
}

fn session_storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

/// What others tell the widget.
pub enum Told {
    /// The project's page.
    Page(ToWidget),
    /// Our return page.
    Returned,
}

/// Listens for as long as the widget lives.
pub fn listen(page: Page, told: impl Fn(Told) + 'static) {
    let own_origin = window().location().origin().unwrap_or_default();
    let heard = move |event: MessageEvent| {
        let Some(text) = JSON::stringify(&event.data())
            .ok()
            .and_then(|t| t.as_string())
        else {
            return;
        };
        if event.origin() == own_origin && is_return(&text) {
            told(Told::Returned);
            return;
        }
        let source = event.source();
        let from_page = page.origin.as_deref() == Some(event.origin().as_str())
            && source.is_some()
            && source.map(JsValue::from) == page.around().map(JsValue::from);
        if from_page && let Ok(message) = serde_json::from_str(&text) {
            told(Told::Page(message));
        }
    };
    on_window("message", move |event| {
        if let Some(event) = event.dyn_ref::<MessageEvent>() {
            heard(event.clone());
        }
    });
}

fn is_return(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Message {
        till_returned: Option<Returned>,
    }
    serde_json::from_str::<Message>(text).is_ok_and(|m| m.till_returned.is_some())
}

/// Adds a listener that is never removed.
pub fn on_window(name: &str, heard: impl Fn(web_sys::Event) + 'static) {
    let closure = Closure::<dyn Fn(web_sys::Event)>::new(heard);
    let function = closure.as_ref().unchecked_ref();
    // Adding a listener to a window has no way to fail.
    let _ = window().add_event_listener_with_callback(name, function);
    closure.forget();
}
