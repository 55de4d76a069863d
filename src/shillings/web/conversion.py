"""JSON to protocol messages and back, by the types in shapes.py. Each endpoint's way is worked out once, at start."""

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple, cast, get_args, get_origin, get_type_hints

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from shillings.base import ids
from shillings.base.errors import Refusal, invalid
from shillings.base.money import Currency
from shillings.contract.commands import Auth
from shillings.contract.events import shown
from shillings.web.endpoints import ENDPOINTS, Endpoint
from shillings.web.shapes import (
    EndpointMethod,
    EndpointPath,
    EventData,
    IdText,
    JsonObject,
    Money,
    MoneyText,
    OptionalMoney,
    Status,
)

Fields = dict[str, Any]
PathParameters = dict[str, str]

MINOR = "_minor"
"""How the protocol's names of amounts end; JSON's amounts are decimals, and their names do not."""


def message_maker(endpoint: Endpoint, currency: Currency) -> Callable[[Any, Any, PathParameters], bytes]:
    """A function from a request's body, query and path parameters to the bytes of its command's message.

    It raises Refusal for an amount that is none, and for a path parameter that is no id where an id is wanted.
    """
    message = endpoint.command.request
    in_message = message.DESCRIPTOR.fields_by_name
    from_body = [_input(name, kind, currency) for name, kind in _hints(endpoint.body)]
    from_query = [_input(name, kind, currency) for name, kind in _hints(endpoint.query)]
    # The protocol says nothing of a value that is zero or empty; most are, of fields that are seldom used.
    kept = {field for field, _ in (*from_body, *from_query) if in_message[field].has_presence}
    from_path = [
        (name, _read_id if in_message[name].type == FieldDescriptor.TYPE_BYTES else None)
        for name in endpoint.path_parameters
    ]

    def make(body: Any, query: Any, parameters: PathParameters) -> bytes:
        values = {field: value for field, read in from_body if (value := read(body)) or field in kept}
        for field, read in from_query:
            values[field] = read(query)
        for name, parse in from_path:
            values[name] = parameters[name] if parse is None else parse(parameters[name], name)
        return message(**values).SerializeToString()

    return make


def _hints(shape: type[msgspec.Struct] | None) -> list[tuple[str, Any]]:
    return [] if shape is None else list(get_type_hints(shape, include_extras=True).items())


def _bare(kind: Any) -> Any:
    """A type without what is said about it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _input(name: str, kind: Any, currency: Currency, within: str = "") -> tuple[str, Callable[[Any], Any]]:
    """A message's field, and the function that reads its value from a decoded struct."""
    field, read, bare = f"{within}{name}", attrgetter(name), _bare(kind)
    if kind is Money:
        return f"{name}{MINOR}", lambda decoded: currency.parse(bytes(read(decoded)), field)
    if kind == OptionalMoney:
        # An amount is never zero, so zero means none.
        return (
            f"{name}{MINOR}",
            lambda decoded: 0 if read(decoded) is msgspec.UNSET else currency.parse(bytes(read(decoded)), field),
        )
    if (parse := _PARSERS.get(bare if kind is not IdText else kind)) is not None:
        return name, lambda decoded: parse(read(decoded), field)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        inner = [_input(one, its_kind, currency, f"{field}.") for one, its_kind in _hints(bare)]
        return name, lambda decoded: {into: value(read(decoded)) for into, value in inner}
    if get_origin(bare) is list and isinstance(item := get_args(bare)[0], type) and issubclass(item, msgspec.Struct):
        each = [_input(one, its_kind, currency, f"{field}[].") for one, its_kind in _hints(item)]
        return name, lambda decoded: [_item(one, place, field, each) for place, one in enumerate(read(decoded))]
    # One of a few words or numbers, or nothing, is a text in the protocol: it has no null.
    is_choice = any(get_origin(one) is Literal for one in get_args(bare))
    return name, (lambda decoded: _word(read(decoded))) if is_choice else read


def _item(one: Any, place: int, field: str, each: list[tuple[str, Callable[[Any], Any]]]) -> Fields:
    """The message of one of a list. Raises Refusal, which says of which."""
    try:
        return {into: value(one) for into, value in each}
    except Refusal as refusal:
        there = f"{field}[{place}]"
        message, at = (text.replace(f"{field}[]", there, 1) for text in (refusal.message, refusal.field))
        raise Refusal(refusal.code, message, field=at) from None


def _word(value: object) -> str:
    return "" if value is None else str(value)


_COMMANDS: dict[str, list[int]] = {}
for _endpoint in ENDPOINTS:
    if _endpoint.command.auth is not Auth.SANDBOX:
        _COMMANDS.setdefault(_endpoint.path, []).append(_endpoint.command.number)
_EVERY_PATH = {endpoint.command.number: endpoint.path for endpoint in ENDPOINTS}
_METHODS = {endpoint.command.number: endpoint.method for endpoint in ENDPOINTS}


