"""The faults' rules of several application servers, on every database: counted together, and told alike."""

import pytest

from shillings.app.sandbox import store
from shillings.app.sandbox.shared_rules import SharedRules
from shillings.app.sandbox.store import SandboxStore
from shillings.base.clock import SystemClock
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.faults.lost_response import LostResponse
from shillings.sandbox.rules import Rule
from shillings.sandbox.subjects import SUBJECT
from shillings.storage.sandbox_state import State, make_state, read_state, write_state
from tests.contract.bank import Bank
from tests.contract.planned_errors import Overtaken

FAULT_ID = bytes(range(16))
FACTS = {SUBJECT: REQUEST.name, "writes": True}


async def test_servers_count_and_tell_the_same(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that fires once fires once whichever server is asked, and each tells at once what another has counted."""
    monkeypatch.setattr(store, "EVERYWHERE_SECONDS", 0.0)
    executor = bank.executor()
    stores = [SandboxStore(executor, shared=True) for _ in range(2)]
    one, two = [SharedRules(1, each, executor, SystemClock()) for each in stores]
    match = {SUBJECT: frozenset([REQUEST.name])}
    await one.add(Rule(FAULT_ID, LostResponse(), match, expires_at=2e9))
    assert [state.fired for state in await two.states()] == [0]
    plans = [await rules.plan(FACTS, b"name", None) for rules in (two, one)]

    assert [plan.fault is not None for plan in plans] == [True, False]
    for rules in (one, two):
        assert [(state.matched, state.fired) for state in await rules.states()] == [(1, 1)]
        assert [why.reason for why in await rules.explain(FACTS, plans[1].pick)] == ["used_up"]
    await two.clear()
    assert await one.states() == []
    await executor.close()


def test_state_that_another_server_makes_first_is_kept_and_held_by_nobody(bank: Bank) -> None:
    """Two servers that make the same thing at once both go on, and what the first has told of it stays."""
    one, two = bank.open(Overtaken), bank.open()
    assert isinstance(one, Overtaken)

    def overtake() -> None:
        if bank.dialect.for_update:
            make_state(two, "thing")

    one.happens = overtake
    make_state(one, "thing")
    make_state(one, "thing")
    with two.transaction():
        write_state(two, "thing", "told")
    assert read_state(one, "thing") == State(2, "told")
