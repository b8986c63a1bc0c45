"""Writing a request: ``POST /chat/completions``."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.provider import JsonObject, ModelCard, Reporter, Request, WireRequest, merge_options
from modelyard_mistral.caching import cache_fields
from modelyard_mistral.controls import control_fields, output_fields, reasoning_fields
from modelyard_mistral.messages import chat_messages
from modelyard_mistral.tools import tool_fields

__all__ = ["ChatRequest", "build_chat_request"]


@dataclass(frozen=True, slots=True)
class ChatRequest(WireRequest):
    """A request for an answer; ``think_tags`` says that the model may write its reasoning between tags."""

    think_tags: bool = False


def build_chat_request(request: Request, card: ModelCard) -> ChatRequest:
    """The wire request for a neutral one, with a report of what was changed.

    Mistral's validator refuses every field it does not document (422), so nothing is sent on a guess: no
    ``stream_options`` (usage always comes), no ``store``, no ``user``. ``provider_options`` come last: objects
    are merged key by key, anything else replaces what was there.
    """
    reporter = Reporter(request.on_unsupported, f"mistral:{request.model}")
    messages = chat_messages(request.messages, card, reporter)
    form, instruction = output_fields(request, card, reporter)
    if instruction is not None:
        _instruct(messages, instruction)
    body: JsonObject = {"model": request.model, "messages": messages}
    body.update(control_fields(request, card, reporter))
    body.update(reasoning_fields(request, card, reporter))
    body.update(form)
    body.update(cache_fields(request, reporter))
    body.update(tool_fields(request, card, reporter))
    if request.stream:
        body["stream"] = True
    merge_options(body, request.options_for("mistral"))
    think_tags = bool(card.rules.get("think_tags", not card.known))
    return ChatRequest("/chat/completions", body, reporter.report(), think_tags=think_tags)


def _instruct(messages: list[JsonObject], instruction: str) -> None:
    """Put an instruction after the first ones, where it stays as the conversation grows."""
    place = next((at for at, message in enumerate(messages) if message["role"] != "system"), len(messages))
    messages.insert(place, {"role": "system", "content": instruction})
