// The widget in a popup window.
import { widgetUrl } from "../settings.js";

/** Opens the popup. Returns null if the browser blocks it. */
export function popupView(config, known, onClosed) {
  const url = known && widgetUrl(config, "popup", known.invoice, known.token);
  const [width, height] = [460, 780];
  const left = Math.max(0, screenX + (outerWidth - width) / 2);
  const top = Math.max(0, screenY + (outerHeight - height) / 2);
  const features = `popup,width=${width},height=${height},left=${left},top=${top}`;
  const opened = window.open(url ?? "", `till-${known?.invoice ?? Date.now()}`, features);
  if (!opened) return null;
  opened.focus();
  const watch = setInterval(() => opened.closed && onClosed(), 500);
  const view = {
    isPopup: true,
    // A window that shows no page of another origin yet is closed when it says so.
    navigated: Boolean(url),
    window: () => opened,
    focus: () => opened.focus(),
    show(invoice, token) {
      if (view.navigated) return;
      view.navigated = true;
      opened.location.replace(widgetUrl(config, "popup", invoice, token));
    },
    fail() {},
    recover() {},
    remove() {
      clearInterval(watch);
      opened.close();
    },
  };
  return view;
}
