# Usage: pip install standardwebhooks; TILL_SIGNING_SECRET=whsec_... python3 callbacks.py
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["TILL_SIGNING_SECRET"])

# What your shop sells, in minor units: your database has it.
orders = {"42": {"amount": 1999, "currency": "EUR"}}


class Callbacks(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            event = webhook.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):
            return self.answer(401)
        if event["type"] == "order.check":
            order = orders.get(event["data"]["invoice"]["order_id"])
            if order is None:
                return self.answer(200, {"accept": False, "reason": "unknown order"})
            return self.answer(200, {"accept": True, **order})
        if event["type"] == "invoice.paid":
            # Hand out the goods, once for each event["id"]: the same event may come again.
            print(f'order {event["data"]["invoice"]["order_id"]} is paid', flush=True)
        self.answer(204)

    def answer(self, status, content=None):
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        if content is not None:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 8700))), Callbacks)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
