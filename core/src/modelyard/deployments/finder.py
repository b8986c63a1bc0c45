"""From the models a caller names to candidates: cards looked up, endpoints found, deployments made."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import urlsplit

from modelyard.catalog.contexts import context_of, is_pattern
from modelyard.credentials.resolve import missing_credential
from modelyard.credentials.secret import Misfit, Secret, conceal_key
from modelyard.deployments.candidates import Candidate
from modelyard.deployments.deployment import Deployment
from modelyard.errors import ConfigurationError, ModelyardError
from modelyard.log import logger
from modelyard.refs import ModelRef, canonical_provider
from modelyard.suggest import did_you_mean

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.catalog.catalog import Catalog
    from modelyard.catalog.retention import Region
    from modelyard.deployments.endpoints import Endpoint, Endpoints
    from modelyard.deployments.session_pool import SessionUse
    from modelyard.loading.binding import ProviderBinding
    from modelyard.loading.registry import PluginRegistry

__all__ = ["Caller", "Finder"]

_Ways: TypeAlias = "tuple[tuple[ProviderBinding, tuple[Endpoint, ...]], ...]"
_MAX_KEPT: Final = 512
_CREDENTIAL: Final = "Pass credential='...', or credential={'openai': '...'} beside models of several providers."
_KEPT_SECONDS: Final = 600.0
"""Names may be anybody's: after a while what they led to is worked out anew, and none is kept for good."""


class Caller:
    """Whose request it is: the credential that came with it, and the user it names."""

    __slots__ = ("given", "user")

    def __init__(self, given: object = None, user: str | None = None) -> None:
        self.given: Secret | dict[str, Secret] | None = _checked(conceal_key(given))
        self.user = user

    def credential(self, provider: str) -> Secret | None:
        """The credential that came for a provider."""
        return self.given.get(provider) if isinstance(self.given, dict) else self.given

    def check_names(self, known: Collection[str]) -> None:
        """Raise ``ConfigurationError`` for a credential of a provider that there is not."""
        names = self.given if isinstance(self.given, dict) else ()
        for name in names:
            if name not in known:
                raise ConfigurationError(
                    f"A credential was passed for {_shown(name)}, which is no provider.",
                    hint=did_you_mean(name, known) or f"Providers are: {', '.join(sorted(known))}.",
                )

    def check(self, providers: Sequence[str]) -> None:
        """Raise ``ConfigurationError`` for a credential that several providers would be shown."""
        if isinstance(self.given, Secret) and len(set(providers)) > 1:
            named = ", ".join(dict.fromkeys(providers))
            raise ConfigurationError(
                f"One credential was passed for models of several providers: {named}.",
                hint="Say whose it is: credential={'openai': ...}.",
            )


def _shown(name: str) -> str:
    """A name as errors may show it: what could be a key, passed in the wrong place, is not repeated."""
    is_word = len(name) <= 20 and name.replace("-", "").replace("_", "").isalpha()
    return repr(name) if is_word else "a name that is not shown here"


def _checked(given: Any) -> Secret | dict[str, Secret] | None:
    """What a caller passed as credential; raises ``ConfigurationError`` for what is none, without showing it."""
    if isinstance(given, Misfit):
        raise ConfigurationError(f"A credential must be text, not {given.kind}.", hint=_CREDENTIAL)
    if not isinstance(given, dict):
        return cast("Secret | None", given)
    for name, key in given.items():
        if not isinstance(name, str):
            raise ConfigurationError("A credential is passed by the id of its provider.", hint=_CREDENTIAL)
        if isinstance(key, Misfit):
            raise ConfigurationError(
                f"The credential for {_shown(name)} must be text, not {key.kind}.", hint=_CREDENTIAL
            )
    return {canonical_provider(name): key for name, key in given.items()}


