"""The OpenAPI document says what the endpoint table says, and what the code does."""

import re
from typing import Any, get_type_hints

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from shillings.base.errors import Refusal
from shillings.base.money import Currency
from shillings.contract import commands
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import Auth
from shillings.web import shapes
from shillings.web import webhook_shapes as hooks
from shillings.web.endpoints import ENDPOINTS, Endpoint, codes_of
from shillings.web.openapi import document
from shillings.web.statuses import HTTP_STATUS

DOCUMENT = document()
EACH = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)


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
    """Every $ref names a schema or a header that is there, and every one is used."""
    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "headers") for name in DOCUMENT["components"][kind]}

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
    due = {("header", "X-Request-Id")}
    due |= {("header", "Idempotency-Key")} if endpoint.command.takes_key else set()
    due |= {("path", name) for name in endpoint.path_parameters}
    due |= {("query", name) for name in get_type_hints(endpoint.query)} if endpoint.query else set()
    due |= {("path", name) for name in endpoint.path_parameters}

    assert parameters == due
    expected = {Auth.NONE: [], Auth.SESSION: ["cookie", "bearer"], Auth.SANDBOX: ["sandbox_key"]}
    assert [name for one in written["security"] for name in one] == expected[endpoint.command.auth]
    assert ("requestBody" in written) == (endpoint.body is not None)


@EACH
def test_every_field_of_a_body_is_described_with_its_type(endpoint: Endpoint) -> None:
    """Bodies list their fields, which are required, and allow no others."""
    if endpoint.body is None:
        return
    schema = DOCUMENT["components"]["schemas"][endpoint.body.__name__]

    assert schema["properties"].keys() == get_type_hints(endpoint.body).keys()
    assert schema["additionalProperties"] is False


GROUPS = {"user", "transaction", "hold"}
"""Where JSON has an object and the protocol has its fields."""


def fields(shape: type) -> set[str]:
    """A shape's JSON names, those inside a group included, without `status`."""
    hints = {name: kind for name, kind in get_type_hints(shape).items() if kind is not shapes.Status}
    groups = {name for name in hints if name in GROUPS}
    return (hints.keys() - groups).union(*[fields(hints[name]) for name in groups])


def _names(message: type[Message]) -> set[str]:
    """A message's names; those of amounts end with `_minor` in the protocol only."""
    return {name.removesuffix("_minor") for name in message.DESCRIPTOR.fields_by_name}


def _taken(endpoint: Endpoint) -> set[str]:
    """The names of what an endpoint takes, wherever in a request it is."""
    return set().union(*[fields(shape) for shape in (endpoint.body, endpoint.query) if shape]) | set(
        endpoint.path_parameters
    )


@EACH
def test_json_and_protocol_have_the_same_names(endpoint: Endpoint) -> None:
    """A field has one name, in JSON as in the protocol, and none is nobody's."""
    request, answer = endpoint.command.request, endpoint.command.answer
    asking = [other for other in ENDPOINTS if other.command.request is request]
    answering = [other for other in ENDPOINTS if other.command.answer is answer]

    assert _taken(endpoint) <= _names(request)
    assert fields(endpoint.answer) <= _names(answer)
    assert set().union(*map(_taken, asking)) == _names(request)
    assert set().union(*[fields(other.answer) for other in answering]) == _names(answer)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (hooks.Event, wire.Event), (hooks.WebhookEndpoint, wire.WebhookEndpoint), (hooks.Attempt, wire.Attempt),
        (hooks.DeliveryWithAttempts, wire.DeliveryState),
    ],
)  # fmt: skip
def test_parts_of_answers_have_the_protocols_names(shape: type, message: type[Message]) -> None:
    """What is inside of answers has one set of names too."""
    assert fields(shape) == _names(message)


def test_history_lines_have_the_protocols_names() -> None:
    """A transaction has one set of names too; a line of the history lacks one of them."""
    assert fields(shapes.WholeTransaction) == _names(wire.Transaction)
    assert fields(shapes.Transaction) == _names(wire.Transaction) - {"settles_at"}


def test_every_command_has_its_row() -> None:
    """Each command of the protocol is an endpoint, but for those that servers and deliverers send by themselves."""
    inner = {command for command in commands.COMMANDS if command.auth is Auth.DELIVERER} | {commands.RDY, commands.NTE}
    assert {endpoint.command for endpoint in ENDPOINTS} | inner == set(commands.COMMANDS)
    assert sorted(command.number for command in commands.COMMANDS) == sorted(wire.Command.values())
    assert {command.name: command.number for command in commands.COMMANDS} == dict(wire.Command.items())


def test_money_and_ids_are_described_as_such() -> None:
    """Amounts are documented as strings or numbers, ids as UUIDs, times as RFC 3339."""
    schemas = DOCUMENT["components"]["schemas"]

    assert {one["type"] for one in schemas["PayBody"]["properties"]["amount"]["oneOf"]} == {"string", "number"}
    assert schemas["User"]["properties"]["balance"]["type"] == "string"
    assert schemas["User"]["properties"]["user_id"]["format"] == "uuid"
    assert schemas["User"]["properties"]["created_at"]["format"] == "date-time"


@pytest.mark.parametrize(("currency", "amount", "finer"), [
    (Currency("USD", 2), "12.50", "12.501"),
    (Currency("JPY", 0), "12", "12.5"), (Currency("KWD", 3), "0.001", "0.0001"),
])  # fmt: skip
def test_document_says_the_currency(currency: Currency, amount: str, finer: str) -> None:
    """The document says which currency amounts are in, and what an amount of it looks like."""
    written = document(currency=currency)
    form = written["components"]["schemas"]["TopupBody"]["properties"]["amount"]["oneOf"][0]["pattern"]

    assert written["info"]["x-currency"] == {"code": currency.code, "decimals": currency.decimals}
    assert written["components"]["schemas"]["User"]["properties"]["currency"]["enum"] == [currency.code]
    assert re.search(form, amount)
    assert not re.search(form, finer)
    assert not re.search(form, "0")


@given(st.from_regex(r"\A[0-9]{0,16}(\.[0-9]{0,4})?\Z"))
def test_amounts_are_described_as_they_are_taken(text: str) -> None:
    """A decimal string fits the document's pattern exactly when it is taken as an amount."""
    form = DOCUMENT["components"]["schemas"]["TopupBody"]["properties"]["amount"]["oneOf"][0]["pattern"]
    try:
        taken = Currency("USD", 2).parse(f'"{text}"'.encode()) > 0
    except Refusal:
        taken = False

    assert bool(re.search(form, text)) is taken


def test_document_says_where_the_service_is() -> None:
    """A generated client knows where to send its requests."""
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/", "http://127.0.0.1:8080"]


@pytest.mark.parametrize(
    ("shape", "field", "bounds"),
    [
        ("SignupBody", "password", {"minLength": 8, "maxLength": 128}),
        ("SignupBody", "email", {"maxLength": 254, "format": "email"}),
        ("PayBody", "reference", {"maxLength": 128}),
        ("AddFaultBody", "probability", {"minimum": 0, "maximum": 1}),
    ],
)
def test_bounds_are_in_the_schema(shape: str, field: str, bounds: dict[str, object]) -> None:
    """What is too long or too large is known to a generated client without reading a sentence."""
    schema = DOCUMENT["components"]["schemas"][shape]["properties"][field]
    schema = {name: value for part in schema.get("allOf", [schema]) for name, value in part.items()}

    assert schema.items() >= bounds.items()
