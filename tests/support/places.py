"""Where things are: the checkout, and what stands beside it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "masspayout"
DOCS = ROOT / "docs"
SHARED = ROOT.parent / "shared"
# Where modules are that processes which tests start may import.
IMPORTED = [ROOT / "tests" / "support", ROOT / "tests" / "emulators", ROOT / "tests" / "emulators" / "evm"]