class Finder:
    """Finds candidates. What names and settings lead to is worked out once, until either changes."""

    def __init__(
        self, registry: PluginRegistry, endpoints: Endpoints, catalog: Callable[[tuple[str, ...]], Catalog]
    ) -> None:
        self._registry = registry
        self._endpoints = endpoints
        self._catalog = catalog
        self._emptied = time.monotonic()
        self._kept: dict[
            tuple[tuple[str, ...], tuple[str, ...]], tuple[Catalog, _Ways, tuple[Candidate, ...]]
        ] = {}

    def find(
        self, names: tuple[str, ...], regions: tuple[str, ...] = (), caller: Caller | None = None
    ) -> tuple[Candidate, ...]:
        """The candidates for references, patterns and contexts, in their order.

        Raises ``ConfigurationError`` for what is no reference, and for a single reference that leads nowhere.
        """
        catalog = self._catalog(names)
        steady = caller is None or (caller.given is None and self._endpoints.steady)
        if steady:
            kept = self._kept.get((names, regions))
            if kept is not None and kept[0] is catalog and self._unchanged(kept[1]):
                return kept[2]
        if caller is not None:
            caller.check_names(self._registry.names())
        search = _Search(self._registry, self._endpoints, catalog, regions, caller or Caller())
        candidates = search.run(names)
        if steady:
            now = time.monotonic()
            if len(self._kept) >= _MAX_KEPT or now - self._emptied > _KEPT_SECONDS:
                self._kept.clear()
                self._emptied = now
            self._kept[names, regions] = catalog, tuple(search.ways.values()), candidates
        return candidates

    def _unchanged(self, ways: _Ways) -> bool:
        return all(self._endpoints.of(binding) is endpoints for binding, endpoints in ways)


