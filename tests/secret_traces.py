"""Everything that can be seen of a result or an error: as text, logged, stored, pickled, in a traceback."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelyard import ModelyardError

__all__ = ["of_error", "texts"]

_TESTS = Path(__file__).parent


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every form in which a value may be printed, logged or stored."""
    yield "repr", repr(value)
    yield "str", str(value)
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)
        return
    for name in ("model_dump_json", "to_json"):
        if callable(method := getattr(value, name, None)):
            yield name, str(method())
    for name in ("record", "report", "state", "completion"):
        if getattr(value, name, None) is not None and value is not getattr(value, name):
            yield from texts(getattr(value, name))


def of_error(error: BaseException) -> Iterator[tuple[str, str]]:
    """Every form of an error and of what hangs on it."""
    link: BaseException | None = error
    while link is not None:
        yield "error", f"{link} {link!r} {vars(link)!r}"
        link = link.__cause__ or link.__context__
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in told.stack if Path(frame.filename).parent != _TESTS]  # a test knows the key
    yield "traceback with locals", repr([(frame.name, frame.locals) for frame in frames])
    yield "traceback", "".join(traceback.format_exception(error))
    yield "copy", repr(copy.deepcopy(error))
    yield "pickle", pickle.dumps(error).decode("latin-1")
    if isinstance(error, ModelyardError):
        yield "dict", json.dumps(error.to_dict())
        if error.run is not None:
            yield from texts(error.run)
