"""Ways to damage a file: cut, flip, delete, insert, splice, and lie about sizes."""

import dataclasses
import re
import zlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""What is written into fields: the least, the largest, and what overflows."""

_SIZED = re.compile(
    rb"RIFF|LIST|fmt |data|id3 |ID3 |fact|FORM|COMM|SSND"  # RIFF and AIFF: the size follows
    rb"|T[A-Z]{2}[A-Z0-9]|APIC|GEOB|USLT|UFID|RVA2|POPM|CHAP"  # frames of ID3: so does theirs
    rb"|moov|mvhd|trak|tkhd|mdia|mdhd|minf|stbl|stsd|stts|stsc|stsz|stco|co64|udta|meta|ilst|covr"
    rb"|mdat|ftyp|moof|traf|trun|elst|esds|alac|mp4a|free|----|mean|name"  # MP4: it goes before
    rb"|fLaC|OggS|wvpk|TTA1|APETAGEX|vorbis|OpusHead|OpusTags|Xing|Info|LAME|ID3"
    rb"|\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x15\x49\xa9\x66|\x16\x54\xae\x6b|\x1f\x43\xb6\x75"
)
"""Names that stand beside the length of something."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged file: ``name`` says of what and how, and is the name of a file."""

    name: str
    data: bytes


def truncated(name: str, data: bytes, percents: range = range(1, 100)) -> Iterator[Mutant]:
    """Yield a file cut at each of some per cents of its length."""
    for percent in percents:
        yield Mutant(f"cut at {percent:02d} of {name}", data[: len(data) * percent // 100])


def renamed(bases: Mapping[str, bytes]) -> Iterator[Mutant]:
    """Yield each file under the endings of the others, one after the other."""
    endings = list(bases)
    for index, (ending, data) in enumerate(bases.items()):
        for other in endings[index + 1 :] + endings[:index]:
            yield Mutant(f"{ending} called {other}.{other}", data)


def mutants(bases: Mapping[str, bytes], seed: int) -> Iterator[Mutant]:
    """Yield damaged files without end; the same for the same ``bases`` and ``seed``.

    The first 171 are every file in every way.

    Parameters
    ----------
    bases
        Whole files by the endings of their names.
    seed
        Begin of the random numbers.
    """
    rng = np.random.default_rng(seed)
    endings = list(bases)
    ways = list(_WAYS)
    index = 0
    while True:
        ending, way = endings[index % len(endings)], ways[index // len(endings) % len(ways)]
        donor = bases[endings[int(rng.integers(len(endings)))]]
        data = _WAYS[way](bytearray(bases[ending]), donor, rng)
        if rng.random() < 0.5:  # an Ogg page whose checksum is wrong is not looked at further
            _sign_ogg_pages(data)
        yield Mutant(f"{index:05d} {way}.{ending}", bytes(data))
        index += 1


def _flip_bits(data: bytearray, donor: bytes, rng: np.random.Generator) -> bytearray:
    for position in rng.integers(0, _reach(data, rng), 2 ** int(rng.integers(0, 8))):
        data[position] ^= 1 << int(rng.integers(8))
    return data


def _set_bytes(data: bytearray, donor: bytes, rng: np.random.Generator) -> bytearray:
    for position in rng.integers(0, _reach(data, rng), 2 ** int(rng.integers(0, 8))):
        data[position] = int(rng.integers(256))
    return data


def _delete(data: bytearray, donor: bytes, rng: np.random.Generator) -> bytearray:
    for start in rng.integers(0, _reach(data, rng), int(rng.integers(1, 4))):
        del data[start : start + 2 ** int(rng.integers(0, 11))]
    return data


def _insert(data: bytearray, donor: bytes, rng: np.random.Generator) -> bytearray:
    for start in rng.integers(0, _reach(data, rng), int(rng.integers(1, 4))):
        data[start:start] = rng.bytes(2 ** int(rng.integers(0, 11)))
    return data


def _splice(data: bytearray, donor: bytes, rng: np.random.Generator) -> bytearray:
    """Put a piece of another file in: over what was there, or between."""
    start, origin = int(rng.integers(_reach(data, rng))), int(rng.integers(len(donor)))
    piece = donor[origin : origin + 2 ** int(rng.integers(2, 13))]
    end = start + len(piece) if rng.random() < 0.5 else start
    data[start:end] = piece
    return data


def _join(data: bytearray, donor: bytes, rng: np.random.Generator) -> bytearray:
    """Begin as one file and go on as another."""
    cut = int(rng.integers(1, len(data)))
    return data[:cut] + donor[int(rng.integers(len(donor))) :]


def _repeat(data: bytearray, donor: bytes, rng: np.random.Generator) -> bytearray:
    start = int(rng.integers(_reach(data, rng)))
    piece = data[start : start + 2 ** int(rng.integers(2, 12))]
    data[start:start] = piece * int(rng.integers(1, 5))
    return data


def _lie_about_sizes(data: bytearray, donor: bytes, rng: np.random.Generator) -> bytearray:
    """Put numbers into the words before and behind the names of chunks, atoms and frames."""
    found = [match.span() for match in _SIZED.finditer(data)]
    for _ in range(int(rng.integers(1, 4))):
        if found:
            start, end = found[int(rng.integers(len(found)))]
            _put_number(data, start - 4 if rng.random() < 0.4 else end, rng)
    return data


def _lie_in_header(data: bytearray, donor: bytes, rng: np.random.Generator) -> bytearray:
    for position in rng.integers(0, min(len(data), 400), int(rng.integers(1, 5))):
        _put_number(data, int(position), rng)
    return data


def _put_number(data: bytearray, position: int, rng: np.random.Generator) -> None:
    """Write a number in one to eight bytes, or as ID3 does it: with seven bits in each of four."""
    number = NUMBERS[int(rng.integers(len(NUMBERS)))]
    n_bytes = int(rng.choice([1, 2, 4, 8]))
    if rng.random() < 0.2:
        packed = bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
    else:
        order = "big" if rng.random() < 0.5 else "little"
        packed = (number & (1 << 8 * n_bytes) - 1).to_bytes(n_bytes, order)
    position = max(position, 0)
    data[position : position + len(packed)] = packed


def _reach(data: bytearray, rng: np.random.Generator) -> int:
    """Return how far damage reaches: in half of the files not beyond the headers."""
    return max(1, min(len(data), 1024) if rng.random() < 0.5 else len(data))


def _sign_ogg_pages(data: bytearray) -> None:
    """Give each page of an Ogg file the checksum of what it has become (RFC 3533, 6)."""
    starts = [match.start() for match in re.finditer(rb"OggS\0", data)]
    for start in starts:
        header = data[start : start + 27]
        if len(header) < 27:
            return
        n_bytes = 27 + header[26] + sum(data[start + 27 : start + 27 + header[26]])
        data[start + 22 : start + 26] = bytes(4)
        checksum = _ogg_checksum(bytes(data[start : start + n_bytes]))
        data[start + 22 : start + 26] = checksum.to_bytes(4, "little")


def _ogg_checksum(page: bytes) -> int:
    """Return the CRC-32 that takes the highest bit first, by way of the one that mirrors bits."""
    reversed_crc = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reversed_crc:032b}"[::-1], 2)


_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))

_WAYS: dict[str, Callable[[bytearray, bytes, np.random.Generator], bytearray]] = {
    "flipped": _flip_bits,
    "overwritten": _set_bytes,
    "shortened": _delete,
    "lengthened": _insert,
    "spliced": _splice,
    "joined": _join,
    "repeated": _repeat,
    "sizes": _lie_about_sizes,
    "header": _lie_in_header,
}