class _Search:
    """One search: its endpoints are looked up once for each provider."""

    def __init__(
        self,
        registry: PluginRegistry,
        endpoints: Endpoints,
        catalog: Catalog,
        regions: tuple[str, ...],
        caller: Caller,
    ) -> None:
        self._registry = registry
        self._endpoints = endpoints
        self._catalog = catalog
        self._regions = regions
        self._caller = caller
        self.ways: dict[str, tuple[ProviderBinding, tuple[Endpoint, ...]]] = {}

    def run(self, names: tuple[str, ...]) -> tuple[Candidate, ...]:
        names = tuple(self._catalog.aliases.get(name, name) for name in names)
        if len(names) == 1 and context_of(names[0]) is None and not is_pattern(names[0]):
            return self._named(ModelRef.parse(names[0]))
        found = [candidate for name in names for candidate in self._of_name(name)]
        self._caller.check([candidate.ref.partition(":")[0] for candidate in found])
        unique: dict[tuple[str, str], Candidate] = {}
        for candidate in found:
            key = candidate.deployment.key if candidate.deployment is not None else ""
            unique.setdefault((candidate.ref, key), candidate)
        return tuple(unique.values())

    def _named(self, ref: ModelRef) -> tuple[Candidate, ...]:
        """The deployments of one model; what stands in the way is raised."""
        binding = self._registry.binding(ref.provider)
        endpoints = self._endpoints_of(binding)
        if not endpoints:
            raise missing_credential(binding.info)
        return tuple(self._deploy(ref, self._catalog.resolve(ref), endpoints))

    def _of_name(self, name: str) -> Iterator[Candidate]:
        context = context_of(name)
        if context is not None:
            yield from self._defaults(context)
        elif is_pattern(name):
            yield from self._matching(name)
        else:
            yield from self._reachable(ModelRef.parse(name))

    def _reachable(self, ref: ModelRef, card: ModelCard | None = None) -> Iterator[Candidate]:
        """The deployments of one model, or what stands in the way, to be told with the others."""
        try:
            binding = self._registry.binding(ref.provider)
            endpoints = self._endpoints_of(binding)
        except ModelyardError as error:
            yield Candidate(str(ref), problem=error.message.rstrip("."), fix=_fix(error))
            return
        card = card or self._catalog.resolve(ref)
        if endpoints:
            yield from self._deploy(ref, card, endpoints)
        else:
            missing = missing_credential(binding.info)
            yield Candidate(str(ref), card, problem=missing.message.rstrip("."), fix=_fix(missing))

    def _defaults(self, context: str) -> Iterator[Candidate]:
        for card, retired in self._catalog.default_choices(context):
            if retired is not None:
                yield Candidate(card.ref, card, problem=retired, fix="choose another default")
            else:
                yield from self._reachable(ModelRef(card.provider, card.id), card)
        yield from self._broken("*")

    def _matching(self, pattern: str) -> Iterator[Candidate]:
        provider, colon, models = pattern.partition(":")
        wanted = canonical_provider(provider), models if colon else "*"
        for card in self._catalog:
            if (
                card.kind != "chat"
                or not fnmatchcase(card.provider, wanted[0])
                or not fnmatchcase(card.id, wanted[1])
            ):
                continue
            retired = self._catalog.retirement(card)
            if retired is not None:
                yield Candidate(card.ref, card, problem=retired, fix=f"name {card.ref} itself")
            else:
                yield from self._reachable(ModelRef(card.provider, card.id), card)
        yield from self._broken(wanted[0])

    def _broken(self, provider: str) -> Iterator[Candidate]:
        """Plugins set aside, which might have served the request."""
        for failure in self._registry.failures():
            if fnmatchcase(failure.name, provider):
                problem = f"its plugin failed at {failure.stage}: {failure.error}"
                yield Candidate(f"{failure.name}:*", problem=problem, fix=f"repair {failure.distribution}")

    def _endpoints_of(self, binding: ProviderBinding) -> tuple[Endpoint, ...]:
        provider = binding.info.id
        if provider not in self.ways:
            found = self._endpoints.of(binding, self._caller.credential(provider), self._caller.user)
            self.ways[provider] = binding, found
        return self.ways[provider][1]

    def _deploy(self, ref: ModelRef, card: ModelCard, endpoints: tuple[Endpoint, ...]) -> Iterator[Candidate]:
        suggestion = self._catalog.advice(card) if card.known else self._warn_unknown(ref)
        model = ref.model  # an alias is the provider's own word, and a dated one is meant: it goes out as asked
        for endpoint in endpoints:
            region, there = _region_of(card, endpoint, self._regions)
            base_url = endpoint.base_url if there is None or there.base_url is None else there.base_url
            deployment = Deployment(
                binding=endpoint.binding,
                card=card,
                model=model,
                credential=endpoint.credential,
                base_url=base_url,
                use=_user_of(endpoint, base_url),
                suggestion=suggestion,
                region=region,
                retention_days=endpoint.config.retention_days,
                weight=endpoint.config.weight,
                fields={} if there is None else there.fields,
                marks=endpoint.marks,
                redactor=endpoint.redactor,
                own_client=endpoint.config.client is not None,
            )
            yield Candidate(deployment.ref, card, deployment)

    def _warn_unknown(self, ref: ModelRef) -> str | None:
        suggestion = self._catalog.suggest(ref)
        if suggestion is not None:
            logger("runtime").warning("No card lists %s; it is asked for all the same. %s", ref, suggestion)
        return suggestion


def _user_of(endpoint: Endpoint, base_url: str | None) -> Callable[[], SessionUse]:
    return lambda: endpoint.use_at(base_url)


def _region_of(card: ModelCard, endpoint: Endpoint, wanted: tuple[str, ...]) -> tuple[str | None, Region | None]:
    """Where a deployment is served, and what it takes to have it served in one of the regions wanted.

    A region the host states, or a base URL of its own, is left alone; a known regional address speaks for itself.
    """
    if endpoint.config.region is not None:
        return endpoint.config.region.lower(), None
    regions = card.retention.regions
    if endpoint.base_url is not None:
        host = urlsplit(endpoint.base_url).hostname
        known = (name for name, region in regions.items() if region.base_url and _host(region) == host)
        return next(known, None), None
    for name in wanted:
        if name in regions:
            return name, regions[name]
    return None, None


def _host(region: Region) -> str | None:
    return urlsplit(region.base_url or "").hostname


def _fix(error: ModelyardError) -> str:
    hint = (error.hint or "see its message").rstrip(".")
    return hint[0].lower() + hint[1:]
