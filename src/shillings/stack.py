"""The one place that builds and wires the concrete parts of both layers."""

import fcntl
import time
from pathlib import Path
from typing import IO

import sqlalchemy as sa
import structlog

from shillings import clock
from shillings.app.accounts import Accounts
from shillings.app.call import Call
from shillings.app.dispatch import Dispatch, Handler
from shillings.app.history import History
from shillings.app.payments import Payments
from shillings.app.sessions import Sessions
from shillings.auth.passwords import Passwords
from shillings.auth.tokens import Tokens, generated_key
from shillings.batching import Batcher, Item, MakeBatcher, Result, Visit
from shillings.cache.interface import SessionCache
from shillings.cache.memory import MemoryCache
from shillings.cache.redis import RedisCache
from shillings.errors import SettingsError
from shillings.money import Currency
from shillings.settings import Settings
from shillings.storage.durability import risks
from shillings.storage.engine import SQLITE, Dialect, dialect_of, make_engine, sqlite_path
from shillings.storage.lanes import Lane
from shillings.storage.schema import migrate, require_current
from shillings.storage.waiting import wait_for_database
from shillings.telemetry.metrics import Metrics
from shillings.telemetry.tracing import Tracing
from shillings.web.service import WebService
from shillings.wire import shillings_pb2 as wire
from shillings.wire.address import Address
from shillings.wire.client import AppClient

FILE_LOCK_SECONDS_MAX = 5.0
IDENTITY_THREADS = 4

log = structlog.get_logger(__name__)


def database_url(settings: Settings) -> str:
    """The database's URL; the embedded default is a file in the data directory."""
    return settings.database_url or f"sqlite:///{Path(settings.data_dir) / 'shillings.db'}"


def prepare_data_dir(settings: Settings) -> None:
    """Make the data directory, for its owner only."""
    Path(settings.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)


def migrate_database(settings: Settings) -> None:
    """Bring the schema up to date; wait for the database first. Raises SettingsError."""
    url = database_url(settings)
    if dialect_of(url) is SQLITE:
        sqlite_path(url).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = make_engine(url)
    wait_for_database(engine, settings.database_wait_seconds)
    migrate(engine)
    engine.dispose()


def signing_keys(settings: Settings) -> list[str]:
    """The JWT secrets: those set, or the one kept in the data directory.

    Raises:
        SettingsError: none is set, and the database is shared, so that each server would make its own.
    """
    keys = settings.signing_keys()
    if keys:
        return keys
    if dialect_of(database_url(settings)) is not SQLITE:
        raise SettingsError(
            "SHILLINGS_JWT_KEYS must be set when servers share a database; make one with: openssl rand -hex 32"
        )
    prepare_data_dir(settings)
    return [generated_key(Path(settings.data_dir) / "jwt.key")]


