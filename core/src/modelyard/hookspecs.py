"""The contract between the core and a provider plugin, one hook for each operation.

A plugin is a module with functions marked ``@hookimpl`` and ``MODELYARD_API = 1`` or ``(1, 2)``, named in the
entry-point group ``modelyard.providers``. Each provider has a plugin manager of its own, so every hook here is
answered by one provider, plus the wrappers the host added (``@hookimpl(wrapper=True)``). All hooks stop at the
first result that is not ``None``; hooks marked optional may be left out.

A hook is called once per attempt, never per event. The asynchronous hooks return an awaitable
(``modelyard_open``, ``modelyard_complete``, ``modelyard_list_models``, ``modelyard_count_tokens``) or an
asynchronous iterator (``modelyard_stream``); the others are plain functions that touch neither disk nor
network. A hook of the wrong kind (async where plain is asked, or plain where async) is a load error, and so is a
required one without ``@hookimpl``.

What a hook returns is looked at, each item of a stream too. Anything else than the annotation says, or an
exception where none is allowed, is an ``InvalidResponseError`` (``code="plugin_fault"``) that names hook and
plugin, and another deployment may answer. A hook, or an argument of one, that only a newer core has does no
harm: the hook is not called, the argument is ``None``, and one warning names it.

Types are imported for checking only: loading this module costs nothing but ``pluggy``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

    from modelyard.catalog.card import ModelCard
    from modelyard.errors import ProviderError
    from modelyard.session import Session, SessionSettings
    from modelyard.types.completion import Completion
    from modelyard.types.content import FilePart, ImagePart, ToolCall, ToolResult
    from modelyard.types.events import StreamItem
    from modelyard.types.provider import ProviderInfo
    from modelyard.types.record import AttemptRecord, Record
    from modelyard.types.request import Request
    from modelyard.types.tools import Tool


__all__ = ["API_VERSION", "PROJECT", "hookimpl", "hookspec"]

PROJECT = "modelyard"
API_VERSION = 1
"""The version of this contract. A plugin states the one it was written for as ``MODELYARD_API``."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# Who and what: called once, when the plugin is loaded


@hookspec(firstresult=True)
def modelyard_provider() -> ProviderInfo:
    """Say who the provider is: its id, its name, where its credential and base URL are found, what it takes.

    Called once at load. Must import nothing heavy and not touch the network. The id must equal the name of
    the plugin's entry point. ``ProviderInfo.fields`` names the optional fields of a request that the plugin
    writes; the core takes every other one out first, and notes or refuses it, so the plugin need not look at it.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def modelyard_models() -> Sequence[ModelCard]:
    """List the cards of the models the provider serves, the preferred ones first.

    Called once at load, when the catalog is asked for. Usually one call of
    ``modelyard.provider.load_cards``.
    """
    raise NotImplementedError


# Sessions: called once per event loop and credential


@hookspec(firstresult=True)
def modelyard_open(settings: SessionSettings) -> Awaitable[Session]:
    """Make what it takes to talk to the provider: an HTTP client, an SDK client, headers.

    Heavy imports belong here, off the event loop. The session is used by one event loop only and closed by
    the runtime. Raises ``ConfigurationError`` for settings that cannot work.

    :param settings: credential, base URL, HTTP client and options, resolved by the core.
    """
    raise NotImplementedError


# Calls: one hook call per attempt


@hookspec(firstresult=True)
def modelyard_complete(session: Session, request: Request, card: ModelCard) -> Awaitable[Completion]:
    """Ask for a whole answer.

    Anything raised that is no ``ModelyardError`` goes to ``modelyard_map_error``. A finished answer must
    equal what collecting ``modelyard_stream`` gives for the same answer.

    :param session: what ``modelyard_open`` returned.
    :param request: the validated request, a copy of the plugin's own for this attempt.
    :param card: the card of the model asked for, all ``unknown`` for a model no catalog lists.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def modelyard_stream(session: Session, request: Request, card: ModelCard) -> AsyncIterator[StreamItem]:
    """Ask for an answer in pieces.

    Yields one ``ResponseInfo`` when the response's head has arrived, then events, singly or in batches (a
    list of the events decoded from one read is fastest), ``Done`` last. Ending without ``Done`` is an
    interrupted stream: raise ``StreamInterruptedError``. Closing the iterator must close the connection.

    :param session: what ``modelyard_open`` returned.
    :param request: the validated request, a copy of the plugin's own for this attempt.
    :param card: the card of the model asked for.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def modelyard_map_error(error: BaseException) -> ProviderError:
    """Turn anything the other hooks raised into one of Modelyard's errors.

    Never raises, whatever the body: HTML, a list, a string, nothing, ten megabytes. The core adds provider,
    model and attempts, removes the credential from the message, and keeps the original as the cause.

    :param error: an ``HttpFailure`` for a response that is no success, or what the HTTP or SDK client raised.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def modelyard_validate(request: Request, card: ModelCard) -> None:
    """Refuse, before the network, what the provider would refuse. Optional.

    Raises ``InvalidRequestError`` or ``UnsupportedFeatureError``.

    :param request: the validated request.
    :param card: the card of the model asked for.
    """


