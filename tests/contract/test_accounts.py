"""Users on every database: an email is one person's, and balances are read as they are now."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from shillings.ledger.outcomes import Outcome
from shillings.storage import executor as executors
from shillings.storage.accounts import Balance, BalanceLookup, Balances, NewUser, add_user
from shillings.storage.executor import Connection
from shillings.storage.sessions import find_credentials, revoke
from tests.contract.bank import MOMENT, TOKEN, Bank, new_user, topup
from tests.contract.planned_errors import Plan
from tests.values import new_id, now

HARD_NAMES = [
    "O'Brien",
    "Jos\u00e9",
    "\u674e\u5c0f\u9f8d",
    "\U0001f4b7 Pound",
    "x" * 100,
    "\\",
    '";--',
    "%s",
    ":name",
    "?",
]

NOW = "2026-01-02 03:04:05.000006"


class Early(Connection):
    """Its first query comes before everybody else's sign-up: it finds nobody."""

    asked = False

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Find nobody, once."""
        if isinstance(statement, sa.Select) and not self.asked:
            self.asked = True
            statement = statement.where(sa.false())
        return super().execute(statement, parameters)


def test_sign_up_that_lost_a_race_is_told_so(bank: Bank) -> None:
    """Who asked before the other one signed up, and found the email free, is refused by the database all the same."""
    email = f"race-{bank.dialect.name}@example.com"
    assert add_user(bank.connection, new_user(email)) is None
    assert add_user(bank.open(Early), new_user(email)) is not None


def test_sign_up_whose_first_commit_arrives_late_is_its_own(bank: Bank) -> None:
    """A sign-up that is run again, and whose first run is committed only after the second has asked, is done."""
    user = new_user()
    assert add_user(bank.connection, user) is None
    assert add_user(bank.open(Early), user) is None
    assert len(bank.rows(f"SELECT user_id FROM credentials WHERE email = '{user.email}'")) == 1


def _sign_up(connection: Connection, user: NewUser) -> bool:
    return add_user(connection, user) is None


async def test_twenty_sign_ups_with_one_email_make_one_user(bank: Bank) -> None:
    """However many sign up with one email at the same moment, one gets it and all others are told so."""
    executor = bank.executor(threads=4)
    rivals = [new_user(f"rival-{bank.dialect.name}@example.com") for _ in range(20)]
    results = await asyncio.gather(*[executor.run(partial(_sign_up, user=one)) for one in rivals])
    await executor.close()
    found = bank.rows(f"SELECT user_id FROM users WHERE email = '{rivals[0].email}'")

    assert results.count(True) == 1
    assert [bytes(row[0]) for row in found] == [rivals[results.index(True)].user_id]
    assert len(bank.rows(f"SELECT user_id FROM credentials WHERE email = '{rivals[0].email}'")) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_lost_sign_up_is_run_again(bank: Bank, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """A sign-up whose COMMIT was lost, done or not, ends as one user who is told so."""
    plan = Plan((1, when, 2013))
    plan.install(monkeypatch)
    monkeypatch.setattr(executors, "CONFLICT_PAUSE_SECONDS", 0.0005)
    user, executor = new_user(), bank.executor()
    assert await executor.run(lambda connection: add_user(connection, user)) is None
    await executor.close()

    assert plan.all_met
    assert len(bank.rows(f"SELECT user_id FROM users WHERE email = '{user.email}'")) == 1
    assert find_credentials(bank.connection, [user.email]) != [None]


def test_unique_index_decides(bank: Bank) -> None:
    """Whatever was seen before: the index refuses a second user with an email, and a second credential."""
    user = new_user()
    assert add_user(bank.connection, user) is None
    for table in ("users", "credentials"):
        [row] = bank.rows(f"SELECT * FROM {table} WHERE email = '{user.email}'")
        columns = sa.inspect(bank.engine).get_columns(table)
        values = dict(zip([column["name"] for column in columns], row, strict=True))
        values[columns[0]["name"]] = new_id()
        with pytest.raises(sa.exc.IntegrityError):
            bank.connection.execute(sa.table(table, *map(sa.column, values)).insert().values(values))


def test_emails_are_told_apart_byte_by_byte(bank: Bank) -> None:
    """The database compares emails by their bytes: what is canonical has been decided before."""
    emails = [
        f"{name}-{bank.dialect.name}@example.com" for name in ("ren\u00e9", "rene", "Rene", "strasse", "stra\u00dfe")
    ]

    assert all(add_user(bank.connection, new_user(email)) is None for email in emails)
    found = find_credentials(bank.connection, emails)
    assert [one and one.profile.email for one in found] == emails


@pytest.mark.parametrize("name", HARD_NAMES, ids=range(len(HARD_NAMES)))
def test_names_are_kept_as_they_are(bank: Bank, name: str) -> None:
    """A name comes back letter by letter, whatever is in it."""
    user = new_user(first_name=name, last_name=name, middle_name=name)
    assert add_user(bank.connection, user) is None
    [credential] = find_credentials(bank.connection, [user.email])

    assert credential is not None
    assert credential.profile[1:4] == (name, name, name)
    assert credential.profile.created_at == "2026-01-02T03:04:05.000006Z"
    assert (credential.credential_id, credential.profile.user_id) == (user.credential_id, user.user_id)


def lookup_of(user: NewUser, token_id: bytes = TOKEN) -> BalanceLookup:
    """A lookup of somebody's balance."""
    return BalanceLookup(user.user_id, token_id)


def test_balances_are_read_in_order(bank: Bank) -> None:
    """Each lookup gets its own user's balance and time of change; strangers and revoked sessions get none."""
    ann, bob, stranger = new_user(), new_user(), new_user()
    for user in (ann, bob):
        add_user(bank.connection, user)
    somebody = bank.user()
    bank.execute([topup(type(somebody)(bob.user_id, bob.email), 7)], lambda: MOMENT + timedelta(seconds=1))
    revoked = new_id()
    revoke(bank.connection, revoked, now() + timedelta(hours=1))
    lookups = [lookup_of(bob), lookup_of(stranger), lookup_of(ann), lookup_of(ann, revoked), lookup_of(bob)]

    after = Balance(7, 0, "2026-01-02T03:04:06.000006Z")
    assert Balances().read(bank.connection, lookups, NOW) == [
        after,
        None,
        Balance(0, 0, "2026-01-02T03:04:05.000006Z"),
        None,
        after,
    ]


def test_balance_is_never_older_than_the_answer(bank: Bank) -> None:
    """Whoever was told of a payment sees it, on any connection."""
    ann, reader = bank.user(), bank.open()
    for expected in range(1, 20):
        assert bank.execute([topup(ann, 1)])[0].outcome is Outcome.OK
        [balance] = Balances().read(reader, [BalanceLookup(ann.user_id, TOKEN)], NOW)
        assert balance is not None
        assert balance.balance == expected
