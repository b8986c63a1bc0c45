"""Writing a request for the Responses API: ``POST /responses``."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.provider import (
    JsonObject,
    Message,
    ModelCard,
    OpaquePart,
    OutputFormat,
    Reporter,
    Request,
    TextPart,
    UnsupportedFeatureError,
    WireRequest,
    fit_or_loosen,
    is_object,
    merge_options,
)
from modelyard_openai.caching import Breakpoints
from modelyard_openai.controls import Controls
from modelyard_openai.messages import input_items, leading_system
from modelyard_openai.schema import fit_schema
from modelyard_openai.tools import tool_fields

__all__ = ["JSON_WORD", "build_responses_request", "check_request", "json_schema", "wants_json_word"]

JSON_WORD = "Answer in JSON."
"""Sentence added where a request asks for JSON and no message does: the API refuses it otherwise."""


def check_request(request: Request, card: ModelCard) -> None:
    """Refuse a conversation that ends in the model's own words: OpenAI's models do not continue them.

    A turn that ends in tool calls or in a block of a built-in tool is no prefill.
    """
    last = next(message for message in reversed(request.messages) if message.role != "system")
    if last.role != "assistant" or card.capability("prefill").state != "unsupported":
        return
    if last.tool_calls or (last.content and isinstance(last.content[-1], OpaquePart)):
        return
    raise UnsupportedFeatureError(
        f"{card.ref} does not continue a turn of its own.",
        feature="messages",
        model=card.ref,
        hint="End the conversation with a user message.",
    )


def build_responses_request(request: Request, card: ModelCard) -> WireRequest:
    """The wire request for a neutral one, with a report of what the model does not take.

    Nothing is stored: ``store`` is false, and a reasoning model's encrypted reasoning is asked for instead,
    to be sent back on later turns.
    """
    reporter = Reporter(request.on_unsupported, f"openai:{request.model}")
    controls = Controls(request, card, "responses", reporter)
    instructions, items = input_items(request.messages, request.model, Breakpoints(card, reporter), reporter)
    body: JsonObject = {"model": request.model, "input": items, "store": False}
    if wants_json_word(request, request.messages[leading_system(request.messages) :], reporter):
        items.insert(0, {"type": "message", "role": "developer", "content": JSON_WORD})
    if instructions:
        body["instructions"] = instructions
    body.update(_reasoning_fields(controls))
    limit = controls.limit()
    if limit is not None:
        body["max_output_tokens"] = limit
    body.update(controls.common())
    text = _text_fields(controls)
    if text:
        body["text"] = text
    body.update(tool_fields(request, card, reporter))
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_obfuscation": False}
    merge_options(body, request.options_for("openai"))
    return WireRequest("/responses", body, reporter.report(), api="responses")


def _reasoning_fields(controls: Controls) -> JsonObject:
    """``reasoning``, ``include`` and ``top_logprobs``."""
    fields: JsonObject = {}
    include: list[str] = []
    if controls.card.capability("reasoning"):
        include.append("reasoning.encrypted_content")
    reasoning = {"effort": controls.effort, "summary": controls.summary()}
    reasoning = {name: value for name, value in reasoning.items() if value is not None}
    if reasoning:
        fields["reasoning"] = reasoning
    logprobs = controls.logprobs()
    if logprobs is not None:
        include.append("message.output_text.logprobs")
        fields["top_logprobs"] = logprobs
    if include:
        fields["include"] = include
    return fields


def _text_fields(controls: Controls) -> JsonObject:
    """``text``: verbosity, and the form of the answer, which is flat in this API."""
    fields: JsonObject = {}
    verbosity = controls.verbosity()
    if verbosity is not None:
        fields["verbosity"] = verbosity
    output = controls.request.output
    if output is not None:
        plain = output.json_schema is None
        fields["format"] = (
            {"type": "json_object"} if plain else {"type": "json_schema", **json_schema(output, controls)}
        )
    return fields


def json_schema(output: OutputFormat, controls: Controls) -> JsonObject:
    """The name, schema and strictness of an output format; a schema that cannot be strict is sent as it is.

    Raises ``UnsupportedFeatureError`` for a schema whose root is no object.
    """
    reporter, schema = controls.reporter, output.json_schema or {}
    if not is_object(schema):
        raise UnsupportedFeatureError(
            f"openai:{controls.request.model} answers with JSON objects only; the schema of output is another's.",
            feature="output",
            model=f"openai:{controls.request.model}",
            hint="Wrap it in an object with one property.",
        )
    strict = output.strict
    if strict:
        schema, strict = fit_or_loosen(fit_schema, schema, reporter, "output", checked=output.checked)
    wire: JsonObject = {"name": output.name, "schema": schema, "strict": strict}
    return wire if output.description is None else {**wire, "description": output.description}


def wants_json_word(request: Request, messages: Iterable[Message], reporter: Reporter) -> bool:
    """Return whether JSON mode is asked for and no message speaks of JSON, which the API refuses; noted if so."""
    if request.output is None or request.output.kind != "json":
        return False
    if any(isinstance(part, TextPart) and "json" in part.text.lower() for one in messages for part in one.content):
        return False
    reporter.note("output", "converted", f"the API wants the word JSON in the messages: {JSON_WORD!r} was added")
    return True
