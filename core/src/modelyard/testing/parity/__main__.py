"""Measure and write the page: ``python -m modelyard.testing.parity docs/parity.md``."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from modelyard.testing.parity import measure, render


def main() -> None:
    """Write the page named, or print it."""
    logging.getLogger("modelyard").setLevel(logging.ERROR)
    page = render(asyncio.run(measure()))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page, encoding="utf-8")
        print(f"{sys.argv[1]} written")
    else:
        print(page)


if __name__ == "__main__":
    main()
