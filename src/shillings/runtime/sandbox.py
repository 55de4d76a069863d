"""The sandbox's parts in an application server, built and wired where it is switched on."""

from collections.abc import Mapping
from datetime import datetime

from shillings.app.accounts import Accounts
from shillings.app.call import Handler
from shillings.app.sandbox.clock import ClockCommands, RunDue
from shillings.app.sandbox.fault_commands import FaultCommands, with_key
from shillings.app.sandbox.fault_rules import LocalRules
from shillings.app.sandbox.faults import Faults
from shillings.app.sandbox.fixtures import Fixtures
from shillings.app.sandbox.idempotency import IdempotencyCommands
from shillings.app.sandbox.inspection import Inspection
from shillings.app.sandbox.keys import KeyLookup
from shillings.app.sandbox.movable_clock import ClockState, Mode, TestClock
from shillings.app.sandbox.request_log import RequestLog
from shillings.app.sandbox.request_store import LocalRequestStore, RequestStore
from shillings.app.sandbox.shared_request_store import SharedRequestStore
from shillings.app.sandbox.shared_rules import SharedRules
from shillings.app.sandbox.state import StateCommands
from shillings.app.sandbox.store import SandboxStore
from shillings.app.sessions import Sessions
from shillings.auth.passwords import Passwords
from shillings.base.clock import Clock, SystemClock
from shillings.base.environment import Environment
from shillings.base.epoch import Epoch
from shillings.contract import commands
from shillings.contract.commands import Auth, Command
from shillings.storage.executor import Executor
from shillings.storage.ledger import Ledger


class Sandbox:
    """What breaks things on purpose.

    Args:
        environment: time, ids and chance. Its clock can be told what time it is.
        executor: where the data are written.
        epoch: which life of the books this is.
        shared: whether other servers use the same database.
        due: what an advance of the clock makes due, by name.
    """

    def __init__(
        self, *, environment: Environment, executor: Executor, epoch: Epoch, shared: bool, due: Mapping[str, RunDue]
    ) -> None:
        clock, real, seed = environment.clock, environment.real, environment.rng.getrandbits(64)
        assert isinstance(clock, TestClock), "a sandbox's clock can be told what time it is"
        self._environment = environment
        self.store = SandboxStore(executor, shared=shared)
        self._epoch = epoch
        self._executor = executor
        self.requests: RequestStore = SharedRequestStore(executor) if shared else LocalRequestStore()
        self.log = RequestLog(self.requests.keep, environment)
        self.rules = rules = SharedRules(seed, self.store, executor, real) if shared else LocalRules(seed)
        times = ClockCommands(clock=clock, real=real, store=self.store, due=due)
        self._on_reset = [times.take_back, rules.take_back, self.requests.take_back]
        state = StateCommands(executor=executor, clock=clock, epoch=epoch, store=self.store, on_reset=self._on_reset)
        self.handlers: dict[Command, Handler] = {
            commands.CKR: times.read,
            commands.CKA: times.advance,
            commands.CKF: times.freeze,
            commands.CKX: times.reset,
            commands.RST: state.reset,
            commands.SNM: state.make_snapshot,
            commands.SNL: state.list_snapshots,
            commands.SNR: state.restore_snapshot,
            commands.SND: state.drop_snapshot,
        }

    def around(
        self,
        handlers: Mapping[Command, Handler],
        sessions: Sessions,
        accounts: Accounts,
        ledger: Ledger,
        reads: Executor,
        passwords: Passwords,
        key: str,
        database_url: str,
    ) -> dict[Command, Handler]:
        """The handlers with faults around them, and the sandbox's own.

        Args:
            handlers: those of every other command.
            sessions: where a session is ended.
            accounts: where a magic receiver is made.
            ledger: where idempotency keys behave as they are told.
            reads: the executor that looks keys up.
            passwords: hashes those of fixtures.
            key: what callers of the sandbox must know; empty for nothing.
            database_url: where the books are, for the auditor.
        """
        environment = self._environment
        # A reset removes the receivers too.
        self._epoch.on_change(accounts.forget_receivers)
        rules = self.rules
        faults = Faults(
            rules,
            end_session=sessions.end,
            is_replay=KeyLookup(reads, environment.clock, lambda: ledger.keys.lifetime_seconds).is_used,
            make_receiver=accounts.make_receiver,
            clock=environment.clock,
            explain=self.requests.explain,
        )
        about_faults = FaultCommands(rules=rules, requests=self.requests, environment=environment)
        keys = IdempotencyCommands(ledger, self.store)
        self._on_reset.append(keys.take_back)
        inspection = Inspection(
            self.log, self.requests, reads=reads, clock=environment.clock, database_url=database_url
        )
        own: dict[Command, Handler] = self.handlers | {
            commands.FLT: about_faults.add_fault,
            commands.FLS: about_faults.list_faults,
            commands.FLC: about_faults.clear_faults,
            commands.FLR: about_faults.remove_fault,
            commands.WHY: about_faults.explain,
            commands.IDQ: keys.read,
            commands.IDC: keys.change,
            commands.FIX: Fixtures(executor=self._executor, passwords=passwords, environment=environment).make,
            commands.RQL: inspection.list_requests,
            commands.RQF: inspection.follow,
            commands.NTE: inspection.note,
            commands.AUD: inspection.audit,
        }
        return self._wrapped(handlers, faults, own, key)

    def _wrapped(
        self, handlers: Mapping[Command, Handler], faults: Faults, own: dict[Command, Handler], key: str
    ) -> dict[Command, Handler]:
        # The log notes what the work itself has answered, before a fault touches that.
        logged = {command: self.log.around(command, handler) for command, handler in handlers.items()}
        every = {command: faults.with_faults(command, handler) for command, handler in logged.items()} | own
        if not key:
            return every
        return {
            command: with_key(key, handler) if command.auth is Auth.SANDBOX else handler
            for command, handler in every.items()
        }


def make_clock(frozen_at: datetime | None, *, sandbox: bool) -> Clock:
    """The clock of an application server: the machine's, unless it is frozen or can be set."""
    if not sandbox and frozen_at is None:
        return SystemClock()
    return TestClock(SystemClock(), ClockState(Mode.FROZEN, 0, frozen_at) if frozen_at else ClockState())
