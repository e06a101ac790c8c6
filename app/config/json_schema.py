"""The JSON Schema of `mcp_config.json`, for editors: built from the tables that reading goes by.

Pure. It is as liberal as reading is: what only warns is allowed here, what disables a server is not.
"""

from typing import Any

from app.config.schema import ALIASES, FILTER_KEYS, KEYS, LIMIT_KEYS, ROOTS, Key

Schema = dict[str, Any]

_WORD: Schema = {"type": ["string", "number", "boolean"]}
_GLOBS: Schema = {"type": "array", "items": {"type": "string"}}
_VARIABLE = r"\$\{.+\}"


def config_schema() -> Schema:
    """The schema as a JSON value, in a fixed order."""
    servers: Schema = {"type": "object", "additionalProperties": {"$ref": "#/$defs/server"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mcp_config.json",
        "description": "The MCP servers behind the gateway. Strings may hold ${VAR}, ${VAR:-default} and ${env:VAR}.",
        "type": "object",
        "properties": dict.fromkeys(ROOTS, servers),
        "anyOf": [{"required": [root]} for root in ROOTS],
        "$defs": {"server": _server()},
    }


def _server() -> Schema:
    properties = {name: {"description": key.doc, **_shape(key)} for name, key in KEYS.items()}
    for alias, name in ALIASES.items():
        properties[alias] = {**properties[name], "description": f'Another spelling of "{name}".'}
    urls = ["url", *(alias for alias, name in ALIASES.items() if name == "url")]
    return {
        "type": "object",
        "properties": properties,
        "anyOf": [
            {"properties": {"disabled": {"const": True}}, "required": ["disabled"]},
            {"required": ["command"]},
            *({"required": [url]} for url in urls),
        ],
    }


def _shape(key: Key) -> Schema:
    match key.shape:
        case "string":
            return {"type": "string", "minLength": 1}
        case "text":
            return {"type": "string"}
        case "strings":
            return {"type": "array", "items": _WORD}
        case "pairs":
            return {"type": "object", "additionalProperties": {"type": [*_WORD["type"], "null"]}}
        case "boolean":
            return {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": f"^(true|false|{_VARIABLE})$"}]}
        case "seconds":
            text = {"type": "string", "pattern": rf"^(\d+(\.\d+)?|{_VARIABLE})$"}
            return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, text]}
        case "filter":
            lists = {"type": "object", "properties": dict.fromkeys(FILTER_KEYS, _GLOBS)}
            return {"anyOf": [_GLOBS, lists]}
        case "limits":
            amount = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1}]}
            return {"type": "object", "properties": dict.fromkeys(LIMIT_KEYS, amount)}
        case "choice":
            return {"anyOf": [{"enum": list(key.choices)}, {"type": "string", "pattern": _VARIABLE}]}
