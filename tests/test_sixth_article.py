"""The guide of CONTRIBUTING.md, walked from the text to the picture with an article on another ministry in another country.

Every command is read from the guide and run as a process of its own in an empty folder. The two things that a person writes,
the entities and the facts, are files in `tests/sixth/`; passages come from `kg cite`, as they would for a person.
"""

import csv
import io
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WRITTEN = Path(__file__).parent / "sixth"
SLUG = "fjord-gazette-ferry-towns"

Run = Callable[[str], str]


def walk() -> list[str]:
    """The commands of the guide, in order."""
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Add the next article")[2].partition("\n## ")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL) for line in block.splitlines()]


def command(start: str) -> str:
    """The one command of the guide that starts like this."""
    [found] = [line for line in walk() if line.startswith(start)]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the text of the article."""
    folder = tmp_path_factory.mktemp("sixth")
    (folder / "articles").mkdir()
    shutil.copy(WRITTEN / "article.txt", folder / "articles" / "ferry-towns.txt")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """Runs a command in that folder with a cache of its own, after the article is registered and written."""
    env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "PYTHONUTF8": "1"}

    def run(line: str) -> str:
        program = Path(sysconfig.get_path("scripts")) / "kg"
        words = [str(program), *shlex.split(line)[1:]]
        done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), f"{line}\n{done.stderr}"
        return done.stdout

    run(command("kg source"))
    passages = cite_all(run)
    shutil.copy(WRITTEN / "entities.ttl", folder / "try" / "entities.ttl")
    file = folder / "try" / "sources" / f"{SLUG}.trig"
    start, brace, _ = file.read_text("utf-8").rpartition("}")
    file.write_text(f"{start}{(WRITTEN / 'facts.ttl').read_text('utf-8')}\n{passages}{brace}\n", "utf-8")
    return run


def cite_all(run: Run) -> str:
    """What `kg cite` prints for the words of each fact, with the form that a reader sees."""
    with (WRITTEN / "passages.tsv").open(encoding="utf-8", newline="") as file:
        rows = [(form, words) for form, words in csv.reader(file, delimiter="\t")]
    lines = [f"kg cite {SLUG} {shlex.quote(words)} --sources articles --graph try" for _, words in rows]
    with ThreadPoolExecutor() as pool:
        printed = list(pool.map(run, lines))
    return "\n".join(text.replace("code:narration", f"code:{form}") for (form, _), text in zip(rows, printed, strict=True))


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_guide_leads_from_the_text_to_the_picture() -> None:
    assert [line.split()[1] for line in walk()] == ["source", "cite", "cite", "check", "build", "query", "query", "show", "network"]


def test_the_passages_that_the_guide_shows_are_what_kg_cite_prints(run: Run) -> None:
    furniture, passage = (run(line) for line in walk() if line.startswith("kg cite"))
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert passage in guide
    span = re.search(r"kg:start \d+ ; kg:end \d+ ;", furniture)
    digest = re.search(r"kg:sha256 \"\w{64}\"", furniture)
    assert span is not None
    assert digest is not None
    assert re.search(f"a kg:Furniture ; [^\n]*{span[0]}\n[^\n]*\n *{digest[0]}", guide)


def test_the_article_holds_and_is_covered(run: Run) -> None:
    text = run(command("kg check"))
    assert "every shape and rule holds" in text
    name, words, covered, passages, median, longest, facts, density = text.splitlines()[-2].split()
    assert name == f"source:{SLUG}"
    assert float(covered) >= 90
    assert float(median) < 100
    assert int(longest) <= 500
    assert float(density) >= 1
    assert (int(passages), int(facts)) == (24, 17)
    assert int(words) == 150


def test_it_builds(run: Run) -> None:
    assert re.match(r"Built [\d,]+ quads from 1 sources? into ", run(command("kg build")))


def test_its_pledges_are_found_by_their_maker(run: Run) -> None:
    rows = {row["label"]: row for row in records(run(command("kg query pledges")))}
    assert set(rows) == {"Pay ferry towns that give up diesel boats", "Pay for charging quays", "Close no crossing in winter"}
    assert rows["Pay for charging quays"]["due_latest"] == "2028-12-31"
    assert rows["Pay for charging quays"]["said_at"] == "event:harbour-forum"
    assert rows["Close no crossing in winter"]["polarity"] == "refrain"
    assert rows["Pay ferry towns that give up diesel boats"]["condition"] == "the towns give up diesel boats"


def test_its_money_is_a_range_in_its_own_currency(run: Run) -> None:
    [row] = records(run(command("kg query money_total")))
    assert row["unit"] == "NOK"
    assert (float(row["total_low"]), float(row["total_high"])) == (0, 280_000_000)
    assert (row["open_ends"], row["pledges"]) == ("0", "1")


def test_the_pledge_is_shown_with_its_words_and_a_link_to_them(run: Run) -> None:
    text = run(command("kg show"))
    assert text.startswith("Pay ferry towns that give up diesel boats\n")
    assert "made by: Ingrid Solheim" in text
    assert "“Ingrid Solheim has promised up to 30m kroner each" in text
    assert "https://fjord-gazette.example/ferry-towns#:~:text=Ingrid%20Solheim%20has,up%20diesel%20boats" in text


def test_the_picture_is_one_file_with_its_nodes(run: Run, folder: Path) -> None:
    assert run(command("kg network")).startswith("Wrote ferry-towns.html: 27 nodes")
    text = (folder / "ferry-towns.html").read_text("utf-8")
    assert "Ingrid Solheim" in text
    assert not re.search(r"<(?:script|link)[^>]+(?:src|href)=", text)


def test_other_questions_answer_for_it_too(run: Run) -> None:
    [conflict, _] = records(run("kg query conflicts --graph try"))
    assert conflict["conflict"] == f"conflict:{SLUG}-money"
    replies = {row["criticism_id"]: row["reply"] for row in records(run("kg query criticism --graph try"))}
    assert replies == {f"statement:{SLUG}-batteries": f"statement:{SLUG}-reply", f"statement:{SLUG}-drop": ""}
    [event] = records(run("kg query events --graph try"))
    assert (event["earliest"], event["latest"]) == ("2026-01-12", "2026-01-12")
