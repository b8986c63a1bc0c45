"""Putting bytes in the place of URLs that a provider does not fetch."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelyard.errors import InvalidRequestError
from modelyard.history.adaptation import Adaptation
from modelyard.media.allowance import Allowance, FetchSlots
from modelyard.media.fetch import Fetched, fetch, shown_url
from modelyard.media.policy import FetchPolicy
from modelyard.media.sniff import media_type_of
from modelyard.types.content import FilePart, ImagePart, Part, ToolResult, urls_of
from modelyard.types.messages import Message
from modelyard.types.report import Note
from modelyard.types.request import Request

if TYPE_CHECKING:
    from modelyard.deployments.deployment import Deployment
    from modelyard.session import Session

__all__ = ["Inliner"]


class Inliner:
    """Writes a request that holds URLs for each deployment tried; a URL is fetched once for all of them."""

    def __init__(
        self, request: Request, policy: FetchPolicy, tls: Callable[[], ssl.SSLContext], slots: FetchSlots
    ) -> None:
        self._request = request
        self._policy = policy
        self._tls = tls
        self._slots = slots
        self._allowance = Allowance(policy.max_total_bytes)
        self._fetched: dict[str, Fetched] = {}
        self._lock = asyncio.Lock()

    async def request_for(self, deployment: Deployment, session: Session) -> Request:
        """The request with bytes for what the provider does not fetch itself.

        Raises ``InvalidRequestError`` naming the message and part whose URL is refused or leads nowhere, and what
        ``Deployment.write`` raises.
        """
        wanted = {
            part.url: where
            for where, part in self._places()
            if part.url and not deployment.binding.fetches(session, part, deployment.card)
        }
        async with self._lock:  # a hedged attempt must not fetch again
            await self._fetch({url: where for url, where in wanted.items() if url not in self._fetched})
        return self._written(deployment, wanted)

    async def _fetch(self, missing: Mapping[str, str]) -> None:
        """Fetch URLs, some at a time; the first that fails ends the others."""
        left = iter(missing.items())
        workers = min(self._policy.concurrency, len(missing))
        tasks = [asyncio.ensure_future(self._work(left)) for _ in range(workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, left: Iterator[tuple[str, str]]) -> None:
        for url, where in left:
            async with self._slots.here():
                self._fetched[url] = await fetch(url, self._policy, self._tls, self._allowance, where)

    def _written(self, deployment: Deployment, wanted: dict[str, str]) -> Request:
        messages = tuple(
            self._inlined(message, index, wanted) for index, message in enumerate(self._request.messages)
        )
        written = deployment.write(self._request.model_copy(update={"messages": messages}).awaiting_urls(False))
        if not wanted:
            return written
        reason = f"{deployment.provider} does not fetch it"
        notes = tuple(
            Note(field=where, action="converted", reason=f"fetched from {shown_url(url)}, because {reason}")
            for url, where in wanted.items()
        )
        before = written.adaptation
        names = before.names if before is not None else {}
        return written.model_copy().remembering(Adaptation((*notes, *(before.notes if before else ())), names))

    def _places(self) -> Iterator[tuple[str, ImagePart | FilePart]]:
        for index, message in enumerate(self._request.messages):
            for number, part in enumerate(message.content):
                for found in urls_of(part):
                    yield f"messages[{index}].content[{number}]", found

    def _inlined(self, message: Message, index: int, wanted: dict[str, str]) -> Message:
        if not wanted or not any(True for part in message.content for _ in urls_of(part)):
            return message
        content = tuple(
            self._part(part, f"messages[{index}].content[{number}]", wanted)
            for number, part in enumerate(message.content)
        )
        return message.model_copy(update={"content": content})

    def _part(self, part: Part, where: str, wanted: dict[str, str]) -> Part:
        if isinstance(part, ToolResult):
            content = tuple(self._media(item, where, wanted) for item in part.content)
            return part.model_copy(update={"content": content})
        return self._media(part, where, wanted)

    def _media(self, part: Part, where: str, wanted: dict[str, str]) -> Part:
        if not isinstance(part, (ImagePart, FilePart)) or part.url not in wanted:
            return part
        fetched = self._fetched[part.url]
        found = media_type_of(fetched.data, part.media_type, fetched.media_type, part.url)
        if isinstance(part, ImagePart) and not (found or "").startswith("image/"):
            raise InvalidRequestError(
                f"{where}: what {shown_url(part.url)} leads to is no image but {found or 'of an unknown type'}.",
                code="url_failed",
                hint="Check that the URL needs no log-in, or pass the bytes as data.",
            )
        changes: dict[str, object] = {"url": None, "data": fetched.data, "media_type": found}
        if isinstance(part, FilePart) and part.name is None:
            changes["name"] = urlsplit(part.url).path.rpartition("/")[2] or None
        return part.model_copy(update=changes)
