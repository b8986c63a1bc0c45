"""Settings, credentials and URLs: what is wrong is said at once, and a key is never shown."""

from __future__ import annotations

import base64
import hashlib
import pickle
import re
from typing import Any

import pytest

from modelyard import ConfigurationError, Deadlines, ProviderConfig, ProviderInfo, Runtime, hookimpl
from modelyard.config import find_base_url
from modelyard.credentials.redactor import Redactor
from modelyard.credentials.resolve import find_credential
from modelyard.credentials.secret import Secret
from modelyard.testing import ScriptedProvider
from modelyard.urls import join_base, without_version

INFO = ProviderInfo(
    "acme", "Acme", "https://api.acme.example/v1", ("ACME_API_KEY", "ACME_TOKEN"), ("ACME_BASE_URL",)
)
KEY = "sk-sentinel-0123456789"


def test_the_request_wins_over_the_setting_and_the_setting_over_the_environment() -> None:
    environ = {"ACME_API_KEY": "from-environment", "ACME_TOKEN": "second"}

    def source(**given: Any) -> str:
        found = find_credential(INFO, environ=environ, **given)
        assert found is not None
        return found.source

    assert source(request="mine", configured=Secret("set")) == "the request's credential"
    assert source(configured=Secret("set")) == "the api_key setting"
    assert source() == "ACME_API_KEY"


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_blank_counts_as_absent(blank: str) -> None:
    found = find_credential(
        INFO, request=blank, configured=Secret(blank), environ={"ACME_API_KEY": blank, "ACME_TOKEN": "x"}
    )
    assert found is not None
    assert found.source == "ACME_TOKEN"
    assert find_credential(INFO, environ={}) is None


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        (KEY + "\n", "line break"),
        (KEY + "\r\nx-evil: 1", "line break"),
        (" " + KEY, "white space"),
        (f'"{KEY}"', "quotation marks"),
        ("\ufeff" + KEY, "not ASCII"),
        (KEY[:5] + " " + KEY[5:], "a space or a control"),
        (KEY + "\x00", "a space or a control"),
    ],
)
def test_a_key_no_header_can_carry_is_refused_without_showing_it(key: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_credential(INFO, environ={"ACME_API_KEY": key})
    assert complaint in str(caught.value)
    assert "ACME_API_KEY" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_secret_shows_only_a_fingerprint_and_cannot_be_pickled() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret!r} {secret} {secret!s:>40}"
    redactor = Redactor([secret])
    assert redactor.redact(f"bad key {KEY}!") == "bad key [redacted]!"
    assert KEY not in repr(redactor)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)


SLASHED = "sk-a/b+c=0123456789"


