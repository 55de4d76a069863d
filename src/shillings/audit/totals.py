"""The sums of one snapshot: cheap enough to be taken many times while payments go on."""

from collections.abc import Mapping
from typing import NamedTuple

from shillings.audit.findings import Finding
from shillings.audit.flows import FLOWS, Side

BALANCES = "SELECT COALESCE(SUM(balance), 0), COALESCE(MIN(balance), 0) FROM users"
ENTRIES = "SELECT COALESCE(SUM(amount), 0), COUNT(*) FROM entries"
BY_KIND = "SELECT kind, SUM(amount), COUNT(*) FROM transactions GROUP BY kind"


class Totals(NamedTuple):
    """The sums, in minor units.

    Args:
        balances: of all wallets.
        lowest: the lowest balance of a wallet.
        topped_up: what came in from outside, and has not gone back.
        held: what was put on hold and neither captured nor released.
        in_transit: what is on its way.
        owed: what was lent and not repaid.
        entries: of all entries.
        entry_count: how many entries there are.
        entry_count_due: how many the transactions call for.
    """

    balances: int
    lowest: int
    topped_up: int
    held: int
    in_transit: int
    owed: int
    entries: int
    entry_count: int
    entry_count_due: int


def moved(by_kind: Mapping[str, tuple[int, int]]) -> tuple[dict[Side, int], int]:
    """What transactions have put into each kind of account, and how many entries they call for.

    Args:
        by_kind: the sum and the number of all transactions, by kind.

    >>> balances, entries = moved({"topup": (1000, 2), "payment": (300, 3), "hold": (50, 1)})
    >>> balances[Side.FUNDING], balances[Side.HOLDING], entries
    (-1000, 50, 9)
    """
    balances, entries = dict.fromkeys(Side, 0), 0
    for flow in FLOWS:
        amount, count = by_kind.get(flow.kind, (0, 0))
        balances[flow.sender] -= amount
        balances[flow.receiver] += amount
        entries += count * flow.entries
    return balances, entries


def wrong_totals(totals: Totals) -> list[Finding]:
    """What is wrong with one snapshot's sums; nothing when all is well."""
    due = totals.topped_up - totals.held - totals.in_transit + totals.owed
    on_hold = f" less {totals.held} on hold" if totals.held else ""
    on_hold += f" less {totals.in_transit} on its way" if totals.in_transit else ""
    on_hold += f" and {totals.owed} lent" if totals.owed else ""
    found = []
    if totals.balances != due:
        message = f"money is not conserved: {totals.topped_up} was topped up{on_hold}, {totals.balances} is there"
        found.append(Finding("conservation", message))
    if totals.entries != due:
        message = f"the entries sum to {totals.entries}; {totals.topped_up} was topped up{on_hold}"
        found.append(Finding("conservation", message))
    if totals.entry_count != totals.entry_count_due:
        message = f"there are {totals.entry_count} entries; the transactions call for {totals.entry_count_due}"
        found.append(Finding("sides", message))
    if totals.lowest < 0:
        found.append(Finding("negative", f"a balance is negative: {totals.lowest}"))
    return found
