"""The command line, as somebody at a terminal meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from modelyard import __version__
from modelyard.catalog.constraints import Constraints
from modelyard.testing import Emulator, Script, faults, load_dialects

COMMAND = [sys.executable, "-c", "from modelyard.cli import main; main()"]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(load_dialects(["openai"])["openai"]) as running:
        yield running


def run(
    *arguments: str,
    emulator: Emulator | None = None,
    stdin: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=_environment(emulator) | dict(variables or {}),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def keys(**more: str) -> dict[str, str]:
    """Variables with a key for OpenAI, and more."""
    return {"OPENAI_API_KEY": "test-key", **more}


def _environment(emulator: Emulator | None) -> dict[str, str]:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    if emulator is not None:
        environment |= {"OPENAI_API_KEY": "test-key", "MODELYARD_OPENAI_BASE_URL": emulator.url}
    return environment


def test_chat_streams_the_answer_to_standard_output(emulator: Emulator) -> None:
    emulator.add(Script().think("Hm.").say("The Seine."))
    done = run("chat", "-m", "openai:gpt-6-sol", "-s", "Be brief.", "Name a river.", emulator=emulator)
    assert (done.returncode, done.stdout) == (0, "The Seine.\n")
    assert emulator.requests[0].json["instructions"] == "Be brief."


def test_chat_reads_standard_input(emulator: Emulator) -> None:
    done = run("chat", "-m", "openai:gpt-6-sol", emulator=emulator, stdin="Name a river.")
    assert done.returncode == 0
    assert "Name a river." in emulator.requests[0].body.decode()


def test_chat_without_a_model_takes_a_default(emulator: Emulator) -> None:
    assert run("chat", "Hi", emulator=emulator).stdout == "Hello from the emulator.\n"


def test_an_error_is_a_sentence_and_an_exit_code(emulator: Emulator) -> None:
    emulator.add(Script().fail("quota", "You have no credit."))
    done = run("chat", "-m", "openai:gpt-6-sol", "Hi", emulator=emulator)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "QuotaExceededError" not in done.stderr
    assert "You have no credit." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_key_says_which_variable_to_set() -> None:
    done = run("chat", "-m", "openai:gpt-6-sol", "Hi")
    assert done.returncode == 1
    assert "OPENAI_API_KEY" in done.stderr


def test_ctrl_c_leaves_cleanly(emulator: Emulator) -> None:
    emulator.fault = faults.drip(0.2)
    emulator.add(Script().say("word " * 200))
    process = subprocess.Popen(
        [*COMMAND, "chat", "-m", "openai:gpt-6-sol", "Hi"],
        env=_environment(emulator),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.read(4)  # the answer has begun
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in said
    emulator.wait_for_disconnect(5)


def test_models_and_plugins_as_tables_and_as_json() -> None:
    table = run("models", "--provider", "openai")
    assert "openai:gpt-6.1-sol" in table.stdout
    assert "modelyard-openai" in run("plugins").stdout
    listed = json.loads(run("plugins", "--json").stdout)
    assert {"name", "kind", "group", "provider", "package", "version", "state", "stage", "error"} == set(listed[0])


def test_models_that_meet_every_condition() -> None:
    done = run("models", "--needs", "tools,image", "--max-price", "1", "--region", "eu")
    assert done.returncode == 0
    assert "openai:gpt-6-luna" in done.stdout
    assert "claude:" not in done.stdout
    assert "models: tools, images, regions eu, max_price 1.0" in done.stdout
    listed = json.loads(run("models", "--needs", "audio", "--json").stdout)
    assert listed
    assert all(card["capabilities"]["audio"]["state"] in ("supported", "partial") for card in listed)
    mistyped = run("models", "--needs", "tolls")
    assert (mistyped.returncode, "Did you mean" in mistyped.stderr) == (1, True)


@pytest.mark.parametrize("command", ["models", "route", "chat"])
def test_every_constraint_is_an_option_of_every_command_that_routes(command: str) -> None:
    shown = run(command, "--help", variables={"COLUMNS": "300"}).stdout
    for entry in fields(Constraints):
        option, *_ = entry.metadata.get("options", (f"--{entry.name.replace('_', '-')}",))
        assert re.search(rf"{option} .*{re.escape(entry.metadata['help'])}", shown), f"{command} lacks {option}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--max-price", "0"], "models: max_price 0.0"),
        (
            ["--zero-retention", "--no-training", "--allow", "openai"],
            "allow openai, zero_retention True, no_training",
        ),
        (["--deny", "openai", "--deny", "gemini", "--min-window", "9"], "deny openai/gemini, min_window 9"),
    ],
)
def test_a_constraint_of_any_kind_is_held_to(arguments: list[str], told: str) -> None:
    assert told in run("models", *arguments).stdout


def test_a_conversation_goes_only_where_the_constraints_allow(emulator: Emulator) -> None:
    assert run("chat", "--allow", "openai:gpt-6-luna", "Hi", emulator=emulator).returncode == 0
    refused = run("chat", "-m", "openai:gpt-6-luna", "--max-price", "0", "Hi", emulator=emulator)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "raise max_price" in " ".join(refused.stderr.split())
    assert len(emulator.requests) == 1


def test_a_mistyped_constraint_gets_a_suggestion_and_an_impossible_one_a_reason() -> None:
    mistyped = run("models", "--max-pric", "1")
    assert (mistyped.returncode, "--max-price" in mistyped.stderr) == (2, True)
    impossible = run("models", "--min-window", "-1")
    assert (impossible.returncode, "must be a number from 0 on" in impossible.stderr) == (1, True)


def test_u28_models_as_json_have_one_shape() -> None:
    whole, some = (json.loads(run("models", *more, "--json").stdout) for more in ([], ["-p", "mistral"]))
    assert len(whole) > len(some) > 0
    assert {frozenset(card) for card in whole} == {frozenset(card) for card in some}
    assert {"limits", "prices", "capabilities"} <= set(some[0])


def test_u26_a_list_that_is_piped_is_whole_with_a_line_for_each_model() -> None:
    piped = run("models", variables={"COLUMNS": "80"}).stdout
    assert "…" not in piped
    listed = json.loads(run("models", "--json").stdout)
    for card in listed:
        lines = [line for line in piped.splitlines() if line.split()[:1] == [f"{card['provider']}:{card['id']}"]]
        assert len(lines) == 1, card["id"]


def test_u30_a_provider_nobody_knows_gets_a_suggestion() -> None:
    done = run("models", "-p", "mistrall")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Did you mean 'mistral'?" in done.stderr
    assert run("models", "-p", "anthropic").returncode == 0, "another word for claude"


def test_u32_the_version() -> None:
    assert run("--version").stdout == f"modelyard {__version__}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="a folder nobody can write to")
def test_u34_a_folder_that_cannot_be_written_is_named() -> None:
    done = run("new-provider", "acme", "--dir", "/proc/x")
    assert done.returncode == 1
    assert "/proc/x cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_u29_a_decision_without_a_key_is_json_with_the_reason() -> None:
    done = run("route", "hi", "-m", "openai:gpt-6-luna", "--json")
    assert done.returncode == 1
    decision = json.loads(done.stdout)
    assert decision["chosen"] is None
    assert [each["reason"] for each in decision["candidates"]] == ["No API key was found for OpenAI"]


def test_u35_a_missing_key_is_told_in_the_words_of_a_shell() -> None:
    done = run("chat", "-m", "openai:gpt-6-luna", "hi")
    assert done.returncode == 1
    assert done.stderr == "error: No API key was found for OpenAI. Set OPENAI_API_KEY.\n"


def test_u04_what_is_piped_is_said_together_with_the_prompt(emulator: Emulator) -> None:
    done = run("chat", "-m", "openai:gpt-6-luna", "Summarise this", emulator=emulator, stdin="THE TEXT\n")
    assert done.returncode == 0
    (turn,) = emulator.requests[0].json["input"]
    assert "THE TEXT\\n\\nSummarise this" in json.dumps(turn)


def test_u06_reasoning_to_be_shown_is_asked_for(emulator: Emulator) -> None:
    emulator.add(Script().think("Hm.").say("Hello."), Script().say("Hello."))
    done = run("chat", "-m", "openai:gpt-6.1-sol", "--reasoning", "Hi", emulator=emulator)
    assert (done.returncode, done.stdout) == (0, "Hello.\n")
    assert emulator.requests[0].json["reasoning"]["summary"] == "auto"
    assert "Hm." in done.stderr
    run("chat", "-m", "openai:gpt-6.1-sol", "Hi", emulator=emulator)
    assert "summary" not in emulator.requests[1].json.get("reasoning", {})


def test_refreshing_says_what_the_providers_list(emulator: Emulator, tmp_path: Path) -> None:
    done = run(
        "models",
        "--refresh",
        "--provider",
        "openai",
        emulator=emulator,
        variables={"XDG_CACHE_HOME": str(tmp_path)},
    )
    assert "openai:" in done.stderr


def test_route_shows_every_candidate_with_its_reason(tmp_path: Path) -> None:
    image, schema = tmp_path / "x.png", tmp_path / "s.json"
    image.write_bytes(b"\x89PNG\r\n\x1a\n")
    schema.write_text('{"type": "object", "properties": {"river": {"type": "string"}}}')
    request = ["Which river?", "--image", str(image), "--schema", str(schema), "--needs", "tools,reasoning"]
    models = ["-m", "openai:gpt-6-luna", "-m", "mistral:codestral-2508", "-m", "claude:claude-sonnet-5"]
    given = keys(MISTRAL_API_KEY="k")
    done = run("route", *request, *models, variables=given)
    assert done.returncode == 0, done.stderr
    assert "images is unsupported" in done.stdout
    assert "No API key was found for Anthropic" in done.stdout
    traced = json.loads(run("route", *request, *models, "--json", variables=given).stdout)
    assert traced["chosen"] == "openai:gpt-6-luna"
    assert traced["needs"]["capabilities"] == ["tools", "images", "structured_output", "reasoning"]
    nowhere = run("route", "Hi", *models, "--max-price", "0", variables=given)
    assert nowhere.returncode == 1
    assert "The smallest change that gives a route" in " ".join(nowhere.stderr.split())


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b"5"])
def test_fault_a39_a_damaged_schema_is_an_error_that_names_the_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_bytes(content)
    done = run("route", "Hi", "-m", "openai:gpt-6-luna", "--schema", str(path), variables=keys())
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert str(path) in done.stderr


def test_the_doctor_says_what_is_found_and_exits_for_scripts(emulator: Emulator) -> None:
    well = run("doctor", emulator=emulator)
    assert well.returncode == 0, well.stdout
    assert "OPENAI_API_KEY" in well.stdout
    assert "test-key" not in well.stdout
    assert "no key" in well.stdout
    described = json.loads(run("doctor", "--json", emulator=emulator).stdout)
    assert described["ok"]
    assert {status["provider"] for status in described["providers"]} == {"claude", "gemini", "mistral", "openai"}
    assert run("doctor").returncode == 1
    down = run("doctor", "--online", "--json", variables=keys(MODELYARD_OPENAI_BASE_URL="http://127.0.0.1:9"))
    found = json.loads(down.stdout)["findings"]
    assert (down.returncode, found[-1]["level"]) == (1, "error")


def test_a_mistyped_command_gets_a_suggestion() -> None:
    done = run("chta")
    assert done.returncode == 2
    assert "chat" in done.stderr


def test_the_demo_shows_every_provider_at_work_and_one_failing() -> None:
    done = run("demo", "--fast")
    assert done.returncode == 0, done.stderr
    for provider in ("claude", "gemini", "mistral", "openai"):
        assert f"{provider}:" in done.stdout
    assert done.stdout.count("It is sunny in Paris") == 4
    assert done.stdout.count("get_weather(") == 4
    assert "OverloadedError" in done.stdout
    assert done.stdout.count("answered") == 3 + 1  # the last one in the place of the one that has no capacity
    assert done.stdout.count("Weather(city='Paris', celsius=24, sunny=True)") == 4
    assert "falling back to" in done.stdout
    assert "could be asked instead" in done.stdout
    assert "usage input" in done.stdout
    assert "cost $" in done.stdout
