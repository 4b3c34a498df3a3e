"""How much one visitor may ask for, and the password: read once, when the service starts, from the environment."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from demo.errors import LaunchError

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What is granted; the defaults are far above what a person at a browser meets.

    `rate` is requests per second and address, lasting, and `burst` how many may come at once; a rate of 0 grants any.
    `session_jobs` is how many jobs for the engine one page may have in the queue, `address_jobs` how many events one
    address. `upload_mb` limits one request's body, `scratch_mb` all temporary files, and `spare_mb` is what they leave
    free on the disk, in MiB. `auth` is `user:password`, or '' where everybody may come in. `log` names the file that
    gets a line per request, `-` for standard error, or '' for none.
    """

    rate: float = 100
    burst: int = 1000
    session_jobs: int = 8
    address_jobs: int = 32
    upload_mb: int = 64
    scratch_mb: int = 2048
    spare_mb: int = 512
    auth: str = ""
    log: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Limits":
        """Read `GANVAS_RATE`, `GANVAS_BURST` and so on; what is not set has its default.

        Raises:
            LaunchError: a value is no number of its range, or the password has no user.

        """
        usual = cls()
        auth = environment.get("GANVAS_AUTH", usual.auth)
        user, colon, password = auth.partition(":")
        if auth and not (user and colon and password):
            raise LaunchError("GANVAS_AUTH must be a user and a password like 'artist:secret'; correct or unset it")

        def whole(name: str, default: int, *, lowest: int) -> int:
            return int(_number(environment, name, default, lowest=lowest, whole=True))

        return cls(
            rate=_number(environment, "GANVAS_RATE", usual.rate, lowest=0, whole=False),
            burst=whole("GANVAS_BURST", usual.burst, lowest=1),
            session_jobs=whole("GANVAS_SESSION_JOBS", usual.session_jobs, lowest=1),
            address_jobs=whole("GANVAS_ADDRESS_JOBS", usual.address_jobs, lowest=1),
            upload_mb=whole("GANVAS_UPLOAD_MB", usual.upload_mb, lowest=1),
            scratch_mb=whole("GANVAS_SCRATCH_MB", usual.scratch_mb, lowest=1),
            spare_mb=whole("GANVAS_SPARE_MB", usual.spare_mb, lowest=0),
            auth=auth,
            log=environment.get("GANVAS_LOG", usual.log),
        )


def _number(environment: Mapping[str, str], name: str, default: float, *, lowest: float, whole: bool) -> float:
    said = environment.get(name, "")
    if not said:
        return default
    try:
        number = float(said)
    except ValueError:
        number = math.nan
    if not lowest <= number < math.inf or (whole and number != int(number)):
        kind = "whole number" if whole else "number"
        raise LaunchError(f"{name} must be a {kind} from {lowest:g} up, not '{said}'; correct or unset it")
    return number