class AppStack:
    """The application layer's parts, built and wired, for as long as its process lives.

    Args:
        settings: what it is built by.
        metrics: where it counts.
        tracing: where its spans go.
    """

    def __init__(self, settings: Settings, metrics: Metrics, tracing: Tracing) -> None:
        self._settings = settings
        self._tracing = tracing
        url = database_url(settings)
        self.dialect = dialect_of(url)
        keys = signing_keys(settings)
        self._file_lock = lock_file(sqlite_path(url)) if self.dialect is SQLITE else None
        self._engine = make_engine(url)
        wait_for_database(self._engine, settings.database_wait_seconds)
        require_current(self._engine)
        _require_durable(self._engine, self.dialect, settings.require_durable)
        self._lanes = self._make_lanes(url, metrics)
        self._passwords = Passwords(settings.password_threads)
        self._cache = self._make_cache(metrics)
        self.dispatch = self._wire_up(keys, metrics)

    @property
    def identity(self) -> Lane:
        """The lane for credentials and revocations."""
        return self._lanes["identity"]

    async def close(self) -> None:
        """Finish what is queued and let go of everything."""
        await self._passwords.close()
        for lane in dict.fromkeys(self._lanes.values()):
            await lane.close()
        await self._cache.close()
        if self._file_lock is not None:
            self._file_lock.close()

    def _make_lanes(self, url: str, metrics: Metrics) -> dict[str, Lane]:
        def lane(engine: sa.Engine, name: str, threads: int = 1) -> Lane:
            return Lane(engine, self.dialect, name, threads=threads, on_retry=metrics.retry_counter(name))

        ledger = lane(self._engine, "ledger")
        if self.dialect is SQLITE:
            # One connection writes; so everything that writes shares the ledger's thread.
            reads = make_engine(url, writes=False)
            return {
                "accounts": lane(reads, "accounts"),
                "history": lane(reads, "history"),
                "ledger": ledger,
                "identity": ledger,
            }
        return {
            "accounts": lane(self._engine, "accounts"),
            "history": lane(self._engine, "history"),
            "ledger": ledger,
            "identity": lane(self._engine, "identity", IDENTITY_THREADS),
        }

    def _make_cache(self, metrics: Metrics) -> SessionCache:
        if not self._settings.redis_url:
            return MemoryCache()
        cache = RedisCache(self._settings.redis_url, metrics.count_cache_failure)
        metrics.gauge(
            "shillings_cache_breaker_open", "1 while the cache is not asked.", lambda: float(cache.breaker.is_open)
        )
        return cache

    def _batcher_maker(self, metrics: Metrics) -> MakeBatcher:
        settings = self._settings

        def make(
            name: str, visit: Visit[Item, Result], *, batch_items_max: int | None = None, visits_max: int = 1
        ) -> Batcher[Item, Result]:
            batcher = Batcher(
                visit,
                batch_items_max=min(settings.batch_items_max, batch_items_max or settings.batch_items_max),
                queue_items_max=settings.queue_items_max,
                visits_max=visits_max,
                observe=metrics.batch_observer(name),
            )
            metrics.watch_queue(name, lambda: batcher.waiting)
            return batcher

        return make

    def _wire_up(self, keys: list[str], metrics: Metrics) -> Dispatch:
        lanes, make_batcher = self._lanes, self._batcher_maker(metrics)
        sessions = Sessions(
            tokens=Tokens(keys, self._settings.token_lifetime_seconds),
            passwords=self._passwords,
            cache=self._cache,
            identity=lanes["identity"],
            clock=clock.now,
            make_batcher=make_batcher,
            look_counter=metrics.look_counter,
        )
        accounts = Accounts(
            passwords=self._passwords,
            identity=lanes["identity"],
            reads=lanes["accounts"],
            clock=clock.now,
            make_batcher=make_batcher,
        )
        payments = Payments(ledger=lanes["ledger"], clock=clock.now, make_batcher=make_batcher)
        history = History(reads=lanes["history"], make_batcher=make_batcher)

        async def ready(_call: Call, _request: wire.ReadyRequest) -> wire.ReadyAnswer:
            await lanes["accounts"].run(lambda session: session.visit("SELECT 1"))
            return wire.ReadyAnswer()

        handlers: dict[int, Handler] = {
            wire.LGN: Handler("LGN", wire.LoginRequest, sessions.log_in, needs_session=False),
            wire.SGN: Handler("SGN", wire.SignupRequest, accounts.sign_up, needs_session=False),
            wire.USR: Handler("USR", wire.AccountRequest, accounts.read, needs_session=True),
            wire.PAY: Handler("PAY", wire.PayRequest, payments.pay, needs_session=True),
            wire.TPU: Handler("TPU", wire.TopupRequest, payments.top_up, needs_session=True),
            wire.TXQ: Handler("TXQ", wire.HistoryRequest, history.read, needs_session=True),
            wire.LGO: Handler("LGO", wire.LogoutRequest, sessions.log_out, needs_session=True),
            wire.RDY: Handler("RDY", wire.ReadyRequest, ready, needs_session=False),
        }
        log_each = self._settings.log_level == "debug"
        return Dispatch(handlers, sessions.signed_in, metrics.observe_command, tracing=self._tracing, log_each=log_each)


def make_web(settings: Settings, addresses: list[Address], metrics: Metrics, tracing: Tracing) -> WebService:
    """The web layer's ASGI application."""
    client = AppClient(addresses)
    metrics.gauge(
        "shillings_app_requests_in_flight", "Requests that wait for the application layer.", lambda: client.in_flight
    )
    return WebService(
        client=client,
        currency=Currency(settings.currency, settings.currency_decimals),
        cookie_secure=settings.cookie_secure,
        timeout_s=settings.request_timeout_ms / 1000,
        observe=metrics.observe_http,
        tracing=tracing,
        log_each=settings.log_level == "debug",
    )


def lock_file(database: Path) -> IO[str]:
    """Claim a SQLite database for this process; the claim ends with the returned file.

    Raises:
        SettingsError: another process has it. A predecessor gets a moment to finish.
    """
    file = database.with_name(database.name + ".lock").open("w")
    ends = time.monotonic() + FILE_LOCK_SECONDS_MAX
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > ends:
                file.close()
                raise SettingsError(
                    f"another Shillings uses {database}; stop it, or choose another --data-dir"
                ) from None
            time.sleep(0.05)
        else:
            return file


def _require_durable(engine: sa.Engine, dialect: Dialect, required: bool) -> None:
    found = risks(engine, dialect)
    for sentence in found:
        log.warning("not_durable", reason=sentence)
    if found and required:
        raise SettingsError(
            f"SHILLINGS_REQUIRE_DURABLE is set, and an acknowledged payment could be lost: {' '.join(found)}"
        )
