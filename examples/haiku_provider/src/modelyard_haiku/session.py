"""The way to the poet."""

from __future__ import annotations

from modelyard.provider import (
    HttpSession,
    ModelCard,
    Request,
    SessionSettings,
    StreamDecoder,
    WireRequest,
    join_base,
    make_client,
)
from modelyard_haiku.events import HaikuDecoder
from modelyard_haiku.request import build_request

__all__ = ["HaikuSession", "open_session"]


class HaikuSession(HttpSession):
    """A session like any other; the key goes in a header of its own."""

    request_id_header = "x-poem-id"

    def build(self, request: Request, card: ModelCard) -> WireRequest:
        return build_request(request, card)

    def decoder(self, wire: WireRequest, request: Request) -> StreamDecoder:
        return HaikuDecoder()


async def open_session(settings: SessionSettings) -> HaikuSession:
    """Open a session."""
    base_url = join_base(settings.base_url or settings.info.base_url, "v1")
    client, owned = await make_client(settings, "httpx", base_url)
    headers = {"content-type": "application/json", **settings.headers}
    if settings.credential is not None:
        headers["x-poet-key"] = settings.credential.secret.reveal()
    return HaikuSession(client, owns_client=owned, base_url=base_url, headers=headers, bounds=settings.bounds)
