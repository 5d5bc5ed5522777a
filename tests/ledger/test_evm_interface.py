"""What contracts say that are not what they were taken for: it is understood as nothing, and nothing breaks."""

import pytest
from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError

from masspayout.ledger.evm.contracts.interface import Interface, event, function
from masspayout.ledger.evm.node import to_hex

INTERFACE = Interface(
    [
        function("version", [], ["string"]),
        function("pay", ["bytes32", "address[]"], []),
        event("Paid", recipient="address indexed", note="string"),
    ]
)
RECIPIENT = "0x" + "ab" * 20
TOPIC, INDEXED = to_hex(INTERFACE.topic("Paid")), to_hex(encode(["address"], [RECIPIENT]))
NOTE, NO_TEXT = encode(["string"], ["March"]), encode(["bytes"], [b"\xff\xfe"])


@pytest.mark.parametrize("data", [b"", b"\1", NO_TEXT, b"\xff" * 96], ids=["nothing", "a byte", "no text", "no place"])
def test_what_is_no_answer_is_told_as_such(data: bytes) -> None:
    assert INTERFACE.answer("version", NOTE) == ("March",)
    with pytest.raises(DecodingError):
        INTERFACE.answer("version", data)


@pytest.mark.parametrize(
    ("topics", "data"),
    [
        ([TOPIC], NOTE),
        ([TOPIC], encode(["address", "string"], [RECIPIENT, "March"])),
        ([TOPIC, INDEXED, INDEXED], NOTE),
        ([TOPIC, INDEXED], b""),
        ([TOPIC, INDEXED], NO_TEXT),
        ([], b""),
    ],
    ids=["a topic is missing", "it is no topic", "one too many", "no data", "no text", "anonymous"],
)
def test_an_event_of_another_form_is_none_of_ours(topics: list[str], data: bytes) -> None:
    understood = INTERFACE.event({"topics": [TOPIC, INDEXED], "data": to_hex(NOTE)})
    assert understood == ("Paid", {"recipient": RECIPIENT, "note": "March"})
    assert INTERFACE.event({"topics": topics, "data": to_hex(data)}) is None


def test_a_call_with_something_else_is_none_of_ours() -> None:
    call = INTERFACE.call("pay", bytes(32), [RECIPIENT])
    assert INTERFACE.called(call) == ("pay", (bytes(32), (RECIPIENT,)))
    assert INTERFACE.called(call[:40]) is None
    assert INTERFACE.called(b"\0\0\0\0") is None
