"""A chat page for any model: FastAPI passes the events of a stream to the browser as they arrive.

Run it with ``uvicorn app:app`` in this folder; keys come from the environment. A browser that leaves, or a press
on Stop, ends the response, which closes the stream and with it the connection to the provider.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel

from modelyard import Message, ModelyardError, Runtime

__all__ = ["app", "create_app"]

PAGE = Path(__file__).with_name("page.html")


class Turn(BaseModel):
    """One turn of the conversation, as the page keeps it."""

    role: Literal["user", "assistant"]
    text: str


class Question(BaseModel):
    """A request of the page: the whole conversation, for the server keeps none."""

    model: str
    turns: list[Turn]


def create_app(**settings: Any) -> FastAPI:
    """The application; ``settings`` are those of ``Runtime``."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Runtime(**settings) as runtime:  # one for the application: it keeps connections open
            app.state.runtime = runtime
            yield

    app = FastAPI(lifespan=lifespan)
    app.add_exception_handler(ModelyardError, _explain)
    app.get("/")(page)
    app.get("/models")(models)
    app.post("/chat")(chat)
    return app


async def page() -> FileResponse:
    """The page itself."""
    return FileResponse(PAGE)


async def models(request: Request) -> list[dict[str, str]]:
    """The models there are, for the page to choose from."""
    runtime: Runtime = request.app.state.runtime
    return [{"ref": card.ref, "label": card.label} for card in runtime.catalog.find(kind="chat")]


async def chat(question: Question, request: Request) -> StreamingResponse:
    """The answer, as server-sent events; an error in the middle is the last of them."""
    runtime: Runtime = request.app.state.runtime
    messages = [Message(role=turn.role, content=turn.text) for turn in question.turns]
    stream = runtime.stream(question.model, messages)  # raises here what can be known before anything is sent
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}  # proxies must not hold events back
    return StreamingResponse(stream.to_sse(), media_type="text/event-stream", headers=headers)


async def _explain(request: Request, error: Exception) -> JSONResponse:
    """An error before the stream began; its message says what to do and holds no secret."""
    assert isinstance(error, ModelyardError)
    return JSONResponse(error.to_dict(), status_code=400)


app = create_app()
