# Usage: TILL_URL=... TILL_SIGNING_SECRET=whsec_... python3 form.py < order.json > form.html
import base64
import hashlib
import hmac
import json
import os
import sys
from html import escape


def signature(fields: dict[str, str], secret: str) -> str:
    """Signs a form: every field that the browser sends, except `signature`."""
    message = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()


fields = json.load(sys.stdin)
fields["signature"] = signature(fields, os.environ["TILL_SIGNING_SECRET"])

print(f'<form action="{escape(os.environ["TILL_URL"])}/pay" method="post" accept-charset="utf-8">')
for name, value in fields.items():
    print(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">')
print("<button>Pay</button>\n</form>")
