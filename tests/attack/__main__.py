"""``make attack``: run the attacks, write the table, and end with 1 where a bound did not hold."""

from __future__ import annotations

import argparse
import asyncio
import sys

from . import report
from .drive import attack
from .plan import jobs


def main() -> int:
    """Run all cases, the short form, or those named."""
    reader = argparse.ArgumentParser(prog="make attack", description=__doc__)
    reader.add_argument("--short", action="store_true", help="leave the long cases and the table out")
    reader.add_argument("names", nargs="*", help="run only cases with this in their names; writes no table")
    chosen = reader.parse_args()
    seen = asyncio.run(attack(jobs(short=chosen.short, names=chosen.names)))
    if chosen.short or chosen.names:
        print(report.render(seen))
    else:
        report.write(seen)
    broken = [problem for one in seen for problem in one.problems]
    print(f"{len(seen)} attacks, {len(broken)} bounds broken")
    print("\n".join(broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
