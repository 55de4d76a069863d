"""How idempotency keys behave: the commands that read and change it."""

from typing import Any

import msgspec

from shillings.app.call import Call, Result
from shillings.app.sandbox.store import SandboxStore
from shillings.base.errors import invalid
from shillings.contract.shillings_pb2 import ChangeIdempotencyRequest, IdempotencyAnswer, IdempotencyRequest
from shillings.sandbox.idempotency import PRESETS, Idempotency, preset_of
from shillings.storage.ledger import Ledger

NAME = "idempotency"
"""What it is kept under."""

WORD_CHARACTERS_MAX = 20


class IdempotencyCommands:
    """The commands.

    Args:
        ledger: what behaves so.
        store: tells every server.
    """

    def __init__(self, ledger: Ledger, store: SandboxStore) -> None:
        self._ledger = ledger
        self._store = store
        self._at_start = ledger.keys
        store.subscribe(NAME, self._apply)

    async def read(self, _call: Call, _request: IdempotencyRequest) -> Result:
        """How keys behave now."""
        return Result(self._answer())

    async def change(self, _call: Call, request: ChangeIdempotencyRequest) -> Result:
        """Have them behave otherwise, on every server."""
        keys = self._ledger.keys
        if request.preset:
            if request.preset not in PRESETS:
                raise invalid("preset", f"is none. There are: {', '.join(PRESETS)}.")
            keys = PRESETS[request.preset]
        values: dict[str, Any] = msgspec.structs.asdict(keys)
        for name in ("concurrent", "refusals", "other_body"):
            text: str = getattr(request, name)
            if len(text) > WORD_CHARACTERS_MAX:
                raise invalid(name, f"has more than {WORD_CHARACTERS_MAX} characters.")
            if text:
                values[name] = int(text) if text.isdecimal() else text
        if request.lifetime_seconds:
            values["lifetime_seconds"] = request.lifetime_seconds
        try:
            changed = msgspec.convert(values, Idempotency)
        except msgspec.ValidationError as error:
            reason, _, path = str(error).partition(" - at `$.")
            raise invalid(path.rstrip("`"), f"is wrong: {reason}.") from None
        await self._tell(changed)
        return Result(self._answer())

    async def take_back(self) -> None:
        """Behave as at the start, as part of a reset of everything."""
        await self._tell(self._at_start)

    async def _tell(self, keys: Idempotency) -> None:
        await self._store.tell(NAME, msgspec.json.encode(keys).decode())

    def _apply(self, value: str) -> None:
        self._ledger.keys = msgspec.json.decode(value, type=Idempotency)

    def _answer(self) -> IdempotencyAnswer:
        keys = self._ledger.keys
        return IdempotencyAnswer(
            preset=preset_of(keys),
            concurrent=str(keys.concurrent),
            refusals=keys.refusals,
            other_body=str(keys.other_body),
            lifetime_seconds=keys.lifetime_seconds,
        )
