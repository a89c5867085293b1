// Usage: TILL_URL=... TILL_SIGNING_SECRET=whsec_... node form.mjs < order.json > form.html
import { createHmac } from "node:crypto";
import { text } from "node:stream/consumers";

/** Signs a form: every field that the browser sends, except `signature`. */
function signature(fields, secret) {
  const bytewise = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const names = Object.keys(fields).sort(bytewise);
  const message = names.map((name) => `${name}=${fields[name]}`).join("\n");
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  return createHmac("sha256", key).update(message).digest("hex");
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escape = (value) => value.replace(/[&<>"]/g, (character) => ENTITIES[character]);

const { TILL_URL, TILL_SIGNING_SECRET } = process.env;
const fields = JSON.parse(await text(process.stdin));
fields.signature = signature(fields, TILL_SIGNING_SECRET);

console.log(`<form action="${escape(TILL_URL)}/pay" method="post" accept-charset="utf-8">`);
for (const [name, value] of Object.entries(fields)) {
  console.log(`<input type="hidden" name="${escape(name)}" value="${escape(value)}">`);
}
console.log("<button>Pay</button>\n</form>");
