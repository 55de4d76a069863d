"""A service with users who pay, and what they pay at random."""

import random
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from shillings.audit.auditor import Auditor
from shillings.audit.findings import Finding
from shillings.load.client import LoadClient
from shillings.load.payers import Intent, Payers
from tests.service import Service, new_token

__all__ = ["Intent", "LoadClient", "LoadedService", "Payers", "payers_on", "random_intent"]


def payers_on(port: int, names: list[str], jwt_key: str) -> Payers:
    """People whose sessions are opened with the service's own key and not by logging in, to spare half the hashing."""
    return Payers(port, names, partial(new_token, key=jwt_key))


@dataclass
class LoadedService:
    """A service, and the users who pay on it. Tests come one after the other and add to what was told."""

    service: Service
    payers: Payers

    def wrongs(self) -> list[Finding]:
        """Everything that is wrong with the ledger, by itself and against all that was ever told."""
        with Auditor(self.service.database_url) as auditor:
            return auditor.audit(self.payers.told.acknowledged).findings


def random_intent(chance: random.Random, emails: list[str], *, with_key: bool) -> Intent:
    """Mostly small payments; some of more than anybody has, some to nobody, to oneself or of nothing."""
    payer, receiver = chance.sample(emails, 2)
    amount = chance.randint(1, 500)
    dice = chance.random()
    if dice < 0.05:
        amount = chance.randint(50_000, 10_000_000)
    elif dice < 0.15:
        amount = chance.randint(1_000, 20_000)
    elif dice < 0.17:
        receiver = "nobody@example.com"
    elif dice < 0.19:
        receiver = payer
    elif dice < 0.20:
        amount = 0
    return Intent(payer, receiver, amount, str(UUID(int=chance.getrandbits(128), version=4)) if with_key else "")
