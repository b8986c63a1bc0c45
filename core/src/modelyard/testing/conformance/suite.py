"""The suite a plugin subclasses."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from modelyard.testing.conformance.answers import AnswerCases
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.cards import CardCases
from modelyard.testing.conformance.errors import ErrorCases
from modelyard.testing.conformance.faults import FaultCases
from modelyard.testing.conformance.fields import FieldCases
from modelyard.testing.conformance.lifecycle import LifecycleCases
from modelyard.testing.conformance.loading import LoadingCases
from modelyard.testing.conformance.media import MediaCases
from modelyard.testing.conformance.optional import OptionalCases
from modelyard.testing.conformance.reasoning import ReasoningCases
from modelyard.testing.conformance.recorded import RecordedCases, recording_ids
from modelyard.testing.conformance.secrets import SecretCases
from modelyard.testing.conformance.streams import StreamCases
from modelyard.testing.conformance.structured import StructuredCases
from modelyard.testing.conformance.subject import Subject, representatives
from modelyard.testing.conformance.text import TextCases
from modelyard.testing.conformance.tools import ToolCases
from modelyard.testing.conformance.turns import TurnCases
from modelyard.testing.dialect import Dialect
from modelyard.testing.emulator import Emulator
from modelyard.versioned import VersionedBase

__all__ = ["ProviderConformance"]


class ProviderConformance(
    LoadingCases,
    CardCases,
    TextCases,
    FieldCases,
    TurnCases,
    AnswerCases,
    ReasoningCases,
    ToolCases,
    StructuredCases,
    MediaCases,
    StreamCases,
    FaultCases,
    ErrorCases,
    LifecycleCases,
    OptionalCases,
    SecretCases,
    RecordedCases,
    VersionedBase,
):
    """Every case a provider plugin must pass; subclass it as ``class TestConformance(ProviderConformance)``.

    Attributes
    ----------
    provider:
        The provider's id. All there is to set for an installed plugin whose package names its dialect.
    plugin, dialect:
        The module with the hooks, and the dialect, of a plugin that is not installed.
    options:
        Settings of the plugin's own.
    api:
        One of several APIs of the provider; then one subclass for each.
    recordings:
        A folder of recorded exchanges, which are replayed and compared.
    waived:
        Cases the plugin cannot pass: ``waived: ClassVar = {"test_...": pytest.mark.xfail(reason="...")}``; a name
        such as ``test_...[small-*]`` waives some variants. A waived case still runs, and fails once it passes.
        There is no other way to leave one out.
    """

    BASE_VERSION: ClassVar[int] = 1
    provider: ClassVar[str]
    plugin: ClassVar[ModuleType | None] = None
    dialect: ClassVar[Dialect | None] = None
    options: ClassVar[Mapping[str, Any]] = {}
    api: ClassVar[str | None] = None
    recordings: ClassVar[Path | None] = None
    waived: ClassVar[Mapping[str, pytest.MarkDecorator]] = {}
    _subject: ClassVar[Subject]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_subclass(cls)

    @classmethod
    def subject(cls) -> Subject:
        """The plugin under test, loaded once for all cases of the class."""
        if "_subject" not in cls.__dict__:
            cls._subject = Subject(cls.provider, cls.plugin, cls.dialect, cls.options, cls.api)
        return cls._subject

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run the cases that depend on a model once for each distinct set of capabilities."""
        if "served" in metafunc.fixturenames:
            metafunc.parametrize("served", [card.id for card in representatives(self.subject())], indirect=True)
        if "recording" in metafunc.fixturenames:
            absent = pytest.param(None, marks=pytest.mark.skip(reason="no folder of recordings is given"))
            metafunc.parametrize("recording", recording_ids(self.recordings) or [absent])

    @pytest.fixture
    def wire(self) -> Iterator[Bench]:
        """The dialect's model behind an emulator: for cases that no capability changes."""
        subject = self.subject()
        with Emulator(subject.dialect) as emulator:
            yield Bench(subject, subject.default_card(), emulator)

    @pytest.fixture
    def served(self, request: pytest.FixtureRequest) -> Iterator[Bench]:
        """Each representative model in turn, behind an emulator."""
        subject = self.subject()
        card = next(card for card in subject.cards() if card.id == request.param)
        with Emulator(subject.dialect) as emulator:
            yield Bench(subject, card, emulator)

    @pytest.fixture(autouse=True)
    def _only_what_is_given(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Settings of the developer's environment must not leak in; waivers are applied."""
        prefixes = ("MODELYARD_", f"{self.provider.upper()}_")
        info = self.subject().binding().info
        names = {*info.api_key_variables, *info.base_url_variables}
        for name in list(os.environ):
            if name.startswith(prefixes) or name in names:
                monkeypatch.delenv(name)
        for waived, mark in self.waived.items():
            if _covers(waived, request.node.name):
                request.applymarker(pytest.mark.xfail(reason=mark.kwargs["reason"], strict=True))


def _covers(waived: str, name: str) -> bool:
    """Whether a waiver is for a test: one of the whole case, or of the variants its pattern fits."""
    case, bracket, pattern = waived.partition("[")
    own, _, variant = name.partition("[")
    return case == own and (not bracket or fnmatchcase(variant, pattern))


def _standard_cases() -> dict[str, object]:
    return {
        name: getattr(ProviderConformance, name) for name in dir(ProviderConformance) if name.startswith("test_")
    }


STANDARD = _standard_cases()
"""The cases as they are meant to be, by name."""


def _check_subclass(cls: type[ProviderConformance]) -> None:
    """Refuse a subclass that replaces or removes a case, or waives one without a reason."""
    replaced = [name for name, standard in STANDARD.items() if getattr(cls, name, None) is not standard]
    if replaced or cls.__dict__.get("__test__", True) is False:
        raise TypeError(
            f"{cls.__name__} overrides or removes standard cases: {', '.join(replaced) or 'all of them'}. "
            "A case is left out only by a waiver: "
            'waived: ClassVar = {"test_...": pytest.mark.xfail(reason="why the provider cannot do it")}.'
        )
    for name, mark in cls.waived.items():
        if name.partition("[")[0] not in STANDARD:
            raise TypeError(f"{cls.__name__} waives {name!r}, which is no standard case.")
        if getattr(mark, "name", None) != "xfail" or not mark.kwargs.get("reason"):
            raise TypeError(f"{cls.__name__} must waive {name!r} by pytest.mark.xfail(reason=...).")
