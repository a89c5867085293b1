// Till's embed script: opens the payment widget in a dialog, in an element or in a popup. Content security
// policy: `script-src HOST; frame-src HOST`.
(() => {
  "use strict";
  if (window.Till) return;

  const script = document.currentScript; // null in a bundle, which needs the `host` setting
  const preset = script?.dataset ?? {};
  const MODES = ["iframe", "popup"];
  const NAMES = ["ready", "fixation", "verification", "paid", "declined", "error"];
  const BUTTONS = "[data-till-invoice], [data-till-order]";
  let overlay = null; // the open dialog
  let pooledFrame = null; // a preloaded dialog

  const styled = (element, style) => (Object.assign(element.style, style), element);
  const label = (element, text) => element.setAttribute("aria-label", text);
  const wide = () => innerWidth > 480;

  /** Returns an instance for the settings. */
  function Till(settings) {
    const config = configure(settings);
    idle(() => preload(config));
    return { open: (what, options = {}) => open(config, what, options) };
  }

  function configure(settings = {}) {
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

  /**
   * Opens the widget. Must be called during the click, or the browser blocks the popup.
   * @param {object} config
   * @param {any} what
   * @param {{ container?: Element }} options
   */
  function open(config, what, { container } = {}) {
    check(config, what);
    const mode = container ? "inline" : config.mode;
    const handlers = new Map();
    const handle = {
      on: (name, fn) => (handlers.set(name, [...(handlers.get(name) ?? []), fn]), handle),
      off: (name, fn) => (handlers.set(name, (handlers.get(name) ?? []).filter((f) => f !== fn)), handle),
      close: () => view?.requestClose(),
    };
    let closed = false;
    const emit = (name, detail) => {
      if (closed) return;
      closed = name === "close";
      for (const fn of handlers.get(name) ?? []) {
        // An error in one handler must not stop the others.
        try { fn(detail); } catch (error) { console.error(error); }
      }
    };
    const known = typeof what.then === "function" ? null : what;
    const status = { invoice: known?.invoice, status: "open" };
    // Asynchronous, so that handlers attached right after `open` receive it.
    queueMicrotask(() => emit("open", { ...status }));

    let view;
    if (mode === "popup") {
      // Opened with its URL, if known: a page with COOP cannot navigate an empty popup.
      view = popup(config, known, emit, status);
      if (!view) queueMicrotask(() => emit("popup_blocked", { ...status }));
    }
    view ??= container ? inline(config, container, emit, status) : dialog(config, known, emit, status);
    Promise.resolve(what)
      .then((target) => (check(config, target), target.invoice ? target : createInvoice(config, target.order)))
      .then(({ invoice, token }) => {
        if (closed) return;
        status.invoice = invoice;
        view.show(invoice, token);
      })
      .catch((error) => {
        emit("error", { ...status, status: "error", code: error.code ?? "not-opened" });
        console.error(error);
        view.close();
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

  async function createInvoice({ host, project }, order) {
    const response = await fetch(`${host}/v1/widget/invoices`, {
      method: "POST",
      headers: { authorization: `Bearer ${project}`, "content-type": "application/json" },
      body: JSON.stringify(order),
    });
    const body = await response.json();
    if (response.ok) return { invoice: body.id, token: body.client_token };
    throw Object.assign(new Error(body.detail), { code: body.type?.split("/").pop() });
  }

  /** Returns the URL of the widget: for an invoice, or for a project to preload it. */
  function widgetUrl({ host, project, locale, theme, variables }, mode, invoice, token) {
    const query = new URLSearchParams({ mode, origin: location.origin });
    const fragment = new URLSearchParams();
    if (locale) query.set("locale", locale);
    if (theme) query.set("theme", theme);
    if (!invoice) query.set("project", project);
    if (token) fragment.set("token", token);
    if (variables) fragment.set("variables", typeof variables === "string" ? variables : JSON.stringify(variables));
    return `${host}/pay/${encodeURIComponent(invoice ?? "frame")}?${query}#${fragment}`;
  }

  /** Connects a view to the widget's window: handles its messages and closes the view. */
  function connect(view, { host }, target, emit, status, on, remove) {
    // A popup that returns from a bank's page posts these events again.
    const once = new Set();
    /** @param {MessageEvent<ToPage>} event */
    const handleMessage = ({ origin, source, data }) => {
      if (origin !== host || source !== target() || !data?.till) return;
      const { till, ...detail } = data;
      if (till === "ready" || till === "error") view.ready = true;
      on?.[till]?.(detail);
      if (till === "close") return view.close();
      // The bank's page cannot be shown in a frame and the buyer chose to continue in this tab.
      if (data.till === "navigate" && /^https?:/.test(data.url)) location.assign(data.url);
      if (!NAMES.includes(till) || once.has(till)) return;
      if (till === "ready" || till === "paid") once.add(till);
      Object.assign(status, { code: undefined }, detail);
      emit(till, detail);
    };
    addEventListener("message", handleMessage);
    // While a payment is in progress the widget asks the buyer first. A loading widget is closed at once.
    view.requestClose = () => (view.ready ? post(target(), { till: "close" }, host) : view.close());
    view.close = () => {
      view.close = () => {};
      removeEventListener("message", handleMessage);
      remove();
      emit("close", { ...status });
    };
    return view;
  }

  /** @param {Window} target @param {ToWidget} message @param {string} host */
  function post(target, message, host) {
    target.postMessage(message, host);
  }

  function newIframe(mode) {
    const iframe = document.createElement("iframe");
    // Replaced by the name in the widget's language.
    iframe.title = "Till";
    iframe.tabIndex = 0;
    iframe.allow = "payment; publickey-credentials-get *";
    iframe.dataset.till = mode;
    return styled(iframe, { border: "0", width: "100%", display: "block", colorScheme: "normal" });
  }

  /**
   * Creates a hidden dialog with the widget. Without a known invoice, the widget receives it by a message.
   * The dialog is laid out while hidden, so that nothing moves when it opens.
   */
  function createFrame(config, known) {
    const box = document.createElement("dialog");
    const dark = config.theme === "dark" || config.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches;
    box.inert = true;
    // It grows downwards, so that its content does not move.
    styled(box, {
      display: "block", visibility: "hidden", position: "fixed", inset: "0", border: "0", padding: "0",
      background: dark ? "#15181f" : "#fff", colorScheme: dark ? "dark" : "light",
      overflow: "auto", overscrollBehavior: "contain", scrollbarWidth: "thin",
      width: wide() ? "min(440px, 100vw)" : "100vw", height: wide() ? "fit-content" : "100dvh", maxWidth: "none", maxHeight: "100dvh",
      margin: wide() ? "max(0px, min(7dvh, 50dvh - 360px)) auto auto" : "0",
      borderRadius: wide() ? "16px" : "0", boxShadow: "0 0 0 100vmax rgb(10 12 20 / 55%)",
    });
    const iframe = styled(newIframe("iframe"), { height: wide() ? "640px" : "100%" });
    // Shown until the widget has its own close button.
    const x = styled(document.createElement("button"), {
      position: "absolute", insetInlineEnd: "8px", top: "8px", width: "44px", height: "44px",
      border: "0", background: "none", color: "#6b7280", font: "24px/1 sans-serif", cursor: "pointer",
    });
    x.textContent = "×";
    box.append(iframe, x);
    label(box, iframe.title);
    const frame = { box, iframe, x, host: config.host, known: Boolean(known?.invoice) };
    if (frame.known || config.project) frame.url = widgetUrl(config, "iframe", known?.invoice, known?.token);
    const queue = [];
    /** @param {ToWidget} message */
    frame.post = (message) => (frame.loaded ? post(iframe.contentWindow, message, frame.host) : queue.push(message));
    const on = {
      loaded() {
        frame.loaded = true;
        queue.splice(0).forEach(frame.post);
      },
      named({ payment, close }) {
        label(box, iframe.title = payment);
        label(x, close);
      },
      resize: ({ height }) => height > 0 && styled(iframe, { height: wide() ? `${height}px` : `max(100%, ${height}px)` }),
    };
    /** @param {MessageEvent<ToPage>} event */
    frame.handleMessage = ({ origin, source, data }) => {
      if (origin === frame.host && source === iframe.contentWindow) on[data?.till]?.(data);
    };
    addEventListener("message", frame.handleMessage);
    if (frame.url) iframe.src = frame.url;
    document.body.append(box);
    return frame;
  }

  function destroyFrame({ box, handleMessage }) {
    removeEventListener("message", handleMessage);
    box.remove();
  }

  function preload(config) {
    const disabled = config.mode !== "iframe" || !config.project || preset.preload === "none";
    if (disabled || overlay || navigator.connection?.saveData) return;
    pooledFrame ??= createFrame(config);
  }

  function dialog(config, known, emit, status) {
    overlay?.close();
    const before = document.activeElement;
    // A dialog preloaded with other settings cannot be used.
    const fits = pooledFrame && pooledFrame.url === widgetUrl(config, "iframe");
    if (pooledFrame && !fits) destroyFrame(pooledFrame);
    const frame = fits ? pooledFrame : createFrame(config, known);
    pooledFrame = null;
    const { box, iframe, x } = frame;
    const root = document.documentElement;
    const { overflow } = root.style;
    const view = { show: (invoice, token) => {
      if (frame.known) return;
      if (frame.url) frame.post({ till: "open", invoice, token });
      else iframe.src = widgetUrl(config, "iframe", invoice, token);
    } };
    const on = { ready: () => x.remove(), error: () => x.remove() };
    connect(view, config, () => iframe.contentWindow, emit, status, on, () => {
      box.close();
      destroyFrame(frame);
      root.style.overflow = overflow;
      before?.focus?.();
      if (overlay === view) overlay = null;
    });
    x.onclick = () => view.requestClose();
    box.addEventListener("cancel", (event) => (event.preventDefault(), view.requestClose()));
    box.addEventListener("click", (event) => event.target === box && outside(box, event) && view.requestClose());
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
    const iframe = styled(newIframe("inline"), { height: "560px" });
    const view = { show: (invoice, token) => (iframe.src = widgetUrl(config, "inline", invoice, token)) };
    const on = {
      resize: ({ height }) => height > 0 && (iframe.style.height = `${height}px`),
      named: ({ payment }) => (iframe.title = payment),
    };
    connect(view, config, () => iframe.contentWindow, emit, status, on, () => iframe.remove());
    container.append(iframe);
    return view;
  }

  function popup(config, known, emit, status) {
    const url = known?.invoice && widgetUrl(config, "popup", known.invoice, known.token);
    const [width, height] = [460, 780];
    const left = Math.max(0, screenX + (outerWidth - width) / 2);
    const top = Math.max(0, screenY + (outerHeight - height) / 2);
    const features = `popup,width=${width},height=${height},left=${left},top=${top}`;
    const opened = window.open(url ?? "", `till-${known?.invoice ?? Date.now()}`, features);
    if (!opened) return null;
    opened.focus();
    const view = { show: (invoice, token) => url || opened.location.replace(widgetUrl(config, "popup", invoice, token)) };
    // Closed by the buyer, or reported so under the page's COOP. Only the server knows what was paid.
    const watch = setInterval(() => opened.closed && view.close(), 500);
    return connect(view, config, () => opened, emit, status, {}, () => {
      clearInterval(watch);
      opened.close();
    });
  }

  /**
   * Returns the invoice or order of an element's attributes.
   * @param {DOMStringMap} data
   */
  function readTarget({ tillInvoice, tillToken, tillOrder }) {
    return tillOrder ? { order: JSON.parse(tillOrder) } : { invoice: tillInvoice, token: tillToken };
  }

  /** Opens the widget for an element and dispatches its events as `till:...` events on it. */
  function openFor(element, what, options) {
    const dispatch = (name) => (detail) =>
      element.dispatchEvent(new CustomEvent(`till:${name}`, { bubbles: true, detail }));
    try {
      const handle = Till().open(what(), options);
      for (const name of ["open", "popup_blocked", ...NAMES, "close"]) handle.on(name, dispatch(name));
      return handle;
    } catch (error) {
      console.error(error);
      dispatch("error")({ status: "error", code: "not-opened" });
    }
  }

  document.addEventListener("click", (event) => {
    /** @type {HTMLButtonElement | null} */
    const button = event.target.closest?.(BUTTONS);
    if (!button || button.disabled) return;
    event.preventDefault();
    openFor(button, () => readTarget(button.dataset));
  });

  /**
   * Preloads the widget and the billing data of the button that is likely to be clicked.
   * @param {HTMLElement | null} button
   */
  function prepare(button) {
    if (!button) return;
    preload(configure());
    const { tillInvoice: invoice, tillToken: token } = button.dataset;
    if (invoice && token) pooledFrame?.post({ till: "prepare", invoice, token });
  }
  function idle(run) {
    // @ts-expect-error: setTimeout ignores the options
    const later = () => (window.requestIdleCallback ?? setTimeout)(run, { timeout: 2000 });
    document.readyState === "complete" ? later() : addEventListener("load", later, { once: true });
  }
  if (script) {
    for (const name of ["pointerover", "focusin", "touchstart"]) {
      document.addEventListener(name, (event) => prepare(event.target.closest?.(BUTTONS)), { passive: true });
    }
    idle(() => {
      preload(configure());
      prepare(document.querySelector("[data-till-invoice]"));
    });
  }

  if (!customElements.get("till-pay")) customElements.define("till-pay", class extends HTMLElement {
    handle;
    connectedCallback() {
      const [tillInvoice, tillToken, tillOrder] = ["invoice", "token", "order"].map((n) => this.getAttribute(n));
      this.style.display ||= "block";
      this.handle ??= openFor(this, () => readTarget({ tillInvoice, tillToken, tillOrder }), { container: this });
    }
  });

  window.Till = Till;
  document.dispatchEvent(new CustomEvent("till:loaded"));
})();
