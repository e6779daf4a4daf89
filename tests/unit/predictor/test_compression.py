"""Compressed bodies come through whole, and never grow beyond what may come uncompressed."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weld_predictor.compression import BodyReader, compress
from weld_predictor.faults import BodyTooLargeError, EncodingError
from weld_predictor.intake.fault import RequestError

LONGEST = 100_000
BODY = b'{"inputs": []}' * 200


def read(encoding: str, *pieces: bytes) -> bytes:
    reader = BodyReader(encoding, LONGEST)
    for piece in pieces:
        reader.take(piece)
    return reader.whole()


@settings(deadline=None)
@given(st.binary(max_size=5000), st.integers(1, 500))
@pytest.mark.parametrize(("encoding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("", bytes)])
def test_a_body_comes_through_in_any_pieces(encoding: str, packed: object, body: bytes, size: int) -> None:
    assert callable(packed)
    sent = packed(body)
    assert read(encoding, *(sent[start : start + size] for start in range(0, len(sent), size))) == body


@pytest.mark.parametrize(
    ("encoding", "pieces", "sentence"),
    [
        ("gzip", [b"no gzip at all"], "the body cannot be decompressed, expected gzip as it says"),
        ("gzip", [gzip.compress(BODY)[:-9]], "the body ends inside its gzip data"),
        ("gzip", [], "the body ends inside its gzip data"),
        ("gzip", [gzip.compress(b"")[:3]], "the body ends inside its gzip data"),
        (
            "gzip",
            [gzip.compress(BODY), b"more"],
            "the body goes on after its gzip data has ended, expected one stream",
        ),
        (
            "deflate",
            [zlib.compress(BODY) + b"more"],
            "the body goes on after its deflate data has ended, expected one stream",
        ),
    ],
)
def test_what_is_not_compressed_as_it_says_is_refused(encoding: str, pieces: list[bytes], sentence: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(encoding, *pieces)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("length", [LONGEST + 1, 10**8])
def test_a_body_that_grows_too_long_is_refused_before_it_has(length: int) -> None:
    with pytest.raises(BodyTooLargeError) as refused:
        read("gzip", gzip.compress(bytes(length)))
    assert str(refused.value) == f"decompressed, the body has {LONGEST + 1} bytes or more, expected at most {LONGEST}"


def test_a_few_bytes_may_stand_for_a_mebibyte_and_not_for_more_than_a_hundred_times_themselves() -> None:
    sent = gzip.compress(bytes(50_000_000))
    reader = BodyReader("gzip", longest=10**9)
    with pytest.raises(BodyTooLargeError) as refused:
        reader.take(sent)
    assert str(refused.value) == (
        f"decompressed, the body has {100 * len(sent) + 1} bytes or more, "
        f"expected at most 1048576, or 100 times the {len(sent)} that came"
    )
    reader = BodyReader("gzip", longest=10**9)
    reader.take(gzip.compress(bytes(2**20)))
    assert len(reader.whole()) == 2**20


def test_the_longest_body_is_read() -> None:
    assert len(read("gzip", gzip.compress(bytes(LONGEST)))) == LONGEST


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip,", "?" * 10_000])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(EncodingError, match="expected gzip, deflate or none"):
        BodyReader(encoding, LONGEST)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("GZIP;q=0.5", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("gzip; q=0.00", None),
        ("", None),
        ("br, identity", None),
    ],
)
def test_answers_are_compressed_as_the_client_accepts(accepted: str, encoding: str | None) -> None:
    sent, used = compress(BODY, accepted)
    assert used == encoding
    assert read(encoding or "", sent) == BODY


def test_short_answers_are_not_compressed() -> None:
    assert compress(b"{}", "gzip") == (b"{}", None)
