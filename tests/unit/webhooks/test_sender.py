"""One attempt, on real sockets: the judged address is the one connected to, and no receiver gets more than its due."""

import asyncio
import datetime as dt
import itertools
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shillings.base.limits import ANSWER_BYTES_MAX
from shillings.testing.ports import free_port
from shillings.webhooks.attempts import Attempt, AttemptOutcome
from shillings.webhooks.resolving import Resolve, Resolver
from shillings.webhooks.sender import CONNECTIONS_MAX, Sender
from shillings.webhooks.targets import Listener, Policy, parse, read_networks
from tests.sink import Reply, Sink

LOOPBACK = read_networks("127.0.0.0/8, ::1/128")
ON_LOOPBACK = Policy(allowed=LOOPBACK)
ENDPOINT = bytes(16)
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def sink() -> Iterator[Sink]:
    """An endpoint that says 200."""
    with Sink() as opened:
        yield opened


@asynccontextmanager
async def sending(policy: Policy = ON_LOOPBACK, seconds: float = 5.0, **more: object) -> AsyncIterator[Sender]:
    """A sender that is closed in the end."""
    sender = Sender(policy, attempt_seconds_max=seconds, **more)  # type: ignore[arg-type]
    try:
        yield sender
    finally:
        await sender.close()


async def post(sender: Sender, url: str, body: bytes = b"{}", endpoint_id: bytes = ENDPOINT) -> Attempt:
    """One attempt."""
    return await sender.post(endpoint_id, parse(url), HEADERS, body)


def leading_to(*answers: list[str]) -> Resolve:
    """A resolver that gives these answers in turn, and the last one for ever."""
    turns = iter([*answers[:-1]])

    async def resolve(_host: str, _port: int) -> list[str]:
        return next(turns, answers[-1])

    return resolve


async def test_delivers_body_and_headers_as_given(sink: Sink) -> None:
    """The receiver gets the very bytes, the path with its query, and the name in the Host header."""
    async with sending() as sender:
        attempt = await post(sender, f"http://localhost:{sink.port}/a/b?c=%20", b'{"x":"\xc3\xa9"}')

    [received] = sink.received
    assert (attempt.outcome, attempt.status, attempt.answer) == (AttemptOutcome.ACCEPTED, 200, b"{}")
    assert (received.path, received.body) == ("/a/b?c=%20", b'{"x":"\xc3\xa9"}')
    assert received.headers["host"] == f"localhost:{sink.port}"
    assert received.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "accepted"), (204, "accepted"), (299, "accepted"), (300, "rejected"), (304, "rejected"), (400, "rejected"),
     (410, "gone"), (500, "rejected"), (503, "rejected")],
)  # fmt: skip
async def test_only_2xx_is_acceptance(sink: Sink, status: int, outcome: str) -> None:
    """Every other status is a failure; 410 says that nothing more is wanted."""
    sink.answer = lambda _received: Reply(status, body=b"" if status in (204, 304) else b"{}")
    async with sending() as sender:
        attempt = await post(sender, sink.url)
    assert (attempt.outcome.value, attempt.status) == (outcome, status)


async def test_redirects_are_not_followed(sink: Sink) -> None:
    """A redirect is a failure, and where it leads hears nothing."""
    with Sink() as elsewhere:
        sink.answer = lambda _received: Reply(307, {"Location": elsewhere.url})
        async with sending() as sender:
            attempt = await post(sender, sink.url)
        assert (attempt.outcome, attempt.status) == (AttemptOutcome.REJECTED, 307)
        assert elsewhere.received == []


