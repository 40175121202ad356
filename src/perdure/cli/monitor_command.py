"""`perdure monitor`: runs and a watched camera in the browser."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE
from perdure.cli.terminal import say
from perdure.extras import require
from perdure.runs.run_folder import RUNS

if TYPE_CHECKING:
    from perdure.monitor.site import Site


@dataclass(frozen=True, kw_only=True, slots=True)
class Monitor(Arguments):
    """Shows runs and a watched camera in the browser, while they are at work and afterwards.

    Reads: a run folder or a folder of them, also copies from other machines; the folder of perdure watch --page.

    Writes: nothing, but to trackio where that is asked for. Only this machine can open the page, unless --host says
    otherwise; then its address has a token.

    Costs: some percent of a core while somebody looks, and less than 150 MB of memory. Ctrl-C ends it.
    """

    runs: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="RUN_OR_FOLDER")] = None
    """A run, or a folder of runs; runs/ by default, nothing beside --watch."""
    watch: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder of perdure watch, started with --page so that there are pictures."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 lets others of the network look, who need the token in the address."""
    port: int = 8399
    """Port to listen on; 0 for any that is free."""
    trackio: Annotated[str | None, tyro.conf.arg(metavar="PROJECT")] = None
    """Copy the curves of all runs to this project of the tracker trackio too, while the page is served."""

    def __call__(self) -> int:
        for module in ("starlette", "uvicorn", *["trackio"] * (self.trackio is not None)):
            require(module)
        from perdure.monitor.server import is_loopback, serve
        from perdure.monitor.site import Places, Site

        runs = self.runs if self.runs is not None or self.watch is not None else RUNS
        site = Site(Places(runs=runs, watched=self.watch))
        token = None if is_loopback(self.host) else secrets.token_urlsafe(24)

        def started(port: int) -> None:
            host = f"[{self.host}]" if ":" in self.host else self.host
            say(f"open http://{host}:{port}/{f'?token={token}' if token else ''}   (Ctrl-C ends it)")

        with contextlib.suppress(KeyboardInterrupt), _copied(site, self.trackio):
            serve(site, host=self.host, port=self.port, token=token, on_start=started)
        return DONE


@contextlib.contextmanager
def _copied(site: Site, project: str | None) -> Iterator[None]:
    """Copies the curves to trackio during the block, if a project is named."""
    if project is None:
        yield
        return
    from perdure.monitor.trackio_copy import copy_to_trackio

    is_over = threading.Event()
    arguments = (import_module("trackio"), project, site, is_over)
    thread = threading.Thread(target=copy_to_trackio, args=arguments, name="trackio")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
