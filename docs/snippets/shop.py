# Usage: PORT=8700 python3 shop.py. Reads project.json on every request.
import itertools, json, os, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

TILL = os.environ.get("TILL_URL", "http://127.0.0.1:8787")
numbers = itertools.count(42)

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>My shop</title>
<script src="%(till)s/till.js" data-project="%(pk)s" data-mode="iframe" async></script>
<h1>A print, 19.99 EUR</h1>
<button type="button" data-till-invoice="%(invoice)s" data-till-token="%(token)s">Buy</button>
"""


def create_invoice(keys):
    """Creates an invoice. The secret key never leaves this server."""
    order = {"order_id": str(next(numbers)), "amount": 1999, "currency": "EUR", "description": "A print"}
    headers = {"Authorization": "Bearer " + keys["sk"], "Content-Type": "application/json"}
    request = urllib.request.Request(TILL + "/v1/invoices", json.dumps(order).encode(), headers)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/":
            return self.send_error(404)
        with open("project.json") as file:
            keys = json.load(file)
        invoice = create_invoice(keys)
        page = PAGE % {"till": TILL, "pk": keys["pk"], "invoice": invoice["id"], "token": invoice["client_token"]}
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())


server = HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8700"))), Shop)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
