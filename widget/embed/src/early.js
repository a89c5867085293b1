// Takes up a press on a button from before this script was there.
import { enclosingButton, press } from "./buttons.js";

/**
 * Returns the button that was clicked last: it has the focus, the pointer is still there, and no key was
 * pressed. The focus alone may come from a script.
 */
function clickedButton() {
  const { eventCounts } = performance;
  const button = enclosingButton(document.activeElement);
  const clicked = eventCounts?.get("click") && !eventCounts.get("keydown");
  return clicked && button && button.matches(":hover") ? button : null;
}

export function openEarlyPress() {
  // The page's own queue has presses by keyboard too, and works in every browser; see docs/widget.md.
  const queued = window.tillPresses;
  const button = queued ? enclosingButton(queued.pop()) : clickedButton();
  if (button?.isConnected) press(button);
}
