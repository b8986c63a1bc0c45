"""URLs a provider does not fetch itself: fetched by the runtime where the host allows, and nowhere forbidden."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from modelyard import FetchPolicy, InvalidRequestError, Message, Runtime, SyncRuntime, UnsupportedFeatureError
from modelyard.testing import Emulator, Hang, LoopbackServer, Pause, Received, Reply, Script, load_dialects
from modelyard.types.content import FilePart, ImagePart, ToolCall, ToolResult

TEXT = "Some notes.\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\x00" * 24


class Files:
    """A server of files, known by the name ``files.test``; other names lead where a test says."""

    def __init__(self, server: LoopbackServer) -> None:
        self.server = server
        self.replies: dict[str, Reply] = {}
        self.names: dict[str, list[Sequence[str]]] = {"files.test": [["127.0.0.1"]]}
        self.looked_up: list[str] = []

    def url(self, path: str, host: str = "files.test") -> str:
        return f"http://{host}:{self.server.port}{path}"

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.looked_up.append(host)
        answers = self.names.get(host)
        if answers is None:
            raise OSError("unknown host")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def policy(self, **fields: Any) -> FetchPolicy:
        """A policy under which the test's one loopback address counts as public, and no other."""
        fields = {"allow_networks": ["127.0.0.1/32"], "ports": None, "resolve": self.resolve, **fields}
        return FetchPolicy(**fields)


@pytest.fixture
def files() -> Iterator[Files]:
    found: list[Files] = []

    def handle(received: Received) -> Reply:
        return found[0].replies.get(received.path, Reply(404))

    with LoopbackServer(handle) as server:
        found.append(Files(server))
        found[0].replies |= {
            "/notes.txt": body(TEXT.encode(), "text/plain; charset=utf-8"),
            "/a.png": body(PNG, "application/octet-stream"),
            "/a.wav": body(WAV, "audio/x-wav"),
        }
        yield found[0]


def body(data: bytes, media_type: str, **headers: str) -> Reply:
    return Reply(200, {"content-type": media_type, **headers}, (data,))


@pytest.fixture
def claude() -> Iterator[Emulator]:
    with Emulator(load_dialects(["claude"])["claude"]) as emulator:
        emulator.default = Script().say("Read.")
        yield emulator


def runtime_of(emulator: Emulator, provider: str = "claude", **arguments: Any) -> Runtime:
    options = arguments.pop("options", {})
    settings = {**emulator.settings(), "options": options}
    return Runtime({provider: settings}, plugins=[provider], max_attempts=1, **arguments)


def notes(url: str) -> list[Message]:
    return [Message.user("Hello."), Message.user(["Sum up.", FilePart(url=url, media_type="text/plain")])]


def wire(emulator: Emulator) -> str:
    return emulator.requests[-1].body.decode()


MODEL = "claude:claude-sonnet-5-5"


async def test_d08_without_leave_a_url_the_provider_does_not_fetch_is_refused(
    claude: Emulator, files: Files
) -> None:
    async with runtime_of(claude) as runtime:
        with pytest.raises(UnsupportedFeatureError):
            await runtime.complete(MODEL, notes(files.url("/notes.txt")))
    assert not files.server.requests
    assert not claude.requests


@pytest.mark.parametrize("stream", [False, True])
async def test_with_leave_it_is_sent_as_bytes_and_said_so(claude: Emulator, files: Files, stream: bool) -> None:
    url = files.url("/notes.txt") + "?token=secret"
    async with runtime_of(claude, fetch_urls=files.policy()) as runtime:
        call = runtime.stream(MODEL, notes(url)).collect() if stream else runtime.complete(MODEL, notes(url))
        completion = await call
    assert "Some notes." in wire(claude)
    assert "files.test" not in wire(claude)
    (note,) = completion.report.about("messages[1].content[1]")
    assert note.action == "converted"
    assert "files.test" in note.reason
    assert "secret" not in note.reason


def test_the_synchronous_runtime_fetches_too(claude: Emulator, files: Files) -> None:
    with SyncRuntime({"claude": claude.settings()}, plugins=["claude"], fetch_urls=files.policy()) as runtime:
        assert runtime.complete(MODEL, notes(files.url("/notes.txt"))).text == "Read."


