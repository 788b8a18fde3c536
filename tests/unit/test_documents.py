"""The documents tell the truth: links lead somewhere, commands exist, names and settings are those of the code."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from shared.environment import Setting
from shared.outside.statements import STATEMENTS
from shared.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = ROOT / "docs" / "reference" / "architecture.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)?(?:#([^)\s]+))?\)")


def commands(document: Path) -> list[str]:
    """Return the lines of a document's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip() and not line.startswith("#")]


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as they are made on the web."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    """A linked file exists, and so does the heading that is meant in it."""
    for target, anchor in LINK.findall(document.read_text()):
        if "://" in target:
            continue
        path = (document.parent / target).resolve() if target else document
        assert path.exists(), f"{document.name} links to {target}, which is not there"
        assert not anchor or anchor in anchors(path), f"{document.name} links to {target}#{anchor}"


@pytest.mark.skipif(not shutil.which("make"), reason="make is not on this machine")
def test_every_make_command_of_the_documents_is_a_target() -> None:
    """What the documents tell to type with make, make knows; help lists it."""
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    typed = {line.split()[1] for document in DOCUMENTS for line in commands(document) if line.startswith("make ")}
    assert {"demo", "test"} <= typed
    assert typed <= set(re.findall(r"^  make (\S+)", listed, flags=re.MULTILINE))


def section_of(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its height."""
    assert f"{heading}\n" in text
    return text.partition(f"{heading}\n")[2].partition("\n## ")[0]


def settings_row(setting: Setting) -> str:
    """A setting as the table shows it."""
    reader = "both" if len(setting.readers) > 1 else next(iter(setting.readers))
    without = f"`{setting.default}`" if setting.default else setting.need
    return f"| `{setting.name}` | {reader} | {without} | {setting.meaning} |"


def test_every_setting_is_documented_and_no_other() -> None:
    """The table of settings is the list that the code reads."""
    text = ARCHITECTURE.read_text()
    section = section_of(text, "## Settings")
    table = [line for line in section.splitlines() if line.startswith("| `")]
    wanted = [settings_row(setting) for setting in SETTINGS]
    assert table == wanted, "the lines to put there:\n" + "\n".join(wanted)


def test_every_name_of_the_architecture_document_is_where_the_map_says() -> None:
    """A reader who comes with a name finds it in the file that is named beside it."""
    text = ARCHITECTURE.read_text()
    rows = re.findall(
        r"^\| (`[a-z_0-9`, ]+`) \| (.+) \|$", section_of(text, "## The architecture document's names"), re.M
    )
    assert len(rows) >= 9
    for names, place in rows:
        files = [ROOT / path for path in re.findall(r"`((?:shared|sandbox|ops)/[a-z_/0-9]+\.(?:py|sql))`", place)]
        for name in re.findall(r"`([a-z_0-9]+)`", names):
            found = any(re.search(rf"(def |-- name: ){name}\b", path.read_text()) for path in files)
            assert found or "nowhere" in place, f"{name} is not in {place}"


def test_what_the_architecture_document_has_otherwise_is_there() -> None:
    """Every file that stands in the place of one of its own exists; every line and field, the code writes."""
    section = section_of(ARCHITECTURE.read_text(), "## Where the document has it otherwise")
    files = re.findall(r"`((?:functions|shared)/[a-z_/]+(?:\.py)?)`", section)
    assert len(files) > 8
    assert [path for path in files if not (ROOT / path).exists()] == []
    source = "".join(path.read_text() for path in (ROOT / "shared").rglob("*.py"))
    sentences = section.partition("| sentence there | line here |\n")[2]
    lines = [row.partition(" | ")[2] for row in sentences.splitlines()]
    told = {word for line in lines for word in re.findall(r"`([a-z_]+)`", line)}
    assert {"batch_completed", "check_completed", "smallest_share_usdt", "threshold_source"} <= told
    assert {word for word in told if word not in source} == set()


def test_every_statement_is_used() -> None:
    """No SQL stands by itself without a caller."""
    source = "".join(path.read_text() for path in (ROOT / "shared").rglob("*.py"))
    assert {name for name in STATEMENTS.texts if f'"{name}"' not in source} == set()


def test_every_failure_mode_names_a_test_that_exists() -> None:
    """Each row of the failure modes is shown by a test of that name in that file."""
    document = ROOT / "docs/failure-modes.md"
    rows = [line for line in document.read_text().splitlines() if line.startswith("| ") and "| shown by |" not in line]
    assert len(rows) > 40
    for row in rows:
        named = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", row)
        assert named, f"no test in: {row[:80]}"
        for name, target in named:
            assert f"def {name}(" in (document.parent / target).read_text(), f"{name} is not in {target}"


def test_every_question_of_a_maintainer_has_its_file() -> None:
    """CONTRIBUTING.md's answers are files that hold the thing that is named."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| (.+\?) \| \[([^]]+)\]\(([^)]+)\) \| `(\w+)` \|$", text, flags=re.M)
    assert len(rows) == 25
    assert len({question for question, *_ in rows}) == 25
    for question, shown, path, name in rows:
        assert shown == path
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), f"{question} {path} does not hold {name}"


def test_the_architecture_names_every_module_of_shared() -> None:
    """The table of modules is the folder: nothing in it is gone, nothing that is there is left out."""
    section = section_of(ARCHITECTURE.read_text(), "## Modules of shared")
    shared = ROOT / "shared"
    there = {
        path.relative_to(shared).as_posix()
        for path in (*shared.rglob("*.py"), *shared.rglob("*.sql"))
        if path.name != "__init__.py"
    }
    named = set(re.findall(r"\]\(\.\./\.\./shared/([a-z_/]+\.(?:py|sql))\)", section))
    assert named == there


def test_a_release_is_a_version_a_date_and_a_tag() -> None:
    """The newest heading of the changelog is the version of pyproject.toml; what is released is dated and tagged."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.fullmatch(
        rf"{re.escape(version)}, (unreleased \(begun \d{{4}}-\d\d-\d\d\)|\d{{4}}-\d\d-\d\d)", headings[0]
    )
    released = [heading for heading in headings if "unreleased" not in heading]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+, \d{4}-\d\d-\d\d", heading) for heading in released)
    tags = subprocess.run(["git", "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(tags.split()) <= {f"v{heading.partition(',')[0]}" for heading in released}
