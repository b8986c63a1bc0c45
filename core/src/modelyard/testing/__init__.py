"""Offline stand-ins for providers: scripts, emulators, faults, recordings, and the conformance suite for plugins.

Everything here binds to 127.0.0.1 and stops by itself at the end of its ``with`` block. A name is loaded when
first used, so that hosts without pytest can use all but ``ProviderConformance``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.testing.apart import run_apart
    from modelyard.testing.chat import chat_body, chat_events, check_chat_tools
    from modelyard.testing.checks import bearer_key, json_body, known_fields, nonempty_text, require, tool_names
    from modelyard.testing.clock import FakeClock
    from modelyard.testing.conformance.suite import ProviderConformance
    from modelyard.testing.dialect import Dialect, Rejection, load_dialects, sse
    from modelyard.testing.emulator import Emulator
    from modelyard.testing.faults import (
        Fault,
        coalesce,
        crash_after,
        cut_after,
        drip,
        hang_after,
        hang_before_head,
        html_page,
        reset_after,
        reset_before_head,
        split,
    )
    from modelyard.testing.record import Player, Recorder, check_recordings
    from modelyard.testing.replay import Exchange, ReplayServer, load_exchanges
    from modelyard.testing.script import Call, Failure, FailureKind, Script, ScriptedUsage, Step, Text, Think
    from modelyard.testing.scripted import ScriptedProvider
    from modelyard.testing.server import Handler, Hang, LoopbackServer, Pause, Received, Reply, ReplyStep, Reset

__all__ = [  # noqa: RUF022  # grouped by subject
    # the conformance suite
    "ProviderConformance",
    # scripts and providers that follow them
    "Call",
    "Failure",
    "FailureKind",
    "Script",
    "ScriptedProvider",
    "ScriptedUsage",
    "Step",
    "Text",
    "Think",
    # emulators
    "Dialect",
    "Emulator",
    "Rejection",
    "bearer_key",
    "chat_body",
    "chat_events",
    "check_chat_tools",
    "json_body",
    "known_fields",
    "load_dialects",
    "nonempty_text",
    "require",
    "sse",
    "tool_names",
    # servers on loopback
    "Handler",
    "Hang",
    "LoopbackServer",
    "Pause",
    "Received",
    "Reply",
    "ReplyStep",
    "Reset",
    # faults: ways for a reply to go wrong
    "Fault",
    "coalesce",
    "crash_after",
    "cut_after",
    "drip",
    "hang_after",
    "hang_before_head",
    "html_page",
    "reset_after",
    "reset_before_head",
    "split",
    # recordings
    "Exchange",
    "Player",
    "Recorder",
    "ReplayServer",
    "check_recordings",
    "load_exchanges",
    # time and processes
    "FakeClock",
    "run_apart",
]

_EXPORTS = Exports(
    __name__,
    """
    testing.apart: run_apart
    testing.chat: chat_body chat_events check_chat_tools
    testing.checks: bearer_key json_body known_fields nonempty_text require tool_names
    testing.clock: FakeClock
    testing.conformance.suite: ProviderConformance
    testing.dialect: Dialect Rejection load_dialects sse
    testing.emulator: Emulator
    testing.faults: Fault coalesce crash_after cut_after drip hang_after hang_before_head html_page reset_after
    testing.faults: reset_before_head split
    testing.record: Player Recorder check_recordings
    testing.replay: Exchange ReplayServer load_exchanges
    testing.script: Call Failure FailureKind Script ScriptedUsage Step Text Think
    testing.scripted: ScriptedProvider
    testing.server: Handler Hang LoopbackServer Pause Received Reply ReplyStep Reset
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names
