"""The one place that builds and wires the concrete parts of the application layer."""

from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from shillings.app.accounts import Accounts
from shillings.app.call import Handler
from shillings.app.changes import Changes
from shillings.app.dispatch import Dispatch
from shillings.app.history import History
from shillings.app.holds import Holds
from shillings.app.movement_answers import MovementAnswers
from shillings.app.operations import Operations
from shillings.app.payments import Payments
from shillings.app.readiness import Readiness
from shillings.app.refunds import Refunds
from shillings.app.sessions import Sessions
from shillings.app.transits import REFUNDS, TOPUPS, Transits
from shillings.auth.keys import kept_key
from shillings.auth.passwords import Passwords
from shillings.auth.pseudonyms import Pseudonyms
from shillings.auth.tokens import Tokens
from shillings.base.batching import Batcher, Execute, Item, MakeBatcher, Result
from shillings.base.environment import Environment, make_environment
from shillings.base.epoch import Epoch
from shillings.base.errors import Refusal, SettingsError
from shillings.base.money import Currency
from shillings.cache.interface import SessionCache
from shillings.cache.none import NoCache
from shillings.cache.redis import RedisCache
from shillings.contract import commands
from shillings.contract.commands import Command
from shillings.jobs.runner import purge_all, run_expiry, run_purge
from shillings.runtime.data_dir import prepare_folder
from shillings.runtime.rate_limits import make_rate_limits, with_limits
from shillings.runtime.sandbox import Sandbox, make_clock
from shillings.runtime.settings import Settings
from shillings.runtime.webhooks import Webhooks
from shillings.sandbox.idempotency import PRESETS
from shillings.storage.books import require_currency
from shillings.storage.durability import risks
from shillings.storage.engines import Dialect, dialect_of, make_engine
from shillings.storage.executor import Executor, make_executors
from shillings.storage.ledger import Ledger
from shillings.storage.ledger_optimistic import KnownWallets
from shillings.storage.schema import count_ids, migrate, require_current
from shillings.storage.url import require_complete
from shillings.storage.waiting import wait_for_database
from shillings.telemetry.metrics import Metrics
from shillings.telemetry.tracing import Tracing

log = structlog.get_logger(__name__)


def database_url(settings: Settings) -> str:
    """The database's URL; the embedded default is a file in the data directory. Raises SettingsError."""
    url = settings.database_url or f"sqlite:///{Path(settings.data_dir) / 'shillings.db'}"
    require_complete(url)
    return url


def migrate_database(settings: Settings) -> None:
    """Bring the schema up to date; wait for the database first. Raises SettingsError."""
    url = database_url(settings)
    dialect_of(url).prepare(url)
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
    if not dialect_of(database_url(settings)).is_embedded:
        raise SettingsError(
            "SHILLINGS_JWT_KEYS must be set when servers share a database; make one with: openssl rand -hex 32"
        )
    folder = Path(settings.data_dir)
    prepare_folder(folder)
    return [kept_key(folder / "jwt.key")]


