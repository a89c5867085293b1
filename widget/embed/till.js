// Till's embed script: opens the payment widget over a page, in it, or in a window of its own.
// Runs under a strict content security policy: `script-src HOST; frame-src HOST` is all it needs.
(() => {
  "use strict";
  if (window.Till) return;

  const script = document.currentScript;
  const HOST = new URL(script.src).origin;
  const MODES = ["iframe", "popup"];
  const NAMES = ["ready", "fixation", "verification", "paid", "declined", "error"];
  let overlay = null; // the one dialog there may be

  const styled = (element, style) => (Object.assign(element.style, style), element);

  /** Takes settings, gives `{ open }`. */
  function Till(settings = {}) {
    const preset = script.dataset;
    const config = {
      project: settings.project ?? preset.project,
      mode: settings.mode ?? preset.mode ?? "iframe",
      locale: settings.locale ?? preset.locale,
      theme: settings.theme ?? preset.theme,
    };
    if (!MODES.includes(config.mode)) {
      throw new TypeError(`Till: mode must be one of ${MODES.join(", ")}, not ${config.mode}`);
    }
    return { open: (what, options = {}) => open(config, what, options) };
  }

  /** Opens the widget; must run inside the click itself, or the browser blocks the popup. */
  function open(config, what, { container } = {}) {
    check(config, what);
    const mode = container ? "inline" : config.mode;
    const handlers = new Map();
    const handle = {
      on: (name, fn) => (handlers.set(name, [...(handlers.get(name) ?? []), fn]), handle),
      off: (name, fn) => (handlers.set(name, (handlers.get(name) ?? []).filter((f) => f !== fn)), handle),
      close: () => view?.ask(),
    };
    let closed = false;
    const emit = (name, detail) => {
      if (closed) return;
      closed = name === "close";
      for (const fn of handlers.get(name) ?? []) {
        // One handler's mistake must not keep the others from hearing.
        try { fn(detail); } catch (error) { console.error(error); }
      }
    };
    const known = typeof what.then === "function" ? null : what;
    const status = { invoice: known?.invoice, status: "open" };
    // Whoever attaches a handler right after `open` still hears of everything.
    queueMicrotask(() => emit("open", { ...status }));

    let view;
    if (mode === "popup") {
      // Opened on its address where that is known: a page with COOP loses hold of an empty one.
      const url = known?.invoice && address(config, mode, known.invoice, known.token);
      view = popup(known?.invoice, url, emit, status);
      if (!view) queueMicrotask(() => emit("popup_blocked", { ...status }));
    }
    view ??= container ? inline(container, emit, status) : dialog(emit, status);
    Promise.resolve(what)
      .then((given) => (check(config, given), given.invoice ? given : invoiceFor(config, given.order)))
      .then(({ invoice, token }) => {
        if (closed) return;
        status.invoice = invoice;
        if (!view.shown) view.show(address(config, view.mode, invoice, token));
      })
      .catch((error) => {
        emit("error", { ...status, status: "error", code: error.code ?? "not-opened" });
        console.error(error);
        view.shut();
      });
    return handle;
  }

  function check(config, what) {
    if (typeof what?.then === "function") return;
    const { invoice, token, order } = what ?? {};
    if (invoice && token) return;
    if (!order || invoice) {
      throw new TypeError("Till: open takes an invoice with its token, or an order");
    }
    if (!config.project) {
      throw new TypeError("Till: an order needs the project's key (data-project)");
    }
  }

  async function invoiceFor({ project }, order) {
    const answer = await fetch(`${HOST}/v1/widget/invoices`, {
      method: "POST",
      headers: { authorization: `Bearer ${project}`, "content-type": "application/json" },
      body: JSON.stringify(order),
    });
    const body = await answer.json();
    if (answer.ok) return { invoice: body.id, token: body.client_token };
    throw Object.assign(new Error(body.detail), { code: body.type?.split("/").pop() });
  }

  function address({ locale, theme }, mode, invoice, token) {
    const query = new URLSearchParams({ mode, origin: location.origin });
    if (locale) query.set("locale", locale);
    if (theme) query.set("theme", theme);
    return `${HOST}/pay/${encodeURIComponent(invoice)}?${query}#token=${encodeURIComponent(token)}`;
  }

  /** What all views have in common: messages from the widget's window, and the end. */
  function connect(view, target, emit, status, on, gone) {
    let ready = false;
    const heard = ({ origin, source, data }) => {
      if (origin !== HOST || source !== target() || !data?.till) return;
      const { till, ...detail } = data;
      if (till === "ready" || till === "error") ready = true;
      on?.[till]?.(detail);
      if (till === "close") return view.shut();
      // The bank's page refuses frames and the buyer chose to go on in this tab.
      if (till === "navigate" && /^https?:/.test(detail.url)) location.assign(detail.url);
      if (!NAMES.includes(till)) return;
      Object.assign(status, { code: undefined }, detail);
      emit(till, detail);
    };
    addEventListener("message", heard);
    // The widget asks the buyer first while money may be moving. Before it can, we just close.
    view.ask = () => (ready ? target().postMessage({ till: "close" }, HOST) : view.shut());
    view.shut = () => {
      view.shut = () => {};
      removeEventListener("message", heard);
      gone();
      emit("close", { ...status });
    };
    return view;
  }

  function frame(mode) {
    const iframe = document.createElement("iframe");
    iframe.title = "Payment";
    iframe.allow = "payment; publickey-credentials-get *";
    iframe.dataset.till = mode;
    return styled(iframe, { border: "0", width: "100%", display: "block", colorScheme: "normal" });
  }

  function dialog(emit, status) {
    overlay?.shut();
    const before = document.activeElement;
    const box = styled(document.createElement("dialog"), {
      border: "0", padding: "0", margin: "auto", overflow: "hidden", background: "transparent",
      width: "min(440px, 100vw)", height: "min(760px, 100dvh)", maxWidth: "none", maxHeight: "none",
      borderRadius: innerWidth > 480 ? "16px" : "0", boxShadow: "0 0 0 100vmax rgb(10 12 20 / 55%)",
    });
    const iframe = styled(frame("iframe"), { height: "100%", background: "#fff" });
    const { overflow } = document.documentElement.style;
    const view = { mode: "iframe", show: (url) => (iframe.src = url) };
    const resize = ({ height }) => {
      if (innerWidth > 480) box.style.height = `min(${Number(height) || 760}px, 100dvh)`;
    };
    connect(view, () => iframe.contentWindow, emit, status, { resize }, () => {
      box.close();
      box.remove();
      document.documentElement.style.overflow = overflow;
      before?.focus?.();
      if (overlay === view) overlay = null;
    });
    box.addEventListener("cancel", (event) => (event.preventDefault(), view.ask()));
    box.addEventListener("click", (event) => event.target === box && outside(box, event) && view.ask());
    box.append(iframe);
    document.body.append(box);
    document.documentElement.style.overflow = "hidden";
    box.showModal();
    return (overlay = view);
  }

  function outside(box, { clientX, clientY }) {
    const { left, right, top, bottom } = box.getBoundingClientRect();
    return clientX < left || clientX > right || clientY < top || clientY > bottom;
  }

  function inline(container, emit, status) {
    const iframe = styled(frame("inline"), { height: "480px" });
    const view = { mode: "inline", show: (url) => (iframe.src = url) };
    const resize = ({ height }) => (iframe.style.height = `${Number(height) || 480}px`);
    connect(view, () => iframe.contentWindow, emit, status, { resize }, () => iframe.remove());
    container.append(iframe);
    return view;
  }

  function popup(invoice, url, emit, status) {
    const name = `till-${invoice ?? Date.now()}`;
    const [width, height] = [460, 780];
    const left = Math.max(0, screenX + (outerWidth - width) / 2);
    const top = Math.max(0, screenY + (outerHeight - height) / 2);
    const features = `popup,width=${width},height=${height},left=${left},top=${top}`;
    const opened = window.open(url ?? "", name, features);
    if (!opened) return null;
    opened.focus();
    const view = { mode: "popup", shown: Boolean(url), show: (to) => opened.location.replace(to) };
    // A hint only, by hand or by a policy of the page: what was paid is the server's to say.
    const watch = setInterval(() => opened.closed && view.shut(), 500);
    return connect(view, () => opened, emit, status, {}, () => {
      clearInterval(watch);
      opened.close();
    });
  }

  /** What an element asks for in its attributes. */
  function asked({ tillInvoice, tillToken, tillOrder }) {
    return tillOrder ? { order: JSON.parse(tillOrder) } : { invoice: tillInvoice, token: tillToken };
  }

  /** Opens for an element and tells of everything by `till:...` events on it. */
  function openFor(element, what, options) {
    const tell = (name) => (detail) =>
      element.dispatchEvent(new CustomEvent(`till:${name}`, { bubbles: true, detail }));
    try {
      const handle = Till().open(what(), options);
      for (const name of ["open", "popup_blocked", ...NAMES, "close"]) handle.on(name, tell(name));
      return handle;
    } catch (error) {
      console.error(error);
      tell("error")({ status: "error", code: "not-opened" });
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-till-invoice], [data-till-order]");
    if (!button || button.disabled) return;
    event.preventDefault();
    openFor(button, () => asked(button.dataset));
  });

  customElements.define("till-pay", class extends HTMLElement {
    connectedCallback() {
      const [tillInvoice, tillToken, tillOrder] = ["invoice", "token", "order"].map((n) => this.getAttribute(n));
      this.style.display ||= "block";
      this.handle ??= openFor(this, () => asked({ tillInvoice, tillToken, tillOrder }), { container: this });
    }
  });

  window.Till = Till;
  document.dispatchEvent(new CustomEvent("till:loaded"));
})();
