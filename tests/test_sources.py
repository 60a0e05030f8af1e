import re
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyoxigraph as ox
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from conftest import BASE
from kg import build
from kg.errors import CallError, NotFoundError
from kg.proof import Span, changed_passages, crossing_passages, measure_coverage, spans_of, texts_by_source
from kg.sources import (
    MAX_PASSAGE,
    Document,
    cite,
    digest,
    find_words,
    proof_words,
    read_document,
    read_documents,
    read_registered,
    register,
    to_link,
    to_passage,
    to_slug,
)
from kg.vocab import KG, PREFIXES, SLUG

LETTERS = st.characters(codec="utf-8", exclude_characters="\x00")
TEXTS = st.text(LETTERS, min_size=1)
# Emoji of several code points, combining marks, both kinds of line ends, quotation marks and dashes.
HARD = st.lists(
    st.sampled_from(["👩‍🚒", "🇳🇴", "e\u0301", "ﬁ", " ", "\r\n", "\n", "“", "’", "–", '"', "\\", "a", "\u00a0", "𝒳"]), min_size=1
).map("".join)
SPANS = st.integers(0, 40), st.integers(1, 40)


def _span(text: str, start: int, end: int) -> Span:
    return Span("passage:a", "source:a", start, end, digest(text[start:end]), False)


@given(HARD | TEXTS, *SPANS)
def test_a_span_of_a_text_verifies(text: str, start: int, length: int) -> None:
    assert changed_passages([_span(text, start, start + length)], {"source:a": text}) == []


@given(HARD | TEXTS, HARD | TEXTS, *SPANS)
def test_a_span_whose_text_has_changed_is_found(text: str, other: str, start: int, length: int) -> None:
    span = _span(text, start, start + length)
    changed = text[start : start + length] != other[start : start + length]
    assert changed_passages([span], {"source:a": other}) == ([span] if changed else [])


def test_a_span_of_another_source_is_left_alone() -> None:
    assert changed_passages([_span("abc", 0, 3)], {"source:b": "xyz"}) == []


@given(HARD | TEXTS, *SPANS)
def test_what_is_found_reads_like_the_words(text: str, start: int, length: int) -> None:
    words = text[start : start + length]
    found = find_words(Document(text, ""), words)
    plain = [" ".join(_fold(text[one:other]).split()) for one, other in found]
    assert plain == [" ".join(_fold(words).split())] * len(found)
    if words.split() and words == words.strip():
        assert any(one <= start + length and other >= start for one, other in found)


def _fold(text: str) -> str:
    return re.sub("[‘’]", "'", re.sub("[“”]", '"', re.sub("[–—]", "-", re.sub("[\u00a0\u202f]", " ", text))))


@given(HARD | TEXTS, *SPANS)
@example("a\\", 0, 2)
@example('a "b" \\ c', 2, 6)
@example("👩‍🚒 e\u0301\r\nx", 0, 9)
def test_a_cited_passage_is_turtle_with_the_span_the_digest_and_the_words(text: str, start: int, length: int) -> None:
    end = start + length
    assume(text[start:end].strip())
    assume(not re.search(r"\n\s*\n", text[start:end].replace("\r\n", "\n")))
    prefixes = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    quads = list(ox.parse((prefixes + to_passage("a", Document(text, ""), start, end)).encode(), format=ox.RdfFormat.TURTLE))
    values = {quad.predicate.value.removeprefix(KG): getattr(quad.object, "value", "") for quad in quads}
    assert (int(values["start"]), int(values["end"]), values["sha256"]) == (start, end, sha256(text[start:end].encode()).hexdigest())
    words = text[start:end].split()
    assert words[: len(values["startsWith"].split())] == values["startsWith"].split()
    if "endsWith" in values:
        assert words[-len(values["endsWith"].split()) :] == values["endsWith"].split()


@pytest.mark.parametrize("gap", ["\n\n", "\n \t\n", "\r\n\r\n", "\r\n \r\n", "\n\n\n"])
def test_words_that_cross_a_paragraph_break_are_no_passage(gap: str) -> None:
    text = f"one{gap}two"
    with pytest.raises(CallError, match="paragraph"):
        to_passage("a", Document(text, ""), 0, len(text))
    span = _span(text, 0, len(text))
    assert crossing_passages([span], {"source:a": text}) == [span]


@pytest.mark.parametrize("gap", [" ", "\n", "\r\n", "\n\t"])
def test_a_line_break_is_no_paragraph_break(gap: str) -> None:
    text = f"one{gap}two"
    assert "kg:end" in to_passage("a", Document(text, ""), 0, len(text))
    assert crossing_passages([_span(text, 0, len(text))], {"source:a": text}) == []


def test_a_passage_has_at_most_five_hundred_characters() -> None:
    document = Document("😀" * (MAX_PASSAGE + 1), "")
    assert f"kg:end {MAX_PASSAGE} " in to_passage("a", document, 0, MAX_PASSAGE)
    with pytest.raises(CallError, match="501 characters"):
        to_passage("a", document, 0, MAX_PASSAGE + 1)


