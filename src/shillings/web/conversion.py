"""JSON to protocol messages and back, by the types in shapes.py. Each endpoint's way is worked out once, at start."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, cast, get_args, get_origin, get_type_hints

import msgspec
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from shillings import ids
from shillings.money import Currency
from shillings.web.shapes import IdText, Money, MoneyText

Fields = dict[str, Any]


def message_maker(body: type[msgspec.Struct], message: type[Message], currency: Currency) -> Callable[[Any], bytes]:
    """A function from a decoded body to the bytes of its protocol message. It raises Refusal for a bad amount."""
    hints = get_type_hints(body, include_extras=True)
    plain = [name for name, kind in hints.items() if kind is not Money]
    money = [name for name, kind in hints.items() if kind is Money]

    def make(decoded: Any) -> bytes:
        values = {name: getattr(decoded, name) for name in plain}
        for name in money:
            values[name] = currency.parse(bytes(getattr(decoded, name)), name)
        return message(**values).SerializeToString()

    return make


def fields_reader(shape: type[msgspec.Struct], message: type[Message], currency: Currency) -> Callable[[Any], Fields]:
    """A function from a protocol message to the answer's JSON fields, all but `status`."""
    in_message = message.DESCRIPTOR.fields_by_name
    readers: list[tuple[str, Callable[[Any], Any]]] = []
    for name, kind in get_type_hints(shape, include_extras=True).items():
        if name == "status":
            continue
        if name not in in_message:
            # A struct that groups fields of the same message, as `user` does.
            readers.append((name, fields_reader(kind, message, currency)))
        else:
            readers.append((name, _field_reader(name, kind, message, currency)))

    def read(answer: Any) -> Fields:
        return {name: reader(answer) for name, reader in readers}

    return read


def _field_reader(name: str, kind: Any, message: type[Message], currency: Currency) -> Callable[[Any], Any]:
    if kind is IdText:
        return lambda answer: ids.show(getattr(answer, name))
    if kind is MoneyText:
        return lambda answer: currency.format(getattr(answer, name))
    if get_origin(kind) is list:
        inner = GetMessageClass(cast(Descriptor, message.DESCRIPTOR.fields_by_name[name].message_type))
        read_one = fields_reader(get_args(kind)[0], inner, currency)
        return lambda answer: [read_one(one) for one in getattr(answer, name)]
    if type(None) in get_args(get_args(kind)[0] if get_args(kind) else kind):
        # The protocol has no null; an empty string stands for it.
        return lambda answer: getattr(answer, name) or None
    return attrgetter(name)
