// Takes an order from its creation to its refund, with openapi-fetch and the types that
// openapi-typescript makes. Usage: node client.js URL SECRET_KEY

import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./till.js";

type EventType = components["schemas"]["EventType"];
// Every type of event is a callback, and every callback has a type.
const callback: keyof webhooks extends EventType ? EventType extends keyof webhooks ? true : never : never = true;

declare const process: { argv: string[] };
const [url, key] = process.argv.slice(2);
const till = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });

function check(condition: unknown, ...shown: unknown[]): asserts condition {
  if (!condition) throw new Error(JSON.stringify(shown));
}

async function until<T>(what: string, read: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  for (let i = 0; i < 200; i++) {
    const value = await read();
    if (done(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what}: too late`);
}

const created = await till.POST("/v1/invoices", {
  params: { header: { "Idempotency-Key": "typescript-1" } },
  body: { order_id: "typescript", amount: 1999, currency: "EUR", method: "card", metadata: { cart: "7" } },
});
const invoice = created.data;
check(invoice?.confirmation_url, created.error);
// The buyer confirms on the payment system's own form.
const confirmed = await fetch(invoice.confirmation_url, {
  method: "POST",
  body: new URLSearchParams({ action: "confirm" }),
});
check(confirmed.ok, confirmed.status);

const path = { invoice: invoice.id };
const paid = await until(
  "the invoice is paid",
  async () => (await till.GET("/v1/invoices/{invoice}", { params: { path } })).data,
  (read) => read?.status === "paid",
);
const payment = paid?.payments.find((payment) => payment.status === "succeeded");
check(payment && payment.amount === 1999, paid);

const refunded = await till.POST("/v1/payments/{payment}/refunds", {
  params: { path: { payment: payment.id } },
  body: { amount: 500, reason: "one print came damaged" },
});
const refund = refunded.data;
check(refund, refunded.error);
await until(
  "the refund succeeds",
  async () => (await till.GET("/v1/refunds/{refund}", { params: { path: { refund: refund.id } } })).data,
  (read) => read?.status === "succeeded",
);
const query = { status: "partially_refunded", order_id: "typescript", limit: 1 } as const;
const page = await till.GET("/v1/invoices", { params: { query } });
check(page.data?.data[0]?.id === invoice.id && page.data.next_cursor === null, page);

const missing = await till.GET("/v1/invoices/{invoice}", { params: { path: { invoice: "inv_0" } } });
check(missing.error?.status === 404 && missing.error.request_id, missing.error);
// @ts-expect-error: no such status
await till.GET("/v1/invoices", { params: { query: { status: "done" } } });
// @ts-expect-error: the currency is missing
await till.POST("/v1/invoices", { body: { order_id: "2", amount: 1 } });
console.log(invoice.id, callback);