async def test_nothing_of_ours_goes_along(claude: Emulator, files: Files) -> None:
    files.replies["/notes.txt"] = body(TEXT.encode(), "text/plain", **{"set-cookie": "a=b"})
    async with runtime_of(claude, fetch_urls=files.policy()) as runtime:
        for _ in range(2):
            await runtime.complete(MODEL, notes(files.url("/notes.txt")))
    for received in files.server.requests:
        assert set(received.headers) <= {"host", "accept", "accept-encoding", "user-agent", "connection"}


async def test_what_the_provider_fetches_itself_is_left_to_it(claude: Emulator, files: Files) -> None:
    url = "https://example.org/a.png"
    async with runtime_of(claude, fetch_urls=files.policy()) as runtime:
        await runtime.complete(MODEL, Message.user(["What is it?", ImagePart(url=url)]))
    assert url in wire(claude)
    assert files.looked_up == []


async def test_a_url_is_fetched_once_for_all_attempts_and_parts(claude: Emulator, files: Files) -> None:
    claude.add(Script().fail("overloaded"), Script().fail("overloaded"))
    part = FilePart(url=files.url("/notes.txt"), media_type="text/plain")
    settings = {"claude": claude.settings()}
    async with Runtime(settings, plugins=["claude"], max_attempts=3, fetch_urls=files.policy()) as runtime:
        completion = await runtime.complete(MODEL, Message.user(["Compare.", part, part]))
    assert len(completion.record.attempts) == 3
    assert len(files.server.requests) == 1


async def test_the_result_of_a_tool_may_hold_a_url(claude: Emulator, files: Files) -> None:
    part = FilePart(url=files.url("/notes.txt"), media_type="text/plain")
    history = [
        Message.user("Read it."),
        Message(role="assistant", content=(ToolCall(id="toolu_1", name="read", arguments={}),)),
        Message(role="tool", content=(ToolResult(tool_call_id="toolu_1", content=(part,)),)),
    ]
    async with runtime_of(claude, fetch_urls=files.policy()) as runtime:
        await runtime.complete(MODEL, history)
    assert "Some notes." in wire(claude)


async def test_the_callers_messages_are_not_changed(claude: Emulator, files: Files) -> None:
    messages = notes(files.url("/notes.txt"))
    before = [message.model_dump_json() for message in messages]
    async with runtime_of(claude, fetch_urls=files.policy()) as runtime:
        await runtime.complete(MODEL, messages)
    assert [message.model_dump_json() for message in messages] == before


async def test_tokens_are_counted_of_the_bytes(claude: Emulator, files: Files) -> None:
    async with runtime_of(claude, fetch_urls=files.policy()) as runtime:
        await runtime.count_tokens(MODEL, notes(files.url("/notes.txt")))
    assert "Some notes." in wire(claude)


ELSEWHERE: dict[str, tuple[str, dict[str, Any], ImagePart | FilePart, str]] = {
    "Gemini fetches no http": ("gemini", {}, ImagePart(url="/a.png"), "image/png"),
    "Chat Completions fetches no files": ("openai", {"api": "chat"}, FilePart(url="/doc.pdf"), "application/pdf"),
}


@pytest.mark.parametrize("case", ELSEWHERE)
async def test_each_provider_gets_bytes_of_what_it_does_not_fetch(case: str, files: Files) -> None:
    provider, options, part, media_type = ELSEWHERE[case]
    files.replies["/doc.pdf"] = body(b"%PDF-1.7 x", "application/octet-stream")
    part = part.model_copy(update={"url": files.url(part.url or "")})
    with Emulator(load_dialects([provider])[provider]) as emulator:
        emulator.default = Script().say("Seen.")
        async with runtime_of(emulator, provider, options=options, fetch_urls=files.policy()) as runtime:
            await runtime.complete(f"{provider}:{emulator.dialect.model}", Message.user(["What?", part]))
        assert media_type in wire(emulator)
        assert "files.test" not in wire(emulator)


