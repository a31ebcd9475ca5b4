"""The OpenAPI 3.1 document, from the table of operations and the pydantic models."""

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from drafterd.web.access import Need
from drafterd.web.operations import Operation
from drafterd.web.problems import CONTENT_TYPE
from drafterd.web.shapes import HttpProblemShape

_REF = "#/components/schemas/{model}"
_ALWAYS = (421, 422)
_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "id": {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$"},
    "number": {"type": "integer", "minimum": 1},
}


def document(operations: Iterable[Operation], *, version: str) -> dict[str, Any]:
    """The whole document."""
    operations = tuple(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "drafterd",
            "version": version,
            "description": "Drop a folder, get a URL. Times are UTC ISO 8601, durations seconds, sizes bytes.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "drafterd"},
            },
        },
    }


def _schemas(operations: tuple[Operation, ...]) -> dict[str, Any]:
    models: set[type[BaseModel]] = {HttpProblemShape}
    models |= {shape for operation in operations for shape in operation.answers.values() if isinstance(shape, type)}
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "serialization") for model in sorted(models, key=lambda model: model.__name__)
    ]
    bodies = {operation.body for operation in operations if operation.body is not None}
    wanted += [(body, "validation") for body in sorted(bodies, key=lambda body: body.__name__)]
    _, schema = models_json_schema(wanted, ref_template=_REF)
    definitions: dict[str, Any] = schema["$defs"]
    return definitions


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation)],
        "responses": _responses(operation),
    }
    if operation.body is not None:
        schema = {"$ref": _REF.format(model=operation.body.__name__)}
        found["requestBody"] = {"required": False, "content": {"application/json": {"schema": schema}}}
    if operation.need is Need.TOKEN:
        found["security"] = [{"token": []}, {"cookie": []}]
    return found


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": dict(_PARAMETERS[name])}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    schema = operation.query.model_json_schema()
    definitions = schema.get("$defs", {})
    return [
        {"name": name, "in": "query", "required": False, "schema": _inlined(entry, definitions)}
        for name, entry in schema.get("properties", {}).items()
    ]


def _inlined(entry: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with what it refers to put in its place: parameters have no `$defs`."""
    if isinstance(entry, list):
        return [_inlined(each, definitions) for each in entry]
    if not isinstance(entry, dict):
        return entry
    if "$ref" in entry:
        return definitions[entry["$ref"].rpartition("/")[2]]
    return {key: _inlined(value, definitions) for key, value in entry.items()}


def _responses(operation: Operation) -> dict[str, Any]:
    answers = {str(status): _answer(status, shape) for status, shape in operation.answers.items()}
    codes = {*_ALWAYS, *operation.raises, *((401,) if operation.need is not Need.NOTHING else ())}
    problem = {"schema": {"$ref": _REF.format(model=HttpProblemShape.__name__)}}
    for status in sorted(codes):
        answers[str(status)] = {"description": HTTPStatus(status).phrase, "content": {CONTENT_TYPE: problem}}
    return answers


def _answer(status: int, shape: type[BaseModel] | str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if isinstance(shape, str):
        found["content"] = {shape: {"schema": {"type": "string"}}}
    elif shape is not None:
        found["content"] = {"application/json": {"schema": {"$ref": _REF.format(model=shape.__name__)}}}
    return found


def as_json(operations: Iterable[Operation], *, version: str) -> bytes:
    """The document as it is served."""
    return json.dumps(document(operations, version=version), indent=1).encode()
