"""The public modules: what each lists, what can be imported and what the type checker sees must agree."""

from __future__ import annotations

import ast
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import modelyard
from modelyard import _earlier

LAZY = (
    "modelyard",
    *(
        f"modelyard.{name}"
        for name in (
            "calls catalog credentials health loading media observe provider routing runs structured testing "
            "tools types"
        ).split()
    ),
)
"""The public modules whose names live in other modules and are loaded when first used."""


def _seen_by_type_checker(module: ModuleType) -> set[str]:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    return imported - {"*"}


@pytest.fixture(params=LAZY)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return import_module(request.param)


def test_a_public_module_lists_exactly_the_names_the_type_checker_sees(module: ModuleType) -> None:
    assert {*module.__all__} - {"__version__"} == _seen_by_type_checker(module)
    assert len(module.__all__) == len({*module.__all__})


def test_every_listed_name_can_be_imported(module: ModuleType) -> None:
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_every_name_with_a_home_is_listed(module: ModuleType) -> None:
    assert set(module._EXPORTS.homes) == {*module.__all__} - {"__version__"}


def test_a_public_module_says_what_it_is_for(module: ModuleType) -> None:
    assert (module.__doc__ or "").partition("\n")[0].endswith(".")


def test_an_unknown_name_is_an_attribute_error(module: ModuleType) -> None:
    assert not hasattr(module, "Runtme")
    assert {*module.__all__} <= {*dir(module)}


def test_the_root_stays_small() -> None:
    assert len(modelyard.__all__) <= 50


EARLIER = """
    API_VERSION AttemptRecord BreakerPolicy Candidate Capability Catalog CircuitOpenError CitationPart
    ConnectionFailedError ContentDelta Cost CredentialQuery CredentialResolver Diagnosis Done ErrorEvent
    FetchPolicy Finding FinishReason FunctionTool GenerateStream InvalidResponseError Limits
    ModelNotFoundError Needs Note Opaque OpaquePart OutputValidationError Part PermissionDeniedError
    PluginFailure PluginPolicy PluginStatus ProviderInfo ProviderStatus RateLimit ReasoningDelta ReasoningPart
    Record Refreshed RefusalError RefusalPart Region Report Request Retention RouteStep RouteTrace
    RunStateError RunStream RuntimeClosedError ServerError SharedState Status SyncStream TokenCount
    TokenLogprob ToolCallDelta ToolCallEnd ToolCallResult ToolCallStart ToolError ToolResultsError
    TruncatedOutputError diagnose
""".split()
"""Names the root listed once: importable from there, without a warning, as long as the version is 0.x."""


@pytest.mark.parametrize("name", EARLIER)
def test_a_name_that_moved_is_still_importable_from_the_root_and_is_the_same_thing(name: str) -> None:
    home = modelyard._EXPORTS.unlisted[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert getattr(modelyard, name) is getattr(import_module(f"modelyard.{home}"), name)
    assert name not in modelyard.__all__


def test_the_type_checker_sees_the_names_that_moved() -> None:
    listed: object = _earlier.__all__  # what star imports of the type checker take
    assert listed == sorted(EARLIER)
    assert set(EARLIER) == _seen_by_type_checker(_earlier) == set(modelyard._EXPORTS.unlisted)
