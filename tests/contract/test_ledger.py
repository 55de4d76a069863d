"""The ledger's transaction on every database: what it writes, what it refuses, what it remembers."""

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from shillings.base import clock, ids
from shillings.base.money import BALANCE_MINOR_MAX
from shillings.ledger.operation import Decision
from shillings.ledger.outcomes import Outcome
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.ledger_links import LINKS, KnownLinks
from shillings.storage.sessions import revoke
from tests.contract.bank import MOMENT, NOBODY, TOKEN, Bank, Somebody, payment, topup
from tests.unit.ledger.model import Model
from tests.values import new_id, now

DAY = timedelta(hours=24)


def test_payment_is_written_to_every_table(bank: Bank) -> None:
    """A payment makes one transaction, two entries and a key, moves both balances, and says when."""
    ann, bob = bank.user(100), bank.user()
    operation = payment(ann, bob, 30, "key")
    [decision] = bank.execute([operation], lambda: MOMENT)
    bank.ledger()
    where = f"WHERE transaction_id = x'{operation.header.id.hex()}'"

    assert decision == Decision(Outcome.OK, operation.header.id)
    assert (bank.balance(ann), bank.balance(bob)) == (70, 30)
    assert bank.rows(f"SELECT kind, sender_email, receiver_email, amount FROM transactions {where}") == [
        ("payment", ann.email, bob.email, 30)
    ]
    assert sorted(bank.rows(f"SELECT seq, amount, balance FROM entries {where}")) == [(1, 30, 30), (2, -30, 70)]
    assert bank.rows(f"SELECT outcome, idempotency_key FROM idempotency_keys {where}") == [("ok", "key")]
    assert bank.rows(f"SELECT CAST(created_at AS CHAR(26)) FROM transactions {where}") == [(clock.stored(MOMENT),)]
    both = f"x'{ann.user_id.hex()}', x'{bob.user_id.hex()}'"
    times = bank.rows(f"SELECT CAST(updated_at AS CHAR(26)) FROM users WHERE user_id IN ({both})")
    assert times == [(clock.stored(MOMENT),)] * 2


def test_topup_has_one_entry(bank: Bank) -> None:
    """A top-up comes from nobody's row: one transaction, one entry, the receiver's balance."""
    ann = bank.user()
    operation = topup(ann, 50)
    [decision] = bank.execute([operation])
    bank.ledger()
    where = f"WHERE transaction_id = x'{operation.header.id.hex()}'"
    [found] = bank.rows(f"SELECT kind, sender_id, sender_email, receiver_email FROM transactions {where}")

    assert decision.outcome is Outcome.OK
    assert found == ("topup", ids.NIL, "", ann.email)
    assert bank.balance(ann) == 50


