"""The conformance kit: what every provider plugin must do, run offline against an emulator of its own API.

A plugin adopts it by subclassing ``ProviderConformance`` in a test module and naming its provider.
"""

from modelyard.testing.conformance.suite import ProviderConformance

__all__ = ["ProviderConformance"]
