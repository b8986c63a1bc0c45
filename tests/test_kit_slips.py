"""A slip laid over a sound plugin is caught by the kit, which says what is wrong.

The slip is laid over the hooks: what they are given is changed before the plugin sees it. Cases are called one by
one, in this process, so that each slip costs no more than the requests of the case that is to catch it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from modelyard.provider import (
    Completion,
    Done,
    FilePart,
    JsonObject,
    Message,
    ModelCard,
    Part,
    ProviderError,
    RefusalPart,
    Request,
    ResponseInfo,
    SessionSettings,
    StreamItem,
    ToolResult,
    Usage,
    hookimpl,
)
from modelyard.testing import Dialect, Emulator, ProviderConformance, Received, Script
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import Violation
from modelyard.testing.conformance.samples import SAMPLES
from modelyard.testing.conformance.subject import Subject
from modelyard.types.fields import CORE_FIELDS
from modelyard_mistral.testing.dialect import MistralDialect

PROVIDERS = ("claude", "gemini", "mistral", "openai")
Change = Callable[[Request], Request]


def as_given(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is done to what the hooks are given and return."""

    request: Change = as_given
    settings: Callable[[SessionSettings], SessionSettings] = as_given
    answer: Callable[[Completion], Completion] = as_given
    event: Callable[[Any], Any] = as_given
    error: Callable[[ProviderError], ProviderError] = as_given
    count: Callable[[int | None], int | None] = as_given


def laid_over(provider: str, over: Overlay) -> ModuleType:
    """A provider's plugin with a slip laid over its hooks."""
    sound = import_module(f"modelyard_{provider}.plugin")
    slipped = ModuleType(f"{provider}_with_a_slip")
    vars(slipped).update({name: value for name, value in vars(sound).items() if not name.startswith("__")})

    @hookimpl
    async def modelyard_open(settings: SessionSettings) -> Any:
        return await sound.modelyard_open(over.settings(settings))

    @hookimpl
    async def modelyard_complete(session: Any, request: Request, card: ModelCard) -> Completion:
        return over.answer(await session.complete(over.request(request), card))

    @hookimpl
    async def modelyard_stream(session: Any, request: Request, card: ModelCard) -> AsyncIterator[StreamItem]:
        async for item in session.stream(over.request(request), card):
            yield [over.event(each) for each in item] if isinstance(item, list) else over.event(item)

    @hookimpl
    async def modelyard_count_tokens(session: Any, request: Request, card: ModelCard) -> int | None:
        return over.count(await session.count_tokens(request, card))

    @hookimpl
    def modelyard_map_error(error: BaseException) -> ProviderError:
        return over.error(sound.modelyard_map_error(error))

    hooks = (modelyard_open, modelyard_complete, modelyard_stream, modelyard_count_tokens, modelyard_map_error)
    vars(slipped).update({hook.__name__: hook for hook in hooks})
    return slipped


@contextmanager
def bench(provider: str, plugin: ModuleType | None, dialect: Dialect | None) -> Iterator[Bench]:
    subject = Subject(provider, plugin, dialect)
    with Emulator(subject.dialect) as emulator:
        yield Bench(subject, subject.default_card(), emulator)


def complaint(
    case: str, provider: str, plugin: ModuleType | None, *arguments: object, dialect: Dialect | None = None
) -> str:
    """What a case of the kit says of a plugin; empty where it passes."""
    with bench(provider, plugin, dialect) as served:
        try:
            getattr(ProviderConformance, case)(ProviderConformance(), served, *arguments)
        except Violation as violation:
            return str(violation)
    return ""


def without(field: str) -> Change:
    default = Request.model_fields[field].get_default(call_default_factory=True)
    return lambda request: request.model_copy(update={field: default})


def declared() -> list[tuple[str, str]]:
    fields = {provider: import_module(f"modelyard_{provider}.fields").FIELDS for provider in PROVIDERS}
    return [(provider, field) for provider in PROVIDERS for field in sorted(fields[provider] - CORE_FIELDS)]


