(() => {
  const box = document.getElementById("captcha");
  const { kind, siteKey: sitekey, page } = box.dataset;
  const LOW = 90;
  // The challenge of hCaptcha is larger than its checkbox.
  const HIGH = 620;
  const post = (height, token = null) => parent.postMessage({ till_captcha: { height, token } }, page);
  const solved = (token) => post(LOW, token);
  // The provider's script calls it when it is ready, as its URL asks.
  window.tillCaptcha = () => {
    const settings = { sitekey, callback: solved };
    if (kind === "hcaptcha") {
      settings["open-callback"] = () => post(HIGH);
      settings["close-callback"] = () => post(LOW);
    }
    window[kind].render(box, settings);
  };
  if (kind === "friendly_captcha") {
    box.addEventListener("frc:widget.complete", (event) => solved(event.detail.response));
    addEventListener("load", () => window.frcaptcha?.createWidget({ element: box, sitekey, startMode: "auto" }));
  }
  // A script that cannot be loaded; the event does not bubble.
  addEventListener("error", ({ target }) => {
    if (target.tagName === "SCRIPT") document.getElementById("failed").hidden = false;
  }, true);
})();
