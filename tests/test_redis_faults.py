"""A Redis that is set up wrong, closes idle connections, pauses, or holds what is none of ours."""

from __future__ import annotations

import asyncio
import logging
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from modelyard import ConfigurationError, Limits, RedisState, Runtime
from modelyard.credentials.secret import Secret
from modelyard.testing import LoopbackServer, Pause, Received, Reply, ScriptedProvider
from tests.redis_server import RedisServer

KEY = f"acme:one#{Secret('key-of-a-tenant').digest}@https://host.invalid"
OTHER = f"acme:one#{Secret('key-of-another').digest}@https://host.invalid"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Any]:
    from redis.asyncio import Redis

    async with Redis.from_url(server.url, decode_responses=True) as client:
        await client.flushdb()
        yield client


@pytest.fixture
async def two(server: RedisServer, redis: Any) -> AsyncIterator[tuple[RedisState, RedisState]]:
    """Two states that share one server, as two processes would."""
    states = RedisState(server.url), RedisState(server.url)
    yield states
    for state in states:
        await state.aclose()


@pytest.fixture(autouse=True)
def _warnings_are_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "modelyard.state")


class Refusing(socketserver.StreamRequestHandler):
    """A Redis that is well but for its answer to every script."""

    words = b""

    def handle(self) -> None:
        """Answer commands, each an array of bulk strings."""
        while count := self.rfile.readline().strip()[1:]:
            command = [self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2] for _ in range(int(count))]
            name = command[0].upper()
            if name in (b"EVALSHA", b"EVAL", b"SCRIPT"):
                self.wfile.write(b"-" + self.words + b"\r\n")
            elif name == b"PING":
                self.wfile.write(b"+PONG\r\n")
            elif name == b"HELLO":
                self.wfile.write(b"-ERR unknown command 'HELLO'\r\n")
            else:
                self.wfile.write(b"+OK\r\n")


