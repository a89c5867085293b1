"""What Schemathesis may report: every kind of failure that is accepted, with the reason.

A failure that no rule here matches fails the test.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from reading import reads_as_valid

VALID_REJECTED = "RejectedPositiveData"
INVALID_ACCEPTED = "AcceptedNegativeData"


@dataclass
class Rule:
    """Accepts failures of a check in operations whose id matches."""

    check: str
    operations: str
    reason: str
    # Valid data rejected: the invalid fields, or the problem types, that the response may name.
    fields: str = ""
    problems: str = ""
    # Anything else: whether the rule applies to the case and its response.
    when: Callable = None


RULES = [
    Rule(
        VALID_REJECTED, ".*", fields=r"(.*\.)?currency|connectors(\.|\[)\d+\]?\.currencies.*",
        reason="The pattern tells what a currency code looks like. ISO 4217 tells which codes exist.",
    ),
    Rule(
        VALID_REJECTED, ".*", fields=r"(.*\.|.*\[)?(\w+_url|allowed_origins(\[?\.?\d*\]?))",
        reason="The pattern tells the scheme of a URL. The URL standard tells which texts are URLs, and "
               "only public addresses are called.",
    ),
    Rule(
        VALID_REJECTED, ".*", fields=r"(buyer\.)?(email|name|phone|country)|(card\.)?holder",
        reason="The schema tells lengths and characters. Whether it is an address, a number or a country "
               "is decided by rules that a pattern cannot hold.",
    ),
    Rule(
        VALID_REJECTED, "fixPayment", fields=r"(card|encrypted_card|method|number|cvc|exp_month|exp_year)(\..*)?",
        reason="Whether a card is needed depends on the account. A number has a check digit, a security "
               "code has the length of the brand, and a card expires.",
    ),
    Rule(
        VALID_REJECTED, "createInvoice|createInvoiceFromPage|fixPayment",
        problems="method-unavailable|order-rejected",
        reason="The project's accounts decide which methods exist, and the project confirms orders.",
    ),
    Rule(
        VALID_REJECTED, "createInvoice|createInvoiceFromPage|createRefund|fixPayment",
        problems="idempotency-key-reused",
        reason="Schemathesis draws the same key for other bodies.",
    ),
    Rule(
        VALID_REJECTED, "createInvoiceFromPage", fields="amount",
        reason="How many decimals an amount may have depends on the currency.",
    ),
    Rule(
        VALID_REJECTED, "createRefund", fields="amount",
        reason="A refund is at most what is left of the payment.",
    ),
    Rule(
        VALID_REJECTED, "createProject|updateProject",
        fields=r"connectors(\.|\[)\d+\]?\.(kind|account|credentials|methods|card_entry)",
        reason="Each connector says which methods and credentials it has. An account belongs to one "
               "project.",
    ),
    Rule(
        VALID_REJECTED, "createProject|updateProject", fields="notify_events",
        reason="The order check is no notification. It has the type `order.check` all the same.",
    ),
    Rule(
        VALID_REJECTED, "updateProject", fields="version",
        reason="The update is for a version that the project no longer has.",
    ),
    Rule(
        VALID_REJECTED, "resolvePayment", fields="reference",
        reason="The reference belongs to another payment.",
    ),
    Rule(
        VALID_REJECTED, "submitPaymentForm", when=lambda case, response: named_in_page(response),
        reason="As for the fields of orders in JSON. The page names the field.",
    ),
    Rule(
        VALID_REJECTED, "listPayments", fields="connector",
        reason="There is no such connector.",
    ),
    Rule(
        VALID_REJECTED, ".*", when=lambda case, response: are_floats(case, response),
        reason="JSON Schema takes 5.0 for an integer. An amount of money is never a float.",
    ),
    Rule(
        INVALID_ACCEPTED, ".*", when=lambda case, response: reads_as_valid(case, response),
        reason="Input is read leniently where that is harmless: null, empty texts, empty lists and empty "
               "objects count as absent, blanks at the ends are cut, and case is set right where it has "
               "no meaning. What is read so is valid.",
    ),
]


def reason(failure, case, response):
    """Why a failure is accepted. None if it is not."""
    operation = case.operation.definition.raw.get("operationId", "")
    for rule in RULES:
        if rule.check == type(failure).__name__ and re.fullmatch(rule.operations, operation):
            if rule.when and rule.when(case, response):
                return rule.reason
            if not rule.when and named_in_problem(rule, response):
                return rule.reason
    return None


def named_in_problem(rule, response):
    """Whether the problem document has one of the rule's types, or names its fields only."""
    try:
        problem = json.loads(response.content)
    except ValueError:
        return False
    if rule.problems:
        return re.fullmatch(rule.problems, problem.get("type", "").rsplit("/")[-1]) is not None
    fields = [error["field"] for error in problem.get("errors", [])]
    rules = [r.fields for r in RULES if r.check == rule.check and r.fields]
    # All of them are accepted, and this rule accepts one.
    return (
        any(re.fullmatch(rule.fields, field) for field in fields)
        and all(any(re.fullmatch(f, field) for f in rules) for field in fields)
    )


def are_floats(case, response):
    """Whether each invalid field has a float where the schema has an integer."""
    try:
        errors = json.loads(response.content).get("errors", [])
    except ValueError:
        return False
    return bool(errors) and all(isinstance(value_at(case.body, e["field"]), float) for e in errors)


def value_at(value, path):
    """The value at a path such as `items[0].amount`."""
    for name in re.findall(r"[^.\[\]]+", path):
        try:
            value = value[int(name) if isinstance(value, list) else name]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def named_in_page(response):
    """Whether the page of a rejected form names only fields whose rules no schema holds."""
    reasons = re.findall(r"<li>(.*?)</li>", response.content.decode(errors="replace"))
    fields = r"amount|currency|email|name|phone|country|\w+_url|metadata"
    return bool(reasons) and all(re.search(rf": ({fields})\.?$", text) for text in reasons)
