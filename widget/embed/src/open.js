// Opens the widget. An invoice is open at most once in a page.
import { enter, keep } from "./places.js";
import { endRemoved, watch } from "./removal.js";
import { createSession } from "./session.js";
import { check, invoiceKey, keyOf } from "./target.js";

/** The open widgets by the keys of what they show. */
const sessions = new Map();

/**
 * Opens the widget, or focuses it if it is open already. Must be called during the click, or the browser blocks
 * the popup.
 * @param {object} config
 * @param {any} what
 * @param {{ container?: Element | null }} options
 */
export function open(config, what, options) {
  const container = options?.container;
  check(config, what);
  if (container && container.nodeType !== 1) throw new TypeError("Till: container must be an element");
  const key = keyOf(config, what);
  endRemoved();
  const present = sessions.get(key);
  if (present) {
    // A widget that waits for this one is no longer wanted.
    keep(present.place, present);
    present.focus();
    return present.handle;
  }
  const session = createSession(config, what, container, {
    /** Remembers the invoice of an order or a promise. Returns the widget that shows it already, if any. */
    claim(invoice) {
      const owner = sessions.get(invoiceKey(invoice));
      if (!owner) sessions.set(invoiceKey(invoice), session);
      return owner === session ? null : owner;
    },
    release() {
      for (const [key, owner] of sessions) if (owner === session) sessions.delete(key);
    },
  });
  sessions.set(key, session);
  if (!container && config.mode === "popup") session.showPopup();
  else enter(session.place, session);
  watch(session);
  return session.handle;
}
