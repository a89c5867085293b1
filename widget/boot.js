// Part of the page, so that it runs before the code of the widget has arrived. It does only what cannot
// wait for that code, which takes over with `till.handOver`; see src/host.rs.
(() => {
  const root = document.documentElement;
  const query = new URLSearchParams(location.search);
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? undefined;
  // What the server made this page for. Under `trunk serve` it is in the query instead.
  const own = (name) => (root.dataset[name].startsWith("{{") ? query.get(name) : root.dataset[name]);
  const project = own("project") ?? "";
  // `/pay/frame` has none yet.
  const invoice = /^inv_.+/.exec(own("invoice"))?.[0];
  const origin = query.get("origin");
  const mode = (origin && /^(iframe|inline|popup)$/.exec(query.get("mode"))?.[0]) || "hosted";
  const framed = mode === "iframe" || mode === "inline";
  // Hidden until the page sends `open`.
  const preloaded = framed && (!invoice || query.has("preload"));
  const page = framed ? parent : mode === "popup" ? opener : null;
  const post = (till, detail) => page?.postMessage({ till, invoice, ...detail }, origin);

  // The look, for the first paint.
  root.dataset.mode = mode;
  root.dataset.theme = query.get("theme") ?? "auto";

  // The requests, side by side with that for the code. A preload sends no authorization.
  const requests = {};
  const request = (invoice, token) => {
    const headers = { authorization: `Bearer ${token}`, "till-project": project };
    (requests[invoice] ??= fetch(`/v1/widget/invoices/${invoice}`, { headers })).catch(() => {});
  };
  if (invoice && token) request(invoice, token);
  const texts = fetch(root.dataset.texts).then((response) => response.json());
  const fill = (found) => {
    /** @type {NodeListOf<HTMLElement>} */
    const elements = document.querySelectorAll("[data-text]");
    for (const element of elements) element.textContent = found[element.dataset.text];
  };
  texts.then(fill).catch(() => {});

  // The first field, in which the buyer can type at once; see src/forms/early.rs.
  const touch = matchMedia("(pointer: coarse)").matches;
  const focus = () => {
    if (root.dataset.first === "card" && /iframe|popup/.test(mode) && !touch) document.getElementById("early-number").focus();
  };
  if (!preloaded) focus();

  // The messages that arrive before the code listens, and the request that they ask for.
  const messages = [];
  const keep = (event) => {
    messages.push(event);
    const { till, invoice: wanted, token } = (page && event.source === page && event.origin === origin && event.data) || {};
    if (wanted && token) request(wanted, token);
    if (till === "open" && wanted === invoice) focus();
    if (till === "close") leave();
  };
  addEventListener("message", keep);
  // Nothing is in progress that the buyer would have to be asked about.
  const leave = () => post("close", { status: "open" });
  const escape = (event) => event.key === "Escape" && leave();
  addEventListener("keydown", escape);
  if (framed) post("loaded");

  // The code does not arrive: a file is blocked, which is an error of its element or of the promise that
  // waits for it, or it takes too long.
  const failed = document.getElementById("not-loaded");
  const fail = () => {
    stop();
    document.getElementById("skeleton").hidden = true;
    failed.hidden = false;
    const [retry, close] = failed.querySelectorAll("button");
    retry.onclick = () => location.reload();
    close.onclick = leave;
    // The page around removes its own close button once the frame has answered.
    close.hidden = !page;
    post("error", { status: "error", code: "load-failed", message: "The code of the widget could not be loaded." });
  };
  const timer = setTimeout(fail, 12_000);
  const errors = ["error", "unhandledrejection"];
  const stop = () => (clearTimeout(timer), errors.forEach((name) => removeEventListener(name, fail, true)));
  errors.forEach((name) => addEventListener(name, fail, true));

  // The server's key for cards. A card is encrypted to it as a JWE (RFC 7516) with ECDH-ES and A256GCM.
  let key, billed;
  const bytes = (text) => new TextEncoder().encode(text);
  const base64url = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  const encrypt = async (content) => {
    const { subtle } = crypto;
    const curve = { name: "ECDH", namedCurve: "P-256" };
    const { privateKey, publicKey } = await subtle.generateKey(curve, false, ["deriveBits"]);
    const epk = await subtle.exportKey("jwk", publicKey);
    const header = base64url(bytes(JSON.stringify({ alg: "ECDH-ES", enc: "A256GCM", kid: key.kid, epk })));
    const theirs = await subtle.importKey("jwk", key, curve, false, []);
    const secret = await subtle.deriveBits({ name: "ECDH", public: theirs }, privateKey, 256);
    // RFC 7518, section 4.6.2: the round, the secret, the algorithm, no parties, and the length of the key.
    const info = bytes("\0\0\0\x07A256GCM\0\0\0\0\0\0\0\0\0\0\x01\0");
    const derived = await subtle.digest("SHA-256", new Uint8Array([0, 0, 0, 1, ...new Uint8Array(secret), ...info]));
    const cek = await subtle.importKey("raw", derived, "AES-GCM", false, ["encrypt"]);
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await subtle.encrypt({ name: "AES-GCM", iv, additionalData: bytes(header) }, cek, bytes(content));
    return [header, "", ...[iv, sealed.slice(0, -16), sealed.slice(-16)].map(base64url)].join(".");
  };

  window.till = {
    project, invoice, token, preloaded, texts,
    setKey(billing) {
      try {
        ({ card_encryption_key: key, invoice: billed } = JSON.parse(billing));
      } catch {
        // The key of before stays.
      }
    },
    async encrypt(body, time) {
      const { card, ...rest } = JSON.parse(body);
      // Outside of a secure context, which is on a developer's machine only, browsers do not encrypt.
      if (!card || !key || !crypto.subtle) return body;
      const content = JSON.stringify({ invoice: billed, iat: Math.floor(time / 1000), card });
      return JSON.stringify({ ...rest, encrypted_card: await encrypt(content) });
    },
    billing(invoice) {
      const sent = requests[invoice];
      delete requests[invoice];
      return sent;
    },
    // Shows the captcha, whose page has an origin of its own, until the buyer has solved it. Returns the token.
    solve: (url) => new Promise((resolve) => {
      const frame = /** @type {HTMLIFrameElement} */ (document.getElementById("captcha"));
      const hear = ({ source, data }) => {
        const captcha = source === frame.contentWindow && data?.till_captcha;
        if (!captcha) return;
        frame.height = captcha.height;
        if (!captcha.token) return;
        removeEventListener("message", hear);
        frame.hidden = true;
        resolve(captcha.token);
      };
      addEventListener("message", hear);
      frame.src = url;
      frame.hidden = false;
    }),
    handOver() {
      stop();
      removeEventListener("message", keep);
      removeEventListener("keydown", escape);
      failed.remove();
      // Behind the widget, which is part of the page in a moment.
      setTimeout(() => document.body.append(document.querySelector("footer")));
      return messages;
    },
  };
})();
