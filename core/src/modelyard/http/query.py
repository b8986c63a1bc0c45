"""The query of a base URL, put behind each request's path at the last moment.

Libraries log the URLs they are asked for, and a query may hold a key: so none of them gets to see it.
"""

from __future__ import annotations

from typing import Any

from modelyard.credentials.secret import Secret

__all__ = ["with_query"]


def with_query(httpx: Any, transport: Any, query: Secret) -> Any:
    """A transport that adds a query to the URL of every request and leaves the request itself as it was."""

    class Querying(httpx.AsyncBaseTransport):  # type: ignore[misc]  # the family is known at run time only
        async def handle_async_request(self, request: Any) -> Any:
            parts = (request.url.query, query.reveal().encode())
            url = request.url.copy_with(query=b"&".join(part for part in parts if part))
            try:
                body = {"content": request.content}
            except httpx.RequestNotRead:
                body = {"stream": request.stream}
            sent = httpx.Request(
                request.method, url, headers=request.headers, extensions=request.extensions, **body
            )
            return await transport.handle_async_request(sent)

        async def aclose(self) -> None:
            await transport.aclose()

    return Querying()