@hookspec(firstresult=True)
def modelyard_fetches(session: Session, part: ImagePart | FilePart, card: ModelCard) -> bool | None:
    """Say whether the provider fetches the URL of an image or a file itself. Optional.

    Asked for each part with a URL, and only where the host lets the runtime fetch what a provider does not
    (``Runtime(fetch_urls=...)``). ``True`` also for what it cannot take in any form, which ``modelyard_validate``
    then refuses. Without this hook every URL is left to the provider.

    :param session: what ``modelyard_open`` returned.
    :param part: a part whose ``url`` is set.
    :param card: the card of the model asked for.
    """


@hookspec(firstresult=True)
def modelyard_list_models(session: Session) -> Awaitable[Sequence[ModelCard]]:
    """Ask the provider which models it serves now. Optional.

    :param session: what ``modelyard_open`` returned.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def modelyard_count_tokens(session: Session, request: Request, card: ModelCard) -> Awaitable[int | None]:
    """Ask the provider how many input tokens a request has. Optional.

    ``None`` where the provider has no way to count; the core then estimates.

    :param session: what ``modelyard_open`` returned.
    :param request: the validated request.
    :param card: the card of the model asked for.
    """
    raise NotImplementedError


# Observers: implemented by hosts, broadcast to all of them, each call isolated


@hookspec
def modelyard_call_started(
    call_id: str, request: Request, deployment: str, operation: str, run_id: str | None
) -> None:
    """Learn that a call begins. For hosts; what an observer raises is logged and ignored.

    :param call_id: tells this call from every other of the process.
    :param request: what is asked, in neutral words; holds content, which an observer should keep to itself.
    :param deployment: the reference of the deployment tried first; the provider's id where no model is asked.
    :param operation: ``complete``, ``stream``, ``count_tokens`` or ``list_models``; others may be added. A list
        asks nothing of a model: its request has no messages.
    :param run_id: the run the call is a step of, ``None`` if it is none.
    """


@hookspec
def modelyard_call_finished(
    call_id: str,
    record: Record,
    completion: Completion | None,
    error: BaseException | None,
    operation: str,
    result: object,
) -> None:
    """Learn how a call ended. For hosts; what an observer raises is logged and ignored.

    :param call_id: the id the call began with.
    :param record: every attempt of the call.
    :param completion: the answer, ``None`` if there is none.
    :param error: what was raised; ``None`` with no result means that the caller gave up.
    :param operation: what kind of call it was, as in ``modelyard_call_started``.
    :param result: what the call gave: the completion, a ``TokenCount``, a tuple of cards; ``None`` without one.
    """


@hookspec
def modelyard_attempt_started(call_id: str, deployment: str, number: int, server: str | None) -> None:
    """Learn that an attempt begins. For hosts; what an observer raises is logged and ignored.

    :param call_id: the id of the call it belongs to.
    :param deployment: the reference of the deployment.
    :param number: 1 for the first attempt of the call.
    :param server: scheme, host and port it goes to, such as ``https://api.example.com``; ``None`` where only an
        SDK client of the host's own knows.
    """


@hookspec
def modelyard_attempt_finished(call_id: str, attempt: AttemptRecord) -> None:
    """Learn how an attempt ended. For hosts; what an observer raises is logged and ignored.

    :param call_id: the id of the call it belongs to.
    :param attempt: the record of the attempt.
    """


@hookspec
def modelyard_run_started(run_id: str) -> None:
    """Learn that a run of model and tools begins, or goes on. For hosts; what an observer raises is logged.

    :param run_id: tells this run from every other of the process.
    """


@hookspec
def modelyard_run_finished(run_id: str, status: str | None, error: BaseException | None) -> None:
    """Learn how a run ended. For hosts; what an observer raises is logged and ignored.

    :param run_id: the id the run began with.
    :param status: ``completed``, ``awaiting_tool_results`` or ``limit``; ``None`` if it came to no result.
    :param error: what was raised; ``None`` with no status means that the caller gave up.
    """


@hookspec
def modelyard_tool_started(run_id: str, call: ToolCall, tool: Tool) -> None:
    """Learn that a tool is executed. For hosts; what an observer raises is logged and ignored.

    Told in the task that runs the tool: a context variable set here is seen by the tool.

    :param run_id: the run whose model called it.
    :param call: the call, with its arguments, which are content.
    :param tool: the tool.
    """


@hookspec
def modelyard_tool_finished(run_id: str, call: ToolCall, result: ToolResult | None) -> None:
    """Learn how a tool ended. For hosts; what an observer raises is logged and ignored.

    Told in the task that ran the tool.

    :param run_id: the run whose model called it.
    :param call: the call.
    :param result: what the model is told, errors included; ``None`` if the tool was cancelled.
    """
