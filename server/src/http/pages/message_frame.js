// Tells the page that shows this message in the widget's place what to change, and lets the buyer close it.
(() => {
  const { origin, code, message } = document.body.dataset;
  // A preloaded frame is hidden, and its page listens once the buyer opens it.
  const preloaded = location.pathname.endsWith("/frame") || new URLSearchParams(location.search).has("preload");
  const page = parent === window ? opener : parent;
  const post = (till, detail) => page?.postMessage({ till, status: "error", ...detail }, origin);
  const main = document.querySelector("main");
  const measure = () => post("resize", { height: main.offsetHeight });
  const tell = () => {
    measure();
    post("error", { code, message });
  };
  const close = () => {
    post("close");
    if (parent === window) window.close();
  };
  addEventListener("message", ({ source, origin: sender, data }) => {
    if (source !== page || sender !== origin) return;
    if (data?.till === "open") tell();
    if (data?.till === "close") close();
  });
  addEventListener("keydown", ({ key }) => key === "Escape" && close());
  document.getElementById("close").onclick = close;
  new ResizeObserver(measure).observe(main);
  post("loaded");
  if (!preloaded) tell();
})();
