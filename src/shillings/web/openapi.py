"""The OpenAPI 3.1 document, generated from the endpoint table."""

from typing import Any, get_type_hints

import msgspec

import shillings
from shillings.errors import Code
from shillings.web.endpoints import ENDPOINTS, HTTP_STATUS, Endpoint, codes_of
from shillings.web.shapes import StatusAnswer

Json = dict[str, Any]

_UNKNOWN = (Code.INTERNAL, Code.TIMEOUT)
_KEY_HEADER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request is carried out once; repeats get the same answer, marked "
    "`Idempotent-Replayed: true`. Keys belong to a user and live 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def document() -> Json:
    """The whole document."""
    types: list[type] = [StatusAnswer, *[e.answer for e in ENDPOINTS], *[e.body for e in ENDPOINTS if e.body]]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: Json = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shillings",
            "version": shillings.__version__,
            "description": "A payment service you run on your own machine and break on purpose.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": "token"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _operation(endpoint: Endpoint) -> Json:
    operation: Json = {
        "operationId": endpoint.path.rsplit("/", 1)[-1],
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
    operation["security"] = [{"cookie": []}, {"bearer": []}] if endpoint.needs_session else []
    return operation


def _parameters(endpoint: Endpoint) -> list[Json]:
    parameters = [_KEY_HEADER] if endpoint.takes_key else []
    if endpoint.query is not None:
        hints = get_type_hints(endpoint.query, include_extras=True)
        for field in msgspec.structs.fields(endpoint.query):
            schema = msgspec.json.schema(hints[field.name])
            description = schema.pop("description", "")
            schema["default"] = field.default
            parameters.append(
                {"name": field.name, "in": "query", "required": False, "description": description, "schema": schema}
            )
    return parameters


def _responses(endpoint: Endpoint) -> Json:
    responses: Json = {"200": _response("Done, and durable.", endpoint.answer)}
    words: dict[int, list[Code]] = {}
    for code in codes_of(endpoint):
        words.setdefault(HTTP_STATUS[code], []).append(code)
    for status, codes in sorted(words.items()):
        meaning = (
            "Unknown whether it was applied: repeat with the same Idempotency-Key."
            if codes[0] in _UNKNOWN
            else "Not applied."
        )
        names = ", ".join(f"`{code.word}`" for code in codes)
        responses[str(status)] = _response(f"{names}. {meaning}", StatusAnswer)
    return responses


def _response(description: str, shape: type[msgspec.Struct]) -> Json:
    return {"description": description, "content": {"application/json": {"schema": _reference(shape)}}}


def _reference(shape: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}
