// One open widget: its events, its view, and what is known about it.
import { problemText, texts } from "./language.js";
import { DIALOG, enter, leave } from "./places.js";
import { unwatch } from "./removal.js";
import { check, createInvoice, isPromise, OrderError, UNREACHABLE } from "./target.js";
import { dialogView } from "./views/dialog.js";
import { inlineView } from "./views/inline.js";
import { popupView } from "./views/popup.js";

/** The events that the widget posts. */
export const NAMES = ["ready", "fixation", "verification", "paid", "declined", "expired", "error"];
/** The events that are told once. */
const ONCE = ["ready", "paid", "expired"];
/** How long the widget may take from `open` to its first `ready` or `error`. */
const LOAD_SECONDS = 15;

/** Returns the fields of an event that a message has. */
function readDetail(data) {
  const detail = {};
  for (const name of ["invoice", "payment", "status", "code", "message"]) {
    if (typeof data[name] === "string") detail[name] = data[name];
  }
  return detail;
}

/**
 * @param {any} config
 * @param {any} what
 * @param {Element | null | undefined} container
 * @param {{ claim: (invoice: string) => any, release: () => void }} registry
 */
export function createSession(config, what, container, registry) {
  const handlers = new Map();
  const reported = new Set();
  /** @type {any} */
  const status = { invoice: what.invoice, status: "open" };
  let target = what.invoice ? what : null;
  let view = null;
  let deadline;
  // The widget has said that it is ready, or that it is not.
  let answered = false;
  let failed = false;
  // The popup shows the widget: it has posted a message and has not left for a bank's page since.
  let talking = false;
  let announced = false;
  let attempts = 0;
  let asking = false;
  let ended = false;
  let closed = false;

  const handle = {
    on: (name, fn) => (handlers.set(name, [...(handlers.get(name) ?? []), fn]), handle),
    off: (name, fn) => (handlers.set(name, (handlers.get(name) ?? []).filter((f) => f !== fn)), handle),
    close: () => requestClose(),
  };
  const session = {
    handle,
    place: container || DIALOG,
    show,
    showPopup,
    requestClose,
    end,
    focus: () => view?.focus(),
    element: () => (view ? view.element : container),
  };

  function emit(name, detail = { ...status }) {
    if (closed) return;
    closed = name === "close";
    for (const fn of handlers.get(name) ?? []) {
      // An error in one handler must not stop the others.
      try { fn(detail); } catch (error) { console.error(error); }
    }
  }

  /** Asynchronous, so that handlers attached right after `open` receive it. */
  function emitLater(name) {
    queueMicrotask(() => emit(name));
  }

  function show() {
    view = container
      ? inlineView(config, container)
      : dialogView(config, target, { requestClose, mayLeave: () => answered || failed });
    start();
  }

  function showPopup() {
    // Opened with its URL, if known: a page with COOP cannot navigate an empty popup.
    view = popupView(config, target, popupClosed);
    if (view) return start();
    announce();
    emitLater("popup_blocked");
    enter(DIALOG, session);
  }

  function announce() {
    if (!announced) emitLater("open");
    announced = true;
  }

  function start() {
    announce();
    addEventListener("message", handleMessage);
    load();
  }

  /** Finds the invoice and shows it. */
  async function load(again = false) {
    const attempt = ++attempts;
    clearTimeout(deadline);
    deadline = setTimeout(() => fail("load-timeout", `The widget did not load in ${LOAD_SECONDS} seconds. Check that \
${location.origin} is in allowed_origins, and that frame-src allows ${config.host}.`), LOAD_SECONDS * 1000);
    try {
      if (!target) {
        const wanted = isPromise(what) ? await what : what;
        check(config, wanted);
        const { invoice, token } = wanted.invoice ? wanted : await createInvoice(config, wanted.order);
        if (ended) return;
        target ??= { invoice, token };
        status.invoice = target.invoice;
      }
      if (attempt !== attempts) return;
      // An earlier widget has this invoice: this one must not report its events again.
      const owner = registry.claim(target.invoice);
      if (owner) {
        end();
        return owner.focus();
      }
      view.show(target.invoice, target.token, again);
    } catch (error) {
      if (ended || attempt !== attempts) return;
      if (error instanceof OrderError) return refused(error, attempt);
      console.error(error);
      emit("error", { ...status, status: "error", code: "not-opened", message: String(error?.message ?? error) });
      end();
    }
  }

  /** Tells the page and the buyer that there is no invoice for the order. */
  async function refused({ code, message }, attempt) {
    clearTimeout(deadline);
    const [language] = texts(config);
    const text = code === UNREACHABLE ? undefined : await problemText(config, language, code);
    if (!ended && attempt === attempts) fail(code, message, text);
  }

  /**
   * Tells the page and the buyer that the widget cannot start.
   * @param {string} code
   * @param {string} message
   * @param {string} [text] What the buyer is told.
   */
  function fail(code, message, text) {
    // A popup cannot say so. In the dialog the widget gets another chance.
    if (view.isPopup) return moveToDialog();
    clearTimeout(deadline);
    failed = true;
    console.error(`Till: ${message}`);
    // The project's reason is for the buyer; other messages are for developers.
    const reason = code === "order-rejected" ? message : "";
    const [language, failedText, retry] = texts(config);
    view.fail([language, text ?? failedText, retry], reason, () => {
      recover();
      load(true);
    });
    emit("error", { ...status, status: "error", code, message });
  }

  function recover() {
    if (failed) view.recover();
    failed = false;
  }

  /** A closed popup may be one that can no longer be seen: its page or the bank's has a COOP header. */
  function popupClosed() {
    if (talking || !view.navigated) end();
    else moveToDialog();
  }

  /** Follows the payment in the dialog instead of the popup. */
  function moveToDialog() {
    clearTimeout(deadline);
    // What is still being loaded was for the popup.
    attempts++;
    view.remove();
    view = null;
    answered = talking = false;
    enter(DIALOG, session);
  }

  /** @param {MessageEvent<ToPage>} event */
  function handleMessage({ origin, source, data }) {
    if (origin !== config.host || !source || source !== view?.window() || typeof data?.till !== "string") return;
    const detail = readDetail(data);
    if (detail.invoice && status.invoice && detail.invoice !== status.invoice) return;
    const name = data.till;
    talking = name !== "leaving";
    view.handleMessage?.(data);
    if (name === "close") return end();
    // The bank's page cannot be shown in a frame and the buyer chose to continue in this tab.
    if (data.till === "navigate" && /^https?:/.test(data.url) && URL.canParse(data.url)) location.assign(data.url);
    if (!NAMES.includes(name)) return;
    if (name === "ready" || name === "error") {
      clearTimeout(deadline);
      recover();
      answered = true;
      view.answered?.();
    }
    // A popup that returns from a bank's page, and the dialog that follows it, post events again.
    const key = ONCE.includes(name) ? name : `${name} ${detail.payment}`;
    if (name !== "error" && reported.has(key)) return;
    reported.add(key);
    if (detail.message) console.error(`Till: ${detail.message}`);
    if (status.invoice) detail.invoice = status.invoice;
    Object.assign(status, { code: undefined }, detail);
    emit(name, detail);
  }

  /** Closes the widget. While a payment is in progress, the widget asks the buyer first. */
  function requestClose() {
    if (!answered || failed || !view?.window() || view.window().closed) return end();
    // One message for all requests of a task: an effect's cleanup closes, and the next effect opens.
    if (!asking) view.window().postMessage({ till: "close" }, config.host);
    asking = true;
    setTimeout(() => (asking = false));
  }

  /** Closes the widget at once. */
  function end() {
    if (ended) return;
    ended = true;
    clearTimeout(deadline);
    removeEventListener("message", handleMessage);
    unwatch(session);
    registry.release();
    // The page may have changed or removed any of the elements.
    try { view?.remove(); } catch (error) { console.error(error); }
    view = null;
    emit("close");
    leave(session.place, session);
  }

  return session;
}
