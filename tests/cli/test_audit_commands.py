"""Commands on the audit trail: lists with sentences, the head, and verifying against heads that were kept."""

import csv
import io
import json
from pathlib import Path

from sqlalchemy import URL

from command_line import CommandLine
from databases import run_sql
from masspayout.db.entities import AuditEntry


def test_lists_have_every_column_and_the_sentence(imported: CommandLine) -> None:
    items = json.loads(imported("audit", "list", "--json").out)["items"]
    columns = [column.name for column in AuditEntry.__table__.columns]
    assert list(items[0]) == [*columns, "sentence"]
    assert items[-1]["sentence"].endswith("imported Green Bond.")
    rows = list(csv.DictReader(io.StringIO(imported("audit", "list", "--csv").out)))
    assert [row["sentence"] for row in rows] == [item["sentence"] for item in items]
    assert [json.loads(row["after"]) for row in rows] == [item["after"] for item in items]
    assert [row["hash"] for row in rows] == [item["hash"] for item in items]
    assert items[0]["sentence"] in imported("audit", "list").out


def test_a_head_that_is_kept_finds_what_was_cut_off(imported: CommandLine, database_url: URL, tmp_path: Path) -> None:
    for contract in ("0.0.901", "0.0.902", "0.0.903"):
        assert imported("listener", "add", contract).status == 0
    heads = tmp_path / "heads"
    heads.write_text(imported("audit", "head").out)
    number, last_hash, _ = heads.read_text().split()
    as_json = json.loads(imported("audit", "head", "--json").out)
    assert (str(as_json["number"]), as_json["hash"]) == (number, last_hash)
    said = imported("audit", "verify", "--against", str(heads))
    assert (said.status, "Every head that was kept is in it: 1." in said.out) == (0, True)
    run_sql(
        database_url,
        "ALTER TABLE audit_entry DISABLE TRIGGER USER",
        f"DELETE FROM audit_entry WHERE number = {number}",
        "UPDATE audit_head SET (number, hash) = (SELECT number, hash FROM audit_entry ORDER BY number DESC LIMIT 1)",
        "ALTER TABLE audit_entry ENABLE TRIGGER USER",
    )
    assert "The chain holds" in imported("audit", "verify").out
    for against in (str(heads), heads.read_text(), last_hash):
        said = imported("audit", "verify", "--against", against)
        assert said.status == 1, against
        assert "Stop the workers, keep a copy of this database" in said.out
    assert f"Entry {number} is missing" in imported("audit", "verify", "--against", str(heads)).out
    assert json.loads(imported("audit", "verify", "--against", str(heads), "--json").out)["holds"] is False


def test_what_is_no_head_is_refused(imported: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "strange").write_text("seven")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for argument, reason in {
        "nowhere": "is neither a head nor a file of heads: No such file",
        "empty": "holds no head",
        "strange": "Line 1 of strange is no head",
        "binary": "it is not UTF-8 text",
    }.items():
        said = imported("audit", "verify", "--against", argument)
        assert (said.status, reason in said.err) == (2, True), said
        assert "masspayout audit head" in said.err
