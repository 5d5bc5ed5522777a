"""What docs/evm.md tells to type on a local node is typed, on a real node, and does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL

from anvil import running_anvil
from command_line import environment
from places import ROOT

SCRIPT = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
NODE = re.compile(r"`npx\s@foundry-rs/anvil ([^`]*)`")


def test_a_payout_on_a_local_node_can_be_pasted_as_it_is_written(database_url: URL, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "evm.md").read_text(encoding="utf-8")
    (script,), (options,) = SCRIPT.findall(text), NODE.findall(text)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    programs = Path(sys.executable).parent
    with running_anvil(tmp_path / "anvil", *options.split()) as anvil:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8545", anvil.url)],
            cwd=tmp_path,
            env={**os.environ, **environment(database_url), "PATH": f"{programs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("They agree to the smallest unit.") == 2
    assert "19.500000000000000001" in done.stdout
