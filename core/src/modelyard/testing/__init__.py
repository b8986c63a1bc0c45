"""Offline stand-ins for providers: scripts, dialects, a loopback emulator, faults and replay.

Everything here binds to 127.0.0.1 and stops by itself at the end of its ``with`` block.
"""

from __future__ import annotations

from modelyard.testing.apart import run_apart
from modelyard.testing.clock import FakeClock
from modelyard.testing.dialect import Dialect, Rejection, load_dialects
from modelyard.testing.emulator import Emulator
from modelyard.testing.replay import Exchange, ReplayServer, load_exchanges
from modelyard.testing.script import Failure, Script
from modelyard.testing.scripted import ScriptedProvider
from modelyard.testing.server import Hang, LoopbackServer, Pause, Received, Reply, Reset

__all__ = [
    "Dialect",
    "Emulator",
    "Exchange",
    "Failure",
    "FakeClock",
    "Hang",
    "LoopbackServer",
    "Pause",
    "Received",
    "Rejection",
    "ReplayServer",
    "Reply",
    "Reset",
    "Script",
    "ScriptedProvider",
    "load_dialects",
    "load_exchanges",
    "run_apart",
]
