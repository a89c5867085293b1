// Preloads the widget in a hidden dialog, so that a click opens it at once.
import { DIALOG, isTaken } from "./places.js";
import { configure, preset, widgetUrl } from "./settings.js";
import { createBox, destroyBox } from "./views/box.js";

/** The preloaded dialog. */
let pooledFrame = null;

export function preload(config) {
  const disabled = config.mode !== "iframe" || !config.project || preset.preload === "none";
  if (disabled || isTaken(DIALOG) || navigator.connection?.saveData) return;
  if (pooledFrame && !pooledFrame.box.isConnected) discard();
  pooledFrame ??= createBox(config);
}

function discard() {
  destroyBox(pooledFrame);
  pooledFrame = null;
}

/** Returns the preloaded dialog, or a new one if none was preloaded with these settings. */
export function takeFrame(config, known) {
  const fits = pooledFrame?.box.isConnected && pooledFrame.url === widgetUrl(config, "iframe");
  if (pooledFrame && !fits) discard();
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
