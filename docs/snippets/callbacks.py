# Usage: pip install standardwebhooks; TILL_SIGNING_SECRET=whsec_... python3 callbacks.py
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["TILL_SIGNING_SECRET"])

# Your orders, with amounts in minor units. A real shop reads them from its database.
orders = {"42": {"amount": 1999, "currency": "EUR"}}


class Callbacks(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            event = webhook.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):
            return self.respond(401)
        if event["type"] == "order.check":
            order = orders.get(event["data"]["invoice"]["order_id"])
            if order is None:
                return self.respond(200, {"accept": False, "reason": "unknown order"})
            return self.respond(200, {"accept": True, **order})
        if event["type"] == "invoice.paid":
            # Fulfill the order once per event["id"]: an event may be delivered more than once.
            print(f'order {event["data"]["invoice"]["order_id"]} is paid', flush=True)
        self.respond(204)

    def respond(self, status, content=None):
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
