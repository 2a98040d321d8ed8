"""Functions that a client offers to the model, and how it chooses among them; sessions and single responses share these."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Discriminator, Field, Tag

from pipeline.errors import ClientError
from pipeline.ports import Tool
from pipeline.wires.realtime.part import Part


class FunctionTool(Part):
    type: Literal["function"]
    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    parameters: dict[str, Any] | None = None


class FunctionChoice(Part):
    type: Literal["function"]
    name: str


def _kind(value: object) -> str:
    return "<word>" if isinstance(value, str) else "<other>"


W = TypeVar("W")
C = TypeVar("C")
WordOr = Annotated[Annotated[W, Tag("<word>")] | Annotated[C, Tag("<other>")], Discriminator(_kind)]
"""A word of a few, or something else that is no string; so an error is about the one that was meant."""

ToolChoice = WordOr[Literal["auto", "none", "required"], FunctionChoice]
MaxTokens = WordOr[Literal["inf"], Annotated[int, Field(ge=1, le=4096)]]


def tools_of(tools: list[FunctionTool]) -> tuple[Tool, ...]:
    return tuple(Tool(tool.name, tool.description or "", tool.parameters or {}) for tool in tools)


def choice_of(choice: ToolChoice, tools: tuple[Tool, ...], param: str) -> str:
    if not isinstance(choice, FunctionChoice):
        return choice
    if choice.name not in [tool.name for tool in tools]:
        raise ClientError("invalid_value", f"Invalid value for '{param}': no tool is named '{choice.name}'.", param)
    return f"name:{choice.name}"


def max_tokens_of(most: MaxTokens) -> int | None:
    return None if isinstance(most, str) else most
