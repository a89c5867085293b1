# Usage: pip install standardwebhooks; PORT=8700 python3 complete_shop.py. Reads project.json on every request.
import json, os, sqlite3, urllib.request
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

TILL = os.environ.get("TILL_URL", "http://127.0.0.1:8787")
PRICE, CURRENCY = 1999, "EUR"  # minor units: 19.99 EUR

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>My shop</title>
<script src="%(till)s/till.js" data-project="%(pk)s" data-mode="iframe" async></script>
<h1>A print, 19.99 EUR</h1>
<button type="button" data-till-invoice="%(invoice)s" data-till-token="%(token)s">Buy</button>
"""


def project():
    with open("project.json") as file:
        return json.load(file)


def database():
    db = sqlite3.connect("shop.db")
    db.execute("create table if not exists orders (id integer primary key, status text, payment text)")
    db.execute("create table if not exists seen (event text primary key)")
    return db


def call_till(path, body, idempotency_key):
    """Calls Till's API. The secret key never leaves this server."""
    headers = {
        "Authorization": "Bearer " + project()["sk"],
        "Content-Type": "application/json",
        "Idempotency-Key": idempotency_key,
    }
    request = urllib.request.Request(TILL + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/orders/"):
            return self.order(self.path.removeprefix("/orders/"))
        if self.path != "/":
            return self.send_error(404)
        # The page: a new order for every visitor.
        with database() as db:
            order = str(db.execute("insert into orders (status) values ('new')").lastrowid)
        invoice = call_till(
            "/v1/invoices",
            {"order_id": order, "amount": PRICE, "currency": CURRENCY, "description": "A print"},
            "order-" + order,
        )
        values = {
            "till": TILL,
            "pk": project()["pk"],
            "invoice": invoice["id"],
            "token": invoice["client_token"],
        }
        page = PAGE % {name: escape(value) for name, value in values.items()}
        self.respond(200, page.encode(), "text/html; charset=utf-8")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/till/callbacks":
            return self.callback(body)
        if self.path.startswith("/refund/"):
            return self.refund(self.path.removeprefix("/refund/"))
        self.send_error(404)

    def callback(self, body):
        """Till's order check and notifications."""
        try:
            event = Webhook(project()["signing_secret"]).verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):
            return self.send_error(401)
        with database() as db:
            if event["type"] == "order.check":
                order = event["data"]["invoice"]["order_id"]
                known = db.execute("select 1 from orders where id = ?", [order]).fetchone()
                answer = {"accept": True, "amount": PRICE, "currency": CURRENCY}
                if known is None:
                    answer = {"accept": False, "reason": "This order does not exist."}
                return self.respond(200, json.dumps(answer).encode(), "application/json")
            # The same event can arrive more than once. The insert fails for an event that was seen.
            try:
                db.execute("insert into seen values (?)", [event["id"]])
                self.apply(db, event)
            except sqlite3.IntegrityError:
                pass
        # 2xx for every event, also of types that this shop does not use.
        self.respond(204)

    def apply(self, db, event):
        invoice = event["data"].get("invoice") or {}
        if event["type"] == "invoice.paid":
            payment = event["data"]["payment"]["id"]
            db.execute(
                "update orders set status = 'paid', payment = ? where id = ?", [payment, invoice["order_id"]]
            )
        elif event["type"] in ("refund.succeeded", "refund.failed"):
            # The invoice in the event has the state after the refund.
            db.execute("update orders set status = ? where id = ?", [invoice["status"], invoice["order_id"]])

    def order(self, order):
        """An order's status. A real shop shows a buyer only that buyer's orders."""
        with database() as db:
            row = db.execute("select status from orders where id = ?", [order]).fetchone()
        if row is None:
            return self.send_error(404)
        self.respond(200, row[0].encode(), "text/plain")

    def refund(self, order):
        """Returns the money. A real shop lets only its staff do this."""
        with database() as db:
            row = db.execute("select payment from orders where id = ? and status = 'paid'", [order]).fetchone()
        if row is None:
            return self.send_error(404)
        call_till(f"/v1/payments/{row[0]}/refunds", {"reason": "returned"}, "refund-" + order)
        self.respond(202)

    def respond(self, status, body=b"", content_type=None):
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# Threads: Till asks for the order check while this shop may be waiting for Till.
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8700"))), Shop)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
