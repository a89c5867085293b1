// Preloads the widget in a hidden dialog, so that a click opens it at once.
import { DIALOG, isTaken } from "./places.js";
import { configure, preset, sameUrl, widgetUrl } from "./settings.js";
import { createBox, destroyBox } from "./views/box.js";

/** The preloaded dialog. */
let pooledFrame = null;

export function preload(config) {
  const disabled = config.mode !== "iframe" || !config.project || preset.preload === "none";
  if (disabled || isTaken(DIALOG) || navigator.connection?.saveData) return;
  if (pooledFrame && !pooledFrame.box.isConnected) discard();
  pooledFrame ??= adoptFrame(config) ?? createBox(config);
}

/** Returns the frame that the page has in its HTML, if it has one; see docs/widget.md. */
function adoptFrame(config) {
  /** @type {HTMLIFrameElement | null} */
  const given = document.querySelector("dialog[data-till-frame] iframe");
  given?.closest("dialog").removeAttribute("data-till-frame");
  return given && URL.canParse(given.src) ? createBox(config, null, given) : null;
}

function discard() {
  destroyBox(pooledFrame);
  pooledFrame = null;
}

/** Returns the preloaded dialog, or a new one if none was preloaded with these settings. */
export function takeFrame(config, known) {
  pooledFrame ??= adoptFrame(config);
  const urls = [widgetUrl(config, "iframe"), known && widgetUrl(config, "iframe", known.invoice, known.token)];
  const fits = pooledFrame?.box.isConnected && urls.some((url) => url && sameUrl(url, pooledFrame.url));
  if (pooledFrame && !fits) {
    // The address has a token, so it is not part of the message.
    if (pooledFrame.given) console.warn("Till: the page's frame is not used: its invoice, settings or origin are others.");
    discard();
  }
  const frame = pooledFrame ?? createBox(config, known);
  pooledFrame = null;
  return frame;
}

/**
 * Preloads the widget, and the billing data of the button that is likely to be pressed.
 * @param {any} button
 */
export function prepare(button) {
  try {
    preload(configure());
  } catch {
    // The press reports wrong settings.
    return;
  }
  const { tillInvoice: invoice, tillToken: token } = button?.dataset ?? {};
  if (invoice && token) pooledFrame?.post({ till: "prepare", invoice, token });
}

export function whenIdle(run) {
  // @ts-expect-error: setTimeout ignores the options
  const later = () => (window.requestIdleCallback ?? setTimeout)(run, { timeout: 2000 });
  document.readyState === "complete" ? later() : addEventListener("load", later, { once: true });
}

export function preloadWhenIdle() {
  whenIdle(() => prepare(document.querySelector("[data-till-invoice]")));
}
