"""The faults as text, for a terminal."""

from textwrap import fill

from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.faults.fault import Fault, invalid, parameters_of

_WIDTH = 100


def overview() -> str:
    """Every fault with what it is, a line for each."""
    width = max(len(kind.name) for kind in REQUEST.faults)
    return "\n".join(f"{kind.name:{width}}  {kind.__doc__}" for kind in REQUEST.faults)


def described(name: str) -> str:
    """One fault as it describes itself, with its parameters. Raises Refusal."""
    kind = REQUEST.find(name)
    if kind is None:
        raise invalid("fault", f"there is no {name[:40]!r}; there are: {', '.join(k.name for k in REQUEST.faults)}.")
    lines = [
        f"{kind.name}: {kind.__doc__}",
        _paragraph("The client sees", kind.client_sees),
        _paragraph("The ledger holds", kind.ledger_holds),
        _paragraph("It stands for", kind.stands_for),
        *[
            _paragraph(f"{one.name} ({one.values}; {one.default} if left out)", one.description)
            for one in parameters_of(kind)
        ],
        f"Shillings-Fault: {_example(kind)}",
    ]
    return "\n\n".join(lines)


def _paragraph(head: str, text: str) -> str:
    return fill(f"{head}: {text}", _WIDTH, subsequent_indent="  ")


def _example(kind: type[Fault]) -> str:
    return ";".join([kind.name, *[f"{one.name}={one.default}" for one in parameters_of(kind)]])
