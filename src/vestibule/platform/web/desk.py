"""What the pages of one desk share: where they stand, their steps, what was done, and what is wrong with a form."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from litestar.response import Response

from vestibule.platform.web.pages import see_other, staff_page


class Branded(Protocol):
    """How far something is set up in an organisation, which has a name."""

    @property
    def brand(self) -> str:
        """The organisation's name."""
        ...


class Words(Protocol):
    """A desk's words, in the reader's language."""

    def steps(self) -> Mapping[str, str]:
        """Step -> what it is called, in their order."""
        ...

    def fields(self) -> Mapping[str, str]:
        """Field -> what it is called."""
        ...

    def told(self, key: str) -> str:
        """What a page says at its top; empty for a key that says nothing."""
        ...


@dataclass(frozen=True, slots=True)
class DeskPages:
    """The pages of one desk.

    Attributes:
        folder: where its templates are, below `templates/`.
        path: where its pages are, below the session's address, e.g. `meetings`.
        words: its words.
        sentences: field -> code as field -> sentence.
        badly: keys of what is told that are no good news.
    """

    folder: str
    path: str
    words: Words
    sentences: Callable[[Mapping[str, str]], Mapping[str, str]]
    badly: Collection[str]

    def show(
        self,
        request: Any,
        principal: Any,
        template: str,
        over: Branded,
        *,
        step: str | None = None,
        status: int = 200,
        wrong: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> Response[Any]:
        """A page.

        Args:
            request: being answered.
            principal: who looks.
            template: below the desk's folder.
            over: how far everything is.
            step: which of the steps it is, if it is one.
            status: of the answer.
            wrong: field -> code.
            facts: whatever the template asks for; `told` replaces what the address says was done.
        """
        key = str(facts.pop("told", request.query_params.get("told", "")))[:20]
        return staff_page(
            request,
            principal,
            f"{self.folder}/{template}",
            status=status,
            brand=over.brand,
            place=f"/s/{principal.session}/{self.path}",
            may=frozenset(role.value for role in principal.roles),
            over=over,
            step=step,
            steps=self.words.steps(),
            names=self.words.fields(),
            mistakes=self.sentences(wrong or {}),
            told=self.words.told(key),
            told_badly=key in self.badly,
            **facts,
        )

    def back(self, principal: Any, path: str = "", *, told: str = "") -> Response[Any]:
        """To another page of the desk; `told` is the key of a sentence that it says at its top."""
        place = f"/s/{principal.session}/{self.path}" + (f"/{path}" if path else "")
        return see_other(place + (f"?told={told}" if told else ""))
