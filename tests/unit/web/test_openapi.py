"""The OpenAPI document says what the endpoint table says, and what the code does."""

import re
from typing import Any, get_type_hints

import pytest

from shillings.web import shapes
from shillings.web.endpoints import ENDPOINTS, HTTP_STATUS, Endpoint, codes_of
from shillings.web.openapi import document
from shillings.wire import shillings_pb2 as wire

DOCUMENT = document()
EACH = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint's part of the document."""
    found: dict[str, Any] = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    return found


def references(part: object) -> set[str]:
    """Every $ref below."""
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_document_has_the_tables_paths_and_no_others() -> None:
    """Every row is in the document, and nothing else is."""
    written = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}

    assert written == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert len({operation(endpoint)["operationId"] for endpoint in ENDPOINTS}) == len(ENDPOINTS)


def test_references_lead_somewhere() -> None:
    """Every $ref names a schema that is there, and every schema is used."""
    there = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}

    assert references(DOCUMENT) == there


@EACH
def test_statuses_are_those_of_its_codes(endpoint: Endpoint) -> None:
    """An endpoint's statuses are 200 and those of its codes, and each description names its codes."""
    responses = operation(endpoint)["responses"]
    written = {word for response in responses.values() for word in re.findall(r"`([a-z_]+)`", response["description"])}

    assert responses.keys() == {"200"} | {str(HTTP_STATUS[code]) for code in codes_of(endpoint)}
    assert written == {code.word for code in codes_of(endpoint)}


@EACH
def test_session_key_body_and_query_are_those_of_its_row(endpoint: Endpoint) -> None:
    """What an endpoint takes is documented, and nothing that it does not take."""
    written = operation(endpoint)
    parameters = {(one["in"], one["name"]) for one in written.get("parameters", [])}
    due = {("header", "Idempotency-Key")} if endpoint.takes_key else set()
    due |= {("query", name) for name in get_type_hints(endpoint.query)} if endpoint.query else set()

    assert parameters == due
    assert bool(written["security"]) == endpoint.needs_session
    assert ("requestBody" in written) == (endpoint.body is not None)


@EACH
def test_every_field_of_a_body_is_described_with_its_type(endpoint: Endpoint) -> None:
    """Bodies list their fields, which are required, and allow no others."""
    if endpoint.body is None:
        return
    schema = DOCUMENT["components"]["schemas"][endpoint.body.__name__]

    assert schema["properties"].keys() == get_type_hints(endpoint.body).keys()
    assert schema["additionalProperties"] is False


def fields(shape: type) -> set[str]:
    """A shape's JSON names, those inside a group included, without `status`."""
    hints = get_type_hints(shape)
    inner = fields(hints["user"]) if "user" in hints else set()
    return (hints.keys() | inner) - {"status", "user"}


@EACH
def test_json_and_protocol_have_the_same_names(endpoint: Endpoint) -> None:
    """A field has one name, in JSON as in the protocol; only the token goes as a cookie and not as JSON."""
    taken = endpoint.body or endpoint.query
    cookies = {"token", "lifetime_s"} if endpoint.answer_message is wire.LoginAnswer else set()

    assert (fields(taken) if taken else set()) == set(endpoint.request.DESCRIPTOR.fields_by_name)
    assert fields(endpoint.answer) | cookies == set(endpoint.answer_message.DESCRIPTOR.fields_by_name)


def test_history_lines_have_the_protocols_names() -> None:
    """A line of the history has one set of names too."""
    assert fields(shapes.Transaction) == set(wire.Transaction.DESCRIPTOR.fields_by_name)


def test_every_command_has_its_row() -> None:
    """Each command of the protocol is an endpoint, but for the readiness question."""
    assert sorted([*(endpoint.command for endpoint in ENDPOINTS), wire.RDY]) == sorted(wire.Command.values())


def test_money_and_ids_are_described_as_such() -> None:
    """Amounts are documented as strings or numbers, ids as UUIDs, times as RFC 3339."""
    schemas = DOCUMENT["components"]["schemas"]

    assert {one["type"] for one in schemas["PayBody"]["properties"]["amount"]["oneOf"]} == {"string", "number"}
    assert schemas["User"]["properties"]["balance"]["type"] == "string"
    assert schemas["User"]["properties"]["user_id"]["format"] == "uuid"
    assert schemas["User"]["properties"]["created_at"]["format"] == "date-time"
