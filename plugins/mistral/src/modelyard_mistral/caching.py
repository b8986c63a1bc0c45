"""Prompt caching: Mistral caches prefixes by itself, in blocks of 64 tokens, and takes a key to find them by."""

from __future__ import annotations

from modelyard.provider import FilePart, ImagePart, JsonObject, Reporter, Request, TextPart, ToolResult

__all__ = ["cache_fields"]

_MARKABLE = (TextPart, ImagePart, FilePart, ToolResult)


def cache_fields(request: Request, reporter: Reporter) -> JsonObject:
    """``prompt_cache_key``; markers are reported once, for Mistral has no place for them."""
    if _is_marked(request):
        reporter.drop("cache", "Mistral caches by itself and takes no markers; use cache_key to group requests")
    return {"prompt_cache_key": request.cache_key} if request.cache_key is not None else {}


def _is_marked(request: Request) -> bool:
    if any(tool.cache for tool in request.tools):
        return True
    for message in request.messages:  # plain loops: there may be thousands
        for part in message.content:
            if isinstance(part, _MARKABLE) and part.cache:
                return True
    return False