@pytest.mark.parametrize(
    "told",
    [
        SLASHED.upper(),
        SLASHED.lower(),
        repr(f"Bearer {SLASHED}".encode()),
        str(list(SLASHED.encode())),
        SLASHED.encode().hex(),
        "".join(f"%{byte:02x}" for byte in SLASHED.encode()),
        *(base64.b64encode(f"{'x' * size} {SLASHED} y".encode()).decode() for size in range(3)),
        base64.urlsafe_b64encode(f"Bearer {SLASHED}".encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_form_in_which_a_server_may_repeat_it(told: str) -> None:
    """A02: most of a form is enough, the rest tells nothing."""
    redactor = Redactor([SLASHED])
    assert redactor.finds(told)
    assert len(redactor.redact(f"bad key {told}!").replace("[redacted]", "")) < 40


def test_secrets_are_told_apart_by_their_values_and_named_by_a_digest_that_nothing_shown_leads_to() -> None:
    one, same = Secret(KEY), Secret(KEY)
    assert one == same
    assert len({one, same, Secret(KEY + "2")}) == 2
    assert re.fullmatch(r"[0-9a-f]{8}", one.fingerprint)
    assert re.fullmatch(r"[0-9a-f]{64}", one.digest)
    assert one.digest == same.digest != Secret(KEY + "2").digest
    assert one.fingerprint not in one.digest
    assert one.digest not in repr(one)
    assert hashlib.sha256(KEY.encode()).hexdigest()[:8] not in one.digest


@pytest.mark.parametrize("value", [None, b"sentinel-KEY-771", 5, ["sentinel-KEY-771"]])
def test_a_secret_of_anything_but_text_is_refused_without_showing_it(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="A credential must be text") as caught:
        Secret(value)
    assert "sentinel" not in str(caught.value)


def test_a_config_hides_its_key() -> None:
    config = ProviderConfig(api_key=KEY, headers={"x-extra": "private"})
    assert KEY not in repr(config)
    assert "private" not in repr(config)
    assert KEY not in repr(Runtime({"acme": config}))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"api_kye": "x"}, "Did you mean 'api_key' or"),
        ({"transport": "carrier-pigeon"}, "transport must be"),
        ({"base_url": "not a url"}, "base_url is no URL"),
        ({"base_url": "ftp://x"}, "base_url is no URL"),
        ({"base_url": "http://"}, "base_url is no URL"),
        ({"base_url": "http://x:notaport"}, "base_url is no URL"),
        ("text", "must be a ProviderConfig or a dict"),
    ],
)
def test_bad_settings_are_named(settings: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Runtime({"acme": settings})
    assert complaint in str(caught.value)


def test_the_base_url_comes_from_the_setting_then_ours_then_the_vendors_variable() -> None:
    environ = {"MODELYARD_ACME_BASE_URL": "https://ours.example", "ACME_BASE_URL": "https://theirs.example"}
    assert find_base_url(INFO, ProviderConfig(base_url="https://set.example"), environ) == (
        "https://set.example",
        None,
    )
    assert find_base_url(INFO, ProviderConfig(), environ) == ("https://ours.example", None)
    theirs = {"ACME_BASE_URL": "https://theirs.example/?a=b"}
    assert find_base_url(INFO, ProviderConfig(), theirs) == ("https://theirs.example/", Secret("a=b"))
    assert find_base_url(INFO, ProviderConfig(), {}) == (None, None)
    asked = ProviderConfig(query={"api-version": "preview", "key": Secret("k v")})
    assert find_base_url(INFO, asked, {}) == (None, Secret("api-version=preview&key=k+v"))
    assert find_base_url(INFO, asked, theirs) == (
        "https://theirs.example/",
        Secret("a=b&api-version=preview&key=k+v"),
    )
    with pytest.raises(ConfigurationError, match="ACME_BASE_URL is no URL"):
        find_base_url(INFO, ProviderConfig(), {"ACME_BASE_URL": "theirs.example"})


@pytest.mark.parametrize(
    ("base", "joined"),
    [
        ("https://h", "https://h/v1"),
        ("https://h/", "https://h/v1"),
        ("https://h/v1", "https://h/v1"),
        ("https://h/v1/", "https://h/v1"),
        ("https://h/openai", "https://h/openai/v1"),
        ("https://h/openai/v1//", "https://h/openai/v1"),
        ("https://h/v1beta", "https://h/v1beta"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
    ],
)
def test_a_base_url_may_have_its_version_and_a_slash(base: str, joined: str) -> None:
    assert join_base(base, "v1") == joined
    assert without_version(joined) == joined[: joined.rindex("/v")]


@pytest.mark.parametrize(
    ("value", "deadlines"),
    [
        (None, Deadlines()),
        (30, Deadlines(total=30.0)),
        ({"first_output": 5}, Deadlines(first_output=5)),
        ({"total": None}, Deadlines(total=None)),
    ],
)
def test_deadlines_take_a_number_or_a_dict(value: Any, deadlines: Deadlines) -> None:
    assert Deadlines.make(value) == deadlines


@pytest.mark.parametrize("value", ["soon", {"frist_output": 1}, {"total": -1}, True])
def test_bad_deadlines_are_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError):
        Deadlines.make(value)


@pytest.mark.parametrize("attempts", [0, -1, 1.5, "3", True])
def test_bad_attempts_are_refused(attempts: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_attempts"):
        Runtime(max_attempts=attempts)


@pytest.mark.parametrize("plugins", [5, "openai"])
def test_a_list_of_plugins_that_is_none_is_refused(plugins: Any) -> None:
    with pytest.raises(ConfigurationError, match="plugins must be a list of names"):
        Runtime(plugins=plugins)


def test_a_missing_key_says_which_variable_to_set() -> None:
    class NeedsKey(ScriptedProvider):
        @hookimpl
        def modelyard_provider(self) -> ProviderInfo:
            return INFO

    runtime = Runtime(plugins=[NeedsKey("acme")])
    with pytest.raises(ConfigurationError, match="Set ACME_API_KEY or ACME_TOKEN"):
        runtime.stream("acme:one", "Hi")
