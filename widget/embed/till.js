// Till's embed script: opens the payment widget over a page, in it, or in a window of its own.
// Runs under a strict content security policy: `script-src HOST; frame-src HOST` is all it needs.
(() => {
  "use strict";
  if (window.Till) return;

  const script = document.currentScript; // none where a bundler has it: then `host` must be given
  const preset = script?.dataset ?? {};
  const MODES = ["iframe", "popup"];
  const NAMES = ["ready", "fixation", "verification", "paid", "declined", "error"];
  const BUTTONS = "[data-till-invoice], [data-till-order]";
  let overlay = null; // the one dialog there may be
  let spare = null; // one made ready before the click

  const styled = (element, style) => (Object.assign(element.style, style), element);
  const label = (element, text) => element.setAttribute("aria-label", text);
  const wide = () => innerWidth > 480;

  /** Takes settings, gives `{ open }`. */
  function Till(settings) {
    const config = configured(settings);
    idle(() => warm(config));
    return { open: (what, options = {}) => open(config, what, options) };
  }

  function configured(settings = {}) {
    const config = { mode: "iframe" };
    for (const name of ["host", "project", "mode", "locale", "theme", "variables"]) {
      config[name] = settings[name] ?? preset[name] ?? config[name];
    }
    if (!MODES.includes(config.mode)) {
      throw new TypeError(`Till: mode must be one of ${MODES.join(", ")}, not ${config.mode}`);
    }
    if (!config.host && !script) throw new TypeError("Till: host is missing");
    config.host = new URL(config.host ?? script.src).origin;
    return config;
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
      view = popup(config, known, emit, status);
      if (!view) queueMicrotask(() => emit("popup_blocked", { ...status }));
    }
    view ??= container ? inline(config, container, emit, status) : dialog(config, known, emit, status);
    Promise.resolve(what)
      .then((given) => (check(config, given), given.invoice ? given : invoiceFor(config, given.order)))
      .then(({ invoice, token }) => {
        if (closed) return;
        status.invoice = invoice;
        view.show(invoice, token);
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

  async function invoiceFor({ host, project }, order) {
    const answer = await fetch(`${host}/v1/widget/invoices`, {
      method: "POST",
      headers: { authorization: `Bearer ${project}`, "content-type": "application/json" },
      body: JSON.stringify(order),
    });
    const body = await answer.json();
    if (answer.ok) return { invoice: body.id, token: body.client_token };
    throw Object.assign(new Error(body.detail), { code: body.type?.split("/").pop() });
  }

  /** The widget's page: of an invoice, or, without one, of the project, to be told later. */
  function address({ host, project, locale, theme, variables }, mode, invoice, token) {
    const query = new URLSearchParams({ mode, origin: location.origin });
    const kept = new URLSearchParams();
    if (locale) query.set("locale", locale);
    if (theme) query.set("theme", theme);
    if (!invoice) query.set("project", project);
    if (token) kept.set("token", token);
    if (variables) kept.set("variables", typeof variables === "string" ? variables : JSON.stringify(variables));
    return `${host}/pay/${encodeURIComponent(invoice ?? "frame")}?${query}#${kept}`;
  }

  /** What all views have in common: messages from the widget's window, and the end. */
  function connect(view, { host }, target, emit, status, on, gone) {
    // A popup that comes back from a bank's page begins anew.
    const once = new Set();
    const heard = ({ origin, source, data }) => {
      if (origin !== host || source !== target() || !data?.till) return;
      const { till, ...detail } = data;
      if (till === "ready" || till === "error") view.ready = true;
      on?.[till]?.(detail);
      if (till === "close") return view.shut();
      // The bank's page refuses frames and the buyer chose to go on in this tab.
      if (till === "navigate" && /^https?:/.test(detail.url)) location.assign(detail.url);
      if (!NAMES.includes(till) || once.has(till)) return;
      if (till === "ready" || till === "paid") once.add(till);
      Object.assign(status, { code: undefined }, detail);
      emit(till, detail);
    };
    addEventListener("message", heard);
    // The widget asks the buyer first while money may be moving. Before it can, we just close.
    view.ask = () => (view.ready ? target().postMessage({ till: "close" }, host) : view.shut());
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
    // Until it says what it is called in its language.
    iframe.title = "Till";
    iframe.tabIndex = 0;
    iframe.allow = "payment; publickey-credentials-get *";
    iframe.dataset.till = mode;
    return styled(iframe, { border: "0", width: "100%", display: "block", colorScheme: "normal" });
  }

  /**
   * A closed dialog with the widget in it, which waits to hear of its invoice if that is not known.
   * Laid out unseen, so that nothing moves when it is shown.
   */
  function made(config, known) {
    const box = document.createElement("dialog");
    const dark = config.theme === "dark" || config.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches;
    box.inert = true;
    // It grows downwards, so that nothing in it moves when it does.
    styled(box, {
      display: "block", visibility: "hidden", position: "fixed", inset: "0", border: "0", padding: "0",
      background: dark ? "#15181f" : "#fff", colorScheme: dark ? "dark" : "light",
      overflow: "auto", overscrollBehavior: "contain", scrollbarWidth: "thin",
      width: wide() ? "min(440px, 100vw)" : "100vw", height: wide() ? "fit-content" : "100dvh", maxWidth: "none", maxHeight: "100dvh",
      margin: wide() ? "max(0px, min(7dvh, 50dvh - 360px)) auto auto" : "0",
      borderRadius: wide() ? "16px" : "0", boxShadow: "0 0 0 100vmax rgb(10 12 20 / 55%)",
    });
    const iframe = styled(frame("iframe"), { height: wide() ? "640px" : "100%" });
    // A way out until the widget has its own.
    const x = styled(document.createElement("button"), {
      position: "absolute", insetInlineEnd: "8px", top: "8px", width: "44px", height: "44px",
      border: "0", background: "none", color: "#6b7280", font: "24px/1 sans-serif", cursor: "pointer",
    });
    x.textContent = "×";
    box.append(iframe, x);
    label(box, iframe.title);
    const it = { box, iframe, x, host: config.host, known: Boolean(known?.invoice) };
    if (it.known || config.project) it.url = address(config, "iframe", known?.invoice, known?.token);
    const waiting = [];
    it.say = (message) => (it.loaded ? iframe.contentWindow.postMessage(message, it.host) : waiting.push(message));
    const on = {
      loaded() {
        it.loaded = true;
        waiting.splice(0).forEach(it.say);
      },
      named({ payment, close }) {
        label(box, iframe.title = payment);
        label(x, close);
      },
      resize: ({ height }) => height > 0 && styled(iframe, { height: wide() ? `${height}px` : `max(100%, ${height}px)` }),
    };
    it.heard = ({ origin, source, data }) => {
      if (origin === it.host && source === iframe.contentWindow) on[data?.till]?.(data);
    };
    addEventListener("message", it.heard);
    if (it.url) iframe.src = it.url;
    document.body.append(box);
    return it;
  }

  function unmade({ box, heard }) {
    removeEventListener("message", heard);
    box.remove();
  }

  function warm(config) {
    const unwanted = config.mode !== "iframe" || !config.project || preset.preload === "none";
    if (unwanted || overlay || navigator.connection?.saveData) return;
    spare ??= made(config);
  }

  function dialog(config, known, emit, status) {
    overlay?.shut();
    const before = document.activeElement;
    // One that was made ready for other settings is of no use.
    const fits = spare && spare.url === address(config, "iframe");
    if (spare && !fits) unmade(spare);
    const it = fits ? spare : made(config, known);
    spare = null;
    const { box, iframe, x } = it;
    const root = document.documentElement;
    const { overflow } = root.style;
    const view = { show: (invoice, token) => {
      if (it.known) return;
      if (it.url) it.say({ till: "open", invoice, token });
      else iframe.src = address(config, "iframe", invoice, token);
    } };
    const on = { ready: () => x.remove(), error: () => x.remove() };
    connect(view, config, () => iframe.contentWindow, emit, status, on, () => {
      box.close();
      unmade(it);
      root.style.overflow = overflow;
      before?.focus?.();
      if (overlay === view) overlay = null;
    });
    x.onclick = () => view.ask();
    box.addEventListener("cancel", (event) => (event.preventDefault(), view.ask()));
    box.addEventListener("click", (event) => event.target === box && outside(box, event) && view.ask());
    root.style.overflow = "hidden";
    box.inert = false;
    box.style.visibility = "";
    box.showModal();
    iframe.focus();
    return (overlay = view);
  }

  function outside(box, { clientX, clientY }) {
    const { left, right, top, bottom } = box.getBoundingClientRect();
    return clientX < left || clientX > right || clientY < top || clientY > bottom;
  }

  function inline(config, container, emit, status) {
    const iframe = styled(frame("inline"), { height: "560px" });
    const view = { show: (invoice, token) => (iframe.src = address(config, "inline", invoice, token)) };
    const on = {
      resize: ({ height }) => height > 0 && (iframe.style.height = `${height}px`),
      named: ({ payment }) => (iframe.title = payment),
    };
    connect(view, config, () => iframe.contentWindow, emit, status, on, () => iframe.remove());
    container.append(iframe);
    return view;
  }

  function popup(config, known, emit, status) {
    const url = known?.invoice && address(config, "popup", known.invoice, known.token);
    const [width, height] = [460, 780];
    const left = Math.max(0, screenX + (outerWidth - width) / 2);
    const top = Math.max(0, screenY + (outerHeight - height) / 2);
    const features = `popup,width=${width},height=${height},left=${left},top=${top}`;
    const opened = window.open(url ?? "", `till-${known?.invoice ?? Date.now()}`, features);
    if (!opened) return null;
    opened.focus();
    const view = { show: (invoice, token) => url || opened.location.replace(address(config, "popup", invoice, token)) };
    // A hint only, by hand or by a policy of the page: what was paid is the server's to say.
    const watch = setInterval(() => opened.closed && view.shut(), 500);
    return connect(view, config, () => opened, emit, status, {}, () => {
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
    const button = event.target.closest?.(BUTTONS);
    if (!button || button.disabled) return;
    event.preventDefault();
    openFor(button, () => asked(button.dataset));
  });

  // Before the click: the widget's code, and the billing data of the button that is likely next.
  function prepare(button) {
    if (!button) return;
    warm(configured());
    const { tillInvoice: invoice, tillToken: token } = button.dataset;
    if (invoice && token) spare?.say({ till: "prepare", invoice, token });
  }
  function idle(run) {
    const later = () => (window.requestIdleCallback ?? setTimeout)(run, { timeout: 2000 });
    document.readyState === "complete" ? later() : addEventListener("load", later, { once: true });
  }
  if (script) {
    for (const name of ["pointerover", "focusin", "touchstart"]) {
      document.addEventListener(name, (event) => prepare(event.target.closest?.(BUTTONS)), { passive: true });
    }
    idle(() => {
      warm(configured());
      prepare(document.querySelector("[data-till-invoice]"));
    });
  }

  if (!customElements.get("till-pay")) customElements.define("till-pay", class extends HTMLElement {
    connectedCallback() {
      const [tillInvoice, tillToken, tillOrder] = ["invoice", "token", "order"].map((n) => this.getAttribute(n));
      this.style.display ||= "block";
      this.handle ??= openFor(this, () => asked({ tillInvoice, tillToken, tillOrder }), { container: this });
    }
  });

  window.Till = Till;
  document.dispatchEvent(new CustomEvent("till:loaded"));
})();
