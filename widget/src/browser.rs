//! The functions that `start.js` provides. It runs before this code is loaded.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Returns the response to the first request for billing data, which `start.js` sent.
    #[wasm_bindgen(js_namespace = till, js_name = initialBilling, catch)]
    pub async fn initial_billing() -> Result<JsValue, JsValue>;
    /// Sends a request about the invoice. Returns `{ok, body}`, or an error without a valid response.
    #[wasm_bindgen(js_namespace = till, catch)]
    pub async fn call(
        method: &str,
        path: &str,
        body: Option<&str>,
        key: Option<&str>,
    ) -> Result<JsValue, JsValue>;
    /// Opens the stream of live events after the given event id. Returns a reader of text.
    #[wasm_bindgen(js_namespace = till, catch)]
    pub async fn events(last: &str) -> Result<JsValue, JsValue>;
    /// Chooses the language and loads its texts. `requested`: the language of the order or the project.
    #[wasm_bindgen(js_namespace = till, js_name = loadLocale)]
    pub async fn load_locale(requested: Option<&str>);
    /// Returns a text; empty if there is none.
    #[wasm_bindgen(js_namespace = till)]
    pub fn text(name: &str) -> String;
    /// Returns the plural form of a text for a number (CLDR plural rules), with the number filled in.
    #[wasm_bindgen(js_namespace = till)]
    pub fn plural(name: &str, n: u32) -> String;
    /// Formats minor units of a currency in the buyer's locale.
    #[wasm_bindgen(js_namespace = till)]
    pub fn money(amount: i64, currency: &str, digits: u32) -> String;
    /// Formats seconds as minutes and seconds.
    #[wasm_bindgen(js_namespace = till)]
    pub fn clock(seconds: u32) -> String;
    /// Returns the seconds until a time (RFC 3339), by the server's clock.
    #[wasm_bindgen(js_namespace = till, js_name = secondsUntil)]
    pub fn seconds_until(time: &str) -> f64;
    /// Returns pairs of country code and name, sorted by name.
    #[wasm_bindgen(js_namespace = till)]
    pub fn countries(codes: &str) -> js_sys::Array;
    /// Applies the project's theme and accent, unless the page chose others.
    #[wasm_bindgen(js_namespace = till, js_name = applyTheme)]
    pub fn apply_theme(theme: Option<&str>, accent: Option<&str>);
    /// Posts an event to the page.
    #[wasm_bindgen(js_namespace = till, js_name = postEvent)]
    pub fn post_event(name: &str, payment: Option<&str>, status: &str, code: Option<&str>);
    /// Sets the listener for messages and window events. Earlier ones are delivered now.
    #[wasm_bindgen(js_namespace = till)]
    pub fn listen(listener: &Closure<dyn Fn(String)>);
    /// Navigates the window, or from inside a frame the page, to a URL.
    #[wasm_bindgen(js_namespace = till)]
    pub fn redirect(url: &str);
    /// Opens a verification form in a separate window, which is empty without a URL. Returns whether
    /// the browser allowed it.
    #[wasm_bindgen(js_namespace = till, js_name = openWindow)]
    pub fn open_window(url: Option<&str>) -> bool;
    /// Closes that window.
    #[wasm_bindgen(js_namespace = till, js_name = closeWindow)]
    pub fn close_window();
    /// Returns whether a field may take the focus: not where that would open a keyboard.
    #[wasm_bindgen(js_namespace = till, js_name = mayFocus)]
    pub fn may_focus() -> bool;
    /// Returns a random idempotency key for one press of Pay.
    #[wasm_bindgen(js_namespace = till, js_name = newKey)]
    pub fn new_key() -> String;

    #[wasm_bindgen(thread_local_v2, js_namespace = till, js_name = mode)]
    static MODE: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = till, js_name = preloaded)]
    static PRELOADED: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = till, js_name = returned)]
    static RETURNED: JsValue;
}

/// How the widget was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As a page of its own, the hosted page.
    Hosted,
    /// In a dialog on the project's page.
    Iframe,
    /// In an element of the project's page.
    Inline,
    /// In a window that the project's page opened.
    Popup,
}

impl Mode {
    /// Returns the mode of this page.
    pub fn of_page() -> Self {
        match MODE.with(JsValue::as_string).as_deref() {
            Some("iframe") => Self::Iframe,
            Some("inline") => Self::Inline,
            Some("popup") => Self::Popup,
            _ => Self::Hosted,
        }
    }

    /// Returns whether the widget runs in a frame.
    pub fn framed(self) -> bool {
        matches!(self, Self::Iframe | Self::Inline)
    }
}

/// Returns whether the widget was preloaded and receives its invoice by a message.
pub fn is_preloaded() -> bool {
    PRELOADED.with(JsValue::is_truthy)
}

/// Returns whether this popup returned from a bank's page.
pub fn returned_from_bank() -> bool {
    RETURNED.with(JsValue::is_truthy)
}
