// The widget in a modal dialog over the page.
import { takeFrame } from "../preload.js";
import { widgetUrl } from "../settings.js";
import { isInvoice } from "../target.js";
import { destroyBox } from "./box.js";
import { failurePanel } from "./failure.js";
import { focusFrame, reload, styled } from "./frame.js";

/** Returns the focused element, inside shadow roots too. */
function focused() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}

function isOutside(box, { clientX, clientY }) {
  const { left, right, top, bottom } = box.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}

/**
 * @param {any} config
 * @param {any} known The invoice, if it is known.
 * @param {{ requestClose: () => void, mayLeave: () => boolean }} session
 */
export function dialogView(config, known, { requestClose, mayLeave }) {
  const before = focused();
  const frame = takeFrame(config, known);
  const { box, iframe, x } = frame;
  const root = document.documentElement;
  const { overflow } = root.style;
  let failure = null;
  let removed = false;

  // Until the widget runs, Esc must not end in its frame.
  frame.onAlive = () => box.getRootNode().activeElement === x && iframe.focus();
  x.onclick = requestClose;
  box.addEventListener("cancel", (event) => (event.preventDefault(), requestClose()));
  // The browser closes the dialog on a second Esc, even if the handler of the first one prevented it.
  box.addEventListener("close", () => {
    if (removed || !box.isConnected) return;
    box.showModal();
    requestClose();
  });
  // The second click of a double click on the button lands on the backdrop.
  box.addEventListener("click", (event) => event.target === box && mayLeave() && isOutside(box, event) && requestClose());
  root.style.overflow = "hidden";
  box.inert = false;
  box.style.visibility = "";
  box.showModal();
  (frame.alive ? iframe : x).focus();

  return {
    element: box,
    window: () => iframe.contentWindow,
    focus() {
      if (failure) failure.button.focus();
      else if (frame.alive) focusFrame(iframe);
      else x.focus();
    },
    show(invoice, token, again) {
      if (again) {
        frame.alive = false;
        reload(iframe, widgetUrl(config, "iframe", invoice, token));
        x.focus();
      } else if (frame.known) {
        // The frame has this invoice's URL.
      } else if (frame.url && isInvoice(invoice)) {
        frame.post({ till: "open", invoice, token });
      } else {
        iframe.src = widgetUrl(config, "iframe", invoice, token);
      }
    },
    answered() {
      // The widget has a close button of its own.
      x.remove();
      focusFrame(iframe);
    },
    fail(texts, reason, retry) {
      failure = failurePanel(config, texts, reason, retry);
      styled(failure.panel, { position: "absolute", inset: "0" });
      iframe.style.visibility = "hidden";
      x.before(failure.panel);
      failure.button.focus();
    },
    recover() {
      failure?.panel.remove();
      failure = null;
      iframe.style.visibility = "";
    },
    remove() {
      removed = true;
      root.style.overflow = overflow;
      destroyBox(frame);
      before?.focus?.();
    },
  };
}
