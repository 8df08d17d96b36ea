"""What starts while the store is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from datacatalog.bootstrap import App
from datacatalog.domain.errors import StoreDown
from datacatalog.interfaces.cli.serving import once_the_store_answers
from tests.harness import install

ELSEWHERE = "mongodb://127.0.0.1/catalog"


class Away:
    """A store that answers from the n-th time on.

    Attributes:
        asked: how often it was.
    """

    def __init__(self, app: App | None, times: int) -> None:
        self.asked, self._app, self._times = 0, app, times

    def __call__(self) -> App:
        self.asked += 1
        if self._app is None or self.asked <= self._times:
            raise StoreDown("away")
        return self._app


def test_a_store_elsewhere_is_waited_for(tmp_path: Path) -> None:
    app = install(tmp_path / "home").app
    wire = Away(app, times=2)
    assert once_the_store_answers(wire, ELSEWHERE) is app
    assert wire.asked == 3
    app.close()


def test_but_not_for_ever() -> None:
    with pytest.raises(StoreDown):
        once_the_store_answers(Away(None, times=0), ELSEWHERE, patience_s=0.3)


def test_a_file_that_cannot_be_opened_is_not_waited_for() -> None:
    wire = Away(None, times=0)
    with pytest.raises(StoreDown):
        once_the_store_answers(wire, "sqlite:///catalog.db")
    assert wire.asked == 1
