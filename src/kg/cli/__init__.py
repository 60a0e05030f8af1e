"""The command line: parse, call, print.

Exit status 0: done. 1: the data or the answer is wrong. 2: the call is wrong. 130: interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from kg.cli import building, asking, networks, serving, authoring  # isort: skip # the order in which --help lists the commands
from kg.cli.frame import app, show_text
from kg.errors import CheckError, KGError

# Other modules are imported by the commands that use them, so that kg --help answers at once.

__all__ = ["app", "asking", "authoring", "building", "main", "networks", "serving"]


def main() -> None:
    """Run the command line and exit with its status; no traceback reaches a user."""
    sys.unraisablehook = _heed_interrupt
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except TyperException as exc:
        status = _fail(_usage(exc), exc.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        status = _fail("Interrupted.", 130)
    except CheckError as exc:
        status = _fail(str(exc), exc.exit_code)
    except KGError as exc:
        status = _fail(_shorten(str(exc)), exc.exit_code)
    except (BrokenPipeError, SystemExit):
        # Without standalone mode the framework exits by itself for one reason only: a closed pipe.
        status = _close_pipe()
    except OSError as exc:
        status = _discard_output(f"the output cannot be written: {exc.strerror}.", 1)
    sys.exit(status if isinstance(status, int) else 0)


def _heed_interrupt(unraisable: sys.UnraisableHookArgs) -> None:
    """Ctrl-C can fall into a callback of the interpreter, which would print a traceback and go on as if nothing were."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        os._exit(_fail("Interrupted.", 130))
    sys.__unraisablehook__(unraisable)


def _fail(message: str, status: int) -> int:
    print(f"kg: {message}", file=sys.stderr)
    return status


def _shorten(message: str) -> str:
    """A value of many thousand characters need not be told back whole."""
    return message if len(message) <= 1000 else f"{message[:500]} […] {message[-300:]}"


def _close_pipe() -> int:
    """The reader has what it wanted; Python must not try to flush the rest.

    Sources:
        https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    return _discard_output("the reader closed the pipe, so the output stops here.", 0)


def _discard_output(message: str, status: int) -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return _fail(message, status)


def _usage(exc: TyperException) -> str:
    """Say what is wrong with the call, with the nearest command where one was meant."""
    from kg.vocab import suggest

    ctx = getattr(exc, "ctx", None)
    commands = getattr(ctx.command, "commands", None) if ctx else None
    if commands and "'" in exc.message:
        word = exc.message.split("'")[1]
        return f"There is no command {word!r}.{suggest(word, commands)} kg --help lists them all."
    message = exc.format_message().replace("Value error, ", "").rstrip(".")
    return f"{message}. See {ctx.command_path if ctx else 'kg'} --help."


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Who promised what, to whom, at which event, for how much and by when, proved by the passage of the source."""
    if version:
        from kg.resources import release

        show_text(f"kg {release()}\n")
    elif ctx.invoked_subcommand is None:
        show_text(ctx.get_help() + "\n")
