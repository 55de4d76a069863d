"""A batch on remembered wallets: one round trip where all is as remembered, and else what the locks would say."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pymysql
import pytest

from shillings.base.errors import Unavailable
from shillings.base.money import BALANCE_MINOR_MAX
from shillings.ledger.hold import Hold
from shillings.ledger.operation import Course, Decision, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import TransitStatus
from shillings.ledger.topup import TopUp
from shillings.storage import executor as executors
from shillings.storage import listening as listening_module
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.ledger import Ledger, LedgerBatch
from shillings.storage.ledger_links import KnownLinks
from shillings.storage.ledger_optimistic import BATCH_WALLETS_MAX, KnownWallets
from shillings.storage.listening import Listening
from shillings.storage.sessions import revoke
from tests.contract.bank import NOBODY, TOKEN, Bank, Somebody, header, payment, topup
from tests.contract.hooks import Hooks
from tests.contract.planned_errors import CONFLICTS, Plan, database_error
from tests.values import new_id, now

LOST = 2013


class Counting(Connection):
    """A connection that keeps what was sent on it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.trips: list[tuple[str, ...]] = []

    def query(self, *statements: str) -> list[Rows]:
        """Keep, and send."""
        self.trips.append(statements)
        return super().query(*statements)


class Server:
    """An application server: what it remembers, and a connection of its own.

    Args:
        bank: the database.
        wallets: what it remembers of wallets.
    """

    def __init__(self, bank: Bank, *, always: bool = True, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.results: Counter[str] = Counter()
        self.paused = 0.0
        self.wallets = KnownWallets(
            always=always, count=self._count, count_pause=self._count_pause, monotonic=monotonic
        )
        self.known = KnownLinks()
        self.connection = bank.open(Counting)
        self.listening: Listening | None = None

    def batch(self, *operations: Operation) -> LedgerBatch:
        """A batch of this server's."""
        return LedgerBatch(operations, self.known, now, self.listening, wallets=self.wallets)

    def execute(self, *operations: Operation) -> list[Decision]:
        """Execute a batch."""
        return self.batch(*operations).execute(self.connection)

    def outcomes(self, *operations: Operation) -> list[Outcome]:
        """What becomes of a batch."""
        return [decision.outcome for decision in self.execute(*operations)]

    def user(self, bank: Bank, balance: int) -> Somebody:
        """Somebody with money whose wallet it remembers."""
        user = bank.user()
        self.execute(topup(user, balance))
        self.execute(payment(user, user, 1))
        self.results.clear()
        return user

    @property
    def trips(self) -> list[tuple[str, ...]]:
        """What was sent."""
        counting = self.connection
        assert isinstance(counting, Counting)
        return counting.trips

    def _count(self, result: str) -> None:
        self.results[result] += 1

    def _count_pause(self, seconds: float) -> None:
        self.paused += seconds


@pytest.fixture(scope="module", params=["fresh_database_url", "fresh_mysql_url"], ids=["mariadb", "mysql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database on each engine that is travelled to."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def server(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server whose connection stays fresh, however busy the machine is."""
    monkeypatch.setattr(executors, "FRESH_SECONDS", 600.0)
    monkeypatch.setattr(executors, "CONFLICT_PAUSE_SECONDS", 0.0005)
    monkeypatch.setattr(executors, "LOST_COMMIT_SECONDS_MAX", 10.0)
    return Server(bank)


def test_plain_batch_takes_one_round_trip(bank: Bank, server: Server) -> None:
    """Payments and top-ups on remembered wallets are in the database after one packet, with entries, keys and all."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    operations = [payment(ann, bob, 30, "a"), topup(ann, 5), payment(bob, ann, 70), payment(ann, bob, 1, "b")]
    server.trips.clear()
    decisions = server.execute(*operations)
    ledger = bank.ledger()

    assert decisions == [Decision(Outcome.OK, operation.header.id) for operation in operations]
    assert [(trip[0], trip[-1]) for trip in server.trips] == [("BEGIN", "COMMIT")]
    assert server.results == {"committed": 1}
    assert (bank.balance(ann), bank.balance(bob)) == (144, 11)
    assert {operation.header.id for operation in operations} <= {row.transaction_id for row in ledger.transactions}
    assert server.execute(payment(ann, bob, 30, "a")) == [decisions[0]._replace(replayed=True)]


def test_batch_after_batch_is_remembered(bank: Bank, server: Server) -> None:
    """What a batch on remembered wallets has written is what the next one is decided on."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    for _ in range(5):
        assert server.outcomes(payment(ann, bob, 3)) == [Outcome.OK]

    assert server.results == {"committed": 5}
    assert (bank.balance(ann), bank.balance(bob)) == (85, 65)
    assert bank.ledger()


def test_balance_changed_without_an_entry_is_not_overwritten(bank: Bank, server: Server) -> None:
    """What somebody has taken from a balance by hand stays taken, and cannot be spent."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    where = f"WHERE user_id = x'{ann.user_id.hex()}'"
    bank.connection.query(f"UPDATE users SET balance = balance - 60 {where}")
    outcomes = server.outcomes(payment(ann, bob, 50))
    left = bank.balance(ann)
    bank.connection.query(f"UPDATE users SET balance = balance + 60 {where}")

    assert (outcomes, left) == ([Outcome.INSUFFICIENT_FUNDS], 40)
    assert server.results == {"rejected": 1}
    assert bank.ledger()


def test_email_changed_since_is_what_the_transaction_says(bank: Bank, server: Server) -> None:
    """A payment names its users as they are called when it is made, not as they were remembered."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    user, email = f"x'{ann.user_id.hex()}'", f"'o''neil{ann.email}'"
    bank.connection.query(
        f"INSERT INTO emails VALUES ({email}, {user})", f"UPDATE users SET email = {email} WHERE user_id = {user}"
    )
    [decision] = server.execute(payment(ann, bob, 1))

    found = bank.rows(
        f"SELECT sender_email FROM transactions WHERE transaction_id = x'{decision.transaction_id.hex()}'"
    )
    assert found == [(f"o'neil{ann.email}",)]
    assert server.outcomes(payment(ann, bob, 1)) == [Outcome.OK]
    assert server.results == {"rejected": 1, "committed": 1}


def test_wallet_that_another_server_changed_is_read_again(bank: Bank, server: Server) -> None:
    """Money that another server has moved is spent once, whoever remembers it otherwise."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    other = Server(bank)
    assert other.outcomes(payment(ann, bob, 80)) == [Outcome.OK]

    assert server.outcomes(payment(ann, bob, 80)) == [Outcome.INSUFFICIENT_FUNDS]
    assert server.outcomes(topup(ann, 1), payment(bob, ann, 130)) == [Outcome.OK, Outcome.OK]
    assert (bank.balance(ann), bank.balance(bob)) == (151, 0)
    assert server.results["rejected"] == 1
    assert bank.ledger()


def test_closed_account_gets_nothing(bank: Bank, server: Server) -> None:
    """Whose row is gone is not paid, however well the wallet is remembered."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    server.execute(payment(ann, bob, 1))
    row = f"WHERE user_id = x'{bob.user_id.hex()}'"
    bank.connection.query(f"CREATE TABLE gone AS SELECT * FROM users {row}", f"DELETE FROM users {row}")
    outcomes = server.outcomes(payment(ann, bob, 1))
    bank.connection.query("INSERT INTO users SELECT * FROM gone", "DROP TABLE gone")

    assert outcomes == [Outcome.RECEIVER_NOT_FOUND]
    assert server.results == {"committed": 1, "rejected": 1}
    assert bank.ledger()


def test_revoked_session_moves_nothing(bank: Bank, server: Server) -> None:
    """A session that was ended elsewhere is refused; its neighbours in the batch go on."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    token = new_id()
    assert server.outcomes(payment(ann, bob, 1, "", token)) == [Outcome.OK]
    revoke(bank.connection, token, now() + timedelta(hours=1))

    assert server.outcomes(payment(ann, bob, 1, "", token), topup(bob, 1)) == [Outcome.UNAUTHENTICATED, Outcome.OK]
    assert (bank.balance(ann), bank.balance(bob)) == (99, 52)
    assert server.results == {"committed": 1, "rejected": 1}
    assert bank.ledger()


def test_session_revoked_while_the_batch_waits_moves_nothing(bank: Bank, server: Server) -> None:
    """A session that ends while its payment waits for a wallet is refused: the guard comes after the locks."""
    ann, bob, token, holder = server.user(bank, 100), server.user(bank, 50), new_id(), bank.open()
    holder.query("BEGIN", f"SELECT 1 FROM users WHERE user_id = x'{ann.user_id.hex()}' FOR UPDATE")
    told: list[Outcome] = []
    working = threading.Thread(target=lambda: told.extend(server.outcomes(payment(ann, bob, 1, "", token))))
    working.start()
    _wait_for(bank, "UPDATE users")
    revoke(bank.connection, token, now() + timedelta(hours=1))
    holder.query("ROLLBACK")
    working.join(10)

    assert told == [Outcome.UNAUTHENTICATED]
    assert (bank.balance(ann), bank.balance(bob)) == (100, 50)


def _wait_for(bank: Bank, statement: str) -> None:
    ends = time.monotonic() + 10
    while not any(statement in str(row[7]) for row in bank.connection.query("SHOW FULL PROCESSLIST")[0]):
        assert time.monotonic() < ends, "nobody waits"


@pytest.mark.parametrize("amount", [10, 11], ids=["the same request", "another request"])
def test_key_that_is_there_is_answered_by_the_locking_path(bank: Bank, server: Server, amount: int) -> None:
    """A key that was used moves nothing again, though every wallet is as remembered."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    [first] = server.execute(payment(ann, bob, 10, "key"))
    [again, beside] = server.execute(payment(ann, bob, amount, "key"), topup(bob, 1))

    assert again == (
        first._replace(replayed=True) if amount == 10 else Decision(Outcome.IDEMPOTENCY_KEY_REUSED, bytes(16))
    )
    assert beside.outcome is Outcome.OK
    assert server.results == {"committed": 1, "rejected": 1}
    assert (bank.balance(ann), bank.balance(bob)) == (90, 61)
    assert bank.ledger()


NOT_PLAIN: dict[str, Callable[[Somebody, Somebody], list[Operation]]] = {
    "short of money": lambda ann, bob: [payment(ann, bob, 1000), topup(bob, 1)],
    "short of money beside what is possible": lambda ann, bob: [payment(ann, bob, 1000), payment(ann, bob, 1)],
    "nobody": lambda ann, bob: [payment(ann, NOBODY, 1), topup(bob, 1)],
    "oneself": lambda ann, bob: [payment(ann, ann, 1), topup(bob, 1)],
    "no room": lambda ann, bob: [topup(ann, BALANCE_MINOR_MAX), topup(bob, 1)],
    "a key twice": lambda ann, bob: [payment(ann, bob, 1, "k"), payment(ann, bob, 1, "k")],
    "a hold": lambda ann, bob: [
        Hold(header(ann, "", TOKEN, "hold"), bob.email, 5, "2999-01-01 00:00:00.000000"),
        topup(bob, 1),
    ],
    "a pending top-up": lambda ann, bob: [
        TopUp(header(ann, "", TOKEN, "topup"), 5, None, Course(True, TransitStatus.SUCCEEDED, "")),
        topup(bob, 1),
    ],
}


@pytest.mark.parametrize("operations", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_not_plain_is_decided_under_locks(
    bank: Bank, server: Server, operations: Callable[[Somebody, Somebody], list[Operation]]
) -> None:
    """Refusals, retries and everything but money that moves at once never act on what is remembered."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    server.execute(*operations(ann, bob))

    assert server.results == {}
    assert bank.ledger()


def test_empty_wallet_is_read_under_its_lock(bank: Bank, server: Server) -> None:
    """Whoever has nothing may owe something, which is not remembered: the next money is decided under locks."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    server.execute(payment(ann, bob, 100))
    server.results.clear()

    assert server.outcomes(topup(ann, 7)) == [Outcome.OK]
    assert server.results == {}
    assert server.outcomes(topup(ann, 7)) == [Outcome.OK]
    assert server.results == {"committed": 1}


def test_large_batch_is_decided_under_locks(bank: Bank, server: Server) -> None:
    """Beyond so many wallets MariaDB would make a subquery of the list, and one round trip less is no gain."""
    people = [bank.user() for _ in range(BATCH_WALLETS_MAX + 1)]
    for _ in range(2):
        assert set(server.outcomes(*[topup(one, 1) for one in people])) == {Outcome.OK}
    assert server.results == {}
    assert set(server.outcomes(*[topup(one, 1) for one in people[1:]])) == {Outcome.OK}
    assert server.results == {"committed": 1}
    assert bank.ledger()


def test_who_listens_is_told(bank: Bank, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody listens it is acted on what is remembered; from when somebody may, events are made under locks."""
    monkeypatch.setattr(listening_module, "FRESH_SECONDS", 600.0)
    monkeypatch.setattr(listening_module, "DEAF_BATCHES_MAX", 1)
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    server.listening = Listening()
    for _ in range(3):
        server.execute(payment(ann, bob, 1))
    assert server.results == {"committed": 1}

    Hooks(bank)
    server.listening.hear()
    Hooks(bank, owner=None)
    endpoint = Hooks(bank)
    before = bank.rows("SELECT COUNT(*) FROM events")[0][0]
    server.execute(topup(Somebody(endpoint.owner.user_id, ""), 5))
    server.execute(topup(Somebody(endpoint.owner.user_id, ""), 5))
    bank.connection.query("UPDATE webhook_endpoints SET enabled = 0")

    assert bank.rows("SELECT COUNT(*) FROM events")[0][0] == before + 2
    assert server.results == {"committed": 1}


def test_connection_that_idled_is_not_trusted_with_a_commit(
    bank: Bank, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that may have died unseen begins as always, so that its loss is known to be before any COMMIT."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    monkeypatch.setattr(executors, "FRESH_SECONDS", 0.0)
    server.trips.clear()
    server.execute(payment(ann, bob, 1))

    assert server.trips[0][-1] != "COMMIT"
    assert server.results == {}


@pytest.mark.parametrize(
    "failures",
    [
        [(0, "after", LOST)],
        [(0, "before", LOST)],
        [(0, "after", LOST), (1, "before", LOST), (3, "after", LOST)],
        [(0, "before", LOST), (1, "after", LOST)],
        [(0, "before", LOST), (3, "after", LOST)],
        [(0, "after", LOST), (2, "after", 1213)],
        *[[(0, "before", code)] for code in CONFLICTS.values()],
    ],
    ids=[
        "committed",
        "not committed",
        "lost twice",
        "lost while looking",
        "lost again at COMMIT",
        "deadlock",
        *CONFLICTS,
    ],
)
async def test_batch_whose_packet_failed_is_applied_once(
    bank: Bank, server: Server, monkeypatch: pytest.MonkeyPatch, failures: list[tuple[int, str, int]]
) -> None:
    """Whatever becomes of the one packet, lost before or after its COMMIT or in conflict: the batch is there once."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    server.execute(payment(ann, bob, 1))
    plan = Plan(*failures)
    plan.install(monkeypatch)
    executor = bank.executor()
    await executor.run(lambda connection: Connection.query(connection, "SELECT 1"))
    operations = [payment(ann, bob, 10, "key"), topup(bob, 5)]
    decisions = await executor.run(server.batch(*operations).execute)
    await executor.close()
    ledger = bank.ledger()

    assert plan.all_met
    assert (plan.trips[0][0], plan.trips[0][-1]) == ("BEGIN", "COMMIT")
    assert decisions == [Decision(Outcome.OK, operation.header.id) for operation in operations]
    assert [row.transaction_id for row in ledger.transactions].count(operations[0].header.id) == 1
    assert (bank.balance(ann), bank.balance(bob)) == (89, 66)
    assert server.execute(payment(ann, bob, 10, "key"))[0].replayed


async def test_rejected_packet_leaves_no_doubt(bank: Bank, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packet that was rejected was not applied: a database that is lost after it is unavailable, not in doubt."""
    ann, bob = server.user(bank, 100), server.user(bank, 50)
    server.execute(payment(ann, bob, 1))
    plan = Plan((0, "before", 1213), *[(trip, "before", LOST) for trip in range(1, 3)])
    plan.install(monkeypatch)
    executor = bank.executor()
    await executor.run(lambda connection: Connection.query(connection, "SELECT 1"))
    with pytest.raises(Unavailable):
        await executor.run(server.batch(payment(ann, bob, 10, "key")).execute)
    await executor.close()

    assert plan.all_met
    assert (bank.balance(ann), bank.balance(bob)) == (99, 51)


async def test_new_epoch_remembers_nothing(bank: Bank, server: Server) -> None:
    """When the books are reset or restored, no wallet of the time before is remembered."""
    server.user(bank, 100)
    executor = bank.executor()
    Ledger(executor, now, wallets=server.wallets).forget()
    await executor.close()

    assert len(server.wallets) == 0


class Late(Counting):
    """A connection that is lost with a packet which the database gets only later."""

    late: tuple[str, ...] = ()

    def commit(self, *statements: str) -> None:
        """Keep it, and break."""
        if self.late:
            return super().commit(*statements)
        self.late = (*statements, "COMMIT")
        raise database_error(LOST)


@pytest.mark.parametrize("meanwhile", ["nothing", "spent", "revoked", "key used"])
def test_packet_that_arrives_late_changes_nothing(bank: Bank, server: Server, meanwhile: str) -> None:
    """A packet that nobody had read when its batch was looked for and decided again is rejected when it is read."""
    ann, bob, token = server.user(bank, 100), server.user(bank, 50), new_id()
    server.connection = late = bank.open(Late)
    assert isinstance(late, Late)
    late.query("SELECT 1")
    batch = server.batch(payment(ann, bob, 80, "key", token))
    with pytest.raises(pymysql.err.OperationalError):
        batch.execute(late)
    other = Server(bank)
    if meanwhile == "spent":
        other.execute(payment(ann, bob, 90))
    if meanwhile == "revoked":
        revoke(bank.connection, token, now() + timedelta(hours=1))
    if meanwhile == "key used":
        other.execute(payment(ann, bob, 80, "key"))
    expected = {"spent": Outcome.INSUFFICIENT_FUNDS, "revoked": Outcome.UNAUTHENTICATED}.get(meanwhile, Outcome.OK)
    assert [one.outcome for one in batch.execute(late)] == [expected]
    before = bank.ledger()

    reader = bank.open()
    with pytest.raises(pymysql.MySQLError):
        reader.query(*late.late)
    reader.discard()
    assert bank.ledger() == before


@pytest.mark.parametrize("statements", range(1, 7))
def test_packet_cut_in_the_middle_leaves_nothing(
    bank: Bank, server: Server, monkeypatch: pytest.MonkeyPatch, statements: int
) -> None:
    """Whatever part of the packet the database has executed when it is cut off from us, the batch is there once."""
    ann, bob, token = server.user(bank, 100), server.user(bank, 50), new_id()
    commit = Connection.commit
    cut: list[int] = []

    def cut_off(self: Connection, *texts: str) -> None:
        if cut:
            return commit(self, *texts)
        cut.append(len(texts))
        self.query(*texts[:statements])
        self.discard()
        raise database_error(LOST)

    monkeypatch.setattr(Connection, "commit", cut_off)
    batch = server.batch(payment(ann, bob, 80, "key", token))
    with pytest.raises(pymysql.err.OperationalError):
        batch.execute(server.connection)
    assert cut == [6]
    assert (bank.balance(ann), bank.balance(bob)) == (100, 50)
    assert [one.outcome for one in batch.execute(server.connection)] == [Outcome.OK]
    assert (bank.balance(ann), bank.balance(bob)) == (20, 130)
    assert bank.ledger()


@pytest.mark.parametrize("reason", ["changed wallet", "used key", "revoked session"])
def test_rejection_stops_before_the_commit(bank: Bank, server: Server, reason: str) -> None:
    """The server stops at the first statement that fails: nothing of the packet is seen, even before ROLLBACK."""
    ann, bob, token = server.user(bank, 100), server.user(bank, 50), new_id()
    server.connection = late = bank.open(Late)
    assert isinstance(late, Late)
    late.query("SELECT 1")
    with pytest.raises(pymysql.err.OperationalError):
        server.execute(payment(ann, bob, 80, "key", token))
    user = f"x'{ann.user_id.hex()}'"
    undo = {
        "changed wallet": (
            f"UPDATE users SET balance = balance + 1 WHERE user_id = {user}",
            f"UPDATE users SET balance = balance - 1 WHERE user_id = {user}",
        ),
        "used key": (
            f"INSERT INTO idempotency_keys VALUES ({user}, 'key', x'', 'ok', x'{new_id().hex()}', NOW())",
            f"DELETE FROM idempotency_keys WHERE user_id = {user}",
        ),
        "revoked session": (
            f"INSERT INTO revoked_tokens VALUES (x'{token.hex()}', NOW())",
            f"DELETE FROM revoked_tokens WHERE token_id = x'{token.hex()}'",
        ),
    }
    bank.connection.query(undo[reason][0])
    reader = bank.open()
    with pytest.raises(pymysql.MySQLError):
        reader.query(*late.late)
    seen = bank.rows(f"SELECT entry_count FROM users WHERE user_id = {user}")
    reader.query("ROLLBACK")
    bank.connection.query(undo[reason][1])

    assert seen == bank.rows(f"SELECT entry_count FROM users WHERE user_id = {user}")
    assert bank.balance(ann) == 100
    assert bank.ledger()


def test_servers_that_share_wallets_stop_trying(bank: Bank, server: Server) -> None:
    """Two servers that pay out of the same wallets in turns try little: after a rejection they pause, ever longer."""
    seconds = iter(range(1_000_000))
    servers = [Server(bank, always=False, monotonic=lambda: next(seconds) / 10) for _ in range(2)]
    ann, bob = server.user(bank, 1000), server.user(bank, 1000)
    for number in range(200):
        assert servers[number % 2].outcomes(payment(ann, bob, 1), payment(bob, ann, 1)) == [Outcome.OK, Outcome.OK]

    assert all(1 <= one.results["rejected"] <= 6 for one in servers)
    assert all(one.paused >= 7 for one in servers)
    assert (bank.balance(ann), bank.balance(bob)) == (1000, 1000)
    assert bank.ledger()


@pytest.fixture(autouse=True)
def nothing_left(bank: Bank) -> Iterator[None]:
    """Nobody leaves a transaction open that the next test would wait for."""
    yield
    for connection in bank._connections:
        connection.roll_back()
