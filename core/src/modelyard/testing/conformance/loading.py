"""Cases of loading a plugin: cheaply, without the network, and with every hook async or plain as it must be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.hookspecs import API_VERSION
from modelyard.loading.discovery import discover
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.exceptions import required_modules
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.conformance.subject import Subject

__all__ = ["LoadingCases"]

HEAVY = (
    "aiohttp anthropic boto3 botocore cohere google.auth google.genai grpc groq h11 httpcore httpcore2 httpx "
    "httpx2 mistralai openai requests tiktoken tokenizers torch transformers urllib3"
).split()
MAX_MODULES = 60
"""Modules a plugin may add to those the core has loaded: its own, and small parts of the standard library."""

_PROBE = """
import json, sys
touched = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind"):
        touched.append(f"{event} {arguments[1:]!r}")
sys.addaudithook(watch)
import modelyard
from modelyard.loading.binding import ProviderBinding
from modelyard.loading.policy import PluginPolicy
from modelyard.loading.registry import PluginRegistry
import modelyard.catalog.loader
provider, module = sys.argv[1:]
before = set(sys.modules)
if module:
    import importlib
    registry = PluginRegistry(PluginPolicy.make([], strict=True), plugins=[importlib.import_module(module)])
else:
    registry = PluginRegistry(PluginPolicy.make([provider], strict=True))
registry.binding(provider)
registry.models()
print(json.dumps({"modules": sorted(sys.modules), "added": sorted(set(sys.modules) - before), "touched": touched}))
"""


class LoadingCases:
    """Cases about what happens before the first call."""

    @case
    def test_listing_models_imports_no_http_library(self, wire: Bench) -> None:
        """A process that only lists models must not pay for an SDK, in time, memory or its import failures."""
        modules = _probe(wire.subject)["modules"]
        heavy = [name for name in (*HEAVY, *required_modules(wire.subject)) if name in modules]
        require(
            not heavy,
            "importing the plugin and listing its models imports no HTTP library and no SDK",
            f"imported: {', '.join(heavy)}",
            "import it inside modelyard_open or the module that modelyard_open imports",
        )

    @case
    def test_listing_models_touches_no_network(self, wire: Bench) -> None:
        """The catalog is read at start-up, where a network that hangs would hang everything."""
        touched = _probe(wire.subject)["touched"]
        require(not touched, "listing models touches no network", touched, "read the cards from a file")

    @case
    def test_loading_stays_within_the_import_budget(self, wire: Bench) -> None:
        """Listing the catalog loads every installed plugin: each must be cheap, counted in modules, not time."""
        added = _probe(wire.subject)["added"]
        require(
            len(added) <= MAX_MODULES,
            f"loading adds at most {MAX_MODULES} modules",
            f"{len(added)} modules: {', '.join(added)}",
            "import types under TYPE_CHECKING, and work in the hooks that need it",
        )

    @case
    def test_the_plugin_loads_with_all_its_hooks(self, wire: Bench) -> None:
        """A hook that is missing, misspelt or wrongly async would fail at a customer's first call."""
        module: Any = wire.subject.plugin
        for found in discover():
            if module is None and found.name == wire.subject.provider:
                module = found.load()
        try:
            info = wire.subject.binding().info
        except ModelyardError as error:
            require(False, "the plugin loads with all its hooks", error, "see the hook the message names")
            raise
        version = getattr(module, "MODELYARD_API", None)
        fix = f"MODELYARD_API = {API_VERSION}"
        require(version == API_VERSION, "the plugin states MODELYARD_API", version, fix)
        require(
            info.id == wire.subject.provider and re.fullmatch(r"[a-z][a-z0-9-]*", info.id),
            "the provider's id is the name under test, in lower case",
            repr(info.id),
            "give ProviderInfo the id of the entry point",
        )
        require(
            info.base_url.startswith("https://"),
            "the provider's own address is encrypted",
            info.base_url,
            "use https in ProviderInfo.base_url; hosts can set another address",
        )


def _probe(subject: Subject) -> dict[str, Any]:
    """Load the plugin in a fresh interpreter, and say what that imported and touched."""
    module = subject.plugin.__name__ if subject.plugin else ""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _PROBE, subject.provider, module]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    require(
        done.returncode == 0,
        "the plugin loads in a fresh interpreter",
        done.stderr.strip().splitlines()[-1:],
        "the error is the import's own",
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
