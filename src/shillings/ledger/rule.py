"""The rule of the ledger: given the wallets, what becomes of each transfer of a batch, in order of arrival."""

from collections.abc import Iterable, Mapping, MutableMapping

from shillings.ids import NIL
from shillings.ledger.outcomes import Outcome
from shillings.ledger.transfers import (
    Decision,
    EntryRow,
    KeyRow,
    Kind,
    Ruling,
    StoredAnswer,
    TransactionRow,
    Transfer,
    Wallet,
)
from shillings.money import BALANCE_MINOR_MAX

KeyOwner = tuple[bytes, str]
"""(user_id, idempotency_key): keys belong to users."""


def rule(
    transfers: Iterable[Transfer],
    wallets: Mapping[bytes, Wallet],
    receivers: Mapping[str, bytes],
    answers: MutableMapping[KeyOwner, StoredAnswer],
    revoked: frozenset[bytes] = frozenset(),
) -> Ruling:
    """Decide a batch.

    Args:
        transfers: in order of arrival.
        wallets: by user id; every user who asks and every known receiver. Changed in place.
        receivers: user ids by canonical email.
        answers: the stored answers of the keys in this batch; those decided here are added, so that a key seen
            twice in one batch is decided once.
        revoked: ids of revoked sessions.

    Returns:
        The decisions, in the order of the transfers, and the rows to store with them.
    """
    ruling = Ruling()
    for transfer in transfers:
        ruling.decisions.append(_decide(transfer, wallets, receivers, answers, revoked, ruling))
    return ruling


def _decide(
    transfer: Transfer,
    wallets: Mapping[bytes, Wallet],
    receivers: Mapping[str, bytes],
    answers: MutableMapping[KeyOwner, StoredAnswer],
    revoked: frozenset[bytes],
    ruling: Ruling,
) -> Decision:
    if transfer.token_id in revoked:
        return Decision(Outcome.UNAUTHENTICATED, NIL)
    key = (transfer.user_id, transfer.idempotency_key)
    if transfer.idempotency_key and (earlier := answers.get(key)) is not None:
        if earlier.fingerprint != transfer.fingerprint:
            return Decision(Outcome.IDEMPOTENCY_KEY_REUSED, NIL)
        return Decision(earlier.outcome, earlier.transaction_id, replayed=True)
    outcome = _apply(transfer, wallets, receivers, ruling)
    transaction_id = transfer.transaction_id if outcome is Outcome.OK else NIL
    if transfer.idempotency_key:
        answers[key] = StoredAnswer(transfer.fingerprint, outcome, transaction_id)
        ruling.keys.append(KeyRow(*key, transfer.fingerprint, outcome, transaction_id))
    return Decision(outcome, transaction_id)


def _apply(
    transfer: Transfer, wallets: Mapping[bytes, Wallet], receivers: Mapping[str, bytes], ruling: Ruling
) -> Outcome:
    """Move the money in memory, or say why not and change nothing."""
    assert transfer.amount > 0, "amounts are checked where requests come in"
    if transfer.kind is Kind.TOPUP:
        return _post(transfer, None, wallets[transfer.user_id], ruling)
    receiver_id = receivers.get(transfer.receiver_email)
    if receiver_id is None:
        return Outcome.RECEIVER_NOT_FOUND
    if receiver_id == transfer.user_id:
        return Outcome.SELF_PAYMENT
    sender = wallets[transfer.user_id]
    if sender.balance < transfer.amount:
        return Outcome.INSUFFICIENT_FUNDS
    return _post(transfer, sender, wallets[receiver_id], ruling)


def _post(transfer: Transfer, sender: Wallet | None, receiver: Wallet, ruling: Ruling) -> Outcome:
    """Write the transaction and its entries. A top-up's other entry is the funding account's, which is derived."""
    if receiver.balance + transfer.amount > BALANCE_MINOR_MAX:
        return Outcome.BALANCE_LIMIT_EXCEEDED
    if sender is not None:
        ruling.entries.append(_entry(sender, transfer.transaction_id, -transfer.amount))
    ruling.entries.append(_entry(receiver, transfer.transaction_id, transfer.amount))
    ruling.transactions.append(
        TransactionRow(
            transfer.transaction_id,
            transfer.kind,
            sender.user_id if sender else NIL,
            sender.email if sender else "",
            receiver.user_id,
            receiver.email,
            transfer.amount,
        )
    )
    return Outcome.OK


def _entry(wallet: Wallet, transaction_id: bytes, amount: int) -> EntryRow:
    wallet.balance += amount
    wallet.entry_count += 1
    wallet.changed = True
    assert 0 <= wallet.balance <= BALANCE_MINOR_MAX, "a balance left its bounds"
    return EntryRow(wallet.user_id, wallet.entry_count, transaction_id, amount, wallet.balance)
