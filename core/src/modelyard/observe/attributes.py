"""Names of requests and completions in the semantic conventions for generative AI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from modelyard.types.completion import Completion
    from modelyard.types.content import ToolCall
    from modelyard.types.record import AttemptRecord
    from modelyard.types.request import Request
    from modelyard.types.tools import Tool

__all__ = ["answered", "asked", "attempted", "failed_usage", "provider_name", "served_by", "tool_facts"]

_OPERATIONS = {"complete": "chat", "stream": "chat"}
"""The conventions' names of operations; those they do not know keep ours."""
_PORTS = {"http": 80, "https": 443}

_PROVIDERS = {"claude": "anthropic", "gemini": "gcp.gemini", "mistral": "mistral_ai", "openai": "openai"}


def provider_name(provider: str) -> str:
    """The conventions' name of a provider; its own id where they have none."""
    return _PROVIDERS.get(provider, provider)


def asked(request: Request, deployment: str, operation: str) -> dict[str, Any]:
    """The attributes of a request: no content, and nothing that was not asked for."""
    return _present(
        {
            "gen_ai.operation.name": _OPERATIONS.get(operation, operation),
            "gen_ai.provider.name": provider_name(deployment.partition(":")[0]),
            "gen_ai.request.model": request.model or None,
            "gen_ai.request.stream": request.stream or None,
            "gen_ai.request.max_tokens": request.max_output_tokens,
            "gen_ai.request.temperature": request.temperature,
            "gen_ai.request.top_p": request.top_p,
            "gen_ai.request.top_k": request.top_k,
            "gen_ai.request.seed": request.seed,
            "gen_ai.request.frequency_penalty": request.frequency_penalty,
            "gen_ai.request.presence_penalty": request.presence_penalty,
            "gen_ai.request.stop_sequences": request.stop,
            "gen_ai.output.type": "json" if request.output is not None else None,
        }
    )


def answered(completion: Completion) -> dict[str, Any]:
    """The attributes of an answer, without its content."""
    usage = completion.usage
    return _present(
        {
            "gen_ai.provider.name": provider_name(completion.provider),
            "gen_ai.response.model": completion.response_model or completion.model,
            "gen_ai.response.id": completion.response_id,
            "gen_ai.response.finish_reasons": (completion.finish_reason,),
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        }
    )


def attempted(deployment: str, number: int) -> dict[str, Any]:
    """The attributes of an attempt: which, and where. No operation and no model: those are its call's."""
    return {
        "gen_ai.provider.name": provider_name(deployment.partition(":")[0]),
        "modelyard.attempt.deployment": deployment,
        "modelyard.attempt.number": number,
    }


def served_by(server: str | None) -> dict[str, Any]:
    """The address of a server, from the origin of its URL; nothing where it is not known."""
    if server is None:
        return {}
    parts = urlsplit(server)
    return _present({"server.address": parts.hostname, "server.port": parts.port or _PORTS.get(parts.scheme)})


def failed_usage(attempt: AttemptRecord) -> dict[str, Any]:
    """The tokens of an attempt that gave no answer; those of one that did are on its call."""
    if attempt.outcome == "ok" or attempt.usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": attempt.usage.input_tokens,
        "gen_ai.usage.output_tokens": attempt.usage.output_tokens,
    }


def tool_facts(call: ToolCall, tool: Tool) -> dict[str, Any]:
    """The attributes of a tool that is executed, without what it gets and gives."""
    return _present(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.name,
            "gen_ai.tool.call.id": call.id,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.description": tool.description or None,
        }
    )


def _present(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
