"""Interfaces of contracts: calls encoded; answers, events and errors decoded."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from eth_abi import abi
from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

Json = Mapping[str, Any]

# The error of contracts with roles, for a caller without the role: it names both.
LACKS_ROLE = "AccountHasNoRole"


class Event(NamedTuple):
    """An event of a contract, decoded: its name, and its values by field."""

    name: str
    fields: Mapping[str, Any]


class Called(NamedTuple):
    """A call of a contract, decoded."""

    name: str
    arguments: tuple[Any, ...]


class _Entry:
    """One function, event or error of an interface."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.name: str = description["name"]
        self.inputs = [(field["name"], _type_of(field), bool(field.get("indexed"))) for field in description["inputs"]]
        self.outputs = [_type_of(field) for field in description.get("outputs", [])]

    @cached_property
    def types(self) -> list[str]:
        return [kind for _, kind, _ in self.inputs]

    @cached_property
    def topic(self) -> bytes:
        return keccak(text=f"{self.name}({','.join(self.types)})")

    @property
    def selector(self) -> bytes:
        return self.topic[:4]


class Interface:
    """The functions, events and errors of a contract."""

    def __init__(self, abi: Sequence[Mapping[str, Any]]) -> None:
        self.abi = abi
        entries = [(description["type"], _Entry(description)) for description in abi if "name" in description]
        self._functions = {entry.name: entry for kind, entry in entries if kind == "function"}
        self._events = {entry.topic: entry for kind, entry in entries if kind == "event"}
        self._errors = {entry.selector: entry for kind, entry in entries if kind == "error"}

    def call(self, name: str, *arguments: Any) -> bytes:
        """Return the data of a call of a function."""
        function = self._functions[name]
        return function.selector + encode(function.types, arguments)

    def selector(self, name: str) -> bytes:
        """Return the four bytes that a call of a function begins with."""
        return self._functions[name].selector

    def called(self, data: bytes) -> Called | None:
        """Return a call, decoded; None when its function or its arguments are not of this interface."""
        for entry in self._functions.values():
            if data[:4] == entry.selector:
                try:
                    return Called(entry.name, _decode(entry.types, data[4:]))
                except DecodingError:
                    return None
        return None

    def answer(self, name: str, data: bytes) -> tuple[Any, ...]:
        """Return the values that a function returned.

        Raises:
            eth_abi.exceptions.DecodingError: The data is not an answer of this function.
        """
        return _decode(self._functions[name].outputs, data)

    def error(self, data: bytes) -> str | None:
        """Return the name of the error that a call was reverted with; None for one that is not of this contract."""
        entry = self._errors.get(bytes(data[:4]))
        return entry.name if entry else None

    def error_values(self, data: bytes) -> tuple[Any, ...]:
        """Return the values of an error of this interface."""
        return _decode(self._errors[bytes(data[:4])].types, data[4:])

    def topic(self, name: str) -> bytes:
        """Return the first topic of an event's logs."""
        return next(topic for topic, entry in self._events.items() if entry.name == name)

    def event(self, log: Json) -> Event | None:
        """Return an event, decoded from a log of JSON-RPC; None when it is not of this interface.

        Contracts of other versions log events of the same names and types, but with other topics. These are not
        decoded.
        """
        entry = self._events.get(_bytes(log["topics"][0])) if log["topics"] else None
        if entry is None:
            return None
        try:
            return Event(entry.name, _fields(entry, log))
        except DecodingError:
            return None

    def events(self, logs: Sequence[Json], address: str) -> Iterator[Event]:
        """Yield the events of a contract's logs that are of this interface."""
        for log in logs:
            event = self.event(log) if log["address"].lower() == address else None
            if event is not None:
                yield event


def function(name: str, inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, Any]:
    """Return the description of a function by the types that it takes and returns."""
    return {"type": "function", "name": name, "inputs": _unnamed(inputs), "outputs": _unnamed(outputs)}


def event(name: str, **fields: str) -> dict[str, Any]:
    """Return the description of an event by its fields' types; ``indexed`` follows the type of a topic."""
    inputs = [
        {"name": field, "type": kind.removesuffix(" indexed"), "indexed": kind.endswith(" indexed")}
        for field, kind in fields.items()
    ]
    return {"type": "event", "name": name, "inputs": inputs}


def error(name: str, *inputs: str) -> dict[str, Any]:
    """Return the description of an error by the types of its values."""
    return {"type": "error", "name": name, "inputs": _unnamed(inputs)}


def _unnamed(kinds: Sequence[str]) -> list[dict[str, str]]:
    return [{"name": "", "type": kind} for kind in kinds]


def _fields(event: _Entry, log: Json) -> dict[str, Any]:
    kinds = [kind for _, kind, indexed in event.inputs if not indexed]
    topics, values = iter(log["topics"][1:]), iter(_decode(kinds, _bytes(log["data"])))
    if len(kinds) + len(log["topics"]) - 1 != len(event.inputs):
        raise DecodingError(f"{event.name} has another number of topics")
    return {
        name: _decode([kind], _bytes(next(topics)))[0] if indexed else next(values)
        for name, kind, indexed in event.inputs
    }


def _decode(kinds: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Decode a contract's answer, which may be anything: bytes that are not UTF-8 in place of a text, for example.

    Raises:
        eth_abi.exceptions.DecodingError: The data does not have these types.
    """
    try:
        return abi.decode(kinds, data)
    except (UnicodeDecodeError, OverflowError) as error:
        raise DecodingError(str(error)) from None


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _type_of(field: Mapping[str, Any]) -> str:
    """Return a type as a signature has it: tuples by their components."""
    kind = str(field["type"])
    if not kind.startswith("tuple"):
        return kind
    components = ",".join(_type_of(component) for component in field["components"])
    return f"({components}){kind.removeprefix('tuple')}"
