"""Documents and their passages: offsets, digests, verification, and links to the words.

Offsets count Unicode code points of the UTF-8 text from 0, the end is exclusive.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from kg.errors import CallError, DataError, NotFoundError
from kg.resources import write_whole
from kg.store import parse_file
from kg.vocab import KG, PREFIXES, SLUG, shorten, suggest

MAX_PASSAGE = 500
"""The longest passage, in code points."""

PARAGRAPH_BREAK = re.compile(r"\r?\n[ \t]*\r?\n")
"""An empty line, with either kind of line end."""

MAX_PROOF_WORDS = 3
"""How many words `kg:startsWith` and `kg:endsWith` may quote."""


@dataclass(frozen=True, slots=True)
class Document:
    """A source text.

    Args:
        text: The whole text, line ends as in the file.
        sha256: Digest of its UTF-8 bytes, in lower-case hexadecimal.
    """

    text: str
    sha256: str


def digest(text: str) -> str:
    """Return the SHA-256 of the UTF-8 form of a text, in lower-case hexadecimal.

    Example:
        >>> digest("abc")[:8]
        'ba7816bf'
    """
    return sha256(text.encode()).hexdigest()


def read_document(path: Path) -> Document:
    """Read a source text.

    Raises:
        CallError: There is no such file, it is empty, or it is not UTF-8 text.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise CallError(f"The file {str(path)!r} cannot be read: {exc.strerror}.") from exc
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        raise CallError(f"The file {str(path)!r} is not UTF-8 text: byte {exc.start} is no character. Convert it first.") from exc
    if not text.strip():
        raise CallError(f"The file {str(path)!r} holds no text.")
    if "\x00" in text:
        raise CallError(f"The file {str(path)!r} holds a null byte, so it is no text. Convert it first.")
    return Document(text, sha256(data).hexdigest())


def read_documents(folder: Path) -> dict[str, Document]:
    """Return the texts of a folder by digest, whatever the files are called.

    Files that are not UTF-8 text cannot be the text of a source and are passed over.

    Raises:
        CallError: There is no such folder, or no text in it.
    """
    if not folder.is_dir():
        raise CallError(f"There is no folder {str(folder)!r} with source texts.")
    documents = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            try:
                document = read_document(path)
            except CallError:
                continue
            documents[document.sha256] = document
    if not documents:
        raise CallError(f"The folder {str(folder)!r} holds no source text.")
    return documents


@lru_cache(maxsize=20_000)
def is_web(address: str | None) -> bool:
    """Tell whether an address is one of the web, so that nobody who follows it runs a script or opens a file.

    Example:
        >>> is_web("https://example.org/a"), is_web("javascript:alert(1)"), is_web(None)
        (True, False, False)
    """
    return address is not None and address.startswith(("https://", "http://")) and not any(sign.isspace() for sign in address)


def to_link(address: str | None, starts_with: str | None = None, ends_with: str | None = None) -> str | None:
    """Return the link that opens the public page at a passage, or None without an address of the web.

    Args:
        address: Public address of the page.
        starts_with: First words of the passage; without them the link opens the page at its top.
        ends_with: Last words of the passage.

    Sources:
        URL Fragment Text Directives: https://wicg.github.io/scroll-to-text-fragment/

    Example:
        >>> to_link("https://example.org/a", "Some money", "to trusts")
        'https://example.org/a#:~:text=Some%20money,to%20trusts'
    """
    if address is None or not is_web(address):
        return None
    if not starts_with:
        return address
    words = [starts_with, ends_with] if ends_with else [starts_with]
    return address + ("" if "#" in address else "#") + ":~:text=" + ",".join(quote(word, safe="").replace("-", "%2D") for word in words)


def find_words(document: Document, words: str) -> list[tuple[int, int]]:
    """Return every span of the document that reads like the words, white space and quotation marks being alike.

    Example:
        >>> find_words(Document("a  b, a b", ""), "a b")
        [(0, 4), (6, 9)]
    """
    parts = [re.escape(part) for part in _plain(words).split()]
    if not parts:
        return []
    return [match.span() for match in re.finditer(r"\s+".join(parts), _plain(document.text))]


def _plain(text: str) -> str:
    """Fold typographic quotes, dashes and spaces one to one, so that offsets stay."""
    return text.translate(_FOLDS)


