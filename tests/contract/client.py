"""Takes an order from its creation to its refund, with the client that openapi-python-client makes.

Usage: client.py URL SECRET_KEY
"""

import sys
import time

from till import AuthenticatedClient
from till.api.events import list_events
from till.api.invoices import create_invoice, get_invoice, list_invoices
from till.api.payments import create_refund, get_payment, get_refund
from till.api.widget import fix_payment, get_billing_data
from till.models import (
    Card,
    EventType,
    FixBody,
    Invoice,
    InvoiceStatus,
    Method,
    NewInvoice,
    NewInvoiceMetadata,
    NewRefund,
    PaymentStatus,
    Problem,
    RefundStatus,
)

url, key = sys.argv[1:]
shop = AuthenticatedClient(base_url=url, token=key)


def until(what, read, done):
    for _ in range(200):
        value = read()
        if done(value):
            return value
        time.sleep(0.1)
    raise TimeoutError(f"{what}: {value}")


metadata = NewInvoiceMetadata.from_dict({"cart": "7"})
order = NewInvoice(order_id="python", amount=1999, currency="EUR", metadata=metadata)
invoice = create_invoice.sync(client=shop, body=order, idempotency_key="python-1")
assert isinstance(invoice, Invoice), invoice
assert (invoice.status, invoice.metadata["cart"]) == (InvoiceStatus.OPEN, "7"), invoice
assert invoice.expires_at > invoice.created_at, invoice
again = create_invoice.sync_detailed(client=shop, body=order, idempotency_key="python-1")
assert again.parsed.id == invoice.id, again

buyer = AuthenticatedClient(base_url=url, token=invoice.client_token)
billing = get_billing_data.sync(invoice.id, client=buyer)
assert Method.CARD in [info.method for info in billing.methods], billing
card = Card(number="4242 4242 4242 4242", exp_month=12, exp_year="39", cvc="123")
fixed = fix_payment.sync(invoice.id, client=buyer, body=FixBody(method=Method.CARD, card=card))
payment = until(
    "the payment succeeds",
    lambda: get_payment.sync(fixed.payment.id, client=shop),
    lambda payment: payment.status == PaymentStatus.SUCCEEDED,
)
assert payment.card.last4 == "4242", payment
paid = get_invoice.sync(invoice.id, client=shop)
assert paid.status == InvoiceStatus.PAID and paid.paid_at, paid

body = NewRefund(amount=500, reason="one print came damaged")
refund = create_refund.sync(payment.id, client=shop, body=body)
until(
    "the refund succeeds",
    lambda: get_refund.sync(refund.id, client=shop),
    lambda refund: refund.status == RefundStatus.SUCCEEDED,
)
page = list_invoices.sync(client=shop, status=InvoiceStatus.PARTIALLY_REFUNDED, limit=1)
assert [found.id for found in page.data] == [invoice.id], page
events = list_events.sync(client=shop, type_=EventType.REFUND_SUCCEEDED)
assert events.data[0].data.refund.id == refund.id, events

problem = get_invoice.sync("inv_0", client=shop)
assert isinstance(problem, Problem) and problem.status == 404, problem
problem = create_refund.sync(payment.id, client=shop, body=NewRefund(amount=5000))
assert [error.field for error in problem.errors] == ["amount"], problem
print(invoice.id)