def test_refusals_leave_only_their_key(bank: Bank) -> None:
    """Each refusal changes no balance and writes no entry; under its key the refusal is kept."""
    ann, bob = bank.user(10), bank.user()
    full = bank.user()
    for _ in range(BALANCE_MINOR_MAX // 10**14):
        bank.execute([topup(full, 10**14)])
    operations = [
        payment(ann, NOBODY, 1, "a"),
        payment(ann, ann, 1, "b"),
        payment(ann, bob, 11, "c"),
        payment(ann, full, 1, "d"),
        topup(full, 1, "e"),
    ]
    before = bank.ledger()
    outcomes = [decision.outcome for decision in bank.execute(operations)]
    after = bank.ledger()

    assert outcomes == [
        Outcome.RECEIVER_NOT_FOUND,
        Outcome.SELF_PAYMENT,
        Outcome.INSUFFICIENT_FUNDS,
        Outcome.BALANCE_LIMIT_EXCEEDED,
        Outcome.BALANCE_LIMIT_EXCEEDED,
    ]
    assert (after.users, after.transactions, after.entries) == (before.users, before.transactions, before.entries)
    assert len(after.keys) == len(before.keys) + 5
    assert [(one.outcome, one.replayed) for one in bank.execute(operations)] == [(one, True) for one in outcomes]


def test_refusals_without_keys_leave_nothing(bank: Bank) -> None:
    """A batch of nothing but refusals writes nothing, and holds no lock afterwards."""
    ann, bob = bank.user(), bank.user()
    before = bank.ledger()
    [decision] = bank.execute([payment(ann, bob, 1)])

    assert decision.outcome is Outcome.INSUFFICIENT_FUNDS
    assert bank.ledger() == before
    assert bank.batch([topup(ann, 1)]).execute(bank.open())[0].outcome is Outcome.OK


def test_batch_is_decided_in_order_of_arrival(bank: Bank) -> None:
    """Money that arrives earlier in a batch may be spent later in it, and not the other way round."""
    ann, bob = bank.user(), bank.user()
    decisions = bank.execute([payment(ann, bob, 5), topup(ann, 5), payment(ann, bob, 5), payment(bob, ann, 5)])

    assert [one.outcome for one in decisions] == [Outcome.INSUFFICIENT_FUNDS, Outcome.OK, Outcome.OK, Outcome.OK]
    assert (bank.balance(ann), bank.balance(bob)) == (5, 0)
    assert bank.ledger()


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "across batches"])
def test_key_moves_money_once(bank: Bank, together: bool) -> None:
    """The same key with the same request is carried out once; every repeat gets that answer, marked."""
    ann, bob = bank.user(100), bank.user()
    operations = [payment(ann, bob, 10, "key") for _ in range(4)]
    batches = [operations] if together else [[operation] for operation in operations]
    decisions = [decision for batch in batches for decision in bank.execute(batch)]

    assert {one.transaction_id for one in decisions} == {operations[0].header.id}
    assert [one.replayed for one in decisions] == [False, True, True, True]
    assert (bank.balance(ann), bank.balance(bob)) == (90, 10)
    assert bank.ledger()


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "across batches"])
def test_key_of_another_request_is_refused(bank: Bank, together: bool) -> None:
    """The same key with another amount, receiver or kind is refused and moves nothing; the first answer stays."""
    ann, bob, cat = bank.user(100), bank.user(), bank.user()
    operations = [
        payment(ann, bob, 10, "k"),
        payment(ann, bob, 11, "k"),
        payment(ann, cat, 10, "k"),
        topup(ann, 10, "k"),
    ]
    batches = [operations] if together else [[operation] for operation in operations]
    decisions = [decision for batch in batches for decision in bank.execute(batch)]

    assert [one.outcome for one in decisions] == [Outcome.OK, *[Outcome.IDEMPOTENCY_KEY_REUSED] * 3]
    assert (bank.balance(ann), bank.balance(bob), bank.balance(cat)) == (90, 10, 0)
    assert bank.execute([operations[0]])[0].replayed


def test_keys_are_told_apart_byte_by_byte(bank: Bank) -> None:
    """Keys belong to users, and differ when a byte differs: case counts, and nothing in a key is SQL."""
    ann, bob = bank.user(), bank.user()
    keys = ["key", "KEY", "kéy", "k' OR '1'='1", "k\\", "%", "_", 'k";--', "x" * 255]
    decisions = bank.execute([topup(user, 1, key) for user in (ann, bob) for key in keys])

    assert [one.replayed for one in decisions] == [False] * len(decisions)
    assert (bank.balance(ann), bank.balance(bob)) == (len(keys), len(keys))
    assert all(one.replayed for one in bank.execute([topup(ann, 1, key) for key in keys]))


