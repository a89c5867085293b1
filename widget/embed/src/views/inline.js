// The widget in an element of the page.
import { widgetUrl } from "../settings.js";
import { failurePanel } from "./failure.js";
import { focusFrame, newIframe, readHeight, readNames, reload, styled } from "./frame.js";

export function inlineView(config, container) {
  const iframe = styled(newIframe("inline"), { height: "560px" });
  let panel = null;
  container.append(iframe);
  return {
    element: iframe,
    window: () => iframe.contentWindow,
    focus() {
      iframe.scrollIntoView({ block: "nearest" });
      focusFrame(iframe);
    },
    show: (invoice, token) => reload(iframe, widgetUrl(config, "inline", invoice, token)),
    handleMessage(data) {
      const height = readHeight(data);
      if (height) iframe.style.height = `${height}px`;
      iframe.title = readNames(data)?.payment ?? iframe.title;
    },
    fail(texts, reason, retry) {
      ({ panel } = failurePanel(config, texts, reason, retry));
      iframe.style.display = "none";
      iframe.after(panel);
    },
    recover() {
      panel?.remove();
      iframe.style.display = "block";
    },
    remove() {
      panel?.remove();
      iframe.remove();
    },
  };
}
