"""Capabilities in four states, because "not documented" is neither yes nor no."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

from pydantic import model_validator

from modelyard.types.base import Frozen

__all__ = ["CAPABILITIES", "UNKNOWN", "Capability", "CapabilityName", "CapabilityState"]

CapabilityState: TypeAlias = Literal["supported", "partial", "unsupported", "unknown"]

CapabilityName: TypeAlias = Literal[
    "streaming",
    "tools",
    "parallel_tools",
    "forced_tool_choice",
    "strict_tools",
    "structured_output",
    "json_mode",
    "reasoning",
    "images",
    "files",
    "audio",
    "system",
    "prefill",
    "sampling",
    "stop",
    "seed",
    "prompt_caching",
]

CAPABILITIES: tuple[str, ...] = get_args(CapabilityName)


class Capability(Frozen):
    """One ability of a model, as its card states it.

    True when ``supported`` or ``partial``; where ``unknown`` may pass too, ask ``state != "unsupported"``.

    ``unknown`` is the default until a document or a test proves it either way. ``limits`` says in a
    sentence what ``partial`` leaves out.
    """

    state: CapabilityState = "unknown"
    limits: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_state(cls, value: Any) -> Any:
        return {"state": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _partial_needs_limits(self) -> Capability:
        if self.state == "partial" and not self.limits:
            raise ValueError("a partial capability must say what its limits are")
        return self

    def __bool__(self) -> bool:
        return self.state in ("supported", "partial")


UNKNOWN = Capability.model_construct(state="unknown", limits=None)
