"""What a fault is: a name, a description for people, parameters with bounds, and the effect they come to."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self

import msgspec

from shillings.base.errors import Code, Refusal


class Phase(StrEnum):
    """When a fault happens, seen from the work it happens to."""

    BEFORE = "before"
    """Before the work, or in its place."""

    DURING = "during"
    """In the work itself: the ledger decides otherwise, or does it twice."""

    AFTER_COMMIT = "after_commit"
    """After the work, when what it changed is already durable."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault with its parameters; each subclass is a kind of fault, and its fields are the parameters.

    The texts are read by people, in the documentation and in the command line's help.
    """

    name: ClassVar[str]
    phase: ClassVar[Phase]
    client_sees: ClassVar[str]
    ledger_holds: ClassVar[str]
    stands_for: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    """Facts that must be true of what the fault happens to; it never happens to anything else."""

    def effect(self, chance: float) -> Any:
        """What is to be done.

        Args:
            chance: a number in [0, 1), for effects that vary.
        """
        raise NotImplementedError

    @classmethod
    def read(cls, values: Mapping[str, Any], field: str, *, texts: bool = False) -> Self:
        """The fault with these parameters.

        Args:
            values: by the parameters' names.
            field: where they were written, for the message.
            texts: whether numbers may be written as text.

        Raises:
            Refusal: `invalid_request`, naming the parameter.
        """
        unknown = sorted(values.keys() - set(cls.__struct_fields__))
        if unknown:
            known = ", ".join(cls.__struct_fields__) or "none"
            raise invalid(f"{field}.{unknown[0][:40]}", f"{cls.name} has no such parameter; it has: {known}.")
        try:
            return msgspec.convert(values, cls, strict=not texts)
        except msgspec.ValidationError as error:
            reason, _, path = str(error).partition(" - at `$.")
            parameter = path.rstrip("`")
            known = next((f" It may be: {one.values}." for one in parameters_of(cls) if one.name == parameter), "")
            raise invalid(f"{field}.{parameter}" if parameter else field, f"{reason}.{known}") from None


class Parameter(NamedTuple):
    """A parameter as people are told about it."""

    name: str
    values: str
    default: str
    description: str


def parameters_of(kind: type[Fault]) -> list[Parameter]:
    """The parameters of a kind of fault."""
    schema = msgspec.json.schema(kind)
    properties = schema["$defs"][kind.__name__]["properties"]
    return [
        Parameter(name, _values(about), _text(about["default"]), about.get("description", ""))
        for name, about in properties.items()
    ]


def _values(about: dict[str, Any]) -> str:
    if "enum" in about:
        # In the order in which they were written, the default first.
        return ", ".join([about["default"], *[word for word in about["enum"] if word != about["default"]]])
    return f"{about['minimum']:g} to {about['maximum']:g}"


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def invalid(field: str, message: str) -> Refusal:
    """An `invalid_request` refusal that names the field."""
    return Refusal(Code.INVALID_REQUEST, f"{field}: {message}", field=field)