class AppStack:
    """The application layer's parts, built and wired, for as long as its process lives.

    Args:
        settings: what it is built by.
        metrics: where it counts.
        tracing: where its spans go.
        environment: time, ids and chance; None for those of the settings.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, tracing: Tracing, environment: Environment | None = None
    ) -> None:
        self._settings = settings
        self._tracing = tracing
        url = database_url(settings)
        self.dialect = dialect_of(url)
        keys = signing_keys(settings)
        self._claim = self.dialect.claim(url)
        self._engine = make_engine(url)
        wait_for_database(self._engine, settings.database_wait_seconds)
        require_current(self._engine)
        require_currency(self._engine, settings.currency, settings.decimals)
        _require_durable(self._engine, self.dialect, settings.require_durable)
        self.environment = environment or self._make_environment()
        self._executors = make_executors(url, metrics.retry_counter)
        self._epoch = Epoch()
        self._make_batcher = self._batcher_maker(metrics)
        self.webhooks = self._make_webhooks()
        self.sandbox = self._make_sandbox() if settings.sandbox else None
        self._passwords = Passwords(settings.password_threads)
        self._cache = self._make_cache(metrics)
        self._limits = make_rate_limits(settings, keys[0], metrics.count_cache_failure)
        self.dispatch = self._wire_up(keys, metrics)

    @property
    def identity(self) -> Executor:
        """The executor for credentials and revocations."""
        return self._executors["identity"]

    async def start(self) -> None:
        """Do what must be done before the first request. Raises SettingsError."""
        if self.sandbox is not None:
            try:
                await self.sandbox.store.refresh()
            except Refusal as refusal:
                raise SettingsError(f"what the sandbox was told cannot be read: {refusal.message}") from None

    def jobs(self) -> list[Coroutine[Any, Any, None]]:
        """What this server does when nobody asks, for as long as it runs."""
        jobs = [
            run_purge(self.identity, self.environment.clock),
            run_expiry(self.holds.expire),
            run_expiry(self.transits.run_due),
        ]
        if self.sandbox is not None:
            jobs += [self.sandbox.store.follow(), self.sandbox.requests.write_always()]
        return jobs

    async def close(self) -> None:
        """Finish what is queued and let go of everything."""
        if self.sandbox is not None:
            await self.sandbox.requests.finish()
        await self._passwords.close()
        for executor in dict.fromkeys(self._executors.values()):
            await executor.close()
        await self._cache.close()
        if self._limits is not None:
            await self._limits.close()
        if self._claim is not None:
            self._claim.close()

    def _make_environment(self) -> Environment:
        settings = self._settings
        # A server that starts again on data it has written must not make the same ids again.
        process = f"app/{count_ids(self._engine)}" if settings.seed else "app"
        clock = make_clock(settings.frozen_moment(), sandbox=settings.sandbox)
        return make_environment(seed=settings.seed, clock=clock, process=process)

    def _make_sandbox(self) -> Sandbox:
        return Sandbox(
            environment=self.environment,
            executor=self.identity,
            epoch=self._epoch,
            shared=not self.dialect.is_embedded,
            due={
                "deliveries_attempted": self.webhooks.run_due,
                "holds_expired": self._expire_holds,
                "transits_ended": self._end_transits,
                "rows_purged": partial(purge_all, self.identity, self.environment.clock),
            },
        )

    def _make_webhooks(self) -> Webhooks:
        return Webhooks(
            self._settings,
            environment=self.environment,
            writes=self.identity,
            reads=self._executors["history"],
            make_batcher=self._make_batcher,
            epoch=self._epoch,
            alone=self.dialect.is_embedded,
        )

    def _make_ledger(self, metrics: Metrics) -> Ledger:
        setting, wallets = self._settings.optimistic_locking, None
        # Nobody answers to an embedded database, so there is no round trip to save.
        if setting != "off" and not self.dialect.is_embedded:
            wallets = KnownWallets(
                always=setting == "on", count=metrics.count_optimistic, count_pause=metrics.count_optimistic_pause
            )
        return Ledger(
            self._executors["ledger"],
            self.environment.clock.now,
            listening=self.webhooks.listening,
            keys=PRESETS[self._settings.idempotency],
            wallets=wallets,
            on_deliveries=self.webhooks.news.tell,
        )

    async def _expire_holds(self) -> int:
        # The sandbox is made before what it moves.
        return await self.holds.expire()

    async def _end_transits(self) -> int:
        return await self.transits.run_due()

    def _make_cache(self, metrics: Metrics) -> SessionCache:
        if not self._settings.redis_url:
            return NoCache()
        cache = RedisCache(self._settings.redis_url, metrics.count_cache_failure)
        metrics.gauge(
            "shillings_cache_breaker_open", "1 while the cache is not asked.", lambda: float(cache.breaker.is_open)
        )
        return cache

    def _batcher_maker(self, metrics: Metrics) -> MakeBatcher:
        settings = self._settings

        def make(
            name: str,
            execute: Execute[Item, Result],
            *,
            batch_items_max: int | None = None,
            batches_in_flight_max: int = 1,
        ) -> Batcher[Item, Result]:
            batcher = Batcher(
                execute,
                batch_items_max=min(settings.batch_items_max, batch_items_max or settings.batch_items_max),
                queue_items_max=settings.queue_items_max,
                batches_in_flight_max=batches_in_flight_max,
                observe=metrics.batch_observer(name),
            )
            metrics.watch_queue(name, lambda: batcher.waiting)
            return batcher

        return make

    def _wire_up(self, keys: list[str], metrics: Metrics) -> Dispatch:
        executors, make_batcher, environment = self._executors, self._make_batcher, self.environment
        tokens = Tokens(keys, self._settings.token_lifetime_seconds, environment, self._epoch)
        sessions = Sessions(
            tokens=tokens,
            passwords=self._passwords,
            cache=self._cache,
            identity=executors["identity"],
            clock=environment.clock,
            make_batcher=make_batcher,
            lookup_counter=metrics.lookup_counter,
            pseudonyms=Pseudonyms(keys[0]),
        )
        accounts = Accounts(
            passwords=self._passwords,
            identity=executors["identity"],
            reads=executors["accounts"],
            environment=environment,
            make_batcher=make_batcher,
            currency=self._settings.currency,
            told=self.webhooks.told,
            news=self.webhooks.news,
        )
        changes = Changes(
            tokens=tokens,
            passwords=self._passwords,
            sessions=sessions,
            identity=executors["identity"],
            clock=environment.clock,
        )
        ledger = self._make_ledger(metrics)
        operations = Operations(ledger=ledger, environment=environment, make_batcher=make_batcher)
        history = History(reads=executors["history"], clock=environment.clock, make_batcher=make_batcher)

        handlers: dict[Command, Handler] = {
            commands.LGN: sessions.log_in,
            commands.SGN: accounts.sign_up,
            commands.USR: accounts.read,
            commands.TXQ: history.read,
            **self._movements(operations),
            commands.LGO: sessions.log_out,
            commands.TXG: history.read_one,
            commands.PWD: changes.change_password,
            commands.EML: changes.change_email,
            commands.CLS: changes.close,
            commands.RDY: Readiness(reads=executors["accounts"]).check,
            **self.webhooks.handlers,
        }
        handlers = with_limits(self._limits, handlers, self._epoch)
        self._epoch.on_change(sessions.forget_all)
        self._epoch.on_change(ledger.forget)
        self._epoch.on_change(history.forget)
        if self.sandbox is not None:
            key, reads = self._settings.sandbox_key, executors["accounts"]
            handlers = self.webhooks.with_delivery_faults(self.sandbox.rules, handlers | self._transits_by_hand())
            url = database_url(self._settings)
            handlers = self.sandbox.around(handlers, sessions, accounts, ledger, reads, self._passwords, key, url)
        return self._make_dispatch(handlers, sessions, metrics)

    def _make_dispatch(self, handlers: dict[Command, Handler], sessions: Sessions, metrics: Metrics) -> Dispatch:
        log_each = self._settings.log_level == "debug"
        return Dispatch(
            handlers,
            sessions.signed_in,
            metrics.observe_command,
            currency=str(Currency(self._settings.currency, self._settings.decimals)),
            tracing=self._tracing,
            log_each=log_each,
            requests=None if self.sandbox is None else self.sandbox.log,
        )

    def _movements(self, operations: Operations) -> dict[Command, Handler]:
        """Everything that moves money."""
        clock = self.environment.clock
        answers = MovementAnswers(reads=self._executors["history"], clock=clock)
        payments = Payments(operations, answers)
        self.transits = Transits(operations, reads=self._executors["accounts"], clock=clock)
        self.holds = holds = Holds(operations, reads=self._executors["accounts"], clock=clock)
        return {
            commands.PAY: payments.pay,
            commands.TPU: payments.top_up,
            commands.RFD: Refunds(operations, answers).refund,
            commands.HLD: holds.make,
            commands.HLQ: holds.list_page,
            commands.HLG: holds.read,
            commands.CAP: holds.capture,
            commands.VOI: holds.void,
        }

    def _transits_by_hand(self) -> dict[Command, Handler]:
        """What whoever operates the sandbox does with money on its way."""
        by_hand = self.transits.by_hand
        return {
            commands.TPS: by_hand(TOPUPS, arrives=True),
            commands.TPR: by_hand(TOPUPS, arrives=False),
            commands.RFS: by_hand(REFUNDS, arrives=True),
            commands.RFF: by_hand(REFUNDS, arrives=False),
        }


def _require_durable(engine: sa.Engine, dialect: Dialect, required: bool) -> None:
    found = risks(engine, dialect)
    for sentence in found:
        log.warning("not_durable", reason=sentence)
    if found and required:
        raise SettingsError(
            f"SHILLINGS_REQUIRE_DURABLE is set, and an acknowledged payment could be lost: {' '.join(found)}"
        )