async def test_proxies_of_the_environment_are_not_asked(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever HTTP_PROXY says, the connection goes to the endpoint itself."""
    with Sink() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with sending() as sender:
            await post(sender, sink.url)
        assert (len(sink.received), proxy.received) == (1, [])


async def test_cookies_are_not_kept(sink: Sink) -> None:
    """A cookie that a receiver sets does not come back."""
    sink.answer = lambda _received: Reply(headers={"Set-Cookie": "a=b"})
    async with sending() as sender:
        await post(sender, sink.url)
        await post(sender, sink.url)
    assert "cookie" not in sink.received[1].headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]"])
async def test_private_addresses_hear_nothing(sink: Sink, host: str) -> None:
    """However loopback is spelt, without leave nothing reaches it."""
    async with sending(Policy()) as sender:
        attempt = await post(sender, f"http://{host}:{sink.port}/")
    assert attempt.outcome is AttemptOutcome.ADDRESS_REFUSED
    assert "private" in attempt.detail
    assert sink.received == []


async def test_own_listeners_hear_nothing(sink: Sink) -> None:
    """Shillings' own port is refused though loopback is allowed."""
    own = Policy(allowed=LOOPBACK, own=(Listener("127.0.0.1", sink.port),))
    async with sending(own) as sender:
        attempt = await post(sender, sink.url)
    assert attempt.outcome is AttemptOutcome.ADDRESS_REFUSED
    assert sink.received == []


async def test_name_that_leads_elsewhere_the_second_time_is_refused(sink: Sink) -> None:
    """A name is looked up and judged for each connection, and only what was judged is connected to."""
    with Sink(host="127.0.0.2", port=sink.port) as forbidden:
        only_one = Policy(allowed=read_networks("127.0.0.1"))
        flips = leading_to(["127.0.0.1"], ["127.0.0.2"])
        async with sending(only_one, resolve=flips) as sender:
            first = await post(sender, f"http://rebound.example:{sink.port}/", endpoint_id=bytes(16))
            second = await post(sender, f"http://rebound.example:{sink.port}/", endpoint_id=b"1" * 16)

        assert (first.outcome, second.outcome) == (AttemptOutcome.ACCEPTED, AttemptOutcome.ADDRESS_REFUSED)
        assert (len(sink.received), forbidden.received) == (1, [])


async def test_of_several_addresses_only_the_harmless_are_used(sink: Sink) -> None:
    """A private address among a name's addresses is passed over, and one where nobody listens too."""
    with Sink(host="127.0.0.2", port=sink.port) as forbidden:
        some = Policy(allowed=read_networks("127.0.0.1/32, 127.0.0.3/32"))
        async with sending(some, resolve=leading_to(["127.0.0.2", "127.0.0.3", "127.0.0.1"])) as sender:
            attempt = await post(sender, f"http://many.example:{sink.port}/")
        assert attempt.outcome is AttemptOutcome.ACCEPTED
        assert (len(sink.received), forbidden.received) == (1, [])


async def test_name_without_address_is_unreachable() -> None:
    """A name that nobody knows is a failure like any other."""
    async with sending() as sender:
        attempt = await post(sender, "http://no-such-name.invalid/")
    assert (attempt.outcome, attempt.status) == (AttemptOutcome.UNREACHABLE, 0)
    assert attempt.detail


async def test_nobody_listening_is_unreachable() -> None:
    """A refused connection is a failure that says so."""
    async with sending() as sender:
        attempt = await post(sender, f"http://127.0.0.1:{free_port()}/")
    assert attempt.outcome is AttemptOutcome.UNREACHABLE
    assert "refused" in attempt.detail.lower() or "111" in attempt.detail


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(cut=True), "broken"), (Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), "broken"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), "broken"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000), "broken"), (Reply(raw=b"\0" * 1000), "broken"),
        (Reply(hang=True), "timed_out"),
    ],
    ids=["reset", "another protocol", "half a body", "endless header", "zeros", "silence"],
)  # fmt: skip
async def test_broken_answers_are_failures(sink: Sink, reply: Reply, outcome: str) -> None:
    """A reset, another protocol, half an answer, endless headers, silence: each is a failure, soon."""
    sink.answer = lambda _received: reply
    async with sending(seconds=0.5) as sender:
        attempt = await post(sender, sink.url)
    assert attempt.outcome.value == outcome
    assert attempt.status == 0


async def test_huge_answer_is_not_read(sink: Sink) -> None:
    """Of an answer without end 20,000 bytes are kept, and the connection is closed at once."""
    sent = itertools.count(1)
    sink.answer = lambda _received: Reply(body=(b"x" * 65_536 for _ in sent))
    async with sending() as sender:
        attempt = await post(sender, sink.url)
    assert (attempt.outcome, len(attempt.answer)) == (AttemptOutcome.ACCEPTED, ANSWER_BYTES_MAX)
    assert next(sent) < 1000


