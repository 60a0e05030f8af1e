"""A story names what is in the picture, and its figures are those of the graph."""

import re
from pathlib import Path

import pytest

import kg
from kg.errors import CallError, NotFoundError
from kg.network import Network, read_network
from kg.story import Story, read_story, require_nodes, story_names

GOOD = "title: One\nsteps:\n  - {title: First, text: It begins., show: ['person:a'], select: 'person:b'}\n"


@pytest.fixture(scope="module")
def network() -> Network:
    return read_network(kg.open())


@pytest.mark.parametrize("name", story_names())
def test_a_story_of_the_graph_names_what_is_there_and_is_told_in_a_few_words(network: Network, name: str) -> None:
    story = read_story(name)
    require_nodes(story, network)
    for step in story.steps:
        assert len(step.text.split()) <= 60
        assert step.select
        assert set(step.select) <= set(step.show)


def test_the_figures_of_the_digital_aspirants_are_those_of_the_graph() -> None:
    graph = kg.open()
    totals = {row["pledge"]: (row["total_low"], row["total_high"]) for row in graph.query("pledges").to_dicts()}
    source = "pledge:future-care-capital-digital-aspirants-"
    six, seed, images = (totals[source + name] for name in ("six-million", "seed", "skin-images"))
    told = [set(re.findall(r"£([\d,]+\d)(?! million)", step.text)) for step in read_story("digital-aspirant").steps]
    assert told == [
        set(),
        {f"{six[1]:,.0f}"},
        {f"{value:,.0f}" for value in seed if value is not None},
        set(),
        {f"{value:,.0f}" for value in (seed[0], six[1] + seed[1], six[1], seed[1])},  # type: ignore[operator]  # these have both ends
        {f"{images[0]:,.0f}"},
    ]


def test_a_story_is_read_from_a_file_and_the_selected_node_stands_out(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(GOOD, "utf-8")
    story = read_story(str(tmp_path / "one.yaml"))
    assert (story.title, story.steps[0].show, story.steps[0].select) == ("One", ("person:a", "person:b"), ("person:b",))


def test_a_step_may_select_nothing_one_node_or_several(tmp_path: Path) -> None:
    steps = "".join(f"  - {{title: a, text: b, show: [x]{select}}}\n" for select in ("", ", select:", ", select: x", ", select: [x, y]"))
    (tmp_path / "one.yaml").write_text("title: One\nsteps:\n" + steps, "utf-8")
    assert [step.select for step in read_story(str(tmp_path / "one.yaml")).steps] == [(), (), ("x",), ("x", "y")]


def test_a_text_that_is_made_of_aliases_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    levels = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 30))
    (tmp_path / "one.yaml").write_text("x0: &x0 [lol]\n" + levels + "title: One\nsteps: [{title: a, text: *x29, show: [x]}]\n", "utf-8")
    with pytest.raises(CallError, match="which it cannot have"):
        read_story(str(tmp_path / "one.yaml"))
    bomb = "title: One\nsteps:\n  - show: [x]\n    title: a\n    text:\n" + "      - &y0 [lol]\n"
    bomb += "".join(f"      - &y{n} [{', '.join([f'*y{n - 1}'] * 10)}]\n" for n in range(1, 30))
    (tmp_path / "two.yaml").write_text(bomb, "utf-8")
    with pytest.raises(CallError, match="step 1 has no 'text', which is a text"):
        read_story(str(tmp_path / "two.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: [", "one.yaml:1: the story is not YAML"),
        ("", "the story has no 'steps', which is a list"),
        ("[]", "the story has no 'steps'"),
        ("title: One\nsteps: []", "the story has no step"),
        ("steps: [{title: a, text: b, show: ['person:a']}]", "the story has no 'title', which is a text"),
        ("title: One\nsteps: [1]", "step 1 has no 'show'"),
        ("title: One\nsteps: [{title: a, show: ['person:a']}]", "step 1 has no 'text'"),
        ("title: One\nsteps: [{title: a, text: b, show: []}]", "step 1 names in show or select what is no short form"),
        ("title: One\nsteps: [{title: a, text: b, show: [[x]]}]", "step 1 names in show or select"),
        ("title: One\nsteps: [{title: a, text: b, show: ['person:a'], select: [[x]]}]", "step 1 names in show or select"),
        (
            "title: One\nsteps: [{title: a, text: b, show: ['person:a'], selcet: x}]",
            "step 1 has 'selcet', which it cannot have. Did you mean 'select'?",
        ),
        ("title: One\nsteps: [" + "{title: a, text: b, show: [x]}," * 51 + "]", "the story has 51 steps"),
        ("title: One\nsteps: [{title: a, text: " + "b" * 1001 + ", show: [x]}]", "step 1 is too long"),
        ("title: ''\nsteps: [{title: a, text: b, show: [x]}]", "the story has no 'title'"),
        ("titel: One\nsteps: [{title: a, text: b, show: [x]}]", "the story has 'titel', which it cannot have. Did you mean 'title'?"),
        ("title: One\nsteps: [{title: a, text: '', show: [x]}]", "step 1 has no 'text'"),
        ("[" * 3000, "the story is not YAML"),
    ],
)
def test_what_is_no_story_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "one.yaml").write_text(text, "utf-8")
    with pytest.raises(CallError) as caught:
        read_story(str(tmp_path / "one.yaml"))
    assert words in str(caught.value)


def test_a_story_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(CallError, match=r"'none' cannot be read: .* or one of digital-aspirant"):
        read_story("none")


def test_a_story_with_a_missing_node_suggests_the_nearest(network: Network, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(GOOD.replace("person:b", "person:mat-hancock").replace("person:a", "person:matt-hancock"), "utf-8")
    story: Story = read_story(str(tmp_path / "one.yaml"))
    with pytest.raises(NotFoundError, match=r"Step 1 of the story names 'person:mat-hancock'.*Did you mean 'person:matt-hancock'"):
        require_nodes(story, network)
