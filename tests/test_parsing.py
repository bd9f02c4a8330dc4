import json

import numpy as np
import pytest

from tkit.parsing import (
    from_json,
    from_toml,
    is_sealed,
    plain,
    read_array,
    read_text,
    sealed,
    unsealed,
)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{", '"\\ud800', "1" * 10_000])
def test_json_that_is_none_is_one_kind_of_error(text):
    with pytest.raises(ValueError):
        json.dumps(from_json(text)).encode()


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a", "a = 1\na = 2", "[" * 100_000])
def test_toml_that_is_none_is_one_kind_of_error(text):
    with pytest.raises(ValueError):
        from_toml(text)


def test_an_array_is_read_as_it_was_written(tmp_path):
    values = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "x.npy", values)
    np.testing.assert_array_equal(read_array(tmp_path / "x.npy"), values)


def head(text: str) -> bytes:
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        head("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000, 68, 2)}"),
        head("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}") + b"\x80\x04N.",
        head("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}") + bytes(8),
        head("{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 60 + "}"),
        head("{'descr': '<f8', 'fortran_order': False, 'shape': (3L,"),
        head("import os"),
        b"PK\x03\x04" + bytes(100),
    ],
)
def test_an_array_that_is_none_or_declares_too_much_is_refused(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises((ValueError, OSError)):
        read_array(tmp_path / "x.npy")


def test_every_change_of_sealed_content_is_noticed():
    good = sealed(b"statistics")
    assert unsealed(good) == b"statistics"
    for at in range(len(good)):
        for bit in range(8):
            bad = bytearray(good)
            bad[at] ^= 1 << bit
            with pytest.raises(ValueError, match="SHA-256"):
                unsealed(bytes(bad))
    for length in range(len(good)):
        with pytest.raises(ValueError, match="SHA-256"):
            unsealed(good[:length])


@pytest.mark.parametrize("length", [0, 1, 2**20, 2**20 + 1])
def test_a_sealed_file_is_told_from_one_that_has_changed(tmp_path, length):
    path, good = tmp_path / "x", sealed(bytes(length))
    path.write_bytes(good)
    assert is_sealed(path)
    for bad in (good[1:], good[:-1], good + b"\0", b"", b"x" + good[1:], good.upper()):
        path.write_bytes(bad)
        assert not is_sealed(path)


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_texts_are_read_in_the_codes_that_people_have(tmp_path, code):
    (tmp_path / "x.txt").write_bytes("Zoë, größer\n".encode(code))
    assert read_text(tmp_path / "x.txt") == "Zoë, größer\n"


def test_what_steers_a_terminal_or_turns_a_text_is_shown_as_a_question():
    for sign in ("\n", "\r", "\t", "\x1b", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066", "\ufeff"):
        assert plain(f"a{sign}b") == "a?b"
    assert plain("größer → 好") == "größer → 好"