@pytest.mark.parametrize("moment", [MOMENT, MOMENT.replace(microsecond=0)], ids=["any time", "a full second"])
@pytest.mark.parametrize(("later", "replayed"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
def test_key_lives_a_day(bank: Bank, moment: datetime, later: timedelta, replayed: bool) -> None:
    """After exactly 24 hours a key still holds; a moment later it is a new one, whether purged or not."""
    ann = bank.user()
    first = topup(ann, 5, "key")
    bank.execute([first], lambda: moment)
    operation = topup(ann, 5, "key")
    [decision] = bank.execute([operation], lambda: moment + DAY + later)

    assert decision.replayed is replayed
    assert decision.transaction_id == (first if replayed else operation).header.id
    assert bank.balance(ann) == (5 if replayed else 10)
    assert bank.execute([topup(ann, 5, "key")], lambda: moment + DAY + later)[0].replayed


def test_revoked_session_moves_nothing(bank: Bank) -> None:
    """An operation of a revoked session is refused, stores nothing under its key, and its neighbours go on."""
    ann, bob = bank.user(10), bank.user()
    revoked = new_id()
    revoke(bank.connection, revoked, now() + timedelta(hours=1))
    decisions = bank.execute([payment(ann, bob, 1, "key", revoked), topup(bob, 2), topup(ann, 3, "key")])

    assert [one.outcome for one in decisions] == [Outcome.UNAUTHENTICATED, Outcome.OK, Outcome.OK]
    assert (bank.balance(ann), bank.balance(bob)) == (13, 2)


class Counting(Connection):
    """A connection that counts what it sends."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.trips = 0
        self.statements = 0

    def query(self, *statements: str) -> list[Rows]:
        """Count, and send."""
        self.trips += 1
        self.statements += len(statements)
        return super().query(*statements)

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Count, and run."""
        self.trips += 1
        self.statements += 1
        return super().execute(statement, parameters)


def test_number_of_statements_is_constant(bank: Bank) -> None:
    """A batch of 200 takes as many statements and round trips as a batch of one: two, once receivers are known."""
    people = [bank.user(1000) for _ in range(20)]
    counts = []
    for size in (1, 10, 200):
        chance = random.Random(size)
        pairs = [chance.sample(people, 2) for _ in range(size)]
        operations = [payment(one, other, 1, str(number)) for number, (one, other) in enumerate(pairs)]
        bank.execute([payment(one, other, 1) for one, other in pairs])
        connection = bank.open(Counting)
        assert isinstance(connection, Counting)
        assert {one.outcome for one in bank.batch(operations).execute(connection)} <= {Outcome.OK}
        counts.append((connection.trips, connection.statements))

    assert counts == [(2, 9)] * 3
    assert bank.ledger()


def test_receivers_are_found_however_many_are_remembered(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered about receivers has a bound; when it is outgrown, those known before are still found."""
    ann, known, *others = bank.user(100), bank.user(), bank.user(), bank.user()
    monkeypatch.setattr(bank, "known", KnownLinks((LINKS[0]._replace(remembered_max=2),)))
    bank.execute([payment(ann, known, 1)])
    for _ in range(3):
        outcomes = [one.outcome for one in bank.execute([payment(ann, one, 1) for one in (known, *others)])]

        assert outcomes == [Outcome.OK] * 3
        assert len(bank.known._remembered["users"]) <= 2


def test_random_batches_agree_with_the_model(bank: Bank) -> None:
    """A long run of random batches is decided as the plain model decides it, and the books are sound at the end."""
    chance = random.Random(20260102)
    people = [bank.user() for _ in range(5)]
    model = Model({one.user_id: one.email for one in people})
    seen: Counter[Outcome] = Counter()
    for _ in range(40):
        operations = [_random_operation(chance, people) for _ in range(chance.randrange(1, 12))]
        decisions = bank.execute(operations)
        assert [tuple(one) for one in decisions] == [model.decide(one) for one in operations]
        seen.update(one.outcome for one in decisions)

    assert [bank.balance(one) for one in people] == [model.balance(one.email) for one in people]
    assert bank.ledger()
    assert seen.keys() >= {
        Outcome.OK,
        Outcome.INSUFFICIENT_FUNDS,
        Outcome.IDEMPOTENCY_KEY_REUSED,
        Outcome.RECEIVER_NOT_FOUND,
        Outcome.SELF_PAYMENT,
    }


def _random_operation(chance: random.Random, people: list[Somebody]) -> Any:
    receivers: list[str | Somebody] = [*people, NOBODY]
    one, other = chance.choice(people), chance.choice(receivers)
    key = chance.choice(["", "", "k1", "k2", "k3"])
    if chance.random() < 0.3:
        return topup(one, chance.randrange(1, 20), key, TOKEN)
    return payment(one, other, chance.randrange(1, 20), key, TOKEN)