async def refused(emulator: Emulator, url: str, policy: FetchPolicy) -> InvalidRequestError:
    async with runtime_of(emulator, fetch_urls=policy) as runtime:
        with pytest.raises(InvalidRequestError) as caught:
            await runtime.complete(MODEL, notes(url))
    assert not emulator.requests, "the provider was called all the same"
    assert "messages[1].content[1]" in caught.value.message
    assert not caught.value.retryable
    return caught.value


FORBIDDEN = {
    "loopback": "http://127.0.0.2/x",
    "loopback in IPv6": "http://[::1]/x",
    "loopback mapped": "http://[::ffff:127.0.0.1]/x",
    "metadata service": "http://169.254.169.254/latest/meta-data",
    "private": "http://10.0.0.1/x",
    "unspecified": "http://0.0.0.0/x",
    "a number": "http://2130706434/x",
    "hexadecimal": "http://0x7f000002/x",
    "short": "http://127.2/x",
    "octal": "http://0177.0.0.2/x",
    "a last dot": "http://127.0.0.2./x",
    "a circled digit": "http://127.0.0.②/x",
    "other full stops": "http://127。0。0。2/x",
    "a percent sign": "http://127.0.0.%32/x",
    "a zone": "http://[fe80::1%25eth0]/x",
    "an address of a cloud's metadata": "http://192.0.0.192/",
    "site-local": "http://[fec0::1]/",
    "6to4": "http://[2002:7f00:2::]/",
    "translated": "http://[64:ff9b::7f00:2]/",
    "localhost": "http://localhost/x",
    "file": "file:///etc/passwd",
    "ftp": "ftp://files.test/x",
    "gopher": "gopher://files.test/x",
    "no host": "http:///x",
    "no URL": "http://[",
    "credentials": "http://user:hunter2@files.test/x",
    "a port of another service": "http://93.184.215.14:22/x",
}


@pytest.mark.parametrize("kind", FORBIDDEN)
async def test_d08_a_url_that_leads_inside_is_refused(claude: Emulator, kind: str) -> None:
    error = await refused(claude, FORBIDDEN[kind], FetchPolicy())
    assert error.code == "url_refused"
    assert "hunter2" not in str(error)


async def test_fault_a31_a_host_that_folds_to_an_address_is_not_reached(claude: Emulator, files: Files) -> None:
    """The resolver's answer is public; the library that connects would read loopback and not ask anybody."""
    files.names["127.0.0.①"] = files.names["127.0.0.1"] = [["93.184.216.34"]]
    policy = FetchPolicy(resolve=files.resolve, ports=None)
    for host in ("127.0.0.①", "127.0.0.1"):
        error = await refused(claude, files.url("/notes.txt", host=host), policy)
        assert error.code == "url_refused"
    assert not files.server.requests
    assert not files.looked_up, "an address is not looked up"


async def test_a_literal_address_that_is_allowed_is_asked(claude: Emulator, files: Files) -> None:
    async with runtime_of(claude, fetch_urls=files.policy(resolve=None)) as runtime:
        await runtime.complete(MODEL, notes(files.url("/notes.txt", host="127.0.0.1")))
    assert files.server.requests[0].headers["host"] == f"127.0.0.1:{files.server.port}"


async def test_an_international_name_is_looked_up_and_asked_for_in_ascii(claude: Emulator, files: Files) -> None:
    files.names["xn--bcher-kva.test"] = [["127.0.0.1"]]
    async with runtime_of(claude, fetch_urls=files.policy()) as runtime:
        await runtime.complete(MODEL, notes(files.url("/notes.txt", host="bücher.test")))
    assert files.looked_up == ["xn--bcher-kva.test"]
    assert files.server.requests[0].headers["host"] == f"xn--bcher-kva.test:{files.server.port}"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.②/x",
        "http://0177.0.0.2/",
        "http://192.0.0.192/",
        "//[fec0::1]/",
        "http://127.0.0.2:1/x",
        "http://inner.test/x",
        "file:///etc/passwd",
        "http://[::1]/",
    ],
)
async def test_d08_a_redirect_that_leads_inside_is_refused(claude: Emulator, files: Files, target: str) -> None:
    files.names |= {"inner.test": [["10.1.2.3"]], "127.0.0.2": [["127.0.0.2"]], "::1": [["::1"]]}
    files.replies["/go"] = Reply(302, {"location": target.encode().decode("latin-1")})
    error = await refused(claude, files.url("/go"), files.policy())
    assert error.code == "url_refused"
    assert len(files.server.requests) == 1


