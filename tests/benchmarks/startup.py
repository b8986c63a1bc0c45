"""What starting costs: importing, discovering, and the first answer of a fresh process."""

from __future__ import annotations

import compileall
import importlib.util
import json
import statistics
import subprocess
import sys
import textwrap

__all__ = ["first_answer", "import_cost"]

_COUNT = "import sys; print(len(sys.modules))"
_BARE = f"import pluggy, importlib_metadata, pydantic; from pydantic import BaseModel; {_COUNT}"
_OURS = f"import modelyard; len(modelyard.Runtime().catalog); {_COUNT}"

_FIRST = {
    "aiohttp": """
        import asyncio, json, aiohttp
        async def main():
            async with aiohttp.ClientSession() as session:
                async with session.post({url!r}, json={{"model": {model!r}}}) as response:
                    json.loads(await response.read())
        asyncio.run(main())
    """,
    "modelyard": """
        import asyncio
        from modelyard import Runtime
        async def main():
            async with Runtime({{{provider!r}: {{"api_key": "key", "base_url": {base!r}}}}}) as runtime:
                await runtime.complete({reference!r}, "Hello")
        asyncio.run(main())
    """,
}

_SDK = {
    "claude": """
        import asyncio, anthropic
        async def main():
            client = anthropic.AsyncAnthropic(api_key="key", base_url={base!r})
            turn = {{"role": "user", "content": "Hello"}}
            await client.messages.create(model={model!r}, max_tokens=9, messages=[turn])
        asyncio.run(main())
    """,
    "mistral": """
        import asyncio
        from mistralai.client import Mistral
        async def main():
            turn = {{"role": "user", "content": "Hello"}}
            async with Mistral(api_key="key", server_url={base!r}) as client:
                await client.chat.complete_async(model={model!r}, messages=[turn])
        asyncio.run(main())
    """,
}


def import_cost(rounds: int) -> dict[str, tuple[float, int]]:
    """CPU seconds and loaded modules of a process that imports: the libraries alone, and all of ours."""
    _compile()
    times: dict[str, list[float]] = {"libraries": [], "modelyard": []}
    modules: dict[str, int] = {}
    for _ in range(rounds):
        for name, program in (("libraries", _BARE), ("modelyard", _OURS)):
            seconds, output = _run(program)
            times[name].append(seconds)
            modules[name] = int(output)
    return {name: (statistics.median(values), modules[name]) for name, values in times.items()}


def first_answer(root: str, provider: str, model: str, path: str, rounds: int) -> dict[str, float]:
    """CPU seconds of a whole process that asks once: raw aiohttp, ours, and the vendor's SDK where we use it."""
    facts = {
        "provider": provider,
        "model": model,
        "reference": f"{provider}:{model}",
        "base": f"{root}/call/{provider}",
        "url": f"{root}/call/{provider}{path}",
    }
    programs = dict(_FIRST)
    if provider in _SDK:
        programs["sdk"] = _SDK[provider]
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            times[name].append(_run(textwrap.dedent(program).format(**facts))[0])
    return {name: statistics.median(values) for name, values in times.items()}


def _compile() -> None:
    """Give our packages their byte code, as installing them would; a working copy may not have it."""
    packages = ["modelyard", *(f"modelyard_{name}" for name in ("claude", "gemini", "mistral", "openai"))]
    for package in packages:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        for folder in spec.submodule_search_locations or ():
            compileall.compile_dir(folder, quiet=1)


def _run(program: str) -> tuple[float, str]:
    wrapper = (
        "import resource, subprocess, sys, json\n"
        f"done = subprocess.run([sys.executable, '-c', {program!r}], capture_output=True, text=True, check=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, done.stdout]))\n"
    )
    done = subprocess.run([sys.executable, "-c", wrapper], capture_output=True, text=True, check=True)
    seconds, output = json.loads(done.stdout)
    return seconds, output.strip()
