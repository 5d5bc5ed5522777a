"""The interface of LifeCycleCashFlow contracts, and the purpose of each of their calls and events."""

from collections.abc import Mapping
from dataclasses import dataclass

from masspayout.ledger.evm.contracts.interface import LACKS_ROLE, Event, Interface, error, event, function
from masspayout.ledger.evm.contracts.terms import Occasion
from masspayout.ledger.evm.erc20 import ZERO_ADDRESS

_RESULTS = ["address[]", "address[]", "uint256[]"]
_ADDRESS_LISTS = {"failed": "address[]", "succeeded": "address[]", "paid": "uint256[]"}

INTERFACE = Interface(
    [
        function("getPaymentToken", [], ["address"]),
        function("getPaymentTokenDecimals", [], ["uint8"]),
        function("isPaused", [], ["bool"]),
        function("hasRole", ["bytes32", "address"], ["bool"]),
        function("pause", [], ["bool"]),
        function("unpause", [], ["bool"]),
        function("transferPaymentToken", ["address", "uint256"], []),
        function("executeAmountSnapshotByAddresses", ["address", "uint256", "address[]", "uint256"], _RESULTS),
        function("executeDistributionByAddresses", ["address", "uint256", "address[]"], _RESULTS),
        function("executeBondCashOutByAddresses", ["address", "address[]"], _RESULTS),
        function("executePercentageSnapshotByAddresses", ["address", "uint256", "address[]", "uint256"], _RESULTS),
        function("executeAmountSnapshot", ["address", *["uint256"] * 4], [*_RESULTS, "bool"]),
        function("executePercentageSnapshot", ["address", *["uint256"] * 4], [*_RESULTS, "bool"]),
        function("executeDistribution", ["address", *["uint256"] * 3], [*_RESULTS, "bool"]),
        function("executeBondCashOut", ["address", *["uint256"] * 2], [*_RESULTS, "bool"]),
        event("DistributionExecuted", number="uint256", page="uint256", length="uint256", **_ADDRESS_LISTS),
        event("DistributionByAddressesExecuted", number="uint256", holders="address[]", **_ADDRESS_LISTS),
        event(
            "AmountSnapshotExecuted",
            number="uint256",
            page="uint256",
            length="uint256",
            amount="uint256",
            **_ADDRESS_LISTS,
        ),
        event(
            "AmountSnapshotByAddressesExecuted",
            number="uint256",
            holders="address[]",
            amount="uint256",
            **_ADDRESS_LISTS,
        ),
        event(
            "PercentageSnapshotExecuted",
            number="uint256",
            page="uint256",
            length="uint256",
            pct="uint256",
            **_ADDRESS_LISTS,
        ),
        event(
            "PercentageSnapshotByAddressesExecuted",
            number="uint256",
            holders="address[]",
            pct="uint256",
            **_ADDRESS_LISTS,
        ),
        event("CashOutExecuted", page="uint256", length="uint256", **_ADDRESS_LISTS),
        event("CashOutByAddressesExecuted", holders="address[]", **_ADDRESS_LISTS),
        event("PaymentTokenChanged", new="address"),
        event("LifeCycleCashFlowPaused", account="address indexed"),
        event("LifeCycleCashFlowUnpaused", account="address indexed"),
        error("LifeCycleCashFlowIsPaused"),
        error("LifeCycleCashFlowIsUnpaused"),
        error(LACKS_ROLE, "address", "bytes32"),
        error("NotEnoughBalance", "uint256"),
        error("NotPaymentDate", "uint256", "uint256"),
        error("InvalidAsset", "address"),
        error("FunctionNotFound", "bytes4"),
    ]
)

# Snapshots are identified by their numbers, in all calls that pay by one; distributions likewise.
_OCCASIONS: Mapping[str, Occasion] = {
    **dict.fromkeys(("AmountSnapshot", "PercentageSnapshot"), Occasion.SNAPSHOT),
    "Distribution": Occasion.DISTRIBUTION,
    **dict.fromkeys(("CashOut", "BondCashOut"), Occasion.REDEMPTION),
}
PAYMENT_EVENTS = tuple(
    f"{kind}{way}Executed"
    for kind in ("AmountSnapshot", "PercentageSnapshot", "Distribution", "CashOut")
    for way in ("", "ByAddresses")
)


@dataclass(frozen=True, slots=True)
class Purpose:
    """The purpose of a payment, for which a contract pays each account once. Redemptions have no ``number``."""

    occasion: Occasion
    number: int | None


def purpose_of_event(reported: Event) -> Purpose | None:
    """Return the purpose of a reported payment; None for an event about no payment."""
    occasion = _OCCASIONS.get(reported.name.removesuffix("Executed").removesuffix("ByAddresses"))
    return None if occasion is None else Purpose(occasion, reported.fields.get("number"))


def purpose_of_call(data: bytes) -> Purpose | None:
    """Return the purpose of a call that pays; None for any other call."""
    called = INTERFACE.called(data)
    occasion = called and _OCCASIONS.get(called.name.removeprefix("execute").removesuffix("ByAddresses"))
    if called is None or occasion is None:
        return None
    return Purpose(occasion, None if occasion is Occasion.REDEMPTION else called.arguments[1])


def succeeded(executed: Event) -> dict[str, int]:
    """Return the accounts and amounts that a call paid; the lists of the event are padded with zeros."""
    paid = zip(executed.fields["succeeded"], executed.fields["paid"], strict=True)
    return {account: units for account, units in paid if account != ZERO_ADDRESS}