async def test_a_redirect_to_a_good_place_is_followed(claude: Emulator, files: Files) -> None:
    files.replies["/go"] = Reply(307, {"location": "notes.txt"})
    async with runtime_of(claude, fetch_urls=files.policy()) as runtime:
        await runtime.complete(MODEL, notes(files.url("/go")))
    assert "Some notes." in wire(claude)


async def test_redirects_without_end_are_left(claude: Emulator, files: Files) -> None:
    files.replies["/go"] = Reply(302, {"location": "/go"})
    error = await refused(claude, files.url("/go"), files.policy(max_redirects=2))
    assert error.code == "url_failed"
    assert len(files.server.requests) == 3


async def test_d08_a_name_is_looked_up_once_and_connected_to_where_it_led(claude: Emulator, files: Files) -> None:
    """A second look-up would lead inside: that is how names are rebound after a check."""
    files.names["turning.test"] = [["127.0.0.1"], ["127.0.0.2"]]
    async with runtime_of(claude, fetch_urls=files.policy()) as runtime:
        await runtime.complete(MODEL, notes(files.url("/notes.txt", host="turning.test")))
    assert files.looked_up == ["turning.test"]
    assert files.server.requests[0].headers["host"].startswith("turning.test")


async def test_one_bad_address_of_several_is_enough(claude: Emulator, files: Files) -> None:
    files.names["mixed.test"] = [["127.0.0.1", "10.0.0.9"]]
    error = await refused(claude, files.url("/notes.txt", host="mixed.test"), files.policy())
    assert error.code == "url_refused"


async def test_a_host_not_listed_is_refused_before_it_is_looked_up(claude: Emulator, files: Files) -> None:
    error = await refused(claude, files.url("/notes.txt"), files.policy(allow_hosts=["*.example.com"]))
    assert error.code == "url_refused"
    assert files.looked_up == []


Make = Callable[[], Reply]
TOO_MUCH: dict[str, Make] = {
    "said": lambda: body(b"x" * 2_000, "text/plain"),
    "not said": lambda: Reply(200, {"content-type": "text/plain"}, [b"x" * 500] * 4, chunked=True),
    "without end": lambda: Reply(200, {"content-type": "text/plain"}, [b"x" * 2_000, Hang()], chunked=True),
}


@pytest.mark.parametrize("how", TOO_MUCH)
async def test_a_body_over_the_limit_is_refused_while_it_is_read(claude: Emulator, files: Files, how: str) -> None:
    files.replies["/big"] = TOO_MUCH[how]()
    error = await refused(claude, files.url("/big"), files.policy(max_bytes=1_000))
    assert error.code == "url_too_large"


