from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsep.errors import ModelError
from libsep.model_folder import sorted_table
from libsep.model_folder.sorted_table import Cursor, DamagedError, masked_crc32c, read_table
from libsep.model_folder.tensor_bundle import MAX_INDEX_BYTES, read_bundle

from .bundle_writer import HEADER, block, entry, field, masked, table, trailer, varint, write_bundle

ONE = np.float32([[1.5, -2.0, 3.25]])
TWO = np.arange(4, dtype=np.int64)


@pytest.fixture
def bundle(tmp_path: Path) -> tuple[Path, Path]:
    """Return the places of the two files."""
    return tmp_path / "model.index", tmp_path / "model.data-00000-of-00001"


def write(bundle: tuple[Path, Path], entries: dict[bytes, bytes], data: bytes = b"") -> None:
    index, numbers = bundle
    index.write_bytes(table([block({b"": HEADER, **entries})]))
    numbers.write_bytes(data)


def stored(array: np.ndarray, start: int = 0, dtype: int = 1) -> bytes:
    content = array.tobytes()
    return entry(dtype, array.shape, start, len(content), masked(content))


@pytest.mark.parametrize("keys_per_block", [1, 7, 500])
def test_what_was_written_is_read(
    bundle: tuple[Path, Path], rng: np.random.Generator, keys_per_block: int
) -> None:
    types = ("float32", "float64", "float16", "int32", "int64", "uint8", "bool")
    tensors = {
        f"block_{number // 9}/layer_{number}/kernel": (
            9 * rng.standard_normal((number % 4, 2, 3)[: number % 4])
        ).astype(types[number % len(types)])
        for number in range(60)
    }
    write_bundle(*bundle, tensors, keys_per_block=keys_per_block)
    found = read_bundle(*bundle)
    assert list(found) == sorted(tensors)
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)
    one = read_bundle(*bundle, is_wanted=lambda name: name.endswith("layer_8/kernel"))
    assert list(one) == ["block_0/layer_8/kernel"]
    one["block_0/layer_8/kernel"][...] = 0  # is the caller's


def test_checksums_are_those_of_the_standard() -> None:
    # RFC 3720, B.4: 32 bytes of zeros, of ones, and ascending ones.
    for data, expected in (
        (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E),
    ):  # fmt: skip
        turned = (masked_crc32c(data) - 0xA282EAD8) % (1 << 32)
        assert (turned << 15 | turned >> 17) % (1 << 32) == expected


def test_a_tensor_of_another_type_can_be_left_out(bundle: tuple[Path, Path]) -> None:
    write(bundle, {b"a": entry(7, (1,), 0, 3, 0), b"b": stored(ONE, 3)}, b"\1xy" + ONE.tobytes())
    found = read_bundle(*bundle, is_wanted=lambda name: name == "b")
    np.testing.assert_array_equal(found["b"], ONE)
    with pytest.raises(ModelError, match=r"data-00000-of-00001: a is of type 7, expected an array"):
        read_bundle(*bundle)


