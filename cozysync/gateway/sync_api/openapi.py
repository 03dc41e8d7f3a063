"""The interface's description (OpenAPI 3.1), made from its table."""

from collections.abc import Iterable
from typing import Any

import msgspec

from cozysync.gateway.sync_api.messages import Problem
from cozysync.gateway.sync_api.problems import MEDIA_TYPE
from cozysync.gateway.sync_api.table import Given, Operation

VERSION = "1.0.0"
_REF = "#/components/schemas/{name}"
_GATE = {
    "401": "The name or password is wrong, or the phone was revoked.",
    "421": "The gateway does not go by that name.",
    "429": "There were too many wrong passwords: try again after so many seconds.",
}


def description(operations: Iterable[Operation], prefix: str) -> dict[str, Any]:
    """The document, for an interface below a prefix."""
    table = list(operations)
    types = [Problem, *_types(table)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = {id(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    paths: dict[str, Any] = {}
    for each in table:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cozysync for phones",
            "version": VERSION,
            "description": (
                "The vault's folders as one tree, `/folder/directory/name`. A byte of a name that "
                "is no UTF-8 is spelled as the character U+F700 + byte."
            ),
        },
        "servers": [{"url": prefix}],
        "security": [{"app_password": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"app_password": {"type": "http", "scheme": "basic"}},
        },
    }


def _types(table: list[Operation]) -> list[Any]:
    found: list[Any] = []
    for each in table:
        found += [parameter.type for parameter in each.parameters]
        found += [given.type for given in each.given.values() if _is_json(given.type)]
        found += [each.body] if _is_json(each.body) else []
    return found


def _is_json(kind: Any) -> bool:
    return kind is not None and kind is not bytes


def _operation(operation: Operation, schema_of: dict[int, Any]) -> dict[str, Any]:
    answers = {str(status): _answer(each, schema_of) for status, each in operation.given.items()}
    problem = {MEDIA_TYPE: {"schema": schema_of[id(Problem)]}}
    if operation.method == "HEAD":
        answers["default"] = {"description": "It was not done."}
    else:
        answers["default"] = {"description": "It was not done; why not.", "content": problem}
        text = {"text/plain": {"schema": {"type": "string"}}}
        answers |= {status: {"description": why, "content": text} for status, why in _GATE.items()}
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": answers,
    }
    if operation.parameters:
        told["parameters"] = [
            {
                "name": each.name,
                "in": each.where,
                "required": each.required,
                "description": each.description,
                "schema": schema_of[id(each.type)],
            }
            for each in operation.parameters
        ]
    if operation.body is not None:
        told["requestBody"] = _body(operation, schema_of)
    return told


def _body(operation: Operation, schema_of: dict[int, Any]) -> dict[str, Any]:
    if operation.body is bytes:
        content: dict[str, Any] = {operation.body_media_type: {}}
    else:
        content = {"application/json": {"schema": schema_of[id(operation.body)]}}
    return {"required": operation.body_required, "content": content}


def _answer(given: Given, schema_of: dict[int, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"description": given.description}
    if given.headers:
        told["headers"] = {
            each: {"required": True, "schema": {"type": "string"}} for each in given.headers
        }
    if given.type is bytes:
        media_types = (given.media_type, given.or_media_type)
        told["content"] = {each: {} for each in media_types if each}
    elif given.type is not None:
        told["content"] = {given.media_type: {"schema": schema_of[id(given.type)]}}
    return told
