// The dialog's elements, hidden until it opens. The dialog is laid out while hidden, so that nothing moves when
// it opens.
import { colors, widgetUrl } from "../settings.js";
import { isWide, label, newIframe, readHeight, readNames, styled } from "./frame.js";

/**
 * Creates the dialog. Without a known invoice, the widget receives it by a message.
 * @param {any} config
 * @param {any} [known]
 * @param {HTMLIFrameElement | null} [given] A frame in a dialog of the page, which loads already.
 */
export function createBox(config, known, given) {
  const box = given?.closest("dialog") ?? document.createElement("dialog");
  const wide = isWide();
  box.inert = true;
  // It grows downwards, so that its content does not move.
  styled(box, {
    display: "block", visibility: "hidden", position: "fixed", inset: "0", border: "0", padding: "0",
    ...colors(config), overflow: "auto", overscrollBehavior: "contain", scrollbarWidth: "thin",
    width: wide ? "min(440px, 100vw)" : "100vw", height: wide ? "fit-content" : "100dvh", maxWidth: "none", maxHeight: "100dvh",
    margin: wide ? "max(0px, min(7dvh, 50dvh - 360px)) auto auto" : "0",
    borderRadius: wide ? "16px" : "0", boxShadow: "0 0 0 100vmax rgb(10 12 20 / 55%)",
  });
  const iframe = styled(newIframe("iframe", given), { height: wide ? "640px" : "100%" });
  // Shown until the widget has its own close button.
  const x = styled(document.createElement("button"), {
    position: "absolute", insetInlineEnd: "8px", top: "8px", width: "44px", height: "44px",
    border: "0", background: "none", color: "inherit", font: "24px/1 sans-serif", cursor: "pointer",
  });
  x.type = "button";
  x.textContent = "×";
  given ? box.append(x) : box.append(iframe, x);
  label(box, iframe.title);

  const frame = { box, iframe, x, given, known: Boolean(known), url: "", alive: false, onAlive() {}, post, handleMessage };
  let last;
  // The page's own frame may have said so before this script was there: it shows a document by now.
  let loaded = given && given.contentDocument?.URL !== "about:blank";
  const send = () => last && iframe.contentWindow?.postMessage(last, config.host);

  /** @param {ToWidget} message */
  function post(message) {
    last = message;
    if (loaded) send();
  }

  /** @param {MessageEvent<ToPage>} event */
  function handleMessage({ origin, source, data }) {
    if (origin !== config.host || !source || source !== iframe.contentWindow || !data?.till) return;
    if (!frame.alive) {
      frame.alive = true;
      frame.onAlive();
    }
    if (data.till === "loaded") {
      loaded = true;
      // Again, if the widget has loaded again.
      send();
    }
    const names = readNames(data);
    if (names) {
      label(box, (iframe.title = names.payment));
      label(x, names.close);
    }
    const height = readHeight(data);
    if (height) iframe.style.height = isWide() ? `${height}px` : `max(100%, ${height}px)`;
  }

  addEventListener("message", handleMessage);
  if (given) {
    frame.url = given.src;
    return frame;
  }
  if (known || config.project) iframe.src = frame.url = widgetUrl(config, "iframe", known?.invoice, known?.token);
  (document.body ?? document.documentElement).append(box);
  return frame;
}

export function destroyBox({ box, handleMessage }) {
  removeEventListener("message", handleMessage);
  box.remove();
}
