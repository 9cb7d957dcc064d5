"""What the demo library holds: which song under which name, in which format, with which tags."""

import dataclasses

from libsep.library.demo import songs
from libsep.library.demo.songs import Song


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DemoTrack:
    """A file of the demo library; ``cover`` is a picture format, empty for no cover."""

    path: str
    song: Song
    title: str
    artist: str
    album: str
    genre: str
    year: int
    number: str
    cover: str = "JPEG"
    comment: str = "Made by libsep demo"

    @property
    def tags(self) -> dict[str, str]:
        """Tags by the names that ffmpeg has for them."""
        return {
            "title": self.title,
            "artist": self.artist,
            "album": self.album,
            "album_artist": self.artist,
            "genre": self.genre,
            "date": str(self.year),
            "track": self.number,
            "comment": self.comment,
            "composer": "libsep",
            "copyright": "CC0: no rights reserved",
        }


CATALOGUE = (
    DemoTrack(
        path="Electronic/Die Schlüssel/Grüße aus Köln/01 Nachtzug nach Süden.flac",
        song=songs.HOUSE,
        title="Nachtzug nach Süden",
        artist="Die Schlüssel",
        album="Grüße aus Köln",
        genre="Deep House",
        year=2021,
        number="1/9",
        cover="PNG",
    ),
    DemoTrack(
        path="Hip-Hop/Paper Lanterns/02 Concrete Sunrise (feat. Ålesund).MP3",
        song=songs.HIPHOP,
        title="Concrete Sunrise (feat. Ålesund)",
        artist="Paper Lanterns",
        album="Ten Floors Up",
        genre="Hip-Hop",
        year=2018,
        number="2/12",
    ),
    DemoTrack(
        path="Rock/The Loud Kitchen/03 Kettle On.wav",
        song=songs.ROCK,
        title="Kettle On",
        artist="The Loud Kitchen",
        album="Breakfast",
        genre="Rock",
        year=1997,
        number="3",
        cover="",
    ),
    DemoTrack(
        path="J-Pop/ミドリ/夏の電車/01 夏の電車.m4a",
        song=songs.POP,
        title="夏の電車",
        artist="ミドリ",
        album="夏の電車",
        genre="J-Pop",
        year=2023,
        number="1/5",
        cover="PNG",
    ),
    DemoTrack(
        path="Jazz/Quartet Élan/Blue Umbrella.ogg",
        song=songs.JAZZ,
        title="Blue Umbrella",
        artist="Quartet Élan",
        album="After the Rain",
        genre="Jazz",
        year=1962,
        number="4",
    ),
    DemoTrack(
        path="Folk/Río Claro/🌊 Río Abajo.opus",
        song=songs.FOLK,
        title="🌊 Río Abajo",
        artist="Río Claro",
        album="Orillas",
        genre="Folk",
        year=2015,
        number="7",
    ),
    DemoTrack(
        path="Electronic/Αστέρι/Slow Satellites.aiff",
        song=songs.AMBIENT,
        title="Slow Satellites",
        artist="Αστέρι",
        album="Orbits",
        genre="Ambient",
        year=2009,
        number="1",
    ),
)
"""All tracks that are synthesised."""
