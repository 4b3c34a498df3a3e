"""Files from the network: fetched once, checked against a known checksum, kept in a cache."""

import logging
import os
from pathlib import Path

import pooch
import requests

from pipeline.errors import DataError

_RETRIES = 3
_TIMEOUT = 30

# Pooch says what it does at level INFO; the progress bar says enough.
pooch.get_logger().setLevel(logging.WARNING)


def cache_folder() -> Path:
    """Return where downloads are kept: `GANVAS_CACHE`, else the user's cache folder."""
    return Path(os.environ.get("GANVAS_CACHE") or pooch.os_cache("ganvas"))


def fetch(url: str, *, folder: str, checksum: str) -> Path:
    """Return the path of a file in `folder` of the cache, downloaded from `url` unless it is there already.

    `checksum` is `md5:...` or `sha256:...`, whole or as many of its first digits as are known. A download that fails or
    is damaged is tried again; only a whole and correct file takes its place in the cache. A progress bar with the time
    left is shown on standard error.

    Raises:
        DataError: the file can be neither found nor had; the message says which file to put where.

    """
    path = cache_folder() / folder / url.rsplit("/", 1)[-1]
    algorithm, digest = checksum.split(":")
    http = pooch.HTTPDownloader(progressbar=True, timeout=_TIMEOUT)

    def is_right(file: str | Path) -> bool:
        return str(pooch.file_hash(str(file), alg=algorithm)).startswith(digest)

    def download(address: str, file: str, shelf: pooch.Pooch) -> None:
        http(address, file, shelf)
        if not is_right(file):
            raise ValueError

    # Pooch compares whole checksums only, so it is told of none.
    shelf = pooch.create(
        path=path.parent,
        base_url="",
        registry={path.name: None},
        urls={path.name: url},
        retry_if_failed=_RETRIES,
    )
    try:
        if path.is_file() and not is_right(path):
            path.unlink()
        return Path(shelf.fetch(path.name, downloader=download))
    except requests.exceptions.RequestException as error:
        problem = f"cannot download {url} ({type(error).__name__})"
    except ValueError:
        problem = f"{url} has not the checksum {checksum}"
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); set GANVAS_CACHE to another folder") from error
    raise DataError(f"{problem}; get the file in another way and put it at {path}")
