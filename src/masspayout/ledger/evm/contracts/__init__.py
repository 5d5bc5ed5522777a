"""Contracts that pay: our own, and those that tokenised assets have already."""

from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from web3 import AsyncWeb3
from web3.exceptions import ContractLogicError

from masspayout.errors import Invalid
from masspayout.ledger.evm.contracts.own import VERSION, OwnContract, interface
from masspayout.ledger.evm.contracts.port import PayingContract, Payout, Result

__all__ = ["OwnContract", "PayingContract", "Payout", "Result", "recognise"]


async def recognise(web3: AsyncWeb3[Any], address: str) -> PayingContract:
    """Find out which kind of paying contract is at an address.

    Raises:
        Invalid: There is no contract at all, or none that pays.
    """
    where = to_checksum_address(address)
    if not await web3.eth.get_code(where):
        raise Invalid(
            f"There is no contract at {address}.", "Check the address and the chain, or: masspayout evm deploy"
        )
    try:
        data = await web3.eth.call({"to": where, "data": interface().call("version")})
        if interface().answer("version", bytes(data)) == (VERSION,):
            return OwnContract(web3, address)
    except (ContractLogicError, DecodingError):
        pass
    raise Invalid(f"The contract at {address} is none that can pay holders.", "Deploy one with: masspayout evm deploy")
