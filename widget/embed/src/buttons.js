// Buttons with `data-till-invoice` or `data-till-order`, in the document and in open shadow roots.
import { openFor, readTarget } from "./dispatch.js";
import { prepare } from "./preload.js";

const BUTTONS = "[data-till-invoice], [data-till-order]";
const HINTS = ["pointerover", "focusin", "touchstart"];

/**
 * Returns the button that an event happened in.
 * @param {Event} event
 * @returns {any}
 */
const findButton = (event) =>
  event.composedPath().find((node) => node instanceof Element && node.matches(BUTTONS));

/** Opens the widget for a button. */
export function press(button) {
  const { tillInvoice, tillToken, tillOrder } = button.dataset;
  openFor(button, () => readTarget(tillInvoice, tillToken, tillOrder));
}

/** Returns the button that contains an element, if it can be pressed. */
export const enclosingButton = (element) => {
  const button = element?.closest?.(BUTTONS);
  return button && !button.disabled ? button : null;
};

/**
 * Returns whether a click is the browser's own, for Enter in a field of the button's form.
 * @param {any} event
 */
function isImplicitSubmission(event, button) {
  if (!event.isTrusted || event.detail || event.pointerType || !button.form || button.type !== "submit") return false;
  const focused = button.getRootNode().activeElement;
  return focused !== button && focused?.form === button.form;
}

/** Prepares for a press when the pointer or the focus reaches a button. */
function listenForHints(root, known = new WeakSet()) {
  const hint = (event) => {
    const button = findButton(event);
    if (button) prepare(button);
    // Moves inside a shadow root are not seen outside of it.
    for (const node of event.composedPath()) {
      if (!(node instanceof ShadowRoot) || known.has(node)) continue;
      known.add(node);
      listenForHints(node, known);
    }
  };
  for (const name of HINTS) root.addEventListener(name, hint, { passive: true });
}

export function listenToButtons(withHints) {
  document.addEventListener("click", (event) => {
    const button = findButton(event);
    if (!button || button.disabled || isImplicitSubmission(event, button)) return;
    event.preventDefault();
    press(button);
  });
  if (withHints) listenForHints(document);
}
