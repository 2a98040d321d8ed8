"""What all models of this wire have in common, and how a client is told that one of them was not met."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from pipeline.errors import ClientError

M = TypeVar("M")

EventId = Annotated[str, StringConstraints(max_length=512)]
ItemId = Annotated[str, StringConstraints(min_length=1, max_length=128)]

_MOST_SHOWN = 60
_MEMBERS = frozenset(
    [
        "server_vad",
        "semantic_vad",
        "audio/pcm",
        "audio/pcmu",
        "audio/pcma",
        "word",
        "choice",
        "message",
        "system",
        "user",
        "assistant",
        "function_call",
        "function_call_output",
        "item_reference",
        "input_text",
        "input_audio",
        "input_image",
        "output_text",
        "output_audio",
    ]
)
"""Names that pydantic puts between a union and the field of one of its members; those of events have a dot."""
_EXPECTED = {
    "string": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "list": "an array",
    "dict": "an object",
    "model": "an object",
}


class Part(BaseModel):
    """A piece of a client's message; what is not described is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def checked(validate: Callable[[Any], M], value: object, root: str = "") -> M:
    """The value as its model; `root` is where it stands in the client's message."""
    try:
        return validate(value)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0], root) from None


def _refusal(problem: ErrorDetails, root: str) -> ClientError:
    param, kind = _path(problem, root), problem["type"]
    context: dict[str, Any] = problem.get("ctx", {})
    match kind:
        case "extra_forbidden":
            return ClientError("unknown_parameter", f"Unknown parameter: '{param}'.", param)
        case "missing":
            return _missing(param)
        case "union_tag_not_found":
            return _missing(f"{param}.{context['discriminator'].strip(chr(39))}".removeprefix("."))
        case "union_tag_invalid" | "literal_error":
            return _not_among(problem, param, context)
        case "none_required":
            message = f"'{param}' is not supported here: leave it out, or send what it stands for in its place."
            return ClientError("unsupported_parameter", message, param)
        case "value_error":
            return ClientError("invalid_value", f"Invalid value for '{param}': {context['error']}.", param)
        case _ if kind.endswith(("_type", "_parsing")) or kind == "model_attributes_type":
            expected = _EXPECTED.get(kind.split("_", 1)[0], "something else")
            return ClientError("invalid_type", f"Invalid type for '{param}': expected {expected}.", param)
        case _:
            return ClientError("invalid_value", f"Invalid value for '{param}': {problem['msg']}.", param)


def _missing(param: str) -> ClientError:
    return ClientError("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def _not_among(problem: ErrorDetails, param: str, context: dict[str, Any]) -> ClientError:
    """The value is one of a few, and this is not."""
    if problem["type"] == "union_tag_invalid":
        param = f"{param}.{context['discriminator'].strip(chr(39))}".removeprefix(".")
        given: object = context["tag"]
        supported = context["expected_tags"]
    else:
        given, supported = problem["input"], context["expected"].replace(" or ", ", ")
    if isinstance(given, str) and given.startswith("mcp"):
        return ClientError("unsupported_mcp", "MCP is not supported: offer functions, and call the server yourself.", param)
    shown = f": '{given[:_MOST_SHOWN]}'" if isinstance(given, str) else f" for '{param}'"
    return ClientError("invalid_value", f"Invalid value{shown}. Supported values are: {supported}.", param)


def _path(problem: ErrorDetails, root: str) -> str:
    """`session.tools[0].name`, without the names of a union's members."""
    path = root
    last = len(problem["loc"]) - 1 if not problem["type"].startswith("union_tag") else None
    for place, step in enumerate(problem["loc"]):
        if isinstance(step, int):
            path += f"[{step}]"
        elif not step.startswith("<") and (place == last or not (step in _MEMBERS or "." in step)):
            path += f".{step}" if path else step
    return path
