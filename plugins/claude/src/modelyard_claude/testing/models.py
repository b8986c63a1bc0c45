"""The models the emulator lists, in the shape of ``GET /v1/models``."""

from __future__ import annotations

from typing import Final

from modelyard.provider import JsonObject

__all__ = ["MODELS"]

_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_TYPES = ("adaptive", "enabled", "disabled", "between_tools")


def _entry(
    model: str, label: str, sizes: tuple[int, int], types: tuple[str, ...], efforts: tuple[str, ...], **more: str
) -> JsonObject:
    yes, no = {"supported": True}, {"supported": False}
    window, output = sizes
    return {
        "type": "model",
        "id": model,
        "display_name": label,
        "created_at": more.get("created_at", "2026-09-28T00:00:00Z"),
        "lifecycle": "deprecated" if "retires_at" in more else "active",
        "deprecated_at": more.get("deprecated_at"),
        "retires_at": more.get("retires_at"),
        "line": model.split("-")[1],
        "max_input_tokens": window,
        "max_tokens": output,
        "capabilities": {
            "batch": yes,
            "citations": yes,
            "code_execution": yes,
            "context_management": {"supported": True},
            "effort": {"supported": bool(efforts), **{word: yes if word in efforts else no for word in _EFFORTS}},
            "image_input": yes,
            "pdf_input": yes,
            "server_tools": {"supported": True},
            "structured_outputs": yes,
            "thinking": {
                "supported": True,
                "types": {kind: yes if kind in types else no for kind in _TYPES},
            },
        },
    }


MODELS: Final[list[JsonObject]] = [
    _entry(
        "claude-sonnet-5-5", "Claude Sonnet 5.5", (1_000_000, 128_000), ("adaptive", "between_tools"), _EFFORTS
    ),
    _entry("claude-opus-5-5", "Claude Opus 5.5", (1_000_000, 128_000), ("adaptive",), _EFFORTS),
    _entry(
        "claude-haiku-4-5-20251001",
        "Claude Haiku 4.5",
        (200_000, 64_000),
        ("enabled", "disabled"),
        (),
        created_at="2025-10-01T00:00:00Z",
    ),
    _entry(
        "claude-sonnet-4-5-20250929",
        "Claude Sonnet 4.5",
        (200_000, 64_000),
        ("enabled", "disabled"),
        (),
        created_at="1970-01-01T00:00:00Z",
        deprecated_at="2026-08-30T00:00:00Z",
        retires_at="2026-11-30T00:00:00Z",
    ),
]
