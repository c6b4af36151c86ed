"""The command line's frame: the app itself, options that commands share, and how errors are told."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer

from trichoscan.show import say

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Count and measure hair on standardized scalp photos, hair by hair. For research use.",
)

Device = Literal["auto", "cpu", "cuda"]
DeviceOption = Annotated[Device, typer.Option(help="Where the network runs.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show where in the program an error arose.")]


@contextmanager
def told_plainly(debug: bool) -> Iterator[None]:
    """Say what went wrong on one line of stderr: exit code 2, or 130 and 143 where Ctrl-C or SIGTERM came."""
    if debug:
        logging.basicConfig()
        logging.getLogger("trichoscan").setLevel(logging.DEBUG)
    try:
        yield
    except KeyboardInterrupt as stop:
        from trichoscan.study.interrupt import Terminated

        say("stopped; what is finished is kept: run the same command again to go on")
        raise typer.Exit(143 if isinstance(stop, Terminated) else 130) from None
    except (typer.Exit, typer.BadParameter, BrokenPipeError):
        raise
    except Exception as error:
        from trichoscan.records import TrichoscanError  # numpy comes with it; --help does without

        if debug:
            traceback.print_exc()
        if isinstance(error, TrichoscanError):
            say(str(error))
        elif isinstance(error, OSError):
            say(f"{error.filename or 'file'}: {error.strerror or error}: check the disk and its permissions")
        else:
            say(f"unexpected {type(error).__name__}: {error}: please report it, with the output of --debug")
        raise typer.Exit(2) from None


def refuse(wrong: bool, why: str) -> None:
    """End with a usage error where options make no sense together."""
    if wrong:
        raise typer.BadParameter(why)
