"""What docs/evm.md tells to type on a local node is typed, on a real node, and does what it says."""

import os
import re
from pathlib import Path

from sqlalchemy import URL

from anvil import running_anvil
from command_line import environment
from documents import blocks, paste
from places import DOCS

NODE = re.compile(r"`npx\s@foundry-rs/anvil ([^`]*)`")


def test_a_payout_on_a_local_node_can_be_pasted_as_it_is_written(database_url: URL, tmp_path: Path) -> None:
    (options,) = NODE.findall((DOCS / "evm.md").read_text(encoding="utf-8"))
    script = [block for block in blocks("docs/evm.md") if block.text.startswith("export LEDGER=evm")]
    (tmp_path / "docs").symlink_to(DOCS)
    with running_anvil(tmp_path / "anvil", *options.split()) as anvil:
        instead = {"http://127.0.0.1:8545": anvil.url}
        printed = paste(script, tmp_path, os.environ | environment(database_url), instead)
    assert printed.count("They agree to the smallest unit.") == 2
    assert "19.500000000000000001" in printed