DAMAGES: dict[str, tuple[dict[bytes, bytes], bytes, str]] = {
    "truncated": ({b"a": stored(ONE)}, ONE.tobytes()[:-1], r"11 bytes, expected 12 \(truncated"),
    "numbers": ({b"a": stored(ONE)}, bytes(12), "a has checksum [0-9a-f]{8}, expected"),
    "overlap": (
        {b"a": stored(ONE), b"b": stored(TWO, 8, 9)}, bytes(50), "b at byte 8 overlaps another",
    ),
    "size": ({b"a": entry(1, (2, 3), 0, 12, 0)}, bytes(50), r"a has 12 bytes, its shape \(2, 3\)"),
    "huge": ({b"a": entry(1, (1 << 62,), 0, 1 << 62, 0)}, b"", r"impossible shape \[4611686"),
    "negative": ({b"a": entry(1, ((1 << 64) - 1,), 0, 12, 0)}, b"", "impossible shape"),
    "product": ({b"a": entry(1, (0, *[1 << 10] * 5), 0, 0, 0)}, b"", "impossible shape"),
    "deep": ({b"a": entry(1, (1,) * 9, 0, 4, 0)}, b"", "impossible shape"),
    "far": ({b"a": entry(1, (3,), 1 << 63, 12, 0)}, bytes(12), "12 bytes, expected 9223372036"),
    "shard": ({b"a": entry(1, (3,), 0, 12, 0, shard=1)}, bytes(12), "data file 1 of one"),
    "slices": ({b"a": stored(ONE) + field(7, b"")}, ONE.tobytes(), "a is in slices"),
    "rank": ({b"a": field(1, 1) + field(2, field(3, 1))}, b"", "does not know the shape of b'a'"),
    "wire": ({b"a": varint(1 << 3 | 3)}, b"", "unknown wire type 3"),
    "short": ({b"a": varint(2 << 3 | 2) + varint(99) + b"x"}, b"", "ends 98 bytes too early"),
    "name": ({b"\xff": stored(ONE)}, ONE.tobytes(), "can't decode byte"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_told(bundle: tuple[Path, Path], damage: str) -> None:
    entries, data, message = DAMAGES[damage]
    write(bundle, entries, data)
    with pytest.raises(ModelError, match=message):
        read_bundle(*bundle)


GOOD = block({b"": HEADER, b"a": stored(ONE)})
TABLES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "has 0 bytes, too few"),
    "magic": (table([GOOD])[:-1] + b"x", "no table of LevelDB"),
    "checksum": (b"x" + table([GOOD])[1:], "block at byte 0 with checksum"),
    "snappy": (table([block({b"": HEADER}, compression=1)]), r"compressed block \(snappy\)"),
    "twice": (table([GOOD], [(0, len(GOOD) - 5)] * 2), "block at byte 0 that overlaps"),
    "itself": (table([GOOD], [(len(GOOD) + 13, 20)]), "overlaps another one"),
    "far": (table([GOOD], [(1 << 62, 20)]), "overlaps another one"),
    "order": (table([block({b"": HEADER, b"b": b"", b"a": b""})]), "b'a' out of order"),
    "again": (table([GOOD, GOOD]), "b'' out of order"),
    "restarts": (table([(bad := b"\xff" * 8) + trailer(bad)]), "8 bytes with 4294967295 restarts"),
    "no list": (table([b"xy" + trailer(b"xy")]), "without its list of restarts"),
    "shared": (
        table([(bad := b"\7\1\0a" + bytes(4)) + trailer(bad)]), r"key of 7 \+ 1 bytes after one",
    ),
    "two files": (table([block({b"": field(1, 2)})]), "has 2 data files, expected one"),
    "no header": (table([block({b"a": stored(ONE)})]), "has 0 data files, expected one"),
    "big-endian": (table([block({b"": field(1, 1) + field(2, 1)})]), "big-endian"),
    "number": (table([(bad := b"\xff" * 11 + bytes(4)) + trailer(bad)]), "more than 64 bits"),
}  # fmt: skip


@pytest.mark.parametrize("damage", TABLES)
def test_a_damaged_index_is_told(bundle: tuple[Path, Path], damage: str) -> None:
    content, message = TABLES[damage]
    bundle[0].write_bytes(content)
    bundle[1].write_bytes(ONE.tobytes())
    with pytest.raises(ModelError, match=rf"model\.index: no index of a TensorFlow .*{message}"):
        read_bundle(*bundle)


def test_an_index_that_unfolds_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    long = b"k" * (sorted_table.MAX_KEY_BYTES + 1)
    with pytest.raises(DamagedError, match=r"key of 0 \+ 1025 bytes"):
        read_table(table([block({long: b""})]))
    monkeypatch.setattr(sorted_table, "MAX_KEYS", 5)
    many = {bytes([97 + number]): b"" for number in range(6)}
    with pytest.raises(DamagedError, match="more than 5 keys"):
        read_table(table([block(many)]))


def test_files_that_cannot_be_read_are_named(bundle: tuple[Path, Path]) -> None:
    with pytest.raises(ModelError, match=r"model\.index: cannot be read: No such file"):
        read_bundle(*bundle)
    write(bundle, {b"a": stored(ONE)}, ONE.tobytes())
    bundle[1].unlink()
    with pytest.raises(ModelError, match="data-00000-of-00001: cannot be read: No such file"):
        read_bundle(*bundle)
    with bundle[0].open("r+b") as file:
        file.truncate(MAX_INDEX_BYTES + 1)
    with pytest.raises(ModelError, match="is it the index"):
        read_bundle(*bundle)


@given(place=st.integers(0, 10_000), byte=st.integers(1, 255), keep=st.integers(0, 10_000))
def test_no_byte_of_the_index_can_be_changed_unseen(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, keep: int
) -> None:
    content = bytearray(table([GOOD]))
    folder = tmp_path_factory.mktemp("mutants")
    index, data = folder / "index", folder / "data"
    data.write_bytes(ONE.tobytes())
    content[place % len(content)] ^= byte
    mutants: list[Callable[[], bytes]] = [
        lambda: bytes(content),
        lambda: table([GOOD])[: keep % len(content)],
    ]
    for mutant in mutants:
        index.write_bytes(mutant())
        try:
            found = read_bundle(index, data)
        except ModelError:
            continue
        np.testing.assert_array_equal(found["a"], ONE)  # a byte that is not used: padding


def test_numbers_end_where_they_say() -> None:
    cursor = Cursor(b"\xac\x02\1\0\0\0")
    assert (cursor.varint(), cursor.fixed(4), bool(cursor)) == (300, 1, False)
    with pytest.raises(DamagedError, match="ends 1 bytes too early"):
        cursor.varint()
    with pytest.raises(DamagedError, match="more than 64 bits"):
        Cursor(b"\xff" * 9 + b"\x02").varint()
