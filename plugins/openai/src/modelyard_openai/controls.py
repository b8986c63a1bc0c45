"""Controls of a request beside messages and tools, in the words both APIs share.

What a model takes is data on its card: ``capabilities``, ``reasoning.efforts`` and ``rules``. A partial
``sampling`` capability means that sampling, seed, penalties and log probabilities are taken only with
reasoning effort ``none`` (OpenAI's reference).
"""

from __future__ import annotations

from typing import Any, Literal

from modelyard.provider import (
    Effort,
    InvalidRequestError,
    JsonObject,
    ModelCard,
    Reporter,
    Request,
    UnsupportedFeatureError,
    nearest_effort,
)
from modelyard_openai.options import Api

__all__ = ["LEAST_TOKENS", "Controls"]

LEAST_TOKENS: dict[Api, int] = {"responses": 16, "chat": 1}
"""The smallest output limit each API takes."""

_NAMES: dict[Api, str] = {"responses": "the Responses API", "chat": "Chat Completions"}
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
_MOST_STOPS = 4
_PER_API: dict[Api, tuple[str, ...]] = {
    "responses": ("temperature", "top_p"),
    "chat": ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"),
}
_ABSENT = {
    "seed": "the Responses API has no seed",
    "stop": "the Responses API has no stop sequences",
    "frequency_penalty": "the Responses API has no penalties",
    "presence_penalty": "the Responses API has no penalties",
}


