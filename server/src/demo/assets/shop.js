"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const EVENTS = [
    "open", "popup_blocked", "ready", "fixation", "verification", "paid", "declined", "error", "close",
  ];

  // Shows the widget's events. Only a callback marks the order as paid.
  const showStatus = (text) => { const line = $("status"); if (line) line.textContent = text; };
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  async function createOrder(way) {
    const email = $("email").value.trim();
    const body = { quantity: $("quantity").valueAsNumber, way };
    if (email) body.email = email;
    const response = await fetch("/orders", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const data = await response.json();
    if (!response.ok) throw new Error(data.detail || "The order could not be created.");
    return data;
  }

  async function buy(way) {
    if (!window.Till) throw new Error("The payment widget is still loading. Try again in a moment, or buy on the payment page.");
    showStatus("Creating your order …");
    const pending = createOrder(way);
    // The widget opens in the click's own task, because a browser blocks a popup that opens later.
    const widget = Till({ mode: way }).open(pending);
    const events = [];
    for (const name of EVENTS) {
      widget.on(name, (event) => {
        events.push(event.code ? `${name} (${event.code})` : name);
        $("status").dataset.event = name;
        showStatus(events.join(" → "));
      });
    }
    await pending;
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
          showStatus(error.message);
        } finally {
          enable(true);
          // A disabled button loses the focus, so the widget cannot restore it.
          if (document.activeElement === document.body) button.focus();
        }
      });
    }
    // Enter in a field acts like the first button. Without this script it submits the form.
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
      cell("Order", link), cell("Amount", o.price), cell("Checkout", o.way),
      cell("Invoice", o.invoice || "–", "id"), cell("Callbacks", String(o.callbacks)),
      cell("Status", pill),
    );
    return tr;
  }

  let shown = "";
  async function refresh() {
    const response = await fetch("/orders.json", { cache: "no-store" });
    if (!response.ok) return;
    const text = await response.text();
    if (text === shown) return;
    shown = text;
    const orders = JSON.parse(text).data;
    const list = $("orders");
    if (list) {
      // Only changed rows are replaced, so the focus is kept.
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

  async function poll() {
    for (;;) {
      await refresh().catch(() => {});
      await sleep(1000);
    }
  }
  if ($("orders") || $("thanks")) poll();
})();
