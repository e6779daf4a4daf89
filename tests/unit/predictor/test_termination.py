"""The last words of a predictor."""

import logging
from pathlib import Path

import pytest

from weld_predictor.termination import LONGEST_MESSAGE, say_why


def test_the_sentence_goes_to_the_log_and_to_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    say_why("the bundle is not the one", tmp_path / "log")
    assert (tmp_path / "log").read_text() == "the bundle is not the one"
    assert caplog.messages == ["the bundle is not the one"]


def test_what_kubernetes_would_cut_is_cut_between_characters(tmp_path: Path) -> None:
    say_why("x" + "é" * LONGEST_MESSAGE, tmp_path / "log")
    assert (tmp_path / "log").read_text() == "x" + "é" * (LONGEST_MESSAGE // 2 - 1)


def test_a_file_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        say_why("the bundle is not the one", tmp_path / "no such folder" / "log")
    assert "cannot be written" in caplog.messages[-1]
