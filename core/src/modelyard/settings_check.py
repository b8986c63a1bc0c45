"""Complaints about settings, in words that never repeat a value where it may be a secret.

Each check gives the rest of a sentence that begins with the setting's name, or ``None`` when all is well.
"""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from modelyard.credentials.known_secrets import is_secret_name
from modelyard.credentials.secret import Secret
from modelyard.errors import ConfigurationError

__all__ = [
    "bare_errors",
    "ca_problem",
    "client_cert_problem",
    "header_problem",
    "headers_problem",
    "key_problem",
    "keys_problem",
    "number_problem",
    "options_problem",
    "text_problem",
]

C = TypeVar("C")

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A header's name: RFC 9110, 5.6.2."""

_OF_THE_CLIENT: Final = frozenset({"content-length", "transfer-encoding", "connection"})
"""Headers that frame a message: the HTTP client writes them, and a second opinion breaks the connection."""


def bare_errors(cls: type[C]) -> type[C]:
    """Make a class raise its ``ConfigurationError`` from here, so that no traceback holds what it was given."""
    make: Any = cls.__init__

    @functools.wraps(make)
    def checked(self: object, *given: Any, **settings: Any) -> None:
        problem: ConfigurationError | None = None
        try:
            make(self, *given, **settings)
        except ConfigurationError as error:
            problem = error
        if problem is not None:
            del self, given, settings
            raise problem.with_traceback(None)

    cls.__init__ = checked  # type: ignore[method-assign]
    return cls


def key_problem(key: object) -> str | None:
    """Check whether a key is text or a ``Secret``."""
    if key is None or isinstance(key, (str, Secret)):
        return None
    return f"must be text, not {type(key).__name__}"


def keys_problem(keys: object) -> str | None:
    """Check whether keys are a list of keys."""
    if isinstance(keys, (str, Secret)):
        return "must be a list of keys; one key is the setting api_key"
    if not isinstance(keys, (list, tuple)):
        return f"must be a list of keys, not {type(keys).__name__}"
    wrong = [type(each).__name__ for each in keys if not isinstance(each, (str, Secret))]
    return f"must hold texts, not {wrong[0]}" if wrong else None


def text_problem(text: object) -> str | None:
    """Check whether a text that is written in one line is one."""
    if not isinstance(text, str):
        return f"must be text, not {type(text).__name__}"
    if not text.strip() or not text.isprintable():
        return "is blank or holds a control character"
    return None


def number_problem(number: object, *, least: float = 0, whole: bool = False) -> str | None:
    """Check whether a number is one, finite, and not too small."""
    kind = "a whole number" if whole else "a number"
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return f"must be {kind} from {least:g} on, not {type(number).__name__}"
    fits = math.isfinite(number) and number >= least and not (whole and isinstance(number, float))
    return None if fits else f"must be {kind} from {least:g} on, not {number!r}"


def options_problem(options: object) -> str | None:
    """Check whether a plugin's options are a mapping of names."""
    if not isinstance(options, Mapping):
        return f"must be a dict, not {type(options).__name__}"
    wrong = [type(name).__name__ for name in options if not isinstance(name, str)]
    return f"must have names of text, not {wrong[0]}" if wrong else None


def ca_problem(path: object) -> str | None:
    """Check whether a path is one of a file or a folder that is there."""
    if not isinstance(path, (str, os.PathLike)):
        return f"must be the path of a file or a folder, not {type(path).__name__}"
    place = Path(path).expanduser()
    return None if place.exists() else f"names {str(place)!r}, which does not exist"


def client_cert_problem(value: object) -> str | None:
    """Check whether a client certificate is a file, or a file of it, one of its key, and a password."""
    parts = value if isinstance(value, (tuple, list)) else (value,)
    if not 1 <= len(parts) <= 3:
        return "must be a path, or (certificate, key) or (certificate, key, password)"
    if len(parts) == 3 and not isinstance(parts[2], (str, Secret, NoneType)):
        return f"must have a password of text, not {type(parts[2]).__name__}"
    paths = [part for part in parts[:2] if part is not None] if parts[0] is not None else parts[:1]
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            return f"must be the path of a file, or a tuple of such, not {type(path).__name__}"
        place = Path(path).expanduser()
        if not place.is_file():
            return f"names {str(place)!r}, which {'is no file' if place.exists() else 'does not exist'}"
    return None


def headers_problem(headers: object) -> str | None:
    """Check whether headers can be sent as they are; their names may be told, their values not."""
    if not isinstance(headers, Mapping):
        return f"must be a dict, not {type(headers).__name__}"
    return next((problem for name, value in headers.items() if (problem := header_problem(name, value))), None)


def header_problem(name: object, value: object) -> str | None:
    """Check whether one header can be sent."""
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        return "hold a name that is no name of a header: use letters, digits and hyphens"
    if name.lower() in _OF_THE_CLIENT:
        return f"hold {name!r}, which the HTTP client writes itself"
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        return f"hold {type(text).__name__} for {name!r}, where text is expected"
    if "\r" in text or "\n" in text:
        return f"hold a line break in {name!r}"
    if not text.isascii() or not text.replace("\t", " ").isprintable():
        return f"hold a control character in {name!r}, or one that is not ASCII"
    return f"hold {name!r}, which begins or ends with white space" if text != text.strip() else None


def parameters_problem(query: object) -> str | None:
    """Check whether parameters of a query are texts by name; their names may be told, their values not."""
    if not isinstance(query, Mapping):
        return f"must be a dict, not {type(query).__name__}"
    for name, value in query.items():
        if not isinstance(name, str) or not name:
            return "holds a name that is no text"
        if not isinstance(value, (str, Secret)):
            return f"holds {type(value).__name__} for {name!r}, where text is expected"
    return None


def secret_in_query(url: str) -> str | None:
    """Check whether a URL holds a key: text of settings gets copied into places that nobody guards."""
    named = [name for name, _ in parse_qsl(url.partition("?")[2]) if is_secret_name(name)]
    return f"has a secret in its query ({named[0]!r})" if named else None