class Crowd:
    """A server of images that takes a while for each, and knows how many it was asked for within that while."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked: list[float] = []

    def __call__(self, received: Received) -> Reply:
        self._asked.append(time.monotonic())
        return replace(body(PNG, "image/png"), before_head=(Pause(self._seconds),))

    @property
    def most(self) -> int:
        """The most requests that cannot but have been under way at the same time."""
        return max(sum(start <= other < start + self._seconds for other in self._asked) for start in self._asked)


@pytest.fixture
def gemini() -> Iterator[Emulator]:
    with Emulator(load_dialects(["gemini"])["gemini"]) as emulator:
        emulator.default = Script().say("Seen.")
        yield emulator


@pytest.mark.parametrize(("policy", "most"), [({}, 16), ({"concurrency": 3}, 3)])
async def test_a18_no_more_urls_are_fetched_at_a_time_than_the_policy_says(
    gemini: Emulator, policy: dict[str, Any], most: int
) -> None:
    """The bound holds for one request, and for several requests of one runtime together."""
    crowd = Crowd(0.05)
    with LoopbackServer(crowd) as server:
        fetch = FetchPolicy(allow_private=True, ports=None, **policy)
        files = Files(server)
        async with runtime_of(gemini, "gemini", fetch_urls=fetch) as runtime:
            asked = [images_at(files, "127.0.0.1", count) for count in (10, 14)]
            await asyncio.gather(*(runtime.complete(f"gemini:{gemini.dialect.model}", each) for each in asked))
    assert 1 < crowd.most <= most


def images_at(files: Files, host: str, count: int) -> Message:
    urls = [files.url(f"/{number}.png", host=host) for number in range(count)]
    return Message.user(["What?", *(ImagePart(url=url) for url in urls)])


async def test_fault_a49_the_urls_of_one_request_have_a_bound_together(gemini: Emulator, files: Files) -> None:
    whole = PNG + b"\x00" * (100_000 - len(PNG))
    files.replies |= {f"/{number}.png": body(whole, "image/png") for number in range(6)}
    async with runtime_of(gemini, "gemini", fetch_urls=files.policy(max_total_bytes=500_000)) as runtime:
        await runtime.complete(f"gemini:{gemini.dialect.model}", images_at(files, "files.test", 5))
        with pytest.raises(InvalidRequestError) as caught:
            await runtime.complete(f"gemini:{gemini.dialect.model}", images_at(files, "files.test", 6))
    assert caught.value.code == "url_too_large"
    assert "500,000" in caught.value.message
    assert "max_total_bytes" in (caught.value.hint or "")
    assert len(gemini.requests) == 1, "the request that was refused was sent"


async def test_fault_a49_the_bound_holds_for_bodies_that_do_not_say_how_long_they_are(
    gemini: Emulator, files: Files
) -> None:
    pieces = [PNG, *[b"\x00" * 10_000] * 10]
    files.replies |= {
        f"/{n}.png": Reply(200, {"content-type": "image/png"}, pieces, chunked=True) for n in range(4)
    }
    async with runtime_of(gemini, "gemini", fetch_urls=files.policy(max_total_bytes=300_000)) as runtime:
        with pytest.raises(InvalidRequestError) as caught:
            await runtime.complete(f"gemini:{gemini.dialect.model}", images_at(files, "files.test", 4))
    assert caught.value.code == "url_too_large"
    assert not gemini.requests


async def test_a_resolver_of_the_hosts_that_fails_is_a_typed_error(claude: Emulator, files: Files) -> None:
    async def broken(host: str, port: int) -> Sequence[str]:
        raise KeyError(host)

    error = await refused(claude, files.url("/x"), files.policy(resolve=broken))
    assert error.code == "url_failed"


FAILING: dict[str, Reply] = {
    "not found": Reply(404),
    "a failure": Reply(500),
    "compressed": body(b"x", "text/plain", **{"content-encoding": "gzip"}),
    "a redirect to nowhere": Reply(302),
    "silence": Reply(200, {}, (Hang(),), chunked=True),
    "cut": Reply(200, {"content-type": "text/plain"}, [b"x"], chunked=True, cut=True),
}


@pytest.mark.parametrize("how", FAILING)
async def test_what_does_not_come_whole_is_a_typed_error(claude: Emulator, files: Files, how: str) -> None:
    files.replies["/x"] = FAILING[how]
    error = await refused(claude, files.url("/x") + "?key=hunter2", files.policy(timeout=0.3))
    assert error.code == "url_failed"
    assert "hunter2" not in str(error)


async def test_a_host_that_is_not_known_is_a_typed_error(claude: Emulator, files: Files) -> None:
    assert (await refused(claude, files.url("/x", host="nowhere.test"), files.policy())).code == "url_failed"


async def test_a_page_in_place_of_an_image_is_refused(files: Files) -> None:
    files.replies["/a.png"] = body(b"<html>Log in</html>", "text/html")
    with Emulator(load_dialects(["gemini"])["gemini"]) as emulator:
        async with runtime_of(emulator, "gemini", fetch_urls=files.policy()) as runtime:
            with pytest.raises(InvalidRequestError, match="no image but text/html"):
                await runtime.complete(
                    f"gemini:{emulator.dialect.model}", Message.user(ImagePart(url=files.url("/a.png")))
                )
        assert not emulator.requests
