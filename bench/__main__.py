"""`python -m bench`: list the questions that can be asked, and answer one or all."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from bench import questions, report


def main() -> int:
    """Run what the command line names."""
    options = _parser().parse_args()
    if not options.question:
        for question in questions.ALL.values():
            print(f"{question.name:<12} {question.text}")
        print("\nRun one of them, or all: python -m bench NAME [--quick]")
        return 0
    names = list(questions.ALL) if options.question == "all" else [options.question]
    for name in names:
        work = Path(tempfile.mkdtemp(prefix="cozysync-bench-", dir=options.work))
        try:
            answer = questions.ALL[name].ask(work, options)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        print(f"\n{answer.text}")
        if options.out is not None:
            report.keep(options.out, name, answer.data, answer.text)
            if not answer.draw(options.out / f"{name}.svg"):
                print("No plot was drawn: install matplotlib (the extra «bench»).")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("question", nargs="?", choices=[*questions.ALL, "all"])
    parser.add_argument("--quick", action="store_true", help="small sizes, once: a look only")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="how often (3)")
    parser.add_argument("--million", action="store_true", help="growth: 1,000,000 files as well")
    parser.add_argument(
        "--most",
        type=int,
        default=100_000,
        metavar="N",
        help="growth: no more files than (100,000)",
    )
    parser.add_argument("--only", default="", metavar="NAMES", help="contestants, by comma")
    parser.add_argument(
        *("--out", "-o"),
        type=Path,
        default=None,
        help=f"keep tables, raw samples and plots here (ours are in {report.RESULTS.name}/)",
    )
    parser.add_argument(
        *("--work",),
        type=Path,
        default=None,
        help="where the files are made and synced; some tens of GiB are needed (the temporary"
        " directory)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
