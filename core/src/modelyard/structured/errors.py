"""The errors of structured output: an answer came, and it is not the object asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from modelyard.errors import ContentFilterError, InvalidResponseError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.types.report import Report
    from modelyard.types.usage import Usage

__all__ = ["OutputError", "OutputValidationError", "RefusalError", "TruncatedOutputError"]


class OutputError(ProviderError):
    """The answer is not the object asked for; what it took and what it said stays on the error.

    ``partial`` is the last answer, ``partial_output`` what its JSON says as far as it goes, ``problems`` what is
    wrong with it. ``usage``, ``attempts`` and ``report`` are those of all turns, repairs included.
    """

    default_retryable: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = (*ProviderError.fields, "partial_output", "problems", "usage", "report")

    def __init__(
        self,
        message: str,
        *,
        partial_output: Any = None,
        problems: Sequence[str] = (),
        usage: Usage | None = None,
        report: Report | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(message, **kwargs)
        self.partial_output = partial_output
        self.problems = tuple(problems)
        self.usage = usage
        self.report = report

    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "partial_output": self.partial_output,
            "problems": list(self.problems),
            "usage": self.usage.model_dump(mode="json") if self.usage is not None else None,
            "report": self.report.model_dump(mode="json") if self.report is not None else None,
        }


class RefusalError(OutputError, ContentFilterError):
    """The model, or a filter of its provider, declined to answer."""


class TruncatedOutputError(OutputError, InvalidResponseError):
    """The answer was cut off at the limit of output tokens, so the object is not whole."""


class OutputValidationError(OutputError, InvalidResponseError):
    """The answer does not fit the type or schema, after every repair that was allowed."""
