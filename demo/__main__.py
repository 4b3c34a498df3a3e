"""Launch the page: `python -m demo [--models DIR] [--registry URL] [--engine URL] [--host H] [--port P]`."""

import ipaddress
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from demo import __version__
from demo.errors import DemoError, LaunchError
from demo.limits import Limits
from demo.memory import keep_returning, share_one_heap
from demo.observing import Watch

if TYPE_CHECKING:
    from demo.catalog import Catalog
    from demo.engine import Engine


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
    poll: Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds between looks at the registry.")] = 10.0,
    engine: Annotated[
        str | None,
        typer.Option(envvar="ENGINE_URL", help="Address of an Open Inference Protocol v2 server that runs the models."),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(envvar="GANVAS_DEVICE", help="`cuda` refuses to start without it.")
    ] = "auto",
    memory: Annotated[
        int, typer.Option(envvar="GANVAS_MEMORY", min=1, help="MiB of model files kept open at once.")
    ] = 512,
    cuda_graphs: Annotated[
        bool,
        typer.Option(
            "--cuda-graphs", envvar="GANVAS_CUDA_GRAPHS", help="Capture and replay graphs of fixed shapes on CUDA."
        ),
    ] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Serve the page: sample pictures and stylise photographs with the models that the pipeline exported."""
    share_one_heap()
    # What stops a service: uvicorn raises it again when it has ended, and by default nothing would be tidied up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        # uvicorn ends by itself on Ctrl-C and raises it again or not, as the moment has it.
        with suppress(KeyboardInterrupt):
            limits = Limits.read(os.environ)
            listener = _listen(host, port)
            _warn(listener, limits)
            watch = Watch()
            runs = _engine(engine, device, memory=memory, watch=watch, capture=cuda_graphs)
            catalog = _catalog(models, registry, poll=poll, engine=runs)
            with _scratch():
                _serve(listener, catalog=catalog, limits=limits, watch=watch, open_browser=open_browser)
    except DemoError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo("Stopped.")


def _listen(host: str, port: int) -> socket.socket:
    """Take the port first, so that a taken one is told at once and not after seconds of imports."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Named by its protocol, because asyncio then sends small answers at once instead of 40 ms later.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except (socket.gaierror, UnicodeError) as error:
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
    """Give temporary files a folder of this service's own, which goes with it; GRADIO_TEMP_DIR says where it lies."""
    parent = os.environ.get("GRADIO_TEMP_DIR") or None
    try:
        if parent:
            Path(parent).mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix="ganvas-", dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise LaunchError(f"no temporary files can be written ({error}); correct GRADIO_TEMP_DIR") from error
    with scratch as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        yield


def _engine(
    url: str | None, device: Literal["auto", "cpu", "cuda"], *, memory: int, watch: Watch, capture: bool
) -> "Engine":
    from demo.remote import RemoteEngine  # noqa: PLC0415 - this takes seconds, and --version and --help do without
    from demo.runtime import cuda_devices  # noqa: PLC0415
    from demo.shelf import Shelf  # noqa: PLC0415

    if url:
        return RemoteEngine(url.rstrip("/"))
    if device == "cuda" and not cuda_devices():
        raise LaunchError("no CUDA device answers here; install the NVIDIA driver, or start with --device cpu")
    return Shelf(device, memory * 2**20, watch, capture=capture)


def _catalog(models: Path, registry: str | None, *, poll: float, engine: "Engine") -> "Catalog":
    """Return the models that are served: those in the folder, or the champions of a registry as they come and go."""
    from demo.catalog import STARTER, Catalog  # noqa: PLC0415
    from demo.champions import Registry, follow  # noqa: PLC0415

    if registry is None:
        return Catalog(models, engine, starter=STARTER)
    mirror = Registry(registry, models.absolute().parent / ".champions")
    follow(mirror, every=poll, stopped=threading.Event())
    return Catalog(mirror.folder, engine, starter=STARTER, origin=mirror.address)


def _serve(listener: socket.socket, *, catalog: "Catalog", limits: Limits, watch: Watch, open_browser: bool) -> None:
    import uvicorn  # noqa: PLC0415

    from demo.app import build_app  # noqa: PLC0415

    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    shown = "127.0.0.1" if address.is_unspecified else f"[{host}]" if address.version == 6 else host
    url = f"http://{shown}:{port}"

    stopped = threading.Event()
    warming = threading.Thread(target=catalog.warm, args=(stopped,), name="warm")

    def announce() -> None:
        typer.echo(f"Ganvas {__version__} serves {catalog.origin or catalog.folder} at {url} (Ctrl-C ends it)")
        warming.start()
        threading.Thread(target=keep_returning, args=(stopped,), name="memory", daemon=True).start()
        if open_browser:
            webbrowser.open(url)

    logging.getLogger("httpx").setLevel(logging.WARNING)
    app = build_app(catalog, announce=announce, limits=limits, watch=watch)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, ws="none")
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        stopped.set()


if __name__ == "__main__":
    main()
