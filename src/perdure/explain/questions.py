"""Answers to questions about what was decided, from stored facts; what is not known is said to be unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perdure.explain.queries import EXAMPLES, Query, parsed
from perdure.explain.set_answers import SET_ANSWERS
from perdure.explain.sources import Source, open_source
from perdure.explain.track_answers import TRACK_ANSWERS

RENDERER = "renderer"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered.

    Args:
        text: whole sentences.
        files: where it is from; empty where nothing is known.
        is_known: whether the question is answered.
        said_by: `renderer`, or which model helped and what became of that.
        query: what was understood; None where nothing was.
    """

    text: str
    files: tuple[str, ...]
    is_known: bool
    said_by: str = RENDERER
    query: Query | None = None

    def __str__(self) -> str:
        end = f"\n[{'; '.join(self.files)}]" if self.files else ""
        return self.text + end + ("" if self.said_by == RENDERER else f"\n({self.said_by})")


def answer(folder: Path | str, question: str) -> Answer:
    """Returns the answer to a question in plain words.

    Args:
        folder: a run, or what watch or confirm has written.
        question: see `perdure.explain.queries`.

    Raises:
        FileNotFoundError, ValueError: as `open_source`.
    """
    return answered(open_source(folder), parsed(question))


def answered(source: Source, query: Query | None) -> Answer:
    """Returns the answer to a query; None stands for a question that was not understood."""
    if query is None:
        examples = ", ".join(f"'{one}'" for one in EXAMPLES)
        return Answer(f"Not known: the question is not understood; ask for example {examples}.", (), False)
    makers: dict[str, Callable[[Source, Query], tuple[str, tuple[str, ...]]]] = TRACK_ANSWERS | SET_ANSWERS
    try:
        text, files = makers[query.kind](source, query)
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        return Answer(f"Not known: {' '.join(str(error).split()).rstrip('.')}.", (), False, query=query)
    return Answer(text, files, True, query=query)
