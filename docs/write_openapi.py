"""Writes docs/openapi.json anew from the software: make openapi."""

import json
from pathlib import Path

from masspayout.api import api_document

if __name__ == "__main__":
    text = json.dumps(api_document(), indent=1, ensure_ascii=False) + "\n"
    Path(__file__).with_name("openapi.json").write_text(text, encoding="utf-8")
