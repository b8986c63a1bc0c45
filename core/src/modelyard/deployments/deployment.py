"""A deployment: one model behind one endpoint with one credential, the thing an attempt is made at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from modelyard.catalog.card import ModelCard
from modelyard.credentials.redactor import Redactor
from modelyard.credentials.resolve import Credential
from modelyard.credentials.secret import Secret
from modelyard.deployments.field_filter import as_taken
from modelyard.deployments.safe_error import clean_error, safe_cause
from modelyard.deployments.session_pool import SessionUse
from modelyard.errors import (
    ConnectionFailedError,
    ModelNotFoundError,
    ModelyardError,
    ProviderError,
    StreamInterruptedError,
)
from modelyard.history.opaque import ReplayTarget
from modelyard.loading.binding import ProviderBinding
from modelyard.types.history_rules import rules_for
from modelyard.types.request import Request

__all__ = ["Deployment"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model, and the way to it. ``model`` is the id that goes on the wire."""

    binding: ProviderBinding
    card: ModelCard
    model: str
    credential: Credential | None
    base_url: str | None
    use: Callable[[], SessionUse] = field(repr=False)
    """Begins the use of a session, to be released."""
    suggestion: str | None = None
    """Model ids to use instead: near misses of one no card lists, the replacement of one that is retired."""
    region: str | None = None
    retention_days: int | None = None
    """Days the account's contract lets the provider keep content; ``None`` without one."""
    weight: float = 1.0
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the wire request that keep the call in its region."""
    marks: str = field(default="", repr=False)
    """A digest of what else in the settings may be a credential."""
    redactor: Redactor = field(default_factory=Redactor, repr=False)
    """Cuts every secret among its settings out of texts."""
    own_client: bool = False
    """True if the host handed in an SDK client, which alone knows its address."""
    key: str = field(init=False, repr=False)
    """Identity of the deployment: model, credential (by digest) and endpoint. Not for show."""
    target: ReplayTarget = field(init=False, repr=False)
    """Target of the history codec for conversations sent here."""

    def __post_init__(self) -> None:
        digest = self.credential.secret.digest if self.credential is not None else "-"
        object.__setattr__(self, "key", f"{self.ref}#{digest}{self.marks}@{self.base_url or ''}")
        rules = rules_for(self.binding.info.history, self.card)
        object.__setattr__(self, "target", ReplayTarget(rules, self.provider, self.model, self.account[1]))

    @property
    def origin(self) -> str | None:
        """Scheme, host and port it is reached at, and nothing that may be a secret; ``None`` if not known."""
        if self.own_client:
            return None
        parts = urlsplit(self.base_url or self.binding.info.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def provider(self) -> str:
        """The provider id."""
        return self.binding.info.id

    @property
    def ref(self) -> str:
        """The model reference, ``provider:model``; the provider's id where no model is asked for anything."""
        return f"{self.binding.info.id}:{self.model}" if self.model else self.binding.info.id

    @property
    def account(self) -> tuple[str, str | None]:
        """Whose request it is: the provider and the digest of the credential, ``None`` where there is none.

        Headers count as one only without a key: beside a key they may say no more than the version of a host.
        """
        return self.provider, self.credential.secret.digest if self.credential is not None else self.marks or None

    def write(self, request: Request) -> Request:
        """The request as the plugin is to get it: for this model, its history as the provider takes it.

        Fields the plugin does not take are gone, and noted.

        It is the plugin's own: whatever the plugin changes in it changes nothing of the host's.

        Raises ``InvalidRequestError`` or ``UnsupportedFeatureError`` for one that cannot be sent here; the plugin
        is not asked as long as URLs are to be fetched.
        """
        if request.model != self.model:
            request = request.model_copy(update={"model": self.model})
        if self.fields:
            options = {**request.options_for(self.provider), **self.fields}
            options = {**request.provider_options, self.provider: options}
            request = request.model_copy(update={"provider_options": options})
        written = as_taken(request, self.binding.fields, self.binding.info, self.target).set_apart()
        if not written.awaits_urls:
            self.binding.validate(written, self.card)
        return written

    def to_error(self, raised: BaseException, *, answered: bool = False) -> ModelyardError:
        """The error to raise for what a hook raised.

        ``answered`` says that the response had begun: a connection lost after that is an interrupted stream.
        Secrets are removed from every text, and the cause keeps no frames, whose variables hold headers.
        """
        error = raised if isinstance(raised, ModelyardError) else self.binding.map_error(raised)
        if isinstance(error, ProviderError):
            error = self._placed(error, answered)
        clean_error(error, self.redactor)
        error.__cause__ = None if raised is error else safe_cause(raised, self.redactor)
        return error

    def clean(self, text: str | None) -> str | None:
        """An id that a server gave, without a secret that it may have put there."""
        return self.redactor.redact(text) if text else text

    def hiding(self, secrets: Sequence[str | Secret]) -> Deployment:
        """The same deployment for a call that brought secrets of its own."""
        return replace(self, redactor=self.redactor.plus(secrets))

    def _placed(self, error: ProviderError, answered: bool) -> ProviderError:
        """The error with what is known of the place it comes from."""
        if answered and isinstance(error, ConnectionFailedError):
            error = StreamInterruptedError(f"The stream broke off: {error.message}", hint=error.hint)
        error.provider = error.provider or self.provider
        error.model = error.model or self.model
        if isinstance(error, ModelNotFoundError) and error.hint is None:
            error.hint = self.suggestion
        return error