@pytest.mark.parametrize(("provider", "field"), declared())
def test_a_field_lost_in_silence_is_caught(provider: str, field: str) -> None:
    """K01, K03, K05, K06, K07, K09, and every other field that a plugin declares."""
    plugin = laid_over(provider, Overlay(without(field)))
    said = [
        complaint("test_a_field_is_sent_or_noted", provider, plugin, sample)
        for sample in SAMPLES
        if sample.root == field
    ]
    assert any(f"{field}" in text and "neither on the wire nor noted" in text for text in said)


def effort_alone(request: Request) -> Request:
    reasoning = request.reasoning and request.reasoning.model_copy(update={"budget_tokens": None, "summary": None})
    return request.model_copy(update={"reasoning": reasoning})


@pytest.mark.parametrize("part", ["budget_tokens", "summary"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_half_of_a_field_lost_in_silence_is_caught(provider: str, part: str) -> None:
    """K11."""
    sample = next(sample for sample in SAMPLES if sample.name == f"reasoning.{part}")
    said = complaint("test_a_field_is_sent_or_noted", provider, laid_over(provider, Overlay(effort_alone)), sample)
    assert f"reasoning.{part} is neither on the wire nor noted" in said


def other_strict(request: Request) -> Request:
    output = request.output and request.output.model_copy(update={"strict": not request.output.strict})
    return request.model_copy(update={"output": output})


def parts(change: Callable[[Part], Part | None]) -> Change:
    """Change or leave out parts of every message."""

    def changed(message: Message) -> Message:
        kept = tuple(new for part in message.content if (new := change(part)) is not None)
        return message.model_copy(update={"content": kept})

    def change_all(request: Request) -> Request:
        messages = tuple(message for old in request.messages if (message := changed(old)).content)
        return request.model_copy(update={"messages": messages})

    return change_all


def no_marks(part: Part) -> Part:
    return part.model_copy(update={"cache": False}) if getattr(part, "cache", False) else part


def no_errors(part: Part) -> Part:
    return part.model_copy(update={"is_error": False}) if isinstance(part, ToolResult) else part


def plain_tools(**marks: Any) -> Change:
    return lambda request: request.model_copy(
        update={"tools": tuple(tool.model_copy(update=marks) for tool in request.tools)}
    )


def first_system_alone(request: Request) -> Request:
    systems = [message for message in request.messages if message.role == "system"]
    kept = tuple(message for message in request.messages if message not in systems[1:])
    return request.model_copy(update={"messages": kept})


def no_headers(settings: SessionSettings) -> SessionSettings:
    return replace(settings, headers={})


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip, the case that is to catch it with its arguments, and words of what the case says."""

    case: str
    says: str
    over: Overlay
    arguments: tuple[object, ...] = ()
    provider: str = "mistral"


def changed(item: Any, kind: type, **values: Any) -> Any:
    """An event of a kind with other values; every other event as it is."""
    if isinstance(item, kind):
        for name, value in values.items():
            setattr(item, name, value)
    return item


def stop_for_unknown(item: Any) -> Any:
    unknown = getattr(item, "finish_reason", None) == "unknown"
    return changed(item, Done, finish_reason="stop") if unknown else item


def with_usage(change: Callable[[Usage], Usage]) -> Callable[[Any], Any]:
    def of(item: Any) -> Any:
        usage = getattr(item, "usage", None)
        if usage is None:
            return item
        if isinstance(item, Completion):
            return item.model_copy(update={"usage": change(usage)})
        item.usage = change(usage)
        return item

    return of


def zero_for_none(usage: Usage) -> Usage:
    return usage.model_copy(
        update={"input_tokens": usage.input_tokens or 0, "output_tokens": usage.output_tokens or 0}
    )


def no_reasoning(usage: Usage) -> Usage:
    return usage.model_copy(update={"reasoning_tokens": None})


def losing(name: str) -> Callable[[ProviderError], ProviderError]:
    def lose(error: ProviderError) -> ProviderError:
        setattr(error, name, None)
        return error

    return lose


class FirstKey:
    """Settings whose credential is always the first of the process."""

    def __init__(self) -> None:
        self.first: Any = None

    def __call__(self, settings: SessionSettings) -> SessionSettings:
        self.first = self.first or settings.credential
        return replace(settings, credential=self.first)


BUDGET = next(sample for sample in SAMPLES if sample.name == "reasoning.budget_tokens")
SAID = "test_everything_said_is_on_the_wire"
MARK = "test_a_mark_of_a_part_is_sent_or_noted"
SLIPS = {
    "K12 strict is always the other value": Slip(
        "test_strict_arrives_as_asked", "strict of output arrives as asked", Overlay(other_strict), (True,)
    ),
    "K14 provider_options are not merged": Slip(
        "test_fields_of_the_provider_arrive_untouched",
        "provider_options is on the wire untouched",
        Overlay(without("provider_options")),
    ),
    "K15 on_unsupported is ignored": Slip(
        "test_a_field_is_sent_or_noted",
        "raises UnsupportedFeatureError under on_unsupported='error'",
        Overlay(lambda request: request.model_copy(update={"on_unsupported": "drop"})),
        (BUDGET,),
    ),
    "K16 headers of the settings are not sent": Slip(
        "test_headers_of_the_settings_arrive",
        "a header given in the settings arrives",
        Overlay(settings=no_headers),
    ),
    "K18 only the first system message is written": Slip(
        SAID, "zq third rule", Overlay(first_system_alone), ("several system messages",)
    ),
    "K19 a refusal is left out": Slip(
        SAID,
        "zq I will not",
        Overlay(parts(lambda part: None if isinstance(part, RefusalPart) else part)),
        ("a refusal of the model's",),
    ),
    "K21 is_error is left out": Slip(
        MARK, "is_error of a tool result", Overlay(parts(no_errors)), ("is_error of a tool result",)
    ),
    "K22 cache markers of parts are left out": Slip(
        MARK, "cache of a text", Overlay(parts(no_marks)), ("cache of a text",), "claude"
    ),
    "K22 cache markers of results are left out": Slip(
        MARK, "cache of a tool result", Overlay(parts(no_marks)), ("cache of a tool result",), "claude"
    ),
    "K22 cache markers of tools are left out": Slip(
        MARK, "cache of a tool", Overlay(plain_tools(cache=False)), ("cache of a tool",), "claude"
    ),
    "K25 a file is left out": Slip(
        "test_a_file_is_sent_or_refused",
        "never left out",
        Overlay(parts(lambda part: None if isinstance(part, FilePart) else part)),
    ),
    "K26 the description of a tool is left out": Slip(
        "test_a_field_is_sent_or_noted",
        "tools is neither on the wire nor noted",
        Overlay(plain_tools(description="")),
        (next(sample for sample in SAMPLES if sample.name == "tools"),),
    ),
    "K29 a finish reason nobody knows is 'stop'": Slip(
        "test_a_finish_reason_nobody_knows_stays_unknown",
        "a finish reason nobody knows is 'unknown'",
        Overlay(answer=lambda answer: answer.model_copy(update={"finish_reason": "stop"}), event=stop_for_unknown),
    ),
    "K32 reasoning tokens are not read": Slip(
        "test_reasoning_tokens_are_read_where_they_are_sent",
        "usage.reasoning_tokens is what was sent",
        Overlay(answer=with_usage(no_reasoning), event=with_usage(no_reasoning)),
        provider="openai",
    ),
    "K33 a missing count is 0": Slip(
        "test_a_count_that_was_not_sent_is_none",
        "a count that was not sent is None, never 0",
        Overlay(answer=with_usage(zero_for_none), event=with_usage(zero_for_none)),
    ),
    "K35 the request id is not read": Slip(
        "test_the_request_id_is_read",
        "the request id of the response is on the answer",
        Overlay(
            answer=lambda answer: answer.model_copy(update={"request_id": None}),
            event=lambda item: changed(item, ResponseInfo, request_id=None),
        ),
    ),
    "the model of the answer is not read": Slip(
        "test_model_and_id_of_an_answer_are_read",
        "the model an answer names is on it",
        Overlay(
            answer=lambda answer: answer.model_copy(update={"response_model": None}),
            event=lambda item: changed(item, Done, model=None),
        ),
    ),
    "K38 the code of an error is lost": Slip(
        "test_code_and_request_id_of_an_error_are_kept",
        "error.code is what was sent",
        Overlay(error=losing("code")),
    ),
    "K39 the request id of an error is lost": Slip(
        "test_code_and_request_id_of_an_error_are_kept",
        "error.request_id is what was sent",
        Overlay(error=losing("request_id")),
    ),
    "K44 a count is always the same": Slip(
        "test_a_count_follows_the_prompt", "a longer prompt counts more", Overlay(count=lambda count: 7)
    ),
}
IN_BOTH = {"the", "K29", "K32", "K33", "K35", "K38", "K39"}
"""Rows whose case runs for a whole answer and for a stream."""


def runs() -> list[tuple[str, tuple[object, ...]]]:
    """Each slip with the arguments of its case."""
    both: tuple[tuple[object, ...], ...] = ((False,), (True,))
    return [
        (name, arguments)
        for name, slip in SLIPS.items()
        for arguments in (both if name.partition(" ")[0] in IN_BOTH else (slip.arguments,))
    ]


@pytest.mark.parametrize(("name", "arguments"), runs())
def test_a_slip_is_caught(name: str, arguments: tuple[object, ...]) -> None:
    slip = SLIPS[name]
    said = complaint(slip.case, slip.provider, laid_over(slip.provider, slip.over), *arguments)
    assert slip.says in said
    assert "fix: " in said


@pytest.mark.parametrize(("name", "arguments"), runs())
def test_a_plugin_without_the_slip_passes_the_case(name: str, arguments: tuple[object, ...]) -> None:
    slip = SLIPS[name]
    assert not complaint(slip.case, slip.provider, laid_over(slip.provider, Overlay()), *arguments)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_session_that_keeps_the_first_key_is_caught(provider: str) -> None:
    """K50."""
    plugin = laid_over(provider, Overlay(settings=FirstKey()))
    said = complaint("test_each_request_carries_its_own_key", provider, plugin)
    assert "each request carries its own key" in said
    assert "zq-key-two" in said


def test_a_mapper_that_fails_is_caught() -> None:
    @hookimpl
    def modelyard_map_error(error: BaseException) -> ProviderError:
        return ProviderError(error.body["error"])  # type: ignore[attr-defined]  # the slip: a body may be anything

    plugin = laid_over("mistral", Overlay())
    vars(plugin)["modelyard_map_error"] = modelyard_map_error
    assert "any body of an error is mapped" in complaint("test_any_body_of_an_error_is_mapped", "mistral", plugin)
    said = complaint("test_every_exception_of_its_libraries_is_mapped", "mistral", plugin)
    assert "every exception of the plugin's libraries is mapped" in said


class BrokenDialect(MistralDialect):
    """A dialect with a slip of its own."""

    def body(self, script: Script, received: Received) -> JsonObject:
        return {"usage": script.usage.inputs}  # type: ignore[attr-defined]  # the slip


def test_a_slip_of_the_dialect_is_told_with_its_line() -> None:
    said = complaint("test_the_request_id_is_read", "mistral", None, False, dialect=BrokenDialect())
    assert "the dialect answers every request" in said
    assert "script.usage.inputs" in said


def test_an_honest_note_about_a_field_that_cannot_be_sent_passes() -> None:
    """K61: Gemini cannot forbid parallel calls, and says so."""
    sample = next(sample for sample in SAMPLES if sample.name == "parallel_tool_calls")
    assert not complaint("test_a_field_is_sent_or_noted", "gemini", None, sample)
