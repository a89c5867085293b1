// Runs before any wasm. Reads the address, asks for billing data and the texts while the code is
// still on its way, and then is the widget's hands in the browser: calls, messages, `Intl`.
// What is decided, is decided in Rust; see browser.rs.
(() => {
  "use strict";
  // The files in locales/; a test holds this list to them.
  const LANGUAGES =
    "ar cs de el en es fr he hi id it ja ko nl pl pt ru sv th tr uk vi zh zh-Hant".split(" ");
  // What `variables` may set, each with a property that judges its values; see docs/widget.md.
  const VARIABLES = {
    accent: "color", "on-accent": "color", page: "color", card: "color", text: "color",
    muted: "color", line: "color", bad: "color", good: "color",
    radius: "border-radius", font: "font-family", "font-size": "font-size", space: "gap",
  };
  const root = document.documentElement;
  const query = new URLSearchParams(location.search);
  const fragment = new URLSearchParams(location.hash.slice(1));
  const origin = query.get("origin");
  const asked = query.get("mode");
  const mode = origin && ["iframe", "inline", "popup"].includes(asked) ? asked : "hosted";
  const framed = mode === "iframe" || mode === "inline";
  const around = mode === "popup" ? opener : framed ? parent : null;
  // `/pay/inv_...`; under `trunk serve` the query names it. A page made ready before the click is
  // told by a message.
  let invoice = /\/(inv_[a-z0-9]+)$/.exec(location.pathname)?.[1] ?? query.get("invoice");
  let token = fragment.get("token");
  // Back from a bank's page; see `leave`.
  const cameBack = mode === "popup" && window.name.startsWith("till-popup");
  if (cameBack) window.name = `till-${invoice}`;

  // Calls

  const send = (method, rest, more) => fetch(`/v1/widget/invoices/${invoice}${rest}`, {
    method, ...more, headers: { authorization: `Bearer ${token}`, ...more?.headers },
  });

  const call = async (method, rest, body, key) => {
    const headers = {};
    if (body) headers["content-type"] = "application/json";
    if (key) headers["idempotency-key"] = key;
    const answer = await send(method, rest, { body, headers });
    ahead = (Date.parse(answer.headers.get("date")) || Date.now()) - Date.now();
    return { ok: answer.ok, body: await answer.json() };
  };

  /** By the server's clock: a buyer's may be wrong. */
  let ahead = 0;
  const secondsUntil = (time) => (Date.parse(time) - Date.now() - ahead) / 1000;

  let data;
  const begin = () => {
    data = invoice && token ? call("GET", "") : Promise.reject();
    data.catch(() => {});
  };

  /** The live events as text, chunk after chunk; over as soon as the network or the tab was away. */
  let stream;
  const events = async (last) => {
    stream = new AbortController();
    const headers = last ? { "last-event-id": last } : {};
    const answer = await send("GET", "/events", { headers, signal: stream.signal });
    if (!answer.ok) throw answer.status;
    return answer.body.pipeThrough(new TextDecoderStream()).getReader();
  };

  // Languages

  let texts;
  let tag = "en";

  /** CLDR's way: the script or the region's script, then the language, then the next wish. */
  const pick = (...wishes) => {
    for (const wish of wishes.flat()) {
      try {
        const { language, script } = new Intl.Locale(wish.replaceAll("_", "-")).maximize();
        const found = [`${language}-${script}`, language].find((l) => LANGUAGES.includes(l));
        if (found) return [found, wish.replaceAll("_", "-")];
      } catch {
        // Not a language tag: nobody's wish.
      }
    }
    return ["en", "en"];
  };
  const load = async (language) => (await fetch(root.dataset.texts.replace("LANG", language))).json();
  const wish = query.get("locale") ?? [];
  const direct = (language) => {
    root.lang = language;
    root.dir = /^(ar|he)$/.test(language) ? "rtl" : "ltr";
  };
  const [guess] = pick(wish, navigator.languages);
  direct(guess);
  const loading = load(guess);
  // Frame and dialog have names for those who hear them, in the page around.
  const name = ({ payment, close }) => framed && payment && post({ till: "named", payment, close });
  loading.then((early) => texts ?? name(early)).catch(() => {});

  const speak = async (ordered) => {
    const [language, wished] = pick(wish, ordered ?? [], navigator.languages);
    try {
      texts = await (language === guess ? loading : load(language));
    } catch {
      texts = await load(language).catch(() => ({}));
    }
    tag = wished;
    direct(language);
    if (texts.payment) document.title = texts.payment;
    name(texts);
  };

  const text = (name) => texts?.[name] ?? "";
  const number = (n) => new Intl.NumberFormat(tag).format(n);
  const plural = (name, n) =>
    (texts?.[name]?.[new Intl.PluralRules(tag).select(n)] ?? "").replace("{n}", number(n));

  /** Minor units, handed over as decimal text, so that no float touches them. */
  const money = (amount, currency, digits) => {
    const minor = String(amount).padStart(digits + 1, "0");
    const whole = minor.slice(0, minor.length - digits);
    return new Intl.NumberFormat(tag, {
      style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits,
    }).format(digits ? `${whole}.${minor.slice(-digits)}` : whole);
  };

  /** `5:07`, in the language's digits. */
  const clock = (seconds) => {
    const two = new Intl.NumberFormat(tag, { minimumIntegerDigits: 2 });
    return `${number(Math.floor(seconds / 60))}:${two.format(seconds % 60)}`;
  };

  /** Codes with their names, by name. */
  const countries = (codes) => {
    const names = new Intl.DisplayNames(tag, { type: "region" });
    const { compare } = new Intl.Collator(tag);
    return codes.split(" ").map((code) => [code, names.of(code)]).sort((a, b) => compare(a[1], b[1]));
  };

  // Looks

  const dress = (name, value) => {
    // Values only: nothing that could end a declaration, load anything or refer elsewhere.
    const plain = /^[\w #%.,'"()/+-]{1,99}$/.test(value) && !/url|var|env|attr|image/i.test(value);
    if (plain && VARIABLES[name] && CSS.supports(VARIABLES[name], value)) {
      root.style.setProperty(`--till-${name}`, value);
    }
  };
  const paint = (theme, accent) => {
    root.dataset.theme = query.get("theme") ?? theme ?? "auto";
    if (accent) dress("accent", accent);
    let wanted = {};
    try {
      wanted = JSON.parse(fragment.get("variables") ?? "{}");
    } catch {
      // Not ours: the project's own colours stay.
    }
    if (mode !== "hosted") {
      for (const [name, value] of Object.entries(wanted)) dress(name.replace("--till-", ""), value);
    }
  };
  root.dataset.mode = mode;
  paint();

  // Messages

  const post = (message) => around?.postMessage(message, origin);
  const tell = (name, payment, status, code) => post({ till: name, invoice, payment, status, code });

  let hear;
  const early = [];
  const heard = (what) => (hear ? hear(what) : early.push(what));
  const listen = (fn) => {
    hear = fn;
    early.splice(0).forEach(fn);
  };

  addEventListener("message", (event) => {
    const said = event.data;
    if (event.origin === location.origin && said?.till_returned) heard("returned");
    if (event.origin !== origin || event.source !== around || !said?.till) return;
    if (said.invoice && said.invoice !== invoice) {
      ({ invoice, token } = said);
      begin();
      heard("invoice");
    }
    // A reload must find its way back here.
    if (said.till === "open") {
      const kept = new URLSearchParams({ token });
      if (fragment.get("variables")) kept.set("variables", fragment.get("variables"));
      history.replaceState(null, "", `/pay/${invoice}${location.search}#${kept}`);
    }
    heard(said.till);
  });
  // Before there is any wasm: the call for billing data need not wait for it.
  if (framed && !invoice) post({ till: "loaded" });
  // Back from a bank's app or page, from sleep, or from a place without a network: what was heard
  // before counts no more.
  const back = () => {
    stream?.abort();
    heard("back");
  };
  addEventListener("pageshow", (event) => event.persisted && back());
  addEventListener("pagehide", () => heard("leaving"));
  addEventListener("online", back);
  addEventListener("offline", () => heard("offline"));
  addEventListener("focus", () => heard("back"));
  document.addEventListener("visibilitychange", () => document.hidden || back());
  document.addEventListener("resume", back);
  addEventListener("keydown", (event) => event.key === "Escape" && heard("escape"));
  if (framed) {
    const measure = () => post({ till: "resize", height: Math.ceil(root.getBoundingClientRect().height) });
    new ResizeObserver(measure).observe(root);
  }

  /** Takes this window, or from inside a frame the page around, to an address. */
  const leave = (url) => {
    if (framed) return post({ till: "navigate", url });
    // So that the return page finds the way back into this popup, storage or none. A bank's page
    // may read it: the token stays here.
    fragment.delete("token");
    if (mode === "popup") window.name = `till-popup${location.search}#${fragment}`;
    location.assign(url);
  };

  let bank;
  const beside = (url) => {
    bank = open(url ?? "", "till-verification");
    return Boolean(bank);
  };

  begin();
  window.till = {
    mode, call, events, secondsUntil, speak, text, plural, money, clock, countries, paint, tell,
    listen, leave, beside,
    waits: framed && !invoice,
    cameBack,
    first: () => data,
    notBeside: () => bank?.close(),
    mayFocus: () => !matchMedia("(pointer: coarse)").matches,
    newKey: () => crypto.randomUUID(),
  };
})();
