"""The request, validated once, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from modelyard.errors import InvalidRequestError
from modelyard.refs import canonical_provider
from modelyard.suggest import did_you_mean
from modelyard.types.base import Frozen, JsonObject
from modelyard.types.content import urls_of
from modelyard.types.controls import OutputFormat, ReasoningOptions, Verbosity
from modelyard.types.messages import Message
from modelyard.types.tools import Tool, ToolChoice

if TYPE_CHECKING:
    from modelyard.history.adaptation import Adaptation

__all__ = ["HistoryPolicy", "Messages", "Models", "OnUnsupported", "Request", "as_messages", "build_request"]

OnUnsupported: TypeAlias = Literal["warn", "error", "drop"]
HistoryPolicy: TypeAlias = Literal["repair", "refuse"]

Messages: TypeAlias = "str | Message | Iterable[Message | Mapping[str, Any]]"
"""Messages as a caller may pass them: one user turn as text, a message, or a conversation."""

Models: TypeAlias = str | Sequence[str] | None
"""Models to ask: a reference, a list of them, ``"default:<context>"``, or ``None`` for the default chat model."""


class Request(Frozen):
    """A caller's request to a model, in neutral words.

    ``None`` means not asked for: 0 and empty collections are values. ``messages`` holds the system
    instructions too, in the places they were given. ``top_logprobs`` asks for log probabilities, 0 for those
    of the chosen tokens alone. ``user`` is a stable id of the end user that does not say who it is,
    ``cache_key`` groups requests that share a prefix. ``provider_options`` maps a provider id to fields that
    reach its wire untouched. ``history`` says what becomes of tool calls and results that stand alone.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    reasoning: ReasoningOptions | None = None
    verbosity: Verbosity | None = None
    max_output_tokens: Annotated[int, Field(ge=0)] | None = None
    temperature: Annotated[float, Field(ge=0)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    service_tier: str | None = None
    cache_key: str | None = None
    provider_options: dict[str, JsonObject] = Field(default_factory=dict, repr=False)
    on_unsupported: OnUnsupported = "warn"
    history: HistoryPolicy = "repair"
    stream: bool = False
    _adaptation: Adaptation | None = PrivateAttr(default=None)
    _awaits_urls: bool = PrivateAttr(default=False)
    _original: Request | None = PrivateAttr(default=None)
    _handed_out: bool = PrivateAttr(default=False)

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("messages")
    @classmethod
    def _someone_speaks(cls, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        if not messages:
            raise ValueError("there are no messages")
        if all(message.role == "system" for message in messages):
            raise ValueError("there are only system messages; add what the user says")
        return messages

    @field_validator("provider_options")
    @classmethod
    def _canonical_providers(cls, options: dict[str, JsonObject]) -> dict[str, JsonObject]:
        return {canonical_provider(name): fields for name, fields in options.items()}

    @model_validator(mode="after")
    def _tools_are_consistent(self) -> Request:
        names = [tool.name for tool in self.tools]
        doubled = next((name for index, name in enumerate(names) if name in names[:index]), None)
        if doubled is not None:
            raise ValueError(f"two tools are named {doubled!r}")
        chosen = self.tool_choice.name if self.tool_choice is not None else None
        if chosen is not None and chosen not in names:
            hint = did_you_mean(chosen, names) or f"The tools are: {', '.join(names) or 'none'}."
            raise ValueError(f"tool_choice names {chosen!r}, which is no tool of the request. {hint}")
        return self

    @property
    def adaptation(self) -> Adaptation | None:
        """Changes the core made for the provider the request goes to; ``None`` without any."""
        return self._adaptation

    def remembering(self, adaptation: Adaptation) -> Self:
        """Tie a copy to what was changed in it; returns the copy itself."""
        self._adaptation = adaptation
        return self

    @property
    def awaits_urls(self) -> bool:
        """True if the runtime may yet put bytes in the place of URLs, so that a plugin cannot judge it."""
        return self._awaits_urls

    def awaiting_urls(self, awaits: bool) -> Self:
        """Say of a request just made whether it awaits URLs; returns the request itself."""
        self._awaits_urls = awaits
        return self

    def set_apart(self) -> Request:
        """A copy for a plugin: what it changes in it, at any depth, changes nothing of this one."""
        from modelyard.types.isolated import isolated

        own = isolated(self)
        return own if own is self else own.copy_of(self)

    def copy_of(self, original: Request) -> Request:
        """Remember what this one is a copy of; returns the request itself."""
        self._original, self._handed_out = original, False
        return self

    def for_attempt(self) -> Request:
        """The request to hand to the plugin: this copy once, then further copies of what it was made of."""
        if self._original is None:
            return self
        if self._handed_out:
            return self._original.set_apart()
        self._handed_out = True
        return self

    def options_for(self, provider: str) -> JsonObject:
        """The ``provider_options`` of one provider, empty without any."""
        return self.provider_options.get(provider, {})


def has_urls(request: Request) -> bool:
    """Return whether an image or a file of a request is given by URL."""
    return any(True for message in request.messages for part in message.content for _ in urls_of(part))


def build_request(
    provider: str,
    model: str,
    messages: Messages,
    system: str | None,
    fields: Mapping[str, Any],
    *,
    stream: bool = False,
) -> Request:
    """Validate what a caller passed; arguments that are ``None`` count as absent.

    Raises ``InvalidRequestError`` naming the argument, without repeating its content.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return Request(model=model, messages=_conversation(messages, system), stream=stream, **given)
    except ValidationError as error:
        raise InvalidRequestError(_explain(error), provider=provider, model=model) from None


def as_messages(messages: Messages) -> list[Message]:
    """Make messages of what a caller passed; raises ``InvalidRequestError`` naming what is none."""
    turns = _conversation(messages, None)
    if not isinstance(turns, tuple):
        raise InvalidRequestError(
            f"The request is not valid: messages must be text or messages, not {turns!r:.80}."
        )
    found: list[Message] = []
    for index, turn in enumerate(turns):
        try:
            found.append(turn if isinstance(turn, Message) else Message.model_validate(turn))
        except ValidationError as error:
            raise InvalidRequestError(_explain(error, f"messages[{index}]")) from None
    return found


def _conversation(messages: Any, system: str | None) -> Any:
    """The messages as a tuple; what is no message is left for validation to name."""
    if isinstance(messages, str):
        turns: tuple[Any, ...] = (Message.user(messages),) if messages.strip() else ()
    elif isinstance(messages, (Message, Mapping)):
        turns = (messages,)
    elif isinstance(messages, Iterable):
        turns = tuple(messages)
    else:
        return messages
    return (Message.system(system), *turns) if system else turns


def _explain(error: ValidationError, place: str = "") -> str:
    first = error.errors()[0]
    for step in first["loc"]:
        place += f"[{step}]" if isinstance(step, int) else f".{step}" if place else str(step)
    message = first["msg"].removeprefix("Value error, ")
    more = f" ({error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
    return f"The request is not valid: {place}: {message}.{more}" if place else f"The request: {message}.{more}"
