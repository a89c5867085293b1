// Sets up the page: `window.Till`, buttons, the `<till-pay>` element, and preloading.
import { listenToButtons } from "./buttons.js";
import { openEarlyPress } from "./early.js";
import { defineElement } from "./element.js";
import { open } from "./open.js";
import { preload, preloadWhenIdle, whenIdle } from "./preload.js";
import { configure, setScript } from "./settings.js";

/** Returns an instance for the settings. */
export function Till(settings) {
  const config = configure(settings);
  // A server that renders the page has no document.
  if (typeof document !== "undefined") whenIdle(() => preload(config));
  return { open: (what, options = {}) => open(config, what, options) };
}

/**
 * Sets up the page once, however many copies of the script it loads.
 * @param {any} script The script tag; null in a bundle, which needs the `host` setting.
 */
export function install(script) {
  if (window.Till) return window.Till;
  setScript(script);
  listenToButtons(Boolean(script));
  defineElement();
  if (script) {
    preloadWhenIdle();
    openEarlyPress();
  }
  window.Till = Till;
  document.dispatchEvent(new CustomEvent("till:loaded"));
  return Till;
}
