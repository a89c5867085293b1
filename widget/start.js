// Runs before the wasm is loaded: reads the URL, requests the billing data and the texts, and provides
// browser functions to the widget (requests, messages, `Intl`). The logic is in Rust; see browser.rs.
(() => {
  "use strict";
  // The languages of shared/src/language.rs; a test compares the lists.
  const LANGUAGES =
    "ar cs da de el en es fi fr he hi id it ja ko nl pl pt ru sv th tr uk vi zh-Hans zh-Hant".split(" ");
  // The variables that a page may set, each with the CSS property that validates its values; see
  // docs/widget.md.
  const VARIABLES = {
    accent: "color", "on-accent": "color", page: "color", card: "color", text: "color",
    muted: "color", line: "color", bad: "color", good: "color",
    radius: "border-radius", font: "font-family", "font-size": "font-size", space: "gap",
  };
  const root = document.documentElement;
  const query = new URLSearchParams(location.search);
  const fragment = new URLSearchParams(location.hash.slice(1));
  const origin = query.get("origin");
  const requestedMode = query.get("mode");
  const mode = origin && ["iframe", "inline", "popup"].includes(requestedMode) ? requestedMode : "hosted";
  const framed = mode === "iframe" || mode === "inline";
  const page = mode === "popup" ? opener : framed ? parent : null;
  // From `/pay/inv_...`, or from the query under `trunk serve`. A preloaded widget receives its invoice
  // by a message.
  let invoice = /\/(inv_[a-z0-9]+)$/.exec(location.pathname)?.[1] ?? query.get("invoice");
  let token = fragment.get("token");
  // Set by `redirect` before a popup goes to a bank's page.
  const returned = mode === "popup" && window.name.startsWith("till-popup");
  if (returned) window.name = `till-${invoice}`;

  // Requests

  const send = (method, path, options) => fetch(`/v1/widget/invoices/${invoice}${path}`, {
    method, ...options, headers: { authorization: `Bearer ${token}`, ...options?.headers },
  });

  const call = async (method, path, body, key) => {
    const headers = {};
    if (body) headers["content-type"] = "application/json";
    if (key) headers["idempotency-key"] = key;
    const response = await send(method, path, { body, headers });
    clockOffset = (Date.parse(response.headers.get("date")) || Date.now()) - Date.now();
    return { ok: response.ok, body: await response.json() };
  };

  /** The difference to the server's clock: the buyer's may be wrong. */
  let clockOffset = 0;
  const secondsUntil = (time) => (Date.parse(time) - Date.now() - clockOffset) / 1000;

  let billing;
  const loadBilling = () => {
    billing = invoice && token ? call("GET", "") : Promise.reject();
    billing.catch(() => {});
  };

  /** Opens the live events as a stream of text. It is aborted when the tab or the network comes back. */
  let stream;
  const events = async (last) => {
    stream = new AbortController();
    const headers = last ? { "last-event-id": last } : {};
    const response = await send("GET", "/events", { headers, signal: stream.signal });
    if (!response.ok) throw response.status;
    return response.body.pipeThrough(new TextDecoderStream()).getReader();
  };

  // Languages

  let texts;
  let locale = "en";

  /** Finds the best language by CLDR's likely subtags: by script, then by language, for each tag. */
  const chooseLanguage = (...tags) => {
    for (const tag of tags.flat().map((tag) => tag.replaceAll("_", "-"))) {
      try {
        const { language, script } = new Intl.Locale(tag).maximize();
        const found = [`${language}-${script}`, language].find((l) => LANGUAGES.includes(l));
        if (found) return [found, tag];
      } catch {
        // Not a language tag.
      }
    }
    return ["en", "en"];
  };
  const load = async (language) => (await fetch(root.dataset.texts.replace("LANG", language))).json();
  const pageLocale = query.get("locale") ?? [];
  const setLanguage = (language) => {
    root.lang = language;
    root.dir = /^(ar|he)$/.test(language) ? "rtl" : "ltr";
  };
  const [guess] = chooseLanguage(pageLocale, navigator.languages);
  setLanguage(guess);
  const loading = load(guess);
  // The accessible names of the page's frame and dialog.
  const postNames = ({ payment, close }) => framed && payment && post({ till: "named", payment, close });
  loading.then((loaded) => texts ?? postNames(loaded)).catch(() => {});

  const loadLocale = async (requested) => {
    const [language, chosen] = chooseLanguage(pageLocale, requested ?? [], navigator.languages);
    try {
      texts = await (language === guess ? loading : load(language));
    } catch {
      texts = await load(language).catch(() => ({}));
    }
    locale = chosen;
    setLanguage(language);
    if (texts.payment) document.title = texts.payment;
    postNames(texts);
  };

  const text = (name) => texts?.[name] ?? "";
  const number = (n) => new Intl.NumberFormat(locale).format(n);
  const plural = (name, n) =>
    (texts?.[name]?.[new Intl.PluralRules(locale).select(n)] ?? "").replace("{n}", number(n));

  /** Formats minor units. `Intl` takes them as decimal text, without floating point. */
  const money = (amount, currency, digits) => {
    const minor = String(amount).padStart(digits + 1, "0");
    const whole = minor.slice(0, minor.length - digits);
    return new Intl.NumberFormat(locale, {
      style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits,
    // @ts-expect-error: TypeScript takes numeric literals only
    }).format(digits ? `${whole}.${minor.slice(-digits)}` : whole);
  };

  /** Formats seconds as `5:07`, in the digits of the locale. */
  const clock = (seconds) => {
    const two = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2 });
    return `${number(Math.floor(seconds / 60))}:${two.format(seconds % 60)}`;
  };

  /** Returns country codes with their names, sorted by name. */
  const countries = (codes) => {
    const names = new Intl.DisplayNames(locale, { type: "region" });
    const { compare } = new Intl.Collator(locale);
    return codes.split(" ").map((code) => [code, names.of(code)]).sort((a, b) => compare(a[1], b[1]));
  };

  // Theme

  const setVariable = (name, value) => {
    // Plain values only: nothing that ends a declaration, loads a resource or refers to a variable.
    const isPlain = /^[\w #%.,'"()/+-]{1,99}$/.test(value) && !/url|var|env|attr|image/i.test(value);
    if (isPlain && VARIABLES[name] && CSS.supports(VARIABLES[name], value)) {
      root.style.setProperty(`--till-${name}`, value);
    }
  };
  const applyTheme = (theme, accent) => {
    root.dataset.theme = query.get("theme") ?? theme ?? "auto";
    if (accent) setVariable("accent", accent);
    let variables = {};
    try {
      variables = JSON.parse(fragment.get("variables") ?? "{}");
    } catch {
      // Invalid: the project's colors stay.
    }
    if (mode !== "hosted") {
      for (const [name, value] of Object.entries(variables)) setVariable(name.replace("--till-", ""), value);
    }
  };
  root.dataset.mode = mode;
  applyTheme();

  // Messages

  /** @param {ToPage} message */
  const post = (message) => page?.postMessage(message, origin);
  const postEvent = (name, payment, status, code) => post({ till: name, invoice, payment, status, code });

  /** Tells the widget about a message or a window event. Keeps them until it listens. */
  let listener;
  const queue = [];
  const notify = (message) => (listener ? listener(message) : queue.push(message));
  const listen = (fn) => {
    listener = fn;
    queue.splice(0).forEach(fn);
  };

  addEventListener("message", (event) => {
    /** @type {FromPage | null} */
    const message = event.data;
    if (event.origin === location.origin && message?.till_returned) notify("returned");
    if (event.origin !== origin || event.source !== page || !message?.till) return;
    if (message.invoice && message.invoice !== invoice) {
      ({ invoice, token } = message);
      loadBilling();
      notify("invoice");
    }
    // A reload shows this invoice again.
    if (message.till === "open") {
      const kept = new URLSearchParams({ token });
      if (fragment.get("variables")) kept.set("variables", fragment.get("variables"));
      history.replaceState(null, "", `/pay/${invoice}${location.search}#${kept}`);
    }
    notify(message.till);
  });
  // Posted before the wasm is loaded, so that the billing data is requested in parallel.
  if (framed && !invoice) post({ till: "loaded" });
  // After a bank's app or page, sleep, or a lost network the known state may be outdated.
  const resume = () => {
    stream?.abort();
    notify("back");
  };
  addEventListener("pageshow", (event) => event.persisted && resume());
  addEventListener("pagehide", () => notify("leaving"));
  addEventListener("online", resume);
  addEventListener("offline", () => notify("offline"));
  addEventListener("focus", () => notify("back"));
  document.addEventListener("visibilitychange", () => document.hidden || resume());
  document.addEventListener("resume", resume);
  addEventListener("keydown", (event) => event.key === "Escape" && notify("escape"));
  if (framed) {
    const measure = () => post({ till: "resize", height: Math.ceil(root.getBoundingClientRect().height) });
    new ResizeObserver(measure).observe(root);
  }

  /** Navigates this window, or from inside a frame the page, to a URL. */
  const redirect = (url) => {
    if (framed) return post({ till: "navigate", url });
    // The return page reads the name to come back to this popup; it works without storage. A bank's
    // page can read it too, so it has no token.
    fragment.delete("token");
    if (mode === "popup") window.name = `till-popup${location.search}#${fragment}`;
    location.assign(url);
  };

  let verificationWindow;
  const openWindow = (url) => {
    verificationWindow = open(url ?? "", "till-verification");
    return Boolean(verificationWindow);
  };

  loadBilling();
  window.till = {
    mode, returned, call, events, secondsUntil, loadLocale, text, plural, money, clock, countries, applyTheme,
    postEvent, listen, redirect, openWindow,
    preloaded: framed && !invoice,
    initialBilling: () => billing,
    closeWindow: () => verificationWindow?.close(),
    mayFocus: () => !matchMedia("(pointer: coarse)").matches,
    newKey: () => crypto.randomUUID(),
  };
})();
