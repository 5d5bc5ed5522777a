"""Compiles the paying contract into the package, from which it is deployed and called: ``make contract``."""

import json
import re
from pathlib import Path
from typing import Any

import vyper

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "contracts" / "lifecycle_cash_flow.vy"
ARTIFACT = ROOT / "src" / "masspayout" / "ledger" / "evm" / "contracts" / "lifecycle_cash_flow.json"

# The compiler lists no errors in an interface; in the source they are the signatures that begin with a capital letter.
_ERROR = re.compile(r'method_id\("([A-Z]\w*)\(([\w,]*)\)"\)')


def compiled() -> str:
    """Return the contract's interface and code, as the package keeps them."""
    source = SOURCE.read_text(encoding="utf-8")
    made = vyper.compile_code(source, output_formats=["abi", "bytecode"])
    artifact = {
        "compiler": f"vyper {vyper.__version__}",
        "abi": [*made["abi"], *_errors(source)],
        "bytecode": made["bytecode"],
    }
    return json.dumps(artifact, indent=1) + "\n"


def _errors(source: str) -> list[dict[str, Any]]:
    return [
        {"type": "error", "name": name, "inputs": [{"name": "", "type": kind} for kind in kinds.split(",") if kind]}
        for name, kinds in sorted(set(_ERROR.findall(source)))
    ]


if __name__ == "__main__":
    ARTIFACT.write_text(compiled(), encoding="utf-8")
