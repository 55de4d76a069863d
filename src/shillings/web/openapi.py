"""The OpenAPI 3.1 document, generated from the endpoint table."""

from collections.abc import Sequence
from typing import Any, get_type_hints

import msgspec
from google.protobuf.descriptor import FieldDescriptor

import shillings
from shillings.base.errors import Code
from shillings.base.money import Currency
from shillings.contract.commands import Auth, Effect
from shillings.contract.fields import IDEMPOTENCY_KEY
from shillings.web.endpoints import ENDPOINTS, Endpoint, codes_of
from shillings.web.openapi_parts import HEADERS, REQUEST_ID, headers_of, with_currency, with_paths
from shillings.web.shapes import StatusAnswer
from shillings.web.statuses import HTTP_STATUS

Json = dict[str, Any]

_USD = Currency("USD", 2)

_UNKNOWN = (Code.INTERNAL, Code.TIMEOUT)
_KEY_HEADER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request is carried out once; repeats get the same answer, marked "
    "`Idempotent-Replayed: true`. Keys belong to a user and live 24 hours.",
    "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
}


def document(endpoints: Sequence[Endpoint] = ENDPOINTS, currency: Currency = _USD, cookie_name: str = "token") -> Json:
    """The whole document of these endpoints."""
    types: list[type] = [StatusAnswer, *[e.answer for e in endpoints], *[e.body for e in endpoints if e.body]]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: Json = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    # The sandbox's own requests are neither logged nor broken.
    asked = list(dict.fromkeys(one.path for one in endpoints if one.command.auth is not Auth.SANDBOX))
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Shillings",
            "version": shillings.__version__,
            "description": "A payment service you run on your own machine and break on purpose. "
            f"Its amounts are in {currency.code}, with {currency.decimals} decimals.",
            "x-currency": {"code": currency.code, "decimals": currency.decimals},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {"url": "/", "description": "Where this document is from."},
            {"url": "http://127.0.0.1:8080", "description": "As `make run` starts it."},
        ],
        "paths": paths,
        "components": {
            "schemas": with_currency(components, currency),
            "headers": HEADERS,
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": cookie_name},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "sandbox_key": {"type": "http", "scheme": "bearer"},
            },
        },
    }
    described: Json = with_paths(whole, asked)
    return described


_SECURITY: dict[Auth, list[Json]] = {
    Auth.NONE: [],
    Auth.SESSION: [{"cookie": []}, {"bearer": []}],
    # The key is needed only where it is set.
    Auth.SANDBOX: [{}, {"sandbox_key": []}],
}


def _operation(endpoint: Endpoint) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": endpoint.description,
        "responses": _responses(endpoint),
    }
    parameters = _parameters(endpoint)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": any(f.required for f in msgspec.structs.fields(endpoint.body)),
            "content": {"application/json": {"schema": _reference(endpoint.body)}},
        }
    operation["security"] = _SECURITY[endpoint.command.auth]
    return operation


def _path_schema(endpoint: Endpoint, name: str) -> Json:
    """Ids are bytes in the protocol, and UUIDs in a path."""
    field = endpoint.command.request.DESCRIPTOR.fields_by_name[name]
    return {"type": "string", "format": "uuid"} if field.type == FieldDescriptor.TYPE_BYTES else {"type": "string"}


def _parameters(endpoint: Endpoint) -> list[Json]:
    parameters = [REQUEST_ID, _KEY_HEADER] if endpoint.command.takes_key else [REQUEST_ID]
    parameters += [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(endpoint, name)}
        for name in endpoint.path_parameters
    ]
    if endpoint.query is not None:
        hints = get_type_hints(endpoint.query, include_extras=True)
        for field in msgspec.structs.fields(endpoint.query):
            schema = msgspec.json.schema(hints[field.name])
            description = schema.pop("description", "")
            if field.default != "":
                schema["default"] = field.default
            parameters.append(
                {"name": field.name, "in": "query", "required": False, "description": description, "schema": schema}
            )
    return parameters


def _responses(endpoint: Endpoint) -> Json:
    responses: Json = {"200": _response("Done, and durable.", endpoint.answer, headers_of(endpoint, 200))}
    if endpoint.streams:
        responses["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    words: dict[int, list[Code]] = {}
    for code in codes_of(endpoint):
        words.setdefault(HTTP_STATUS[code], []).append(code)
    for status, codes in sorted(words.items()):
        meaning = _unknown(endpoint) if codes[0] in _UNKNOWN else "Not applied."
        names = ", ".join(f"`{code.word}`" for code in codes)
        responses[str(status)] = _response(f"{names}. {meaning}", StatusAnswer, headers_of(endpoint, status))
    return responses


def _unknown(endpoint: Endpoint) -> str:
    if endpoint.command.takes_key:
        return "Unknown whether it was applied: repeat with the same Idempotency-Key."
    if endpoint.command.effect is Effect.READ:
        return "Nothing was changed: ask again."
    return "Unknown whether it was applied: read it back, or ask again."


def _response(description: str, shape: type[msgspec.Struct], headers: Json) -> Json:
    return {
        "description": description,
        "headers": headers,
        "content": {"application/json": {"schema": _reference(shape)}},
    }


def _reference(shape: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}
