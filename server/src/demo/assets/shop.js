"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const EVENTS = [
    "open", "popup_blocked", "ready", "fixation", "verification", "paid", "declined", "error", "close",
  ];

  // The widget's events, for display only: goods go out on the callback.
  const say = (text) => { const line = $("status"); if (line) line.textContent = text; };
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

  async function order(way) {
    const email = $("email").value.trim();
    const body = { quantity: $("quantity").valueAsNumber, way };
    if (email) body.email = email;
    const answer = await fetch("/orders", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const data = await answer.json();
    if (!answer.ok) throw new Error(data.detail || "The order could not be made.");
    return data;
  }

  async function buy(way) {
    if (!window.Till) throw new Error("The payment window is still loading. Try again in a moment, or buy on the payment page.");
    say("Making your order …");
    const making = order(way);
    // In the click itself, or a browser would block the popup; the order is made meanwhile.
    const w = Till({ mode: way }).open(making);
    const line = [];
    for (const name of EVENTS) {
      w.on(name, (event) => {
        line.push(event.code ? `${name} (${event.code})` : name);
        $("status").dataset.event = name;
        say(line.join(" → "));
      });
    }
    await making;
    await refresh();
  }

  const form = $("buy");
  if (form) {
    const buttons = form.querySelectorAll("button");
    const enable = (on) => buttons.forEach((b) => { b.disabled = !on; });
    for (const button of form.querySelectorAll("[data-way]")) {
      button.addEventListener("click", async () => {
        if (!form.reportValidity()) return;
        enable(false);
        try {
          await buy(button.dataset.way);
        } catch (error) {
          say(error.message);
        } finally {
          enable(true);
          // A disabled button loses the focus; the widget gives it back to where it was.
          if (document.activeElement === document.body) button.focus();
        }
      });
    }
    // Enter in a field buys as the first button does; without this script it takes the link.
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input")) {
        event.preventDefault();
        $("buy-iframe").click();
      }
    });
    const price = $("price");
    const each = Number(price.dataset.cents);
    $("quantity").addEventListener("input", (event) => {
      const n = event.target.validity.valid ? event.target.valueAsNumber : 1;
      const cents = each * n;
      price.textContent = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")} EUR`;
    });
  }

  function cell(label, content, className) {
    const td = document.createElement("td");
    td.dataset.label = label;
    if (className) td.className = className;
    td.append(content);
    return td;
  }

  function row(o) {
    const tr = document.createElement("tr");
    tr.dataset.order = o.id;
    tr.dataset.status = o.status;
    tr.dataset.callbacks = o.callbacks;
    const link = document.createElement("a");
    link.href = `/thanks?order_id=${encodeURIComponent(o.id)}`;
    link.textContent = o.id;
    const pill = document.createElement("span");
    pill.className = "pill";
    pill.textContent = o.label;
    tr.append(
      cell("Order", link), cell("Amount", o.price), cell("Way", o.way),
      cell("Invoice", o.invoice || "–", "id"), cell("Callbacks", String(o.callbacks)),
      cell("Status", pill),
    );
    return tr;
  }

  let shown = "";
  async function refresh() {
    const answer = await fetch("/orders.json", { cache: "no-store" });
    if (!answer.ok) return;
    const text = await answer.text();
    if (text === shown) return;
    shown = text;
    const orders = JSON.parse(text).data;
    const list = $("orders");
    if (list) {
      // Only what changed is replaced, so that the focus stays where it is.
      const old = new Map([...list.rows].map((tr) => [tr.dataset.order, tr]));
      orders.forEach((o, i) => {
        const fresh = row(o);
        const now = old.get(o.id);
        old.delete(o.id);
        if (!now) list.insertBefore(fresh, list.rows[i] || null);
        else if (now.outerHTML !== fresh.outerHTML) now.replaceWith(fresh);
      });
      old.forEach((tr) => tr.remove());
    }
    const thanks = $("thanks");
    const mine = thanks && orders.find((o) => o.id === thanks.dataset.order);
    if (mine) {
      thanks.dataset.status = mine.status;
      if ($("headline").textContent !== mine.headline) $("headline").textContent = mine.headline;
      $("order-status").textContent = mine.label;
    }
  }

  async function follow() {
    for (;;) {
      await refresh().catch(() => {});
      await sleep(1000);
    }
  }
  if ($("orders") || $("thanks")) follow();
})();
