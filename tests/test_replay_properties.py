"""Whatever a conversation looks like and wherever it goes: it is accepted, or refused before it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard import (
    ImagePart,
    InvalidRequestError,
    Message,
    Opaque,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Runtime,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.testing import Emulator, Script, load_dialects

from .conftest import PROVIDERS
from .sdk_types import check_request_types

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
NAMES = ("look", "files.read/all", "f" * 100, "1st", "übersicht")
TOOLS = [Tool(name=name) for name in NAMES]
FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

texts = st.sampled_from(["Hello.", "", " \n", "Zoë 😀", "x"])
ids = st.sampled_from(["call_0", "call_1", "abcdefgh1", "toolu_01AbC", "ünïcode", "x" * 80, ""])
opaques = st.builds(
    Opaque,
    provider=st.sampled_from([*PROVIDERS, "acme"]),
    model=st.just("elsewhere"),
    kind=st.sampled_from(["thinking", "text", "reasoning", "function_call", "custom_tool_call", "metadata"]),
    data=st.just({"type": "thinking", "id": "rs_1", "signature": "nobody's"}),
)
maybe_opaque = st.none() | opaques
calls = st.builds(
    ToolCall,
    id=ids,
    name=st.sampled_from(NAMES),
    arguments=st.sampled_from([{}, {"city": "Paris"}]),
    opaque=maybe_opaque,
) | st.builds(ToolCall, id=ids, name=st.sampled_from(NAMES), arguments_text=st.just('{"city": "Pa'))
results = st.builds(
    ToolResult,
    tool_call_id=ids,
    content=st.lists(st.builds(TextPart, text=texts) | st.just(ImagePart(data=PNG)), max_size=2).map(tuple),
    is_error=st.booleans(),
)
said: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, text=texts, opaque=maybe_opaque),
    st.builds(RefusalPart, text=texts),
    st.builds(ReasoningPart, text=texts, opaque=maybe_opaque),
    st.builds(OpaquePart, opaque=opaques),
    calls,
)
heard: st.SearchStrategy[Part] = st.one_of(st.builds(TextPart, text=texts), st.just(ImagePart(data=PNG)), results)
messages = st.one_of(
    texts.map(Message.system),
    st.lists(heard, max_size=3).map(Message.user),
    st.lists(said, max_size=4).map(Message.assistant),
    st.lists(results, min_size=1, max_size=3).map(Message.tool),
)


class World:
    """The four providers, emulated, and what a runtime needs to reach them."""

    def __init__(self, emulators: dict[str, Emulator]) -> None:
        self.emulators = emulators
        self.settings = {name: emulator.settings() for name, emulator in emulators.items()}

    async def send(
        self, runtime: Runtime, provider: str, history: list[Message], script: Script
    ) -> Message | None:
        """Have a provider answer; ``None`` when the conversation was refused before it was sent."""
        emulator = self.emulators[provider]
        emulator.scripts.clear()
        emulator.add(script)
        before = [message.model_dump_json() for message in history]
        asked = len(emulator.requests)
        try:
            answer = await runtime.complete(f"{provider}:{emulator.dialect.model}", history, tools=TOOLS)
        except (InvalidRequestError, UnsupportedFeatureError):
            assert len(emulator.requests) == asked, emulator.rejected
            return None
        finally:
            assert [message.model_dump_json() for message in history] == before
        check_request_types(provider, emulator.requests[-1].json)
        return answer.message


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """All four emulators."""
    with ExitStack() as stack:
        dialects = load_dialects(PROVIDERS)
        yield World({name: stack.enter_context(Emulator(dialects[name])) for name in PROVIDERS})


@pytest.fixture
async def runtime(world: World) -> AsyncIterator[Runtime]:
    """A runtime that knows them all, without retries."""
    async with Runtime(world.settings, max_attempts=1) as running:
        yield running


@pytest.mark.parametrize("provider", PROVIDERS)
@FEW
@given(history=st.lists(messages, min_size=1, max_size=8), ends=st.booleans())
async def test_any_conversation_is_accepted_or_refused_locally(
    world: World, runtime: Runtime, provider: str, history: list[Message], *, ends: bool
) -> None:
    conversation = [*history, Message.user("Go on.")] if ends else history
    answer = await world.send(runtime, provider, conversation, Script().say("Well."))
    assert answer is not None or not ends


steps = st.lists(
    st.one_of(
        st.just(("think", "Hm.")),
        st.just(("say", "One moment.")),
        st.sampled_from([("call", "look"), ("call", "other")]),
    ),
    min_size=1,
    max_size=4,
)
turns = st.tuples(
    st.sampled_from(PROVIDERS),
    steps,
    st.sampled_from(["answer", "answer one", "none", "answer and speak", "speak", "picture", "trim"]),
)


def _script(written: list[tuple[str, str]]) -> Script:
    script = Script()
    for kind, what in written:
        script = script.call(what, city="Paris") if kind == "call" else getattr(script, kind)(what)
    return script


def _go_on(history: list[Message], answer: Message, how: str) -> list[Message]:
    """What the host does with an answer: all that is right, and much that is not."""
    content = (ImagePart(data=PNG),) if how == "picture" else (TextPart(text="Sunny."),)
    results = [ToolResult(tool_call_id=call.id, name=call.name, content=content) for call in answer.tool_calls]
    if how == "answer one":
        results = results[:1]
    grown = [*history, answer]
    if results and how not in ("none", "speak"):
        grown.append(Message.tool(results))
    if not results or how in ("answer and speak", "speak"):
        grown.append(Message.user("And now?"))
    return grown[2:] if how == "trim" and len(grown) > 3 else grown


@FEW
@given(route=st.lists(turns, min_size=2, max_size=7))
async def test_a_conversation_hops_between_providers_at_any_point(
    world: World, runtime: Runtime, route: list[tuple[str, list[tuple[str, str]], str]]
) -> None:
    history = [Message.user("Where is it sunny?")]
    for provider, written, how in route:
        answer = await world.send(runtime, provider, history, _script(written))
        if answer is not None:
            history = _go_on(history, answer, how)
        if answer is None or history[-1].role == "assistant":
            history = [*history, Message.user("Hello?")]