def _commands_at(path: str, field: str) -> list[int]:
    """The commands of a path; none for no path."""
    if not path:
        return []
    found = _COMMANDS.get(path)
    if found is None:
        raise invalid(field, f"is not a path that faults happen at. These are: {', '.join(_COMMANDS)}.")
    return found


def _write_json(value: Any, _field: str) -> str:
    return msgspec.json.encode(value).decode()


def _read_id(text: str, name: str) -> bytes:
    try:
        return ids.read(text)
    except ValueError:
        raise invalid(name, "is not an id. Ids are UUIDs, as they were in the answer.") from None


_PARSERS: dict[Any, Callable[[Any, str], Any]] = {
    IdText: _read_id,
    JsonObject: _write_json,
    EndpointPath: _commands_at,
}
"""How a value in JSON becomes one of the protocol's, by its type; each takes the field's name, for its refusal."""


class _Field(NamedTuple):
    """How a field of an answer is read.

    Args:
        name: in JSON.
        attribute: of the message; empty where the whole message tells.
        convert: makes JSON's value of it; None where it is the same.
    """

    name: str
    attribute: str
    convert: Callable[[Any], Any] | None = None

    def reader(self) -> Callable[[Any], Any]:
        """A function from a message to the value."""
        if not self.attribute:
            assert self.convert is not None, "a whole message is no value"
            return self.convert
        read, convert = attrgetter(self.attribute), self.convert
        return read if convert is None else lambda answer: convert(read(answer))


def fields_reader(shape: type[msgspec.Struct], message: type[Message], currency: Currency) -> Callable[[Any], Fields]:
    """A function from a protocol message to the answer's JSON fields, all but `status`."""
    hints = get_type_hints(shape, include_extras=True).items()
    fields = [_field(name, kind, message, currency) for name, kind in hints if kind is not Status]
    names = [field.name for field in fields]
    if shape.__struct_config__.omit_defaults:
        readers = [(field.name, field.reader()) for field in fields]
        return lambda answer: {name: value for name, reader in readers if (value := reader(answer))}
    if len(names) <= 1 or not all(field.attribute for field in fields):
        readers = [(field.name, field.reader()) for field in fields]
        return lambda answer: {name: reader(answer) for name, reader in readers}
    # All at once: a third of the time of one after the other.
    read_all = attrgetter(*[field.attribute for field in fields])
    converted = [(field.name, field.convert) for field in fields if field.convert is not None]

    def read(answer: Any) -> Fields:
        values = dict(zip(names, read_all(answer), strict=True))
        for name, convert in converted:
            values[name] = convert(values[name])
        return values

    return read


def _field(name: str, kind: Any, message: type[Message], currency: Currency) -> _Field:
    in_message, bare = message.DESCRIPTOR.fields_by_name, _bare(kind)
    if kind in (MoneyText, OptionalMoney) and f"{name}{MINOR}" in in_message:
        # An amount is never zero where it may be left out.
        optional = kind is OptionalMoney
        write = (lambda minor: currency.format(minor) if minor else "") if optional else currency.format
        return _Field(name, f"{name}{MINOR}", write)
    if name not in in_message:
        # A struct that groups fields of the same message, as `user` does.
        return _Field(name, "", fields_reader(kind, message, currency))
    if kind is EndpointMethod:
        return _Field(name, "", lambda answer: answer.method or _METHODS.get(next(iter(answer.endpoint), -1), ""))
    if get_origin(bare) is list or (isinstance(bare, type) and issubclass(bare, msgspec.Struct)):
        return _Field(name, name, _message_converter(name, bare, message, currency))
    if kind is EventData:
        return _Field(name, name, lambda data: shown(msgspec.json.decode(data), currency))
    return _Field(name, name, ids.show if kind is IdText else _plain_converter(bare))


def _plain_converter(kind: Any) -> Callable[[Any], Any] | None:
    if kind == JsonObject:
        return msgspec.json.decode
    if kind is EndpointPath:
        return lambda commands: _EVERY_PATH.get(commands[0], "") if commands else ""
    if get_origin(kind) is dict:
        return dict
    if get_origin(kind) is Literal:
        return lambda text: int(text) if text.isdigit() else text
    # The protocol has no null; an empty string means it.
    return (lambda text: text or None) if type(None) in get_args(kind) else None


def _message_converter(name: str, kind: Any, message: type[Message], currency: Currency) -> Callable[[Any], Any]:
    """What converts a field that is a message of its own, or a list of them."""
    inner_type = message.DESCRIPTOR.fields_by_name[name].message_type
    if inner_type is None:
        return (lambda found: [ids.show(one) for one in found]) if get_args(kind)[0] is IdText else list
    inner = GetMessageClass(cast(Descriptor, inner_type))
    if get_origin(kind) is list:
        read_one = fields_reader(get_args(kind)[0], inner, currency)
        return lambda found: [read_one(one) for one in found]
    return fields_reader(kind, inner, currency)
