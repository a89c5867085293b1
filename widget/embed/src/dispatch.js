// Opens the widget for an element of the page and reports its events there.
import { open } from "./open.js";
import { NAMES } from "./session.js";
import { configure } from "./settings.js";

/** The widgets whose events are reported. A second press must not report them twice. */
const reported = new WeakSet();

/** Returns the invoice or order of an element's attributes. */
export function readTarget(invoice, token, order) {
  return order ? { order: JSON.parse(order) } : { invoice, token };
}

/**
 * Opens the widget for an element and dispatches its events as `till:...` events on it.
 * @param {Element} element
 * @param {() => any} what
 * @param {{ container?: Element }} [options]
 */
export function openFor(element, what, options) {
  const dispatch = (name, detail) => {
    // A framework may have replaced the element. The page's own listeners must still hear the event.
    for (const target of element.isConnected ? [element] : [element, document]) {
      target.dispatchEvent(new CustomEvent(`till:${name}`, { bubbles: true, composed: true, detail }));
    }
  };
  try {
    const handle = open(configure(), what(), options);
    if (reported.has(handle)) return handle;
    reported.add(handle);
    for (const name of ["open", "popup_blocked", ...NAMES, "close"]) handle.on(name, (detail) => dispatch(name, detail));
    return handle;
  } catch (error) {
    console.error(error);
    dispatch("error", { status: "error", code: "not-opened", message: error.message });
  }
}
