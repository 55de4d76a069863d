"""Fixtures: the people and payments that a test begins with, made at one go or not at all."""

from collections.abc import Sequence
from typing import NamedTuple

from shillings.app.call import Call, Result
from shillings.app.identity import canonical_email, checked_name, checked_phone, new_email, new_password
from shillings.app.payments import checked_amount
from shillings.auth.passwords import Passwords
from shillings.base.clock import stored
from shillings.base.environment import Environment
from shillings.base.errors import Code, Refusal, invalid
from shillings.base.ids import NIL
from shillings.contract import shillings_pb2 as wire
from shillings.ledger.book import Book, Links
from shillings.ledger.operation import Header, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.payment import Payment
from shillings.ledger.rows import Wallet
from shillings.ledger.rule import decide
from shillings.ledger.topup import TopUp
from shillings.storage.accounts import NewUser
from shillings.storage.executor import Executor
from shillings.storage.fixtures import EmailTaken, add_fixture

USERS_MAX, PAYMENTS_MAX = 1_000, 10_000


class _Step(NamedTuple):
    """One thing that moves money, and the field that asked for it."""

    field: str
    operation: Operation


class Fixtures:
    """Makes people and payments.

    Args:
        executor: where they are stored.
        passwords: hashes passwords; one that several people share is hashed once.
        environment: time and ids.
    """

    def __init__(self, *, executor: Executor, passwords: Passwords, environment: Environment) -> None:
        self._executor = executor
        self._passwords = passwords
        self._environment = environment

    async def make(self, _call: Call, request: wire.FixturesRequest) -> Result:
        """Make them all, or none: what cannot be is refused by its field."""
        if len(request.users) > USERS_MAX:
            raise invalid("users", f"has more than {USERS_MAX} people.")
        if len(request.payments) > PAYMENTS_MAX:
            raise invalid("payments", f"has more than {PAYMENTS_MAX} payments.")
        hashes: dict[str, str] = {}
        users = [await self._user(place, one, hashes) for place, one in enumerate(request.users)]
        book = self._decide(users, self._steps(users, request))
        try:
            await self._executor.run(lambda connection: add_fixture(connection, users, book))
        except EmailTaken as error:
            field = f"users[{error.place}].email"
            raise Refusal(Code.EMAIL_TAKEN, f"{field} has an account already. Nothing was made.", field=field) from None
        made = [wire.FixtureUserMade(email=user.email, user_id=user.user_id) for user in users]
        return Result(wire.FixturesAnswer(users=made, payments=len(request.payments)))

    async def _user(self, place: int, one: wire.FixtureUser, hashes: dict[str, str]) -> NewUser:
        field = f"users[{place}]"
        first_name = checked_name(one.first_name or "Test", f"{field}.first_name", required=True)
        last_name = checked_name(one.last_name or "User", f"{field}.last_name", required=True)
        middle_name = checked_name(one.middle_name, f"{field}.middle_name", required=False)
        email = new_email(one.email, f"{field}.email")
        password = new_password(one.password, (), f"{field}.password")
        if password not in hashes:
            hashes[password] = await self._passwords.hash(password)
        new_id, now = self._environment.ids.new, self._environment.clock.now()
        phone = checked_phone(one.phone, f"{field}.phone")
        return NewUser(new_id(), new_id(), first_name, middle_name, last_name, email, phone, hashes[password], now)

    def _steps(self, users: Sequence[NewUser], request: wire.FixturesRequest) -> list[_Step]:
        """Top-ups first, then payments, in their order."""
        by_email = {user.email: user for user in users}
        if len(by_email) != len(users):
            raise invalid("users", "has one email twice.")
        steps = [
            _Step(f"users[{place}].balance", TopUp(self._header(user), checked_amount(one.balance_minor)))
            for place, (user, one) in enumerate(zip(users, request.users, strict=True))
            if one.balance_minor
        ]
        for place, one in enumerate(request.payments):
            field = f"payments[{place}]"
            payer = by_email.get(canonical_email(one.sender_email, f"{field}.sender_email"))
            if payer is None:
                raise invalid(f"{field}.sender_email", "is none of these users'.")
            receiver = canonical_email(one.receiver_email, f"{field}.receiver_email")
            steps.append(_Step(field, Payment(self._header(payer), receiver, checked_amount(one.amount_minor))))
        return steps

    def _header(self, user: NewUser) -> Header:
        return Header(self._environment.ids.new(), user.user_id, NIL, "", NIL, "")

    def _decide(self, users: Sequence[NewUser], steps: Sequence[_Step]) -> Book:
        """The book after all of it. Raises Refusal for the first step that cannot be."""
        now = stored(self._environment.clock.now())
        book = Book(
            now=now,
            keys_since=now,
            links=Links(users={user.email: user.user_id for user in users}),
            accounts={user.user_id: Wallet(user.user_id, user.email, 0, 0) for user in users},
        )
        for step, decision in zip(steps, decide([step.operation for step in steps], book), strict=True):
            if decision.outcome is not Outcome.OK:
                raise invalid(step.field, f"cannot be: {decision.outcome}. Nothing was made.")
        return book