class Controls:
    """Reads the controls of one request for one API; ``effort`` is the one to send, if any.

    Raises ``UnsupportedFeatureError`` for a model the API does not serve.
    """

    def __init__(self, request: Request, card: ModelCard, api: Api, reporter: Reporter) -> None:
        _check_served(card, api)
        self.request = request
        self.card = card
        self.api: Api = api
        self.reporter = reporter
        self.effort = self._effort()
        self._given_effort = _effort_in(request.options_for("openai"))

    @property
    def reasons(self) -> bool:
        """True if the model will reason, as far as the card and the request tell."""
        effective = self._given_effort or self.effort or self.card.reasoning.default
        return self.card.capability("reasoning").state != "unsupported" and effective != "none"

    @property
    def effort_given(self) -> bool:
        """True if the caller named an effort, in neutral words or as an option of the wire."""
        reasoning = self.request.reasoning
        return self._given_effort is not None or (reasoning is not None and reasoning.effort is not None)

    def stop_reasoning(self) -> None:
        """Send the effort ``none`` although nobody asked for it."""
        self.effort = "none"

    def summary(self) -> Literal["auto", "concise", "detailed"] | None:
        """The kind of reasoning summary to ask for."""
        wanted = self.request.reasoning.summary if self.request.reasoning is not None else None
        if wanted is None or wanted == "none":
            return None
        if self.card.capability("reasoning").state == "unsupported":
            self.reporter.drop("reasoning", "the model does not reason, so there is nothing to summarise")
            return None
        if self.api == "chat":
            self.reporter.drop("reasoning", "Chat Completions shows no reasoning summaries")
            return None
        if wanted not in self.card.rules.get("summaries", (wanted,)):
            self.reporter.clamp("reasoning", f"the model has no {wanted} summaries: auto was asked for")
            return "auto"
        return wanted

    def common(self) -> JsonObject:
        """The fields that both APIs have, at the top level of the body and under the same names."""
        request = self.request
        fields = self._sampling()
        if self.api == "responses":
            for name, reason in _ABSENT.items():
                if getattr(request, name) is not None:
                    self.reporter.drop(name, reason)
        if request.metadata is not None:
            fields["metadata"] = _metadata(request)
        if request.user is not None:
            if len(request.user) > 128:
                raise _invalid(request, "user", "has more than the 128 characters of a safety identifier")
            fields["safety_identifier"] = request.user
        if request.cache_key is not None:
            fields["prompt_cache_key"] = request.cache_key
        tier = self._tier()
        if tier is not None:
            fields["service_tier"] = tier
        return fields

    def limit(self) -> int | None:
        """The output limit, within what the API takes."""
        wanted, least, most = (
            self.request.max_output_tokens,
            LEAST_TOKENS[self.api],
            self.card.limits.max_output_tokens,
        )
        if wanted is None:
            return None
        if wanted < least:
            self.reporter.clamp("max_output_tokens", f"the least the API takes is {least}")
            return least
        if most is not None and wanted > most:
            self.reporter.clamp("max_output_tokens", f"the model gives {most} at most")
            return most
        return wanted

    def logprobs(self) -> int | None:
        """Number of alternatives to give with each token, ``None`` for no log probabilities."""
        count = self.request.top_logprobs
        return count if count is not None and self._may_sample("top_logprobs") else None

    def verbosity(self) -> str | None:
        """The verbosity to ask for."""
        wanted, taken = self.request.verbosity, self.card.rules.get("verbosities")
        if wanted is None or taken is None or wanted in taken:
            return wanted
        self.reporter.drop("verbosity", f"the model knows no verbosity but {', '.join(taken)}")
        return None

    def stop(self) -> list[str] | None:
        """The stop sequences, for Chat Completions."""
        stops = self.request.stop
        if stops is None:
            return None
        if self.card.capability("stop").state == "unsupported":
            self.reporter.drop("stop", "reasoning models take no stop sequences")
            return None
        if len(stops) > _MOST_STOPS:
            self.reporter.clamp("stop", f"the API takes {_MOST_STOPS} stop sequences: the first were kept")
        return list(stops[:_MOST_STOPS])

    def _effort(self) -> Effort | None:
        reasoning = self.request.reasoning
        if reasoning is None:
            return None
        if reasoning.budget_tokens is not None:
            self.reporter.drop("reasoning", "OpenAI's models have no token budget for reasoning, only an effort")
        wanted, taken = reasoning.effort, self.card.reasoning.efforts
        if self.card.capability("reasoning").state == "unsupported":
            if wanted not in (None, "none"):
                self.reporter.drop("reasoning", "the model does not reason")
            return None
        if wanted is None or not taken or wanted in taken:
            return wanted
        nearest = nearest_effort(wanted, taken)
        self.reporter.clamp("reasoning", f"the model has no effort {wanted}: {nearest} is the nearest it takes")
        return nearest

    def _sampling(self) -> JsonObject:
        given = [name for name in _PER_API[self.api] if getattr(self.request, name) is not None]
        fields = {name: getattr(self.request, name) for name in given if self._may_sample(name)}
        if fields.get("temperature", 0) > 2:
            self.reporter.clamp("temperature", "the highest temperature is 2")
            fields["temperature"] = 2
        return fields

    def _may_sample(self, field: str) -> bool:
        """Whether the model takes sampling parameters as it will reason; notes the field if not."""
        sampling = self.card.capability("sampling")
        if field == "seed" and self.card.capability("seed").state == "unsupported":
            self.reporter.drop(field, "the model takes no seed")
            return False
        if sampling.state == "unsupported" or (sampling.state == "partial" and self.reasons):
            self.reporter.drop(field, sampling.limits or "the model takes no sampling parameters")
            return False
        return True

    def _tier(self) -> str | None:
        tier = self.request.service_tier
        if tier is None:
            return None
        if tier not in _TIERS:
            self.reporter.drop("service_tier", f"OpenAI's tiers are {', '.join(sorted(_TIERS))}")
            return None
        if tier == "ultrafast" and self.api == "chat":
            self.reporter.clamp("service_tier", "Chat Completions has nothing above fast")
            return "fast"
        return tier


def _check_served(card: ModelCard, api: Api) -> None:
    if card.apis and api not in card.apis:
        raise UnsupportedFeatureError(
            f"{card.ref} is not served by {_NAMES[api]}.",
            feature="api",
            model=card.ref,
            hint=f"Leave out the option api, or set it to {card.apis[0]!r}.",
        )


def _effort_in(options: JsonObject) -> Any:
    """The effort among a caller's own wire fields, in the form of either API."""
    reasoning = options.get("reasoning")
    return options.get("reasoning_effort") or (reasoning.get("effort") if isinstance(reasoning, dict) else None)


def _metadata(request: Request) -> dict[str, str]:
    metadata = dict(request.metadata or {})
    if len(metadata) > 16:
        raise _invalid(request, "metadata", f"has {len(metadata)} pairs; OpenAI takes 16")
    for key, value in metadata.items():
        if len(key) > 64 or len(value) > 512:
            raise _invalid(
                request, f"metadata[{key[:64]!r}]", "is longer than a key of 64 or a value of 512 characters"
            )
    return metadata


def _invalid(request: Request, field: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"The request is not valid: {field} {what}.", provider="openai", model=request.model
    )
