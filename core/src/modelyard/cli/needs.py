"""Words for needs and conditions on the command line, and what they mean."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Final, cast

from modelyard import ConfigurationError, Message, Tool
from modelyard.catalog.capability import CAPABILITIES, CapabilityName
from modelyard.suggest import did_you_mean
from modelyard.types.content import FilePart, ImagePart, Part

__all__ = ["needs_of", "question", "sample_options", "sample_parts"]

_SHORT: Final = {
    "tool": "tools",
    "image": "images",
    "vision": "images",
    "file": "files",
    "pdf": "files",
    "schema": "structured_output",
    "json": "json_mode",
    "thinking": "reasoning",
    "caching": "prompt_caching",
    "stream": "streaming",
}
_PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def needs_of(text: str | None) -> tuple[CapabilityName, ...]:
    """Capabilities from a list separated by commas; singular and everyday words are understood.

    Raises ``ConfigurationError`` for a word that means none.
    """
    names = []
    for word in (text or "").replace(" ", ",").split(","):
        name = _SHORT.get(word.lower(), word.lower().replace("-", "_"))
        if not name:
            continue
        if name not in CAPABILITIES:
            hint = did_you_mean(name, [*CAPABILITIES, *_SHORT]) or f"Needs are: {', '.join(CAPABILITIES)}."
            raise ConfigurationError(f"{word!r} is no need.", hint=hint)
        names.append(cast("CapabilityName", name))
    return tuple(dict.fromkeys(names))


def sample_parts(needs: Iterable[str]) -> list[Part]:
    """Parts of a message that stand for needs, for a decision that sends nothing."""
    samples: dict[str, Part] = {
        "images": ImagePart(data=_PIXEL),
        "files": FilePart(data=b"%PDF-1.7", media_type="application/pdf", name="sample.pdf"),
        "audio": FilePart(data=b"RIFF", media_type="audio/wav", name="sample.wav"),
    }
    return [samples[name] for name in needs if name in samples]


def sample_options(needs: Iterable[str]) -> dict[str, Any]:
    """Options of a call that stand for needs."""
    tool = [Tool(name="sample")]
    samples: dict[str, dict[str, Any]] = {
        "tools": {"tools": tool},
        "parallel_tools": {"tools": tool, "parallel_tool_calls": True},
        "forced_tool_choice": {"tools": tool, "tool_choice": "required"},
        "strict_tools": {"tools": [Tool(name="sample", strict=True)], "on_unsupported": "error"},
        "structured_output": {"output": {"type": "object", "properties": {"answer": {"type": "string"}}}},
        "json_mode": {"output": "json"},
        "reasoning": {"reasoning": "medium"},
        "sampling": {"temperature": 0.5, "on_unsupported": "error"},
        "stop": {"stop": ["END"], "on_unsupported": "error"},
        "seed": {"seed": 1, "on_unsupported": "error"},
        "streaming": {"stream": True},
    }
    options: dict[str, Any] = {}
    for name in needs:
        options.update(samples.get(name, {}))
    return options


def question(text: str, parts: Iterable[Part], *, system: bool = False, prefill: bool = False) -> list[Message]:
    """A conversation with a question in it."""
    turns = [Message.system("Be brief.")] if system else []
    turns.append(Message.user([text, *parts]))
    return [*turns, Message.assistant("The answer is")] if prefill else turns
