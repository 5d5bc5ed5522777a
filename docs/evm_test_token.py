"""Makes an ERC-20 to try payouts with, on a local node or a test network, and prints its address.

Takes the node from EVM_RPC_URL and the key from PAYER_KEY, as masspayout does. Needs the package vyper.
"""

import argparse
import csv
import os
import sys
from pathlib import Path
from typing import Any

import vyper
from eth_account import Account
from web3 import HTTPProvider, Web3

SOURCE = Path(__file__).resolve().parents[1] / "tests" / "emulators" / "evm" / "contracts" / "token.vy"


def send(web3: Web3, account: Any, call: Any) -> Any:
    """Sign a call, send it, and wait for its receipt."""
    nonce = web3.eth.get_transaction_count(account.address, "pending")
    transaction = call.build_transaction({"from": account.address, "nonce": nonce})
    sent = web3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)
    return web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("symbol")
    parser.add_argument("decimals", type=int)
    parser.add_argument("holders", nargs="?", type=Path, help="a CSV file of account_id,balance in smallest units")
    arguments = parser.parse_args()

    web3 = Web3(HTTPProvider(os.environ["EVM_RPC_URL"]))
    account = Account.from_key(os.environ["PAYER_KEY"])
    made = vyper.compile_code(SOURCE.read_text(encoding="utf-8"), output_formats=["abi", "bytecode"])
    factory = web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    terms = (arguments.name, arguments.symbol, arguments.decimals)
    address = send(web3, account, factory.constructor(*terms))["contractAddress"]
    token = web3.eth.contract(address=address, abi=made["abi"])
    holdings = [(account.address, 10 ** (6 + arguments.decimals))]
    if arguments.holders is not None:
        with arguments.holders.open(encoding="utf-8", newline="") as file:
            holdings = [
                (Web3.to_checksum_address(row["account_id"]), int(row["balance"])) for row in csv.DictReader(file)
            ]
    for holder, units in holdings:
        send(web3, account, token.functions.mint(holder, units))
    sys.stdout.write(f"{address.lower()}\n")


if __name__ == "__main__":
    main()
