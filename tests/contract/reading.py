"""Reads input as the server does, and tells whether what is left is valid."""

import re
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs

ABSENT = (None, "", [], {})
# Details of the buyer, which never refuse an order.
DETAILS = ("email", "name", "phone", "country")
# Texts whose case has no meaning.
UPPER = ("country", "currency", "currencies")


def reads_as_valid(case, response):
    """Whether a case is valid once it is read leniently. A body that the schema calls invalid may be."""
    # As it was sent: an empty list or object, also one in another, is an empty text in a URL.
    sent = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)
    query = {name: values[-1] for name, values in sent.items()}
    raw = case.operation.definition.raw
    components = {"components": case.operation.schema.raw_schema["components"]}
    body = raw.get("requestBody", {}).get("content", {}).get(case.media_type, {}).get("schema")
    if body is not None and isinstance(case.body, dict):
        fields = read(case.body)
        if case.operation.path == "/pay":
            fields = {key: field for key, field in fields.items() if key not in DETAILS}
        if not is_valid({**body, **components}, fields):
            return False
    for parameter in raw.get("parameters", []):
        container = {"query": query, "header": case.headers, "path": case.path_parameters}
        value = (container.get(parameter["in"]) or {}).get(parameter["name"])
        if parameter["in"] == "query":
            value = read_text(value)
            if value in ABSENT:
                continue
        if value is None:
            continue
        schema = {**parameter["schema"], **components}
        if not is_valid(schema, value) and not is_valid(schema, number(value)):
            return False
    return True


def is_valid(schema, value):
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(value)


def number(value):
    """A number of a URL."""
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value


def read(value, name=""):
    """A JSON value without what counts as absent, with its texts as they are read."""
    if isinstance(value, dict):
        fields = {key: read(field, key) for key, field in value.items()}
        if name == "buyer":
            fields = {key: field for key, field in fields.items() if key not in DETAILS}
        return {key: field for key, field in fields.items() if field not in ABSENT}
    if isinstance(value, list):
        return [read(item, name) for item in value]
    text = read_text(value)
    if isinstance(text, str) and name == "locale":
        return re.split("[.@]", text)[0]
    return text.upper() if isinstance(text, str) and name in UPPER else text


def read_text(value):
    return value.strip() if isinstance(value, str) else value
