"""The commands of the boxes *On your own Azure*, run with Microsoft's azure-cli against the local Azure."""

import pytest
from chapters import blocks_of, pages
from own_azure import run_box, signed_in

pytestmark = pytest.mark.az

BOXES = [pytest.param(path, id=path.stem) for path in pages() if any(not block.needs for block in blocks_of(path))]
NOT_RUN = [
    pytest.param(block, id=f"{path.stem}-{block.line}") for path in pages() for block in blocks_of(path) if block.needs
]


@pytest.fixture(scope="module")
def shell():
    """One local Azure for all of them, in which ``az`` is signed in."""
    with signed_in() as opened:
        yield opened


@pytest.mark.parametrize("page", BOXES)
def test_box_creates_and_removes(shell, page):
    wrong = run_box(shell, page)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("block", NOT_RUN)
def test_block_that_needs_more(block):
    pytest.skip(f"book/{block.page.name}, line {block.line}: not run, it needs {block.needs}")


# What runs them, on boxes made for it


def box(tmp_path, *blocks: str):
    path = tmp_path / "99-made.md"
    fenced = "\n\n".join(f"```bash\n{block}\n```" for block in blocks)
    path.write_text(f"# T\n\n````{{admonition}} On your own Azure\n:class: own-azure\nText.\n\n{fenced}\n````\n")
    return path


CREATE = "az group create --name rg-made --location swedencentral"
REMOVE = "az group delete --name rg-made --yes"


def test_blocks_share_variables_and_run_in_order(shell, tmp_path):
    ask = 'test "$(az group show --name "$NAME" --query location --output tsv)" = swedencentral'
    assert run_box(shell, box(tmp_path, f"NAME=rg-made\n{CREATE}", ask, REMOVE)) == []


def test_a_failure_names_page_and_line(shell, tmp_path):
    create = f"NAME=rg-made\n{CREATE}\naz group show --name rg-other\necho never"
    (said,) = run_box(shell, box(tmp_path, "A=1", create, 'az group delete --name "$NAME" --yes'))
    assert "99-made.md, line 14: az group show --name rg-other" in said
    assert "ResourceGroupNotFound" in said and "never" not in said.replace("echo never", "")


def test_what_a_box_leaves_behind_is_named_and_removed(shell, tmp_path):
    (said,) = run_box(shell, box(tmp_path, CREATE))
    assert said == "99-made.md: its box leaves behind rg-made"
    assert "rg-made" not in shell.groups()
