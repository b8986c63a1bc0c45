"""The whole answer."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import Field, PrivateAttr

from modelyard.types.base import Frozen
from modelyard.types.content import CitationPart, ReasoningPart, ToolCall
from modelyard.types.cost import Cost, Pricer
from modelyard.types.finish import FinishReason
from modelyard.types.limits import RateLimit
from modelyard.types.logprobs import TokenLogprob
from modelyard.types.messages import Message
from modelyard.types.record import Record
from modelyard.types.report import Report
from modelyard.types.usage import Usage

__all__ = ["Completion"]


class Completion(Frozen):
    """One answer of one model, the same for every provider.

    ``message`` is the turn to append to the history as it is. ``model`` is the id that was asked for,
    ``response_model`` the one the provider says it used.
    """

    message: Message
    finish_reason: FinishReason
    raw_finish_reason: str | None = None
    usage: Usage = Field(default_factory=Usage)
    provider: str
    model: str
    response_model: str | None = None
    response_id: str | None = None
    request_id: str | None = None
    service_tier: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    rate_limits: dict[str, RateLimit] = Field(default_factory=dict)
    report: Report = Field(default_factory=Report)
    record: Record = Field(default_factory=Record)
    _pricer: Pricer | None = PrivateAttr(default=None)

    def __eq__(self, other: object) -> bool:
        """Whether two answers say the same; the card that prices one is no part of it, nor is it stored."""
        return self.__dict__ == other.__dict__ if isinstance(other, Completion) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.provider, self.model, self.response_id, self.request_id))

    @property
    def text(self) -> str:
        """The answer's text, without reasoning and refusals."""
        return self.message.text

    @property
    def refusal(self) -> str:
        """Words of the model in declining; empty when it did not."""
        return self.message.refusal

    @property
    def reasoning(self) -> str:
        """The reasoning text or summaries the provider showed, joined without a separator."""
        return "".join(part.text for part in self.message.content if isinstance(part, ReasoningPart))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in the order the model made them."""
        return self.message.tool_calls

    @property
    def citations(self) -> tuple[CitationPart, ...]:
        """Citations of the answer, in the order of its text."""
        return tuple(part for part in self.message.content if isinstance(part, CitationPart))

    def priced_by(self, pricer: Pricer) -> Self:
        """Tie the answer to what prices it, the card of its model; returns the answer itself."""
        self._pricer = pricer
        return self

    @property
    def cost(self) -> Cost | None:
        """Cost of the answer at the prices on the model's card; ``None`` when it cannot be known."""
        return self._priced()[0]

    @property
    def cost_unknown_because(self) -> str | None:
        """Reason why ``cost`` is ``None``, in a sentence; ``None`` when there is a cost."""
        return self._priced()[1]

    def _priced(self) -> tuple[Cost | None, str | None]:
        if self._pricer is None:
            return None, "the answer is not tied to a model card"
        attempts = self.record.attempts
        day = date.fromtimestamp(attempts[-1].started) if attempts else date.today()
        return self._pricer(self.usage, day)
