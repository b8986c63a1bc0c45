"""Options of OpenAI in ``ProviderConfig(options=...)``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from modelyard.provider import ConfigurationError

__all__ = ["Api", "OpenAIOptions"]

Api: TypeAlias = Literal["responses", "chat"]


@dataclass(frozen=True, slots=True)
class OpenAIOptions:
    """``api`` chooses Responses or Chat Completions, which compatible servers speak.

    Left out, each model is asked through the API its card prefers, and one no card lists through Responses.

    ``organization`` and ``project`` fall back to ``OPENAI_ORG_ID`` and ``OPENAI_PROJECT_ID``.
    """

    api: Api | None = None
    organization: str | None = None
    project: str | None = None

    @classmethod
    def make(cls, options: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> OpenAIOptions:
        """Read the options; raises ``ConfigurationError`` for a value that is none."""
        api = options.get("api")
        if api is not None and api not in get_args(Api):
            raise ConfigurationError(f"The openai option 'api' is {api!r}.", hint="Use 'responses' or 'chat'.")
        return cls(
            api=api,
            organization=options.get("organization") or environ.get("OPENAI_ORG_ID") or None,
            project=options.get("project") or environ.get("OPENAI_PROJECT_ID") or None,
        )
