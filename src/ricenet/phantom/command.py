"""Command line: ricenet phantom --out DIR --subjects N --seed S."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from ricenet.phantom.shape_signal import INTENSITY, SIGNALS
from ricenet.phantom.study import make_study


def at_least(kind: type[int] | type[float], least: float) -> Callable[[str], float]:
    """Make an argparse type that refuses values below `least`."""

    def convert(text: str) -> float:
        value = kind(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return value

    return convert


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="ricenet phantom",
        description="Make synthetic patients as DICOM, with known truth.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the study")
    parser.add_argument("--subjects", type=at_least(int, 1), required=True, help="how many")
    parser.add_argument("--seed", type=at_least(int, 0), required=True, help="of all random draws")
    parser.add_argument(
        "--canvas-mm",
        type=at_least(float, 1),
        default=1.0,
        help="spacing of the grid that heads are made on; 2 is fast",
    )
    parser.add_argument(
        "--scale",
        type=at_least(float, 0),
        default=1.0,
        help="factor on the separation of the classes; 1 as published",
    )
    parser.add_argument(
        "--sequences", action="store_true", help="T1, T2 and FLAIR of the event visit, too"
    )
    parser.add_argument(
        "--signal",
        choices=SIGNALS,
        default=INTENSITY,
        help="what tells the classes apart in the MRI: brightness, or form and texture",
    )
    parser.add_argument("--nifti", action="store_true", help="write NIfTI beside the DICOM")
    parser.add_argument("--processes", type=at_least(int, 1), default=1, help="side by side")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Make the study; bad data end in one line on standard error."""
    arguments = parse(argv)
    try:
        make_study(
            arguments.out,
            subjects=arguments.subjects,
            seed=arguments.seed,
            canvas_mm=arguments.canvas_mm,
            scale=arguments.scale,
            nifti=arguments.nifti,
            sequences=arguments.sequences,
            signal=arguments.signal,
            processes=arguments.processes,
        )
    except ValueError as problem:
        print(f"ricenet.phantom: {problem}", file=sys.stderr)
        return 1
    return 0
