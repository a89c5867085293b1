//! What `start.js` does for us in the browser. It has begun before this code arrived.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The answer to the first question for billing data, asked before this code arrived.
    #[wasm_bindgen(js_namespace = till, catch)]
    pub async fn first() -> Result<JsValue, JsValue>;
    /// Calls the server about the invoice: `{ok, body}`, or an error where no answer of use came.
    #[wasm_bindgen(js_namespace = till, catch)]
    pub async fn call(
        method: &str,
        rest: &str,
        body: Option<&str>,
        key: Option<&str>,
    ) -> Result<JsValue, JsValue>;
    /// Begins the live events after the one with this id; gives a reader of text.
    #[wasm_bindgen(js_namespace = till, catch)]
    pub async fn events(last: &str) -> Result<JsValue, JsValue>;
    /// Chooses the language, with the order's wish, and loads its texts.
    #[wasm_bindgen(js_namespace = till)]
    pub async fn speak(ordered: Option<&str>);
    /// A text; empty where there is none.
    #[wasm_bindgen(js_namespace = till)]
    pub fn text(name: &str) -> String;
    /// A text in its form for a number (CLDR plural rules), with the number in it.
    #[wasm_bindgen(js_namespace = till)]
    pub fn plural(name: &str, n: u32) -> String;
    /// Minor units of a currency with so many decimals, in the buyer's way of writing.
    #[wasm_bindgen(js_namespace = till)]
    pub fn money(amount: i64, currency: &str, digits: u32) -> String;
    /// Seconds as minutes and seconds.
    #[wasm_bindgen(js_namespace = till)]
    pub fn clock(seconds: u32) -> String;
    /// Seconds until a time (RFC 3339), by the server's clock.
    #[wasm_bindgen(js_namespace = till, js_name = secondsUntil)]
    pub fn seconds_until(time: &str) -> f64;
    /// Pairs of code and name, sorted by name.
    #[wasm_bindgen(js_namespace = till)]
    pub fn countries(codes: &str) -> js_sys::Array;
    /// Sets theme and accent, unless the page around chose others.
    #[wasm_bindgen(js_namespace = till)]
    pub fn paint(theme: Option<&str>, accent: Option<&str>);
    /// Tells the page around.
    #[wasm_bindgen(js_namespace = till)]
    pub fn tell(name: &str, payment: Option<&str>, status: &str, code: Option<&str>);
    /// Hears of messages and of what happens to the window, from the beginning on.
    #[wasm_bindgen(js_namespace = till)]
    pub fn listen(heard: &Closure<dyn Fn(String)>);
    /// Takes the window, or from a frame the page around, to an address.
    #[wasm_bindgen(js_namespace = till)]
    pub fn leave(url: &str);
    /// Opens a verification form in a window beside the widget, empty without an address. Gives
    /// whether the browser let it.
    #[wasm_bindgen(js_namespace = till)]
    pub fn beside(url: Option<&str>) -> bool;
    /// Closes that window.
    #[wasm_bindgen(js_namespace = till, js_name = notBeside)]
    pub fn not_beside();
    /// Whether the focus may go to a field by itself: not where that would open a keyboard.
    #[wasm_bindgen(js_namespace = till, js_name = mayFocus)]
    pub fn may_focus() -> bool;
    /// A random key for one press of Pay.
    #[wasm_bindgen(js_namespace = till, js_name = newKey)]
    pub fn new_key() -> String;

    #[wasm_bindgen(thread_local_v2, js_namespace = till, js_name = mode)]
    static MODE: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = till, js_name = waits)]
    static WAITS: JsValue;
    #[wasm_bindgen(thread_local_v2, js_namespace = till, js_name = cameBack)]
    static CAME_BACK: JsValue;
}

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
    /// The one of this page.
    pub fn of_page() -> Self {
        match MODE.with(JsValue::as_string).as_deref() {
            Some("iframe") => Self::Iframe,
            Some("inline") => Self::Inline,
            Some("popup") => Self::Popup,
            _ => Self::Hosted,
        }
    }

    /// Whether it runs in a frame.
    pub fn framed(self) -> bool {
        matches!(self, Self::Iframe | Self::Inline)
    }
}

/// Whether the page was made ready before the click, and is told later what it is for.
pub fn waits() -> bool {
    WAITS.with(JsValue::is_truthy)
}

/// Whether this popup is back from a bank's page, for which it was left.
pub fn came_back() -> bool {
    CAME_BACK.with(JsValue::is_truthy)
}
