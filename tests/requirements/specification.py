"""What the specification's pages require, sentence by sentence: compares a copy of them with `sentences.txt`.

`python -m tests.requirements.specification docs/specification/2026-07-28` (in a clone of the specification) tells which
sentences have no line there, and which lines no sentence; the pages themselves are not kept here.
"""

import re
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from tests.requirements.sentences import LINES, PAGES

REQUIRES = re.compile(r"\b(MUST|REQUIRED|SHALL)\b")
# A sentence ends before a capital letter or a mark of Markdown's; a bullet and a row of a table are one's own.
ENDS = re.compile(r"(?<=[.;:])\s+(?=[A-Z*`\[(])")
BEGINS = re.compile(r"([-*]|\d+\.)\s|\|")
FRONT_MATTER = re.compile(r"\A---.*?---\n", re.DOTALL)


class Sentence(NamedTuple):
    where: str
    text: str

    @property
    def digest(self) -> str:
        return blake2b(" ".join(self.text.split()).encode(), digest_size=4).hexdigest()


def sentences(page: str, text: str) -> Iterator[Sentence]:
    """Those of one page that require something, in their order."""
    for heading, block in _blocks(FRONT_MATTER.sub("", text)):
        anchor = re.sub(r"[`()]", "", heading).lower().replace(" ", "-")
        for sentence in ENDS.split(block):
            if REQUIRES.search(sentence):
                yield Sentence(f"{page}#{anchor}".rstrip("#"), sentence)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each paragraph, bullet and row with the heading above it; code left out."""
    heading, block, code = "", list[str](), False
    for line in [*text.splitlines(), ""]:
        bare, fence = line.strip(), line.strip().startswith("```")
        if block and (not bare or fence or line.startswith("#") or BEGINS.match(bare)):
            yield heading, " ".join(block)
            block = []
        code ^= fence
        if line.startswith("#") and not code:
            heading = line.lstrip("# ")
        elif bare and not fence and not code:
            block.append(bare)


def main(folder: Path) -> int:
    found = [
        sentence
        for page, file in PAGES.items()
        for sentence in sentences(page, (folder / file).read_text(encoding="utf-8"))
    ]
    there = {(sentence.where, sentence.digest) for sentence in found}
    known = {(line.where, line.digest) for line in LINES}
    for sentence in found:
        if (sentence.where, sentence.digest) not in known:
            print(f"no line: {sentence.where} | {sentence.digest} | {sentence.text}")
    for line in LINES:
        if (line.where, line.digest) not in there:
            print(f"no sentence: {line.where} | {line.digest} | {line.says}")
    return int(there != known)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