@given(st.text(LETTERS).filter(str.strip))
def test_proof_words_are_the_first_and_last_and_never_overlap(text: str) -> None:
    words = text.split()
    first, last = proof_words(text)
    both = [*first.split(), *(last or "").split()]
    assert len(both) == min(6, len(words))
    assert both == (words if len(words) <= 6 else [*words[:3], *words[-3:]])


@given(st.text(min_size=1), st.none() | st.text(min_size=1))
@example("-a,b&c", "#:~:text=x")
@example("50% of", "“so” – they")
def test_a_link_is_an_address_with_the_words_in_the_fragment(first: str, last: str | None) -> None:
    assume(_encodes(first) and _encodes(last or ""))
    link = to_link("https://example.org/a?b=c", first, last)
    assert link is not None
    assert re.fullmatch(r"https://example\.org/a\?b=c#:~:text=[A-Za-z0-9._~%]*(,[A-Za-z0-9._~%]*)?", link)
    assert urlsplit(link).netloc == "example.org"
    assert [unquote(part) for part in link.partition(":~:text=")[2].split(",")] == [first, *([last] if last else [])]


def _encodes(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def test_a_link_without_words_is_the_address_and_without_an_address_nothing() -> None:
    assert to_link("https://example.org/") == "https://example.org/"
    assert to_link(None, "some", "words") is None
    assert to_link("", "some", "words") in (None, "")


def test_the_words_go_before_no_other_fragment() -> None:
    link = to_link("https://example.org/a#top", "some words")
    assert link is not None
    assert link.count("#") == 1
    assert urlsplit(link).fragment.endswith(":~:text=some%20words")


@given(st.text())
def test_a_slug_is_a_slug_or_empty(text: str) -> None:
    assert re.fullmatch(f"({SLUG})?", to_slug(text))


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no text"),
        (b" \n\t", "holds no text"),
        (b"a\xff", "byte 1 is no character"),
        (b"a\x00b", "null byte"),
        (b"\x89PNG\r\n", "not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(CallError, match=message):
        read_document(path)


def test_a_folder_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="cannot be read"):
        read_document(tmp_path)


@given(HARD.filter(str.strip))
def test_a_document_keeps_its_line_ends_and_has_the_digest_of_its_bytes(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(text.encode())
    assert read_document(path) == Document(text, sha256(text.encode()).hexdigest())


def test_a_source_is_found_by_its_digest_whatever_its_file_is_called(small_texts: Path) -> None:
    (small_texts / "gazette.txt").rename(small_texts / "another name")
    (small_texts / "picture.png").write_bytes(b"\x89PNG\xff")
    store = build.read(BASE).to_store()
    assert set(texts_by_source(store, read_documents(small_texts))) == {"source:gazette", "source:courier"}


def test_the_base_is_verified_against_its_texts(small_texts: Path) -> None:
    store = build.read(BASE).to_store()
    texts = texts_by_source(store, read_documents(small_texts))
    assert changed_passages(spans_of(store), texts) == []
    assert crossing_passages(spans_of(store), texts) == []


def test_coverage_counts_the_words_of_the_article_that_a_fact_cites(small_texts: Path) -> None:
    store = build.read(BASE).to_store()
    courier, gazette = measure_coverage(store, texts_by_source(store, read_documents(small_texts)))
    # Counted by hand: the headline has 3 words and the sentence 14, of which 9 are cited.
    assert (courier.words, courier.covered, courier.facts, courier.passages, courier.longest) == (17, 9, 1, 1, 52)
    assert courier.facts_per_25_words == 25 / 17
    assert gazette.words == len((small_texts / "gazette.txt").read_text("utf-8").split()) - len(
        ["Skip", "to", "content", "Read", "more:", "ferries,", "1", "April", "2023"]
    )
    assert 0.5 < gazette.share < 1


# ---------------------------------------------------------------- a new source


HOSTILE = [
    'a "quoted" title',
    "a back\\slash",
    "a\nline\r\nbreak",
    "<script>alert(1)</script>",
    "x" * 198 + '"' * 5,
    "x" * 199 + "\\",
    "x" * 500,
    "}} . <a> <b> <c>",
    "👩‍🚒 e\u0301",
    '"""',
    "tab\tand \x0b",
]


@pytest.mark.parametrize("title", HOSTILE)
def test_a_new_source_is_valid_whatever_its_title(tmp_path: Path, title: str) -> None:
    path = register(Document("Some text", digest("Some text")), tmp_path, slug="a-b", title=title, address="https://example.org/?a=b&c=%22")
    stated = build.read(tmp_path)
    assert path == tmp_path / "sources" / "a-b.trig"
    titles = [quad.object.value for quad in stated.data if quad.predicate.value == KG + "title" and isinstance(quad.object, ox.Literal)]
    assert titles == [title]
    assert build.check(stated) == []


@pytest.mark.parametrize("text", ["../../etc/passwd", "/etc/passwd", "..\\..\\a", "Ministère de l’Éducation", "<b>bold</b>", "a%2fb"])
def test_a_slug_made_of_a_title_stays_in_the_folder(tmp_path: Path, text: str) -> None:
    path = register(Document("Some text", digest("Some text")), tmp_path, title=text)
    assert path.parent == tmp_path / "sources"
    assert build.check(build.read(tmp_path)) == []


@pytest.mark.parametrize("slug", ["../a", "a/b", "/a", "A", "a b", 'a"', "a\n", "a.", "a--b", "-a", "é", "<a>"])
def test_a_slug_that_is_none_is_refused_and_nothing_is_written(tmp_path: Path, slug: str) -> None:
    with pytest.raises(CallError, match="is no slug"):
        register(Document("Some text", digest("Some text")), tmp_path / "graph", slug=slug)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("address", ["example.org", "javascript:alert(1)", "file:///etc/passwd", "", "ftp://example.org/"])
def test_an_address_that_is_no_web_page_is_refused_or_found_by_the_check(tmp_path: Path, address: str) -> None:
    try:
        register(Document("Some text", digest("Some text")), tmp_path, slug="a", title="A", address=address)
    except CallError:
        return
    stated = build.read(tmp_path)
    assert (f"{KG}address" in {quad.predicate.value for quad in stated.data}) == bool(address)
    assert {finding.rule for finding in build.check(stated)} == ({"shape kg:address"} if address else set())


@pytest.mark.parametrize("address", ["https://x/\n", 'https://x/"', "https://x/\\", "https://x/> . <a> <b> <c> . <"])
def test_an_address_cannot_break_out_of_its_literal(tmp_path: Path, address: str) -> None:
    try:
        register(Document("Some text", digest("Some text")), tmp_path, slug="a", address=address)
    except CallError:
        return
    assert address in {quad.object.value for quad in build.read(tmp_path).data if isinstance(quad.object, ox.Literal)}


def test_a_text_is_registered_once(small_graph: Path, small_texts: Path) -> None:
    with pytest.raises(CallError, match="already, as source:gazette"):
        register(read_document(small_texts / "gazette.txt"), small_graph, slug="another")


def test_a_file_is_not_written_over(small_graph: Path) -> None:
    before = (small_graph / "sources" / "gazette.trig").read_bytes()
    with pytest.raises(CallError, match="exists already"):
        register(Document("Other text", digest("Other text")), small_graph, slug="gazette")
    assert (small_graph / "sources" / "gazette.trig").read_bytes() == before


def test_registered_sources_have_their_digests() -> None:
    assert set(read_registered(BASE)) == {"gazette", "courier"}


def test_words_that_occur_once_are_one_passage(small_texts: Path) -> None:
    text = (small_texts / "gazette.txt").read_text("utf-8")
    start = text.index("Olav Lind")
    assert cite(BASE, "gazette", "Olav  Lind", small_texts).startswith(f"passage:gazette-{start}-{start + 9} a kg:Passage")
    assert cite(BASE, "source:gazette", "Olav Lind", small_texts) == cite(BASE, str(small_texts / "gazette.txt"), "Olav Lind", None)


def test_quotation_marks_may_be_typed_plainly(small_texts: Path) -> None:
    assert "kg:Passage" in cite(BASE, "gazette", '"Silence on the quay', small_texts)
    assert "kg:Passage" in cite(BASE, "gazette", "Dockers' Union", small_texts)


def test_words_that_occur_twice_say_so_and_give_both(small_texts: Path) -> None:
    found = cite(BASE, "gazette", "electric cranes", small_texts)
    assert found.startswith("# The words occur 2 times")
    assert found.count("a kg:Passage") == 2


def test_words_that_do_not_occur_say_where_they_part_from_the_text(small_texts: Path) -> None:
    with pytest.raises(NotFoundError, match=r"'Olav' occurs at .* goes on with 'Lind as minister;'"):
        cite(BASE, "gazette", "Olav Brandt", small_texts)
    with pytest.raises(NotFoundError, match="Not even the first"):
        cite(BASE, "gazette", "zebras", small_texts)


@pytest.mark.parametrize("words", ["", "  "])
def test_no_words_are_no_words(small_texts: Path, words: str) -> None:
    with pytest.raises(CallError):
        cite(BASE, "gazette", words, small_texts)


def test_a_source_that_is_none_suggests_the_nearest(small_texts: Path) -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'gazette'"):
        cite(BASE, "gazete", "Olav Lind", small_texts)


def test_a_text_that_is_not_at_hand_is_said(small_texts: Path) -> None:
    with pytest.raises(CallError, match="--sources"):
        cite(BASE, "gazette", "Olav Lind", None)
    (small_texts / "gazette.txt").unlink()
    with pytest.raises(CallError, match="none has its digest"):
        cite(BASE, "gazette", "Olav Lind", small_texts)
