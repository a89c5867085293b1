// Usage: npm install standardwebhooks; TILL_SIGNING_SECRET=whsec_... node callbacks.mjs
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.TILL_SIGNING_SECRET);

// Your orders, with amounts in minor units. A real shop reads them from its database.
const orders = new Map([["42", { amount: 1999, currency: "EUR" }]]);

const server = createServer(async (request, response) => {
  let event;
  try {
    event = webhook.verify(await buffer(request), request.headers);
  } catch {
    response.writeHead(401).end();
    return;
  }
  if (event.type === "order.check") {
    const order = orders.get(event.data.invoice.order_id);
    const body = order ? { accept: true, ...order } : { accept: false, reason: "unknown order" };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    return;
  }
  if (event.type === "invoice.paid") {
    // Fulfill the order once per event.id: an event may be delivered more than once.
    console.log(`order ${event.data.invoice.order_id} is paid`);
  }
  response.writeHead(204).end();
});

server.listen(process.env.PORT ?? 8700, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
