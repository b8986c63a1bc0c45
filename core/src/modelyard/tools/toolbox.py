"""The tools of a run: finding the one a call names, and getting an answer from it, whatever happens."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from modelyard.errors import ConfigurationError, InvalidRequestError
from modelyard.log import logger
from modelyard.suggest import did_you_mean
from modelyard.tools.arguments import InvalidArgumentsError
from modelyard.tools.errors import ToolError
from modelyard.tools.function import Approve, FunctionTool
from modelyard.tools.results import error_result, to_result
from modelyard.types.content import ToolCall, ToolResult
from modelyard.types.tools import Tool

if TYPE_CHECKING:
    from modelyard.runs.limits import RunLimits

__all__ = ["Handler", "Toolbox"]

Handler = Callable[..., Any]
Begin = Callable[[ToolCall, Tool], Awaitable[None]]
Ran = Callable[[ToolCall, ToolResult | None], None]


class Toolbox:
    """Executes calls and never raises for what a model or a tool does wrong: the model is told.

    ``handlers`` gives plain tools, by name, a function that takes the arguments by name. A tool without a
    function is the host's to execute.

    Raises ``InvalidRequestError`` for something that is no tool, ``ConfigurationError`` for a handler of none.
    """

    def __init__(
        self,
        tools: Iterable[Tool | Mapping[str, Any]] | None,
        handlers: Mapping[str, Handler] | None,
        approve: Approve | None,
        limits: RunLimits,
        *,
        parallel: bool = True,
    ) -> None:
        self.declared = tuple(_tool(item, index) for index, item in enumerate(tools or ()))
        self._tools = {tool.name: _with_handler(tool, handlers or {}) for tool in self.declared}
        for name in handlers or ():
            if name not in self._tools:
                hint = did_you_mean(name, self._tools) or self._list()
                raise ConfigurationError(
                    f"There is a handler for {name!r}, which is no tool of the run.", hint=hint
                )
        self._approve = approve
        self._timeout = limits.tool_timeout
        self._slots = asyncio.Semaphore(limits.max_parallel_calls if parallel else 1)

    async def answer(self, call: ToolCall, begin: Begin, ran: Ran) -> ToolResult | None:
        """The result of a call, ``None`` when the host is to bring it.

        ``begin`` is awaited when everything is checked and the tool is about to run; what it raises is raised.
        ``ran`` is told the result in the same task, ``None`` if the tool was cancelled.
        """
        tool = self._tools.get(call.name)
        if tool is None:
            hint = did_you_mean(call.name, self._tools) or self._list()
            return error_result(call, f"There is no tool named {call.name!r}. {hint}")
        if call.arguments is None:
            return error_result(
                call,
                "Nothing was executed: the call has no valid arguments. They are no complete JSON object: cut "
                "off, malformed or nested too deeply; make the call again, with complete arguments.",
            )
        try:
            arguments = tool.read(call)
        except InvalidArgumentsError as error:
            return error_result(call, f"Nothing was executed: the arguments are not valid. {error}")
        denial = await self._denial(tool, call)
        if denial is not None:
            return error_result(call, denial)
        if tool.is_external:
            return None
        async with self._slots:
            await begin(call, tool)
            result = None
            try:
                result = await self._run(tool, call, arguments)
            finally:
                ran(call, result)
            return result

    async def _run(self, tool: FunctionTool, call: ToolCall, arguments: dict[str, Any]) -> ToolResult:
        limit = self._timeout if tool.timeout is None else tool.timeout
        clock = asyncio.timeout(limit)
        try:
            async with clock:
                value = await tool.invoke(arguments)
            return to_result(call, value)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            message = "The tool was cancelled."
        except ToolError as error:
            message = str(error)
        except (Exception, SystemExit) as error:  # a tool that exits must not take the host with it
            if isinstance(error, TimeoutError) and clock.expired():
                message = f"The tool took longer than {limit:g} s and was stopped."
            else:
                message = f"{type(error).__name__}: {error}"
            logger("tooling").warning("The tool %s failed with %s.", tool.name, type(error).__name__)
        return error_result(call, message)

    async def _denial(self, tool: FunctionTool, call: ToolCall) -> str | None:
        """Why a call may not be made, ``None`` if it may; a question that fails is a denial."""
        for approve in (tool.approve, self._approve):
            if approve is None:
                continue
            try:
                verdict = approve(call)
                verdict = await verdict if inspect.isawaitable(verdict) else verdict
            except Exception as error:
                logger("tooling").warning("Asking for approval of %s failed: %s.", tool.name, type(error).__name__)
                return "Nothing was executed: the call could not be approved."
            if isinstance(verdict, str):
                return f"Nothing was executed: the call was denied. {verdict}".rstrip()
            if not verdict:
                return "Nothing was executed: the call was denied."
        return None

    def _list(self) -> str:
        return f"The tools are: {', '.join(self._tools)}." if self._tools else "There are no tools."


def _tool(item: object, index: int) -> Tool:
    if isinstance(item, Tool):
        return item
    if callable(item):
        raise InvalidRequestError(
            f"tools[{index}] is a plain function.", hint="Make a tool of it: modelyard.tool(function)."
        )
    try:
        return Tool.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f".{step}" for step in first["loc"])
        raise InvalidRequestError(f"The request is not valid: tools[{index}]{place}: {first['msg']}.") from None


def _with_handler(tool: Tool, handlers: Mapping[str, Handler]) -> FunctionTool:
    handler = handlers.get(tool.name)
    if isinstance(tool, FunctionTool) and handler is None:
        return tool
    return FunctionTool.of(handler, None, **{name: getattr(tool, name) for name in Tool.model_fields})
