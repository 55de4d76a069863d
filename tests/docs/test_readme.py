"""README.md, held against the project: its commands are run, its tables compared."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from shillings.base.errors import Code
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import COMMANDS, Auth
from shillings.runtime.settings import Settings
from shillings.web.endpoints import ENDPOINTS, Endpoint
from shillings.web.limits import (
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    HEADER_BYTES_MAX,
    SEND_SECONDS_MAX,
    TRAILER_BYTES_MAX,
    URL_BYTES_MAX,
    Limits,
)
from shillings.web.statuses import HTTP_STATUS
from tests.pages import PAGES, README, ROOT, Block, blocks, code_words, read, rows, section
from tests.programs import require_programs
from tests.service import Service

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class SameThings:
    """Compares answers: ids and times differ from run to run, but each id of the page is one id of the run."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def agree(self, printed: Any, answered: Any) -> bool:
        """Whether the answer is the printed one."""
        if isinstance(printed, dict):
            return (
                isinstance(answered, dict)
                and list(printed) == list(answered)
                and all(self.agree(printed[name], answered[name]) for name in printed)
            )
        if isinstance(printed, list):
            return (
                isinstance(answered, list) and len(printed) == len(answered) and all(map(self.agree, printed, answered))
            )
        if isinstance(printed, str) and UUID.fullmatch(printed):
            return bool(UUID.fullmatch(answered)) and self._ids.setdefault(printed, answered) == answered
        if isinstance(printed, str) and TIME.fullmatch(printed):
            return bool(TIME.fullmatch(answered))
        if isinstance(printed, str) and printed.startswith(TOKEN):
            return bool(answered.startswith(TOKEN))
        return bool(printed == answered)


def test_walk_through_works_as_printed(tmp_path: Path) -> None:
    """Every command of the walk-through, run as it is printed, gives the answer that is printed below it."""
    require_programs("bash", "curl")
    first, *rest = blocks(section(read(README), "Try it"))
    commands, answers = rest[::2], rest[1::2]
    assert len(commands) == len(answers) >= 10
    same = SameThings()
    with Service(tmp_path / "service") as service:
        setup = first.text.replace("http://127.0.0.1:8080", service.url)
        assert setup != first.text
        for command, printed in zip(commands, answers, strict=True):
            answered = _run(setup + command.text, tmp_path)
            if printed.language == "json":
                assert same.agree(json.loads(printed.text), json.loads(answered)), f"{command.text}\n{answered}"
            else:
                assert printed.text.split() == answered.split()


def _run(script: str, folder: Path) -> str:
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=20, check=False
    )
    assert result.returncode == 0, f"{script}\n{result.stderr}"
    return result.stdout


def test_walk_through_is_commands_and_answers() -> None:
    """The walk-through's blocks are the variables, and then pairs: what to type, what comes back."""
    languages = [block.language for block in blocks(section(read(README), "Try it"))]

    assert languages[0] == "sh"
    assert set(languages[1::2]) == {"sh"}
    assert set(languages[2::2]) == {"json", "text"}


