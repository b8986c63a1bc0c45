"""The course of one generation: which strategy, which turn, what an answer means. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from modelyard.catalog.card import ModelCard
from modelyard.errors import ModelyardError, ProviderError, UnsupportedFeatureError
from modelyard.structured.errors import OutputError, OutputValidationError, RefusalError, TruncatedOutputError
from modelyard.structured.generated import Generated, sum_usage
from modelyard.structured.strategy import Strategy, answer_text, options_for, strategies_for
from modelyard.structured.target import InvalidOutput, OutputTarget
from modelyard.types.completion import Completion
from modelyard.types.content import ToolResult
from modelyard.types.messages import Message
from modelyard.types.report import Note, Report

__all__ = ["Turns"]


class Turns:
    """Ask with ``messages`` and ``options``, hand in what came: until ``take`` gives the object."""

    def __init__(
        self,
        target: OutputTarget,
        card: ModelCard,
        messages: Sequence[Message],
        options: dict[str, Any],
        *,
        repair: int,
        strategy: Strategy | None,
    ) -> None:
        self.target = target
        self.messages = tuple(messages)
        self._given = options
        self._repairs_left = repair
        self._strategies = list(strategies_for(card, target, strategy))
        self._fixed = strategy is not None or options.get("on_unsupported") == "error"
        self._completions: list[Completion] = []
        self._notes: list[Note] = []

    @property
    def strategy(self) -> Strategy:
        """Strategy by which the form is asked for now."""
        return self._strategies[0]

    @property
    def options(self) -> dict[str, Any]:
        """The options of the next call."""
        return options_for(self.strategy, self.target, self._given)

    def refused(self, error: UnsupportedFeatureError) -> None:
        """Go on with the next strategy after a plugin refused this one; raises what must not be passed over."""
        about_output = error.feature.partition(".")[0] in ("output", "schema", "tool_choice")
        if self._fixed or not about_output or len(self._strategies) == 1:
            raise error
        self._strategies.pop(0)
        reason = f"asked for by {self.strategy!r} instead: {error.message}"
        self._notes.append(Note(field="output", action="relaxed", reason=reason))

    def failed(self, error: ModelyardError) -> NoReturn:
        """Raise what ended a turn, with what the turns before it cost."""
        if isinstance(error, ProviderError) and self._completions:
            error.attempts = (*self._generated(None).attempts, *error.attempts)
            error.partial = error.partial or self._completions[-1]
        raise error

    def take(self, completion: Completion) -> Generated[Any] | None:
        """The result, or ``None`` when the model is to be asked again.

        Raises ``RefusalError``, ``TruncatedOutputError`` or ``OutputValidationError``.
        """
        self._completions.append(completion)
        text = answer_text(completion, self.target)
        if completion.finish_reason == "content_filter" or (completion.refusal and not text.strip()):
            said = completion.refusal or text
            raise self._error(
                RefusalError, f"The model refused to answer: {said or completion.raw_finish_reason}", text
            )
        if completion.finish_reason == "length":
            raise self._error(TruncatedOutputError, "The answer was cut off at the limit of output tokens.", text)
        try:
            return self._generated(self.target.read(text))
        except InvalidOutput as invalid:
            problems = invalid.problems
            value = invalid.value
        if completion.tool_calls and not text.strip():
            problems = ("the model called tools instead of answering; run them with runtime.run()",)
        elif self._repairs_left > 0:
            self._repairs_left -= 1
            self._ask_again(completion, problems)
            return None
        raise self._error(
            OutputValidationError,
            f"The answer is not what was asked for: {'; '.join(problems)}.",
            text,
            problems,
            value,
        )

    def _ask_again(self, completion: Completion, problems: tuple[str, ...]) -> None:
        said = "The answer is not valid:\n" + "\n".join(f"- {problem}" for problem in problems)
        said += "\nGive the whole answer again, corrected, in the same form."
        self._notes.append(Note(field="output", action="repaired", reason="; ".join(problems)))
        calls = completion.tool_calls
        turns = [completion.message] if completion.message.content else []
        if calls:
            turns.append(
                Message.tool([ToolResult(tool_call_id=call.id, content=said, is_error=True) for call in calls])
            )
        else:
            turns.append(Message.user(said))
        self.messages = (*self.messages, *turns)

    def _generated(self, output: Any) -> Generated[Any]:
        return Generated(output, tuple(self._completions), self._report(), self.strategy)

    def _report(self) -> Report:
        notes = [note for one in self._completions for note in one.report.notes]
        return Report(notes=tuple(dict.fromkeys((*notes, *self._notes))))

    def _error(
        self,
        kind: type[OutputError],
        message: str,
        text: str,
        problems: tuple[str, ...] = (),
        value: Any = None,
    ) -> OutputError:
        last = self._completions[-1]
        return kind(
            message,
            provider=last.provider,
            model=last.model,
            request_id=last.request_id,
            attempts=self._generated(None).attempts,
            partial=last,
            partial_output=value if value is not None else self.target.read_partial(text),
            problems=problems,
            usage=sum_usage([one.usage for one in self._completions]),
            report=self._report(),
        )
