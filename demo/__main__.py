"""Launch the page: `python -m demo [--models DIR] [--registry URL] [--host H] [--port P]`."""

import ipaddress
import logging
import os
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from demo import __version__
from demo.errors import DemoError, LaunchError
from demo.limits import Limits

if TYPE_CHECKING:
    from demo.catalog import Catalog


def main() -> None:
    """Run the command line; an expected failure prints its sentence and exits with 1."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(launch)
    app()


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ganvas {__version__}")
        raise typer.Exit


def launch(
    *,
    models: Annotated[Path, typer.Option(help="Folder with one folder per model.")] = Path("models"),
    host: Annotated[str, typer.Option(envvar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT", min=0, max=65535, help="Port, 0 for a free one.")] = 7860,
    registry: Annotated[
        str | None,
        typer.Option(envvar="GANVAS_REGISTRY", help="Address of an MLflow server whose champions are served instead."),
    ] = None,
    poll: Annotated[float, typer.Option(min=0.1, help="Seconds between looks at the registry.")] = 10.0,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Serve the page: sample pictures and stylise photographs with the models that the pipeline exported."""
    try:
        # uvicorn ends by itself on Ctrl-C and raises it again or not, as the moment has it.
        with suppress(KeyboardInterrupt):
            limits = Limits.read(os.environ)
            listener = _listen(host, port)
            _warn(listener, limits)
            with _scratch():
                _serve(
                    listener, catalog=_catalog(models, registry, poll=poll), limits=limits, open_browser=open_browser
                )
    except DemoError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo("Stopped.")


def _listen(host: str, port: int) -> socket.socket:
    """Take the port first, so that a taken one is told at once and not after seconds of imports."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except socket.gaierror as error:
        raise LaunchError(f"the host '{host}' is unknown; choose another with --host") from error
    except OSError as error:
        raise LaunchError(f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port") from error
    return listener


def _warn(listener: socket.socket, limits: Limits) -> None:
    """Tell who may come in, where that is everybody who can reach this machine."""
    host, port = listener.getsockname()[:2]
    if not ipaddress.ip_address(host).is_loopback and not limits.auth:
        typer.echo(
            f"warning: everybody who can reach {host}:{port} may use this page and its machine; "
            "ask for a password with GANVAS_AUTH=user:password, or listen on 127.0.0.1 alone",
            err=True,
        )


@contextmanager
def _scratch() -> Iterator[None]:
    """Give temporary files a folder of this service's own, which goes with it, unless GRADIO_TEMP_DIR names one."""
    if os.environ.get("GRADIO_TEMP_DIR"):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="ganvas-", ignore_cleanup_errors=True) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        yield


def _catalog(models: Path, registry: str | None, *, poll: float) -> "Catalog":
    """Return the models that are served: those in the folder, or the champions of a registry as they come and go."""
    from demo.catalog import STARTER, Catalog  # noqa: PLC0415 - this takes seconds, and --version and --help do without
    from demo.champions import Registry, follow  # noqa: PLC0415

    if registry is None:
        return Catalog(models, starter=STARTER)
    mirror = Registry(registry, models.absolute().parent / ".champions")
    follow(mirror, every=poll, stopped=threading.Event())
    return Catalog(mirror.folder, starter=STARTER, origin=mirror.address)


def _serve(listener: socket.socket, *, catalog: "Catalog", limits: Limits, open_browser: bool) -> None:
    import uvicorn  # noqa: PLC0415

    from demo.app import build_app  # noqa: PLC0415

    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    shown = "127.0.0.1" if address.is_unspecified else f"[{host}]" if address.version == 6 else host
    url = f"http://{shown}:{port}"

    def announce() -> None:
        typer.echo(f"Ganvas {__version__} serves {catalog.origin or catalog.folder} at {url} (Ctrl-C ends it)")
        if open_browser:
            webbrowser.open(url)

    logging.getLogger("httpx").setLevel(logging.WARNING)
    app = build_app(catalog, announce=announce, limits=limits)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, ws="none")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