def test_example_of_a_test_runs_as_printed() -> None:
    """The Python of "In your own tests" starts a server, pays, and finds what it says."""
    [example] = [block for block in blocks(section(read(README), "In your own tests")) if block.language == "python"]
    done = subprocess.run([sys.executable, "-c", example.text], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr


def test_endpoint_table_is_the_endpoint_table() -> None:
    """README's endpoints are those of the code, in its order."""
    printed = [row[0] for row in rows(section(read(README), "The API")) if "/v1/" in row[0]]
    sandbox = [row[0] for row in rows(section(read(README), "The sandbox")) if "/v1/" in row[0]]

    assert printed == [_row(one) for one in ENDPOINTS if one.command.auth is not Auth.SANDBOX]
    assert sorted(sandbox) == sorted(_row(one) for one in ENDPOINTS if one.command.auth is Auth.SANDBOX)


def test_endpoint_table_names_every_field() -> None:
    """Every field of every body, query and answer is in the endpoint's row."""
    parts = section(read(README), "The API"), section(read(README), "The sandbox")
    table = {row[0]: " ".join(row[1:]) for part in parts for row in rows(part)}
    for endpoint in ENDPOINTS:
        row = table[_row(endpoint)]
        shapes = [shape for shape in (endpoint.body, endpoint.query, endpoint.answer) if shape is not None]
        fields = {name for shape in shapes for name in shape.__struct_fields__} - {"status"}
        if endpoint.path == "/v1/account":
            row += " `user_id` `first_name` `middle_name` `last_name`"
        assert fields <= set(code_words(row)), endpoint.path


def _row(endpoint: Endpoint) -> str:
    return f"`{endpoint.method} {endpoint.path}`"


def test_status_table_is_complete() -> None:
    """Every code is in README's table beside its HTTP status, and only 500 and 504 are called unknown."""
    table = rows(section(read(README), "What a status means"))

    assert {(int(http), word) for http, words, _ in table for word in code_words(words)} == {
        (HTTP_STATUS[code], code.word) for code in Code
    }
    assert {int(http) for http, _, meaning in table if "unknown" in meaning} == {500, 504}
    assert all(http == "200" or "not applied" in meaning or "unknown" in meaning for http, _, meaning in table)


def test_commands_are_the_protocols() -> None:
    """README names the six commands with their numbers and what they do; the page it leads to names all of them."""
    in_readme = {(code_words(row[0])[0], int(row[1])) for row in rows(section(read(README), "The wire protocol"))}
    page = {(code_words(row[0])[0], int(row[1])) for row in rows(read(ROOT / "docs" / "commands.md"))}
    all_commands = {(command.name, command.number) for command in COMMANDS}

    assert in_readme == {(name, number) for name, number in all_commands if number < 6}
    assert page == all_commands


def test_messages_have_the_fields_that_readme_names() -> None:
    """README lists the fields of the protocol's two envelopes, as they are."""
    text = section(read(README), "The wire protocol").replace("\n", " ")
    for message in (wire.Request, wire.Response):
        found = re.search(rf"{message.DESCRIPTOR.name} {{([a-z_, ]+)}}", text)
        assert found
        assert set(found[1].split(", ")) == set(message.DESCRIPTOR.fields_by_name)


def test_make_targets_exist() -> None:
    """Every `make` command on any page is a target of the Makefile."""
    for page in PAGES:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", read(page), re.MULTILINE))
        assert named <= _make_targets(), page


def test_make_targets_are_told() -> None:
    """Every target that `make help` lists is in README's table, but for `help` itself."""
    printed = {row[0] for row in rows(section(read(README), "Make targets"))}

    assert printed == {f"`make {target}`" for target in _make_targets() - {"help"}}


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", read(ROOT / "Makefile"), re.MULTILINE))


def test_block_without_language_is_not_used() -> None:
    """Every fenced block on every page says what it is, so that readers and tests know what to do with it."""
    for page in PAGES:
        assert all(block.language for block in blocks(read(page))), page


def test_section_ends_at_the_next_heading_outside_of_blocks() -> None:
    """A line of a block that begins with # does not end a section."""
    text = "# A\n```sh\n# no heading\n```\nmore\n# B\nother\n"

    assert blocks(section(text, "A")) == [Block("sh", "# no heading\n")]
    assert section(text, "A").endswith("more\n")


def test_limits_are_those_of_the_code() -> None:
    """The table of limits says what the web servers keep to."""
    settings, said = Settings(), Limits()
    assert settings.limits() == said
    assert (said.per_address * 2, settings.connections_per_address_max) == (said.connections, 0)
    expected = [
        *[f"{number:,} bytes" for number in (URL_BYTES_MAX, HEADER_BYTES_MAX, HEAD_BYTES_MAX, BODY_BYTES_MAX)],
        f"{TRAILER_BYTES_MAX:,} bytes",
        f"`SHILLINGS_HEAD_TIMEOUT_MS`, {said.head_seconds:g} s",
        f"`SHILLINGS_BODY_TIMEOUT_MS`, {said.body_seconds:g} s",
        f"`SHILLINGS_KEEP_ALIVE_MS`, {said.keep_alive_seconds:g} s",
        f"{SEND_SECONDS_MAX:g} s",
        f"`SHILLINGS_CONNECTIONS_MAX`, {said.connections:,}, or as many as files may be open",
        "`SHILLINGS_CONNECTIONS_PER_ADDRESS_MAX`, half of them",
    ]

    assert [most for _, most, _ in rows(section(read(README), "What a client may send, and how slowly"))] == expected