@pytest.fixture
def refusing(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server that answers every script with the words of the parameter."""
    handler = type("Handler", (Refusing,), {"words": str(request.param).encode()})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{running.server_address[1]}/0?protocol=2"
        running.shutdown()


@pytest.mark.parametrize(
    "refusing",
    [
        "READONLY You can't write against a read only replica.",
        "NOPERM User default has no permissions to run the 'evalsha' command",
        "NOAUTH Authentication required.",
        "MOVED 3999 127.0.0.1:6381",
        "MISCONF Redis is configured to save RDB snapshots, but it is unable to persist on disk.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "ERR unknown command 'EVALSHA'",
    ],
    indirect=True,
    ids=lambda words: str(words).split()[0],
)
async def test_a_redis_that_refuses_is_told_once_in_its_words_and_is_never_back(
    refusing: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """X14."""
    words = str(request.node.callspec.params["refusing"])
    async with Runtime(plugins=[ScriptedProvider("acme")], state=refusing) as runtime:
        for _ in range(10):
            assert (await runtime.complete("acme:one", "Hi")).text == "Hello from a script."
            await asyncio.sleep(0.07)
    (told,) = caplog.messages
    assert words.partition(" ")[0 if words.startswith("READONLY") else 2].rstrip(".") in told
    assert "back" not in told


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A folder with a key and a certificate that nobody has signed."""
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=127.0.0.1"
    command = ["openssl", *made.split(), "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


async def test_a_certificate_that_is_refused_is_no_server_that_is_away(
    certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls) as running:
        url = f"rediss://127.0.0.1:{running.sockets[0].getsockname()[1]}/0"
        async with Runtime(plugins=[ScriptedProvider("acme")], state=url) as runtime:
            for _ in range(3):
                await runtime.complete("acme:one", "Hi")
    (told,) = caplog.messages
    assert told.startswith("Redis refuses")
    assert "certificate" in told.lower()


async def test_a_redis_that_was_set_right_is_shared_again(
    server: RedisServer, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.acl_setuser("app", enabled=True, passwords=["+app-password"], categories=["+@all"], keys=["*"])
    state = RedisState(server.url.replace("redis://", "redis://app:app-password@"))
    await redis.acl_setuser("app", enabled=True, commands=["-evalsha", "-eval"])
    assert await state.admit(KEY, Limits(concurrency=1)) is None
    assert state._link.away
    await redis.acl_setuser("app", enabled=True, commands=["+evalsha", "+eval"])
    state._link._probe_at = 0.0  # it is time to ask again

    async def shared() -> bool:
        await state.report(KEY, "ok")
        return not state._link.away

    await until(shared)
    await state.aclose()
    assert [message.split(" (")[0].split(":")[0] for message in caplog.messages] == [
        "Redis refuses the shared state",
        "Redis has been set right",
    ]
    assert "+@sortedset" in caplog.messages[0]


async def test_the_permissions_the_page_names_are_enough(
    server: RedisServer, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    granted = "+ping +evalsha +eval +script +@hash +@sortedset +expire +ttl +time"
    await redis.execute_command(
        "ACL", "SETUSER", "small", "on", ">small-password", "~{modelyard}:*", *granted.split()
    )
    await redis.script_flush()
    state = RedisState(server.url.replace("redis://", "redis://small:small-password@"))
    limits = Limits(requests_per_minute=10, tokens_per_minute=1_000, concurrency=2)
    assert await state.admit(KEY, limits, 5) is None
    await state._renew()
    await redis.set(names(KEY)["health"], "x")
    await state.report(KEY, "failed", delay=1.0)
    assert await state.take_retry(KEY)
    state._link._away = True
    state._link._probe_at = 0.0
    await state._link.probe()
    assert not state._link.away
    await state.aclose()
    assert [message for message in caplog.messages if "refuses" in message] == []


def names(key: str) -> dict[str, str]:
    name = RedisState("redis://127.0.0.1:1")._names.name(key)
    return {"health": name, "sent": f"{name}:sent", "slots": f"{name}:slots"}


POISON: dict[str, Callable[[Any, dict[str, str]], Awaitable[Any]]] = {
    "a text for the health": lambda redis, name: redis.set(name["health"], "x"),
    "a list for the health": lambda redis, name: redis.rpush(name["health"], "x"),
    "a text for what was sent": lambda redis, name: redis.set(name["sent"], "x"),
    "a text for the places": lambda redis, name: redis.set(name["slots"], "x"),
    "no number of failures": lambda redis, name: redis.hset(name["health"], "failures", "x"),
    "an endless opening": lambda redis, name: redis.hset(name["health"], "open_until", "inf"),
    "a far opening": lambda redis, name: redis.hset(name["health"], "open_until", "99999999999"),
    "an endless exhaustion": lambda redis, name: redis.hset(name["health"], "exhausted", "1e300"),
    "no number at all": lambda redis, name: redis.hset(name["health"], "silent", "nan"),
    "a probe of the future": lambda redis, name: redis.hset(
        name["health"], mapping={"open_until": "1", "probe": "9999999999"}
    ),
    "no budget": lambda redis, name: redis.hset(name["health"], "budget", "-inf"),
    "no second": lambda redis, name: redis.hset(name["sent"], "rubbish", "1"),
    "no count": lambda redis, name: redis.hset(name["sent"], "r1700000000", "1.5e3"),
    "a second of the future": lambda redis, name: redis.hset(name["sent"], "r9999999999", "100"),
    "a place for ever": lambda redis, name: redis.zadd(
        name["slots"], {"x": "inf", "y": "9e99", "z": "99999999999"}
    ),
}


@pytest.mark.parametrize("poison", POISON)
async def test_a_damaged_key_is_set_aside_alone(
    poison: str, two: tuple[RedisState, RedisState], redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Group 11 of safety."""
    await POISON[poison](redis, names(KEY))
    limits = Limits(requests_per_minute=4, tokens_per_minute=1_000, concurrency=3)
    passed = []
    for _ in range(3):
        for state in two:
            passed.append(await state.admit(KEY, limits, 10))
            await state.take_retry(KEY)
            if passed[-1] is None:
                await state.report(KEY, "ok")
    assert passed.count(None) == 4, "requests are counted together"
    held = [await state.admit(KEY, Limits(concurrency=3)) for _ in range(2) for state in two]
    assert held.count(None) == 3, "places are counted together"
    assert await two[0].admit(OTHER, limits) is None
    assert not any(state._link.away for state in two)
    assert [message for message in caplog.messages if "damaged" not in message] == []
    assert len(caplog.messages) <= 2, "one warning of each process"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(500):
        if await condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_places_given_up_while_redis_paused_are_free_when_it_answers_again(
    two: tuple[RedisState, RedisState], redis: Any
) -> None:
    """Group 6 of transport: ``CLIENT PAUSE 800`` while three requests end."""
    state, other = two
    limits = Limits(concurrency=3)
    for _ in range(3):
        assert await state.admit(KEY, limits) is None
    assert await other.admit(KEY, limits) is not None
    await redis.execute_command("CLIENT", "PAUSE", "800")
    await asyncio.gather(*(state.report(KEY, "ok") for _ in range(3)))

    async def free() -> bool:
        return bool(await redis.zcount(names(KEY)["slots"], await server_time(redis), "+inf") == 0)

    await until(free)
    assert [await other.admit(KEY, limits) for _ in range(3)] == [None] * 3


async def server_time(redis: Any) -> float:
    seconds, micros = await redis.time()
    return float(seconds) + float(micros) / 1_000_000


async def test_a_place_asked_for_in_vain_while_redis_paused_is_given_back(
    two: tuple[RedisState, RedisState], redis: Any
) -> None:
    """Redis carries out after the pause what nobody waits for any more."""
    state, other = two
    limits = Limits(concurrency=1)
    assert await state.admit(KEY, limits) is None
    await redis.execute_command("CLIENT", "PAUSE", "800")
    await state.report(KEY, "ok")
    asked = await asyncio.gather(*(state.admit(KEY, limits) for _ in range(3)))
    assert asked.count(None) == 1, "this process keeps the limit by itself"
    await state.report(KEY, "ok")

    async def free() -> bool:
        return await other.admit(KEY, limits) is None

    await until(free)


CALLER = """
import asyncio, sys, time
from modelyard import Runtime

async def main():
    redis, upstream = sys.argv[1:]
    limits = {"openai": {"concurrency": 5}}
    settings = {"openai": {"base_url": upstream, "api_key": "key-of-the-test-0", "options": {"api": "chat"}}}
    async with Runtime(settings, plugins=["openai"], state=redis, limits=limits) as runtime:
        async def call():
            await runtime.complete("openai:m", "Hi")
        await asyncio.gather(*(call() for _ in range(6)))
        print("warm", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        await asyncio.gather(*(call() for _ in range(6)))
        print("done", flush=True)

asyncio.run(main())
"""


async def test_idle_connections_that_redis_closed_do_not_count_as_away() -> None:
    """Group 6 of transport: ``timeout 1``, four processes, a burst after three seconds."""
    lock, now, most = threading.Lock(), [0], [0]
    body = {
        "id": "r1", "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
    }  # fmt: skip

    def answer(received: Received) -> Reply:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Timer(0.1, leave).start()
        reply = Reply.json(body)
        return Reply(200, reply.headers, reply.steps, before_head=[Pause(0.12)])

    def leave() -> None:
        with lock:
            now[0] -= 1

    with RedisServer("--timeout", "1") as server, LoopbackServer(answer) as upstream:
        pipe = asyncio.subprocess.PIPE
        callers = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", CALLER, server.url, upstream.url, stdin=pipe, stdout=pipe, stderr=pipe
            )
            for _ in range(4)
        ]
        for caller in callers:
            assert caller.stdout is not None
            assert await caller.stdout.readline() == b"warm\n"
        await asyncio.sleep(3.0)
        most[0] = 0
        told = [(await caller.communicate(b"go\n")) for caller in callers]
    assert [out for out, _ in told] == [b"done\n"] * 4
    assert not [err for _, err in told if b"away" in err]
    assert most[0] <= 5


async def test_names_in_redis_are_keyed_with_the_secret_of_the_deployment(server: RedisServer, redis: Any) -> None:
    found = {}
    for secret in (None, "secret-of-these-processes", "secret-of-those-processes"):
        await redis.flushdb()
        for _ in range(2):
            state = RedisState(server.url, secret=secret)
            assert "secret-of" not in repr(vars(state))
            await state.admit(KEY, Limits(requests_per_minute=5))
            await state.aclose()
        found[secret] = {name async for name in redis.scan_iter("*")}
    assert [len(each) for each in found.values()] == [1, 1, 1], "processes and restarts agree"
    assert len(set[str]().union(*found.values())) == 3
    hidden = (sha256(b"key-of-a-tenant").hexdigest()[:8], Secret("key-of-a-tenant").digest, "host.invalid")
    assert not [name for each in found.values() for name in each if any(text in name for text in hidden)]


@pytest.mark.parametrize("secret", ["", b"bytes", 5])
def test_what_is_no_secret_is_refused(secret: Any) -> None:
    with pytest.raises(ConfigurationError):
        RedisState("redis://127.0.0.1:1/0", secret=secret)
