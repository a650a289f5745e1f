"""Hashing, slugs, obfuscated names, text, and random intervals."""

import hashlib
import random
import subprocess
import sys
import threading

import pydantic
import pytest

from prefect import _backoff
from prefect.exceptions import HashError
from prefect.types import slugs
from prefect.utilities import names, text
from prefect.utilities.slugify import slugify
from prefect.values import hashing


class Model(pydantic.BaseModel):
    a: int = 1
    secret: pydantic.SecretStr | None = None


def test_hash_objects_equals_the_prefect_hash():
    # Read off the original; a change here makes every cache stale.
    assert hashing.hash_objects(1, "a", x=2) == "7ec848f5732844c911677de28ebc8282"
    assert hashing.hash_objects({"b": 1, "a": 2}) == "745461f06dac093747d3d040164fe1e7"
    assert hashing.stable_hash(b"a", "b") == hashlib.md5(b"ab", usedforsecurity=False).hexdigest()


def test_hash_objects_ignores_the_order_of_dicts_and_sets():
    assert hashing.hash_objects({"x": 1, "y": 2}) == hashing.hash_objects({"y": 2, "x": 1})
    code = "from prefect.values.hashing import hash_objects; print(hash_objects({'a', 'b', 'c', 'd', 'e'}))"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(hashes) == 1


def test_hash_objects_differs_for_different_secrets():
    one, other = (Model(secret=pydantic.SecretStr(value)) for value in ("one", "other"))
    assert hashing.hash_objects(one) != hashing.hash_objects(other)
    assert hashing.hash_objects(one) is not None


def test_hash_objects_returns_none_for_unserializable_values():
    assert hashing.hash_objects(threading.Lock()) is None
    with pytest.raises(HashError, match="lock"):
        hashing.hash_objects(threading.Lock(), raise_on_failure=True)


def test_hash_objects_returns_none_when_pickling_raises():
    class Awkward:
        def __reduce__(self):
            raise RuntimeError("no")

    assert hashing.hash_objects(Awkward()) is None


def test_file_hash_hashes_the_content(tmp_path):
    (tmp_path / "f").write_bytes(b"hello" * 500_000)
    expected = hashlib.sha256(b"hello" * 500_000).hexdigest()
    assert hashing.file_hash(str(tmp_path / "f"), hash_algo=hashlib.sha256) == expected


def test_generate_slug_is_independent_of_the_random_seed():
    random.seed(1)
    first = {slugs.generate_slug(2) for _ in range(50)}
    random.seed(1)
    again = {slugs.generate_slug(2) for _ in range(50)}
    assert len(first) > 40
    assert len(first & again) < 10
    assert all(word.isalpha() for slug in first for word in slug.split("-"))
    assert slugs.generate_slug(3).count("-") == 2
    with pytest.raises(ValueError, match="at least one"):
        slugs.generate_slug(0)


def test_slug_words_are_distinct_and_sorted():
    for words in slugs._words():
        assert words == sorted(set(words))


@pytest.mark.parametrize(
    ("secret", "tail", "shown"),
    [
        ("abcdefghijkl", True, "******kl"),
        ("abcde" * 10, True, "****bcde"),
        ("abcdefghij", True, "********"),
        ("abcde" * 10, False, "********"),
        (pydantic.SecretStr("abcde" * 10), True, "****bcde"),
        (None, True, "********"),
        (5, False, "********"),
    ],
)
def test_obfuscate_returns_eight_characters(secret, tail, shown):
    assert names.obfuscate(secret, show_tail=tail) == shown


def test_truncated_to_keeps_both_ends():
    assert text.truncated_to(40, "a" * 100 + "b" * 100) == "a" * 20 + "...160 additional characters..." + "b" * 20
    assert text.truncated_to(10, "short") == "short"
    assert text.truncated_to(10, "x" * 30) == "x" * 30  # saying so would be longer
    assert text.truncated_to(10, None) == ""


def test_fuzzy_match_string_recognizes_a_misspelt_word():
    assert text.fuzzy_match_string("helo", ["hello", "world"]) == "hello"
    assert text.fuzzy_match_string("zzz", ["hello", "world"]) is None


def test_poisson_intervals_stay_within_their_bounds():
    assert all(7.5 <= _backoff.clamped_poisson_interval(10) <= 13.1 for _ in range(1000))
    assert all(4 <= _backoff.bounded_poisson_interval(4, 10) <= 10 for _ in range(1000))
    mean = sum(_backoff.poisson_interval(10) for _ in range(20000)) / 20000
    assert 9 < mean < 11
    with pytest.raises(ValueError, match="above 0"):
        _backoff.clamped_poisson_interval(10, 0)


@pytest.mark.parametrize(
    ("raw", "slug"),
    [
        ("Café au lait!", "cafe-au-lait"),
        ("a_b c", "a-b-c"),
        ("  Hello--World ", "hello-world"),
        ("1,000", "1000"),
        ("Łódź Straße", "lodz-strasse"),
    ],
)
def test_slugify_keeps_letters_digits_and_hyphens(raw, slug):
    assert slugify(raw) == slug


def test_slugify_applies_its_options():
    assert slugify("Hello World", max_length=6) == "hello"
    assert slugify("Hello World", separator="_", lowercase=False) == "Hello_World"


def test_generated_pairs_are_random_names_of_two_words():
    names = slugs.generate_pairs(1000)
    assert len(names) == 1000
    assert len(set(names)) > 950
    assert all(name.count("-") == 1 and name.replace("-", "").isalpha() for name in names)
    assert len({name.split("-")[0] for name in names}) > 100
    assert len({name.split("-")[1] for name in names}) > 100
    assert slugs.generate_pairs(0) == []
