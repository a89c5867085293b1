(() => {
  const box = document.getElementById("captcha");
  const { kind, siteKey: sitekey, script } = box.dataset;
  const height = (pixels) => {
    if (window.frameElement) window.frameElement.style.height = `${pixels}px`;
  };
  const solved = (token) => parent.postMessage({ till_solved: { token } }, location.origin);
  const element = document.createElement("script");
  element.src = script;
  if (kind === "friendly_captcha") {
    element.type = "module";
    element.onload = () => {
      box.addEventListener("frc:widget.complete", (event) => solved(event.detail.response));
      window.frcaptcha.createWidget({ element: box, sitekey, startMode: "auto" });
    };
  } else {
    // The challenge of hCaptcha is larger than its checkbox.
    const open = { "open-callback": () => height(620), "close-callback": () => height(90) };
    element.onload = () => window[kind].render(box, { sitekey, callback: solved, ...open });
  }
  document.head.append(element);
})();