_FOLDS = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "\u00a0": " ", "\u202f": " "})


def proof_words(text: str) -> tuple[str, str | None]:
    """Return the first and last words of a passage, three each at most and never the same word twice.

    Example:
        >>> proof_words("Some money will be given to trusts")
        ('Some money will', 'given to trusts')
        >>> proof_words("a fund")
        ('a', 'fund')
    """
    words = text.split()
    first = min(MAX_PROOF_WORDS, (len(words) + 1) // 2)
    last = words[max(first, len(words) - MAX_PROOF_WORDS) :]
    return " ".join(words[:first]), " ".join(last) or None


def to_passage(slug: str, document: Document, start: int, end: int) -> str:
    """Return a passage in Turtle, ready to paste into the file of its source.

    Args:
        slug: Slug of the source.
        document: Its text.
        start: First code point, from 0.
        end: The code point after the last.

    Raises:
        CallError: The span crosses a paragraph break or is too long.
    """
    text = document.text[start:end]
    if PARAGRAPH_BREAK.search(text):
        raise CallError("These words cross a paragraph break. Cite each paragraph by itself.")
    if len(text) > MAX_PASSAGE:
        raise CallError(
            f"These words are {len(text)} characters long; a passage has at most {MAX_PASSAGE}. Cite the clause that carries the fact."
        )
    first, last = proof_words(text)
    proof = f'kg:startsWith "{_escape(first)}"' + (f' ; kg:endsWith "{_escape(last)}"' if last else "")
    return (
        f"passage:{slug}-{start}-{end} a kg:Passage ; kg:source source:{slug} ; kg:start {start} ; kg:end {end} ;\n"
        f"    kg:form code:narration ; {proof} ;\n"
        f'    kg:sha256 "{digest(text)}" .\n'
    )


def to_furniture(slug: str, document: Document, start: int, end: int) -> str:
    """Return a region of furniture in Turtle, ready to paste; its kind is to be corrected. It may cross paragraphs."""
    return (
        f"furniture:{slug}-{start}-{end} a kg:Furniture ; kg:source source:{slug} ; kg:start {start} ; kg:end {end} ;\n"
        f'    kg:kind code:navigation ;\n    kg:sha256 "{digest(document.text[start:end])}" .\n'
    )


def _escape(text: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "".join(escapes.get(letter, letter) for letter in text)


def to_slug(text: str) -> str:
    """Return a text as a slug: lower-case ASCII letters and digits with single hyphens.

    Example:
        >>> to_slug("Ministère de l’Éducation: a plan")
        'ministere-de-l-education-a-plan'
    """
    plain = (letter for letter in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "-", "".join(plain)).strip("-")


def register(document: Document, graph: Path, *, slug: str | None = None, title: str | None = None, address: str | None = None) -> Path:
    """Write the file of a new source: its graph with digest and length, and an example of furniture to fill in.

    Args:
        document: The text.
        graph: Folder of the graph.
        slug: Publisher and subject; without it, made of the title or of the first words of the text.
        title: Title of the public page.
        address: Public address of the page.

    Returns:
        The new file.

    Raises:
        CallError: The text or the slug is registered already, or the slug is none.
        DataError: The file cannot be written.
    """
    for known, sha in read_registered(graph).items():
        if sha == document.sha256:
            raise CallError(f"This text is registered already, as source:{known}.")
    name = slug or to_slug(" ".join((title or document.text).split()[:6]))
    if not re.fullmatch(SLUG, name):
        raise CallError(f"{name!r} is no slug. Give --slug publisher-subject, in lower-case letters, digits and hyphens.")
    if address and not re.match(r"https?://\S+$", address):
        raise CallError(f"{address!r} is no public address. It begins with http:// or https://.")
    path = graph / "sources" / f"{name}.trig"
    if path.exists():
        raise CallError(f"The file {str(path)!r} exists already. Give another --slug.")
    text = _trig(name, document, title, address)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as exc:
        raise DataError(f"The file {str(path)!r} cannot be written: {exc.strerror}.") from exc
    return path


def _trig(slug: str, document: Document, title: str | None, address: str | None) -> str:
    optional = f'        kg:title "{_escape(title)}" ;\n' if title else ""
    optional += f'        kg:address "{_escape(address)}"^^xsd:anyURI ;\n' if address else ""
    optional += '        kg:origin "bibliography found elsewhere, not in the text" ;\n' if optional else ""
    prefixes = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    label = _escape((title or slug.replace("-", " ").capitalize())[:200])
    return (
        f"{prefixes}\nsource:{slug} {{\n\n"
        f"    source:{slug} a kg:Source ;\n"
        f'        rdfs:label "{label}" ;\n{optional}'
        f"        kg:length {len(document.text)} ;\n"
        f'        kg:sha256 "{document.sha256}" .\n\n'
        '    # What of the page is not the article? kg cite SOURCE "words" gives start, end and digest of a region:\n'
        f"    # furniture:{slug}-0-10 a kg:Furniture ; kg:source source:{slug} ; kg:start 0 ; kg:end 10 ;\n"
        '    #     kg:kind code:navigation ; kg:holds "a name or date that occurs only there" ; kg:sha256 "..." .\n\n'
        "    # What does the article say? CONTRIBUTING.md leads through it.\n}\n"
    )


def read_registered(graph: Path) -> dict[str, str]:
    """Return the digest of every source of a graph folder by slug, without checking or building anything.

    Raises:
        ParseError: A file is not TriG.
    """
    found = {}
    for path in sorted(graph.rglob("*.trig")):
        for quad in parse_file(path):
            if quad.predicate.value == KG + "sha256" and quad.subject == quad.graph_name:
                found[shorten(str(quad.subject)[1:-1]).partition(":")[2]] = str(getattr(quad.object, "value", ""))
    return found


def cite(graph: Path, source: str, words: str, folder: Path | None, *, furniture: bool = False) -> str:
    """Return the passage of some words in Turtle, with a comment where they occur more than once.

    Args:
        graph: Folder of the graph.
        source: Slug or short form of the source, or the file of its text.
        words: The words as they stand in the text; white space and the shape of quotation marks do not matter.
        folder: Folder of the source texts; not needed when `source` is a file.
        furniture: The words are a region that is not the article.

    Raises:
        NotFoundError: No such source, or no such words; the message has the nearest.
        CallError: The text is not at hand, or the words cross a paragraph break or are too long.
    """
    slug, document = _cited(graph, source, folder)
    spans = find_words(document, words)
    if not spans:
        raise NotFoundError(f"The words {words!r} do not occur in source:{slug}.{_nearest_words(document, words)}")
    write = to_furniture if furniture else to_passage
    passages = [write(slug, document, start, end) for start, end in spans]
    if len(passages) == 1:
        return passages[0]
    note = f"# The words occur {len(passages)} times; keep the passage that is meant, or cite more words.\n"
    return note + "\n".join(passages)


def _cited(graph: Path, source: str, folder: Path | None) -> tuple[str, Document]:
    registered = read_registered(graph)
    slug = source.removeprefix("source:")
    at_hand = [path for path in (Path(source), *([folder / source] if folder else [])) if path.is_file()]
    if slug not in registered and at_hand:
        document = read_document(at_hand[0])
        found = [name for name, sha in registered.items() if sha == document.sha256]
        if not found:
            raise NotFoundError(f"The text {source!r} is not registered. Register it with kg source {source}.")
        return found[0], document
    if slug not in registered:
        raise NotFoundError(f"There is no source {source!r}.{suggest(slug, registered)}")
    if folder is None:
        raise CallError("The words are looked up in the text of the source. Say where the texts are with --sources DIR.")
    documents = read_documents(folder)
    if registered[slug] not in documents:
        raise CallError(f"No file of {str(folder)!r} is the text of source:{slug}: none has its digest.")
    return slug, documents[registered[slug]]


def _nearest_words(document: Document, words: str) -> str:
    """Show the longest beginning of the words that does occur, which is where they part from the text."""
    parts = words.split()
    for count in range(len(parts) - 1, 0, -1):
        if spans := find_words(document, " ".join(parts[:count])):
            start, end = spans[0]
            following = " ".join(document.text[end : end + 60].split()[:3])
            return f" {' '.join(parts[:count])!r} occurs at {start} and goes on with {following!r}."
    return " Not even the first of them occurs."
