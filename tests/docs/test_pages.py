"""The pages under docs/: fresh, complete, and leading somewhere."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from shillings.runtime import settings
from shillings.storage.tables import metadata
from shillings.web import shapes
from shillings.web.endpoints import ENDPOINTS, Endpoint
from tests.pages import PAGES, ROOT, code_words, read, rows, section

COLLECTION = ROOT / "docs" / "shillings.postman_collection.json"
# What a command makes when somebody asks for it, and git ignores.
MADE = {
    "deploy/.env",
    "benchmarks/RESULTS.md",
    # CONTRIBUTING's made-up command.
    "src/shillings/app/echo.py",
    "tests/end_to_end/test_echo.py",
}


def test_generated_pages_are_fresh() -> None:
    """The settings page and the Postman collection are what the code says now."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "Generated pages are fresh.\n", "")


def test_settings_page_is_complete() -> None:
    """Every setting is on its page, with its default."""
    table = {code_words(row[0])[0]: row[1] for row in rows(read(ROOT / "docs" / "settings.md"))}

    assert table == {name: f"`{default}`" if default else "" for name, default, _ in settings.describe()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_settings_that_exist(page: Path) -> None:
    """Every SHILLINGS_* variable that a page names is a setting."""
    known = {name for name, _, _ in settings.describe()}

    assert set(re.findall(r"\bSHILLINGS_[A-Z_]*[A-Z]", read(page))) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    """Every link to a file of the project leads to one."""
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", read(page)) if not urlsplit(link).scheme]

    assert [link for link in links if not (page.parent / (link.split("#")[0] or page.name)).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    """Every file or folder of the project that a page names in backticks exists; in docs/, also within the package."""
    starts = "src|tests|deploy|docs|proto|benchmarks"
    parts = "|".join(path.name for path in (ROOT / "src" / "shillings").iterdir() if path.is_dir())
    named = re.findall(rf"`((?:{starts})/[\w./-]*)`", read(page))
    inside = re.findall(rf"`((?:{parts})/[\w./-]*|[a-z_]+\.py)`", read(page))

    assert [path for path in named if path not in MADE and not (ROOT / path).exists()] == []
    assert [path for path in inside if not (ROOT / "src" / "shillings" / path).exists()] == []


def test_architecture_names_every_table() -> None:
    """The page of the architecture has a row for each table of the database, with its primary key."""
    text = read(ROOT / "docs" / "architecture.md")
    named = dict(re.findall(r"^\| `(\w+)` \| `([\w, ]+)` \| ", text, re.MULTILINE))
    keys = {table.name: ", ".join(column.name for column in table.primary_key) for table in metadata.sorted_tables}

    assert named == keys


def test_collection_has_every_endpoint() -> None:
    """The Postman collection has a request for each endpoint, at the variable base_url, and for nothing else."""
    collection = _collection()
    requests = [item["request"] for item in collection["item"]]

    assert {(r["method"], r["url"]["raw"]) for r in requests} == {(e.method, _url(e)) for e in ENDPOINTS}
    assert all("/".join([*r["url"]["host"], *r["url"]["path"]]) == r["url"]["raw"] for r in requests)
    assert collection["variable"][0] == {"key": "base_url", "value": "http://127.0.0.1:8080", "type": "string"}


def test_collection_has_the_form_of_its_schema() -> None:
    """The collection says which schema it has, and every item has what that schema demands."""
    collection = _collection()

    assert collection["info"]["schema"].endswith("/collection/v2.1.0/collection.json")
    assert collection["info"]["name"] == "Shillings"
    for item in collection["item"]:
        assert item["name"]
        assert item["response"] == []
        assert item["request"].keys() <= {"method", "header", "url", "description", "body"}
        assert all(header["key"] and header["value"] for header in item["request"]["header"])


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.body is not None], ids=lambda e: str(e.name))
def test_collection_bodies_are_complete(endpoint: Any) -> None:
    """An example body has every field that is required, and none that is unknown."""
    requests = [item["request"] for item in _collection()["item"]]
    body: type[shapes.Body] = endpoint.body
    optional = len(body.__struct_defaults__)
    required = body.__struct_fields__[: len(body.__struct_fields__) - optional]
    found = [one for one in requests if (one["method"], one["url"]["raw"]) == (endpoint.method, _url(endpoint))]
    assert found
    for request in found:
        example = json.loads(request["body"]["raw"]) if "body" in request else {}
        assert set(required) <= set(example) <= set(body.__struct_fields__)
        assert not example or {"key": "Content-Type", "value": "application/json"} in request["header"]


def test_collection_sends_a_new_key_with_each_movement() -> None:
    """Requests that move money carry an Idempotency-Key which Postman makes again; others carry none."""
    keys = {
        item["request"]["url"]["raw"].removeprefix("{{base_url}}"): header["value"]
        for item in _collection()["item"]
        for header in item["request"]["header"]
        if header["key"] == "Idempotency-Key"
    }

    assert keys == {
        _url(endpoint).removeprefix("{{base_url}}"): "{{$guid}}" for endpoint in ENDPOINTS if endpoint.command.takes_key
    }


def test_collection_asserts_something_of_every_answer() -> None:
    """Every request has a test, which checks the status."""
    for item in _collection()["item"]:
        [test] = [event["script"]["exec"] for event in item["event"] if event["listen"] == "test"]
        assert any("pm.response" in line for line in test), item["name"]


def _url(endpoint: Endpoint) -> str:
    return "{{base_url}}" + endpoint.path.replace("{", "{{").replace("}", "}}")


def _collection() -> Any:
    return json.loads(read(COLLECTION))


def test_requirements_are_shown_by_tests_that_are_there() -> None:
    """Every test that SECURITY.md names is there, and every row of its table names one."""
    table = rows(section(read(ROOT / "SECURITY.md"), "What is shown to hold"))

    assert len(table) > 20
    for _, _, shown_by in table:
        path, _, test = shown_by.strip("`").partition("::")
        assert re.search(rf"def {test}\(", read(ROOT / path)), shown_by
