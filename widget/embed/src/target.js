// What to pay: an invoice with its token, an order, or a promise of either.

/** Returns an order with its names sorted, so that equal orders have equal text. */
const sorted = (value) =>
  value && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]))
    : value;

export const isPromise = (what) => typeof what?.then === "function";

/** Returns whether a text can be an invoice's id. The server says what is wrong with others. */
export const isInvoice = (text) => /^inv_[a-z0-9]+$/.test(text);

export const invoiceKey = (invoice) => `invoice ${invoice}`;

/** Returns the key by which an open widget is found again. */
export function keyOf({ host, project }, what) {
  if (isPromise(what)) return what;
  if (what.invoice) return invoiceKey(what.invoice);
  return `order ${host} ${project} ${JSON.stringify(sorted(what.order))}`;
}

/** Throws a TypeError for what cannot be paid. */
export function check(config, what) {
  if (isPromise(what)) return;
  const { invoice, token, order } = what ?? {};
  if (invoice && token) return;
  if (!order || invoice) {
    throw new TypeError("Till: open takes an invoice with its token, or an order");
  }
  if (!config.project) {
    throw new TypeError("Till: an order needs the project's key (data-project)");
  }
}

/** The code of an order that could not be sent. */
export const UNREACHABLE = "server-unreachable";

/** The server refused an order, or could not be reached. */
export class OrderError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Creates the invoice of an order from the page. */
export async function createInvoice({ host, project }, order) {
  let response, body;
  try {
    response = await fetch(`${host}/v1/widget/invoices`, {
      method: "POST",
      headers: { authorization: `Bearer ${project}`, "content-type": "application/json" },
      body: JSON.stringify(order),
    });
    body = await response.json();
  } catch (error) {
    throw new OrderError(UNREACHABLE, `The order could not be sent to ${host}: ${error.message}`);
  }
  if (response.ok) return { invoice: body.id, token: body.client_token };
  throw new OrderError(String(body.type).split("/").pop(), body.detail ?? body.title);
}
