"""Opening an address: credentials in it are sent as a header, and shown to nobody."""

import base64
import http.client
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from depthscope.version import __version__

TIMEOUT = 60


class UnreachableError(Exception):
    """Why nothing came: for a sentence of the caller, who knows what was wanted."""


def open_address(address: str, headers: Mapping[str, str] | None = None) -> Any:
    """The response to a GET. Proxies and certificates are those of the environment (``HTTPS_PROXY``, ``SSL_CERT_FILE``).

    Raises
    ------
    HTTPError
        The server answers, and refuses.
    UnreachableError
        No server answers.
    """
    parts = urlsplit(address)
    account, _, place = parts.netloc.rpartition("@")
    request = Request(
        urlunsplit(parts._replace(netloc=place)), headers={"User-Agent": f"depthscope/{__version__}", **(headers or {})}
    )
    if account:
        code = base64.b64encode(unquote(account).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {code}")  # not for whom it may redirect to
    try:
        return urlopen(request, timeout=TIMEOUT)
    except HTTPError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise UnreachableError(reason(problem)) from None


def reason(problem: Exception) -> str:
    """What went wrong, in the words of the system."""
    cause = problem.reason if isinstance(problem, URLError) else problem
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return words or type(cause).__name__


def shown(address: str) -> str:
    """An address as it may be in a message."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
