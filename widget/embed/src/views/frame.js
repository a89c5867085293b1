// What the views share: styles and the widget's frame.
export const styled = (element, style) => (Object.assign(element.style, style), element);

export const label = (element, text) => element.setAttribute("aria-label", text);

export const isWide = () => innerWidth > 480;

/**
 * Returns a frame for the widget, or makes a given one a frame for it.
 * @param {string} mode
 * @param {HTMLIFrameElement | null} [given]
 */
export function newIframe(mode, given) {
  const iframe = given ?? document.createElement("iframe");
  // Replaced by the name in the widget's language.
  iframe.title = "Till";
  iframe.tabIndex = 0;
  iframe.allow = "payment; publickey-credentials-get *";
  iframe.dataset.till = mode;
  return styled(iframe, { border: "0", width: "100%", display: "block", colorScheme: "normal" });
}

/**
 * Returns the height of a `resize` message, if it is one.
 * @param {any} message
 */
export const readHeight = ({ till, height }) => (till === "resize" && Number.isFinite(height) && height > 0 ? height : 0);

/**
 * Returns the names of a `named` message, if it is one.
 * @param {any} message
 */
export const readNames = ({ till, payment, close }) =>
  till === "named" && typeof payment === "string" && typeof close === "string" ? { payment, close } : null;

/** Loads a URL, even if the frame has it already: a URL with a fragment would not be loaded again. */
export function reload(iframe, url) {
  iframe.src = url;
  iframe.replaceWith(iframe);
}

/** Focuses a frame that does not have the focus. Chromium would take it from the field in the frame that has it. */
export function focusFrame(iframe) {
  if (iframe.getRootNode().activeElement !== iframe) iframe.focus();
}
