"""Where the project lives, and the addresses at which a notebook can be run in the browser."""

import posixpath
from urllib.parse import quote, urlencode, urlsplit


def repository(config) -> dict[str, str]:
    """``url``, ``path`` (owner/name) and ``branch`` of the project, from _config.yml."""
    options = config.html_theme_options
    url = options["repository_url"].rstrip("/")
    return {"url": url, "path": urlsplit(url).path.strip("/"), "branch": options.get("repository_branch", "main")}


def launch_links(config, docname) -> list[tuple[str, str]]:
    """``(name, address)`` of the places where a notebook can be run in the browser; each opens that very notebook."""
    repo, buttons = repository(config), config.html_theme_options["launch_buttons"]
    notebook, stem = f"{docname}.ipynb", posixpath.basename(docname)
    container = f".devcontainer/{stem}/devcontainer.json"  # written by tools/generate_devcontainers.py
    urlpath = quote(f"lab/tree/{notebook}", safe="")
    return [
        ("Codespaces", f"https://codespaces.new/{repo['path']}/tree/{repo['branch']}?{codespace(container)}"),
        ("Binder", f"{buttons['binderhub_url']}/v2/gh/{repo['path']}/{repo['branch']}?urlpath={urlpath}"),
        ("Colab", f"{buttons['colab_url']}/github/{repo['path']}/blob/{repo['branch']}/{notebook}"),
    ]


def codespace(container: str) -> str:
    """The query of a Codespaces link; ``quickstart`` offers a codespace that already exists before a new one."""
    return urlencode({"quickstart": "1", "devcontainer_path": container})
