"""A client generated from the OpenAPI document logs in and pays; nobody wrote a line of it for Shillings."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service import PASSWORD, SECURITY_HEADERS, Service

GENERATOR = str(Path(sys.executable).with_name("openapi-python-client"))
GENERATE_SECONDS_MAX = 100


@pytest.fixture(scope="module")
def generated(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the generated package, which can be imported."""
    folder = tmp_path_factory.mktemp("generated")
    arguments = ["generate", "--url", f"{service.url}/openapi.json", "--meta", "none", "--output-path", "shop_client"]
    # The generator calls ruff, which is installed beside it.
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    made = subprocess.run(
        [GENERATOR, *arguments, "--fail-on-warning"],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=GENERATE_SECONDS_MAX, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield "shop_client"
    sys.path.remove(str(folder))


def test_generated_client_logs_in_and_pays(service: Service, generated: str, name: str) -> None:
    """With the token that a login answers with, the generated client tops up, pays and reads what is left."""

    def module(path: str) -> Any:
        return importlib.import_module(f"{generated}.{path}")

    client, models = module("client"), module("models")
    emails = [f"{who}-{name}@example.com" for who in ("ann", "bob")]
    with client.Client(base_url=service.url) as anonymous:
        for email in emails:
            body = models.SignupBody(first_name="Ann", last_name="Lee", email=email, password=PASSWORD)
            assert module("api.default.signup").sync(client=anonymous, body=body).status.code == "ok"
        login = models.LoginBody(email=emails[0], password=PASSWORD)
        answer = module("api.default.login").sync(client=anonymous, body=login)
    with client.AuthenticatedClient(base_url=service.url, token=answer.token) as ann:
        topup = module("api.default.topup").sync(client=ann, body=models.TopupBody(amount="50.00"))
        pay = models.PayBody(receiver_email=emails[1], amount="12.50")
        paid = module("api.default.pay").sync(client=ann, body=pay, idempotency_key=f"{name}-1")
        account = module("api.default.account").sync(client=ann)

    assert topup.status.code == paid.status.code == "ok"
    assert (account.user.balance, account.user.currency) == ("37.50", "USD")


def test_every_header_is_in_the_document(service: Service, name: str) -> None:
    """Every header of an answer is in the document, at the status it came with, the cookie's too."""
    client = service.client()
    document = client.send("GET", "/openapi.json").body
    email = f"{name}@example.com"
    answers = [
        ("/v1/signup", "post", client.sign_up(email)),
        ("/v1/login", "post", client.log_in(email)),
        ("/v1/login", "post", client.log_in(email, PASSWORD + "!")),
        ("/v1/account", "get", client.send("GET", "/v1/account")),
        ("/v1/topup", "post", client.send("POST", "/v1/topup", content=b" " * 70_000, token="x")),
        ("/v1/logout", "post", client.send("POST", "/v1/logout", token=client.log_in(email).body["token"])),
    ]
    for path, method, answer in answers:
        responses = document["paths"][path][method]["responses"]
        told = {header.lower() for header in responses[str(answer.http)]["headers"]}
        assert set(answer.headers) - {"content-type", "content-length", "date"} <= told, (path, answer.http)
        assert SECURITY_HEADERS.keys() - {"content-type"} <= told