async def test_answer_that_drips_is_cut_off(sink: Sink) -> None:
    """The time is for the whole attempt: an answer that comes byte by byte does not hold it for ever."""
    stop = threading.Event()
    drops = itertools.takewhile(lambda _: not stop.wait(0.02), itertools.repeat(b"x"))
    sink.answer = lambda _received: Reply(body=drops)
    async with sending(seconds=0.4) as sender:
        begun = time.monotonic()
        attempt = await post(sender, sink.url)
    stop.set()
    assert attempt.outcome is AttemptOutcome.TIMED_OUT
    assert time.monotonic() - begun < 3.0


async def test_retry_after_is_told(sink: Sink) -> None:
    """What the receiver asks for is read."""
    sink.answer = lambda _received: Reply(429, {"Retry-After": "17"})
    async with sending() as sender:
        assert (await post(sender, sink.url)).retry_after_s == 17


async def test_endpoint_that_hangs_holds_up_no_other(sink: Sink) -> None:
    """With all of one endpoint's connections hanging, another endpoint is delivered to at once."""
    with Sink(lambda _received: Reply(hang=True)) as dead:
        async with sending(seconds=10) as sender:
            hanging = [asyncio.create_task(post(sender, dead.url)) for _ in range(CONNECTIONS_MAX + 3)]
            await asyncio.to_thread(dead.wait_for, CONNECTIONS_MAX)
            async with asyncio.timeout(3):
                attempt = await post(sender, sink.url, endpoint_id=b"1" * 16)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
    assert attempt.outcome is AttemptOutcome.ACCEPTED


async def test_connections_are_kept_for_the_next_attempt(sink: Sink) -> None:
    """Attempts one after the other share a connection, and the name is looked up once."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with sending(resolve=resolve) as sender:
        for _ in range(3):
            await post(sender, f"http://kept.example:{sink.port}/")
    assert (len(sink.received), asked) == (3, ["kept.example"])


async def test_hanging_name_server_holds_up_no_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one name is being looked up, and asked for many times over, another is found."""
    release = threading.Event()
    asked: list[str] = []

    def look_up(host: str, _port: int) -> list[str]:
        asked.append(host)
        if host == "slow.example":
            release.wait()
        return ["127.0.0.1"]

    monkeypatch.setattr("shillings.webhooks.resolving._look_up", look_up)
    resolver = Resolver()
    slow = [asyncio.ensure_future(resolver("slow.example", 80)) for _ in range(200)]
    async with asyncio.timeout(3):
        assert await resolver("quick.example", 80) == ["127.0.0.1"]
    slow[0].cancel()
    release.set()
    assert await slow[1] == ["127.0.0.1"]
    assert asked.count("slow.example") == 1
    await asyncio.gather(*slow, return_exceptions=True)
    resolver.close()


async def test_certificate_must_be_the_names(tmp_path: Path) -> None:
    """TLS asks for the certificate of the URL's name, though the connection goes to an address."""
    certificate, trusted = made_certificate(tmp_path, "right.example")
    here = leading_to(["127.0.0.1"])
    async with tls_server(certificate) as port, sending(resolve=here, ssl_context=trusted) as sender:
        right = await post(sender, f"https://right.example:{port}/")
        wrong = await post(sender, f"https://wrong.example:{port}/", endpoint_id=b"1" * 16)
    async with tls_server(certificate) as port, sending(resolve=here) as sender:
        unknown = await post(sender, f"https://right.example:{port}/")

    assert (right.outcome, wrong.outcome) == (AttemptOutcome.ACCEPTED, AttemptOutcome.UNREACHABLE)
    assert "wrong.example" in wrong.detail
    assert unknown.outcome is AttemptOutcome.UNREACHABLE


def made_certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate for a name, signed by itself, with its key in one file; and a context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    moment = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(moment - dt.timedelta(days=1))
        .not_valid_after(moment + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file, ssl.create_default_context(cafile=str(file))


@asynccontextmanager
async def tls_server(certificate: Path) -> AsyncIterator[int]:
    """An HTTPS server that says 200; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
