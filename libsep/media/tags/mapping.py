"""The table of fields: what each is called in every format, and where an MP4 file keeps it.

It follows the names that MusicBrainz Picard made the common practice. Atom names are
case-sensitive for the programs that read them; ``I:`` stands for ``----:com.apple.iTunes:``.
"""

import dataclasses

FREEFORM = "----:com.apple.iTunes:"


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One row of the table.

    Each column lists the field's names in one family of formats, the preferred one first: frames
    of ID3 (``TXXX:`` with its description), keys of Vorbis comments, which APEv2 and Matroska
    share, atoms of MP4 and attributes of ASF. The first atom is the one that is written. Where a
    reader takes only one value, ``join`` puts them together; without it an atom holds a list.
    """

    name: str
    id3: tuple[str, ...]
    vorbis: tuple[str, ...]
    mp4: tuple[str, ...]
    asf: tuple[str, ...] = ()
    join: str | None = None


def _words(text: str) -> tuple[str, ...]:
    words = (word.strip() for word in text.split(",") if word.strip())
    return tuple(FREEFORM + word[2:] if word.startswith("I:") else word for word in words)


def _field(
    name: str, id3: str, vorbis: str, mp4: str, asf: str = "", *, join: str | None = None
) -> Field:
    return Field(name, _words(id3), _words(vorbis), _words(mp4), _words(asf), join)


def _musicbrainz(name: str, title: str, vorbis: str, asf: str = "") -> Field:
    """Return a field of MusicBrainz, whose name in ID3 and MP4 is the same ``title``."""
    return _field(name, f"TXXX:{title}", vorbis, f"I:{title}", asf or title.replace(" ", "/", 1))


FIELDS = (
    _field("title", "TIT2", "TITLE", "©nam", "Title"),
    _field("artist", "TPE1", "ARTIST, LEAD_PERFORMER", "©ART", "Author", join=", "),
    _field("artists", "TXXX:ARTISTS", "ARTISTS", "I:ARTISTS", "WM/ARTISTS"),
    _field(
        "album_artist", "TPE2", "ALBUMARTIST, ALBUM ARTIST, ALBUM_ARTIST", "aART",
        "WM/AlbumArtist", join=", ",
    ),
    _field("album", "TALB", "ALBUM", "©alb", "WM/AlbumTitle"),
    _field("date", "TDRC, TDRL", "DATE, YEAR, DATE_RELEASED", "©day", "WM/Year"),
    _field(
        "original_date", "TDOR", "ORIGINALDATE, ORIGINALYEAR", "I:ORIGINALDATE, I:ORIGINALYEAR",
        "WM/OriginalReleaseTime, WM/OriginalReleaseYear",
    ),
    _field("genre", "TCON", "GENRE", "©gen", "WM/Genre"),
    _field("bpm", "TBPM", "BPM, TEMPO", "I:BPM, tmpo", "WM/BeatsPerMinute"),
    _field(
        "key", "TKEY", "INITIALKEY, INITIAL_KEY, KEY", "I:initialkey, I:KEY", "WM/InitialKey"
    ),
    _field("comment", "COMM", "COMMENT, DESCRIPTION", "©cmt", "Description", join="\n"),
    _field("label", "TPUB", "LABEL, ORGANIZATION, PUBLISHER", "I:LABEL", "WM/Publisher"),
    _field(
        "catalog_number", "TXXX:CATALOGNUMBER", "CATALOGNUMBER, CATALOG, CATALOG_NUMBER",
        "I:CATALOGNUMBER", "WM/CatalogNo",
    ),
    _field("isrc", "TSRC", "ISRC", "I:ISRC", "WM/ISRC"),
    _field("remixer", "TPE4", "REMIXER, MIXARTIST, REMIXED_BY", "I:REMIXER", "WM/ModifiedBy"),
    _field("subtitle", "TIT3", "SUBTITLE, VERSION", "I:SUBTITLE", "WM/SubTitle"),
    _field("composer", "TCOM", "COMPOSER", "©wrt", "WM/Composer", join=", "),
    _field("grouping", "GRP1, TIT1", "GROUPING", "©grp", "WM/ContentGroupDescription", join=", "),
    _field("work", "TXXX:WORK", "WORK", "©wrk", "WM/Work"),
    _field("movement_name", "MVNM", "MOVEMENTNAME", "©mvn"),
    _field("movement", "MVIN", "MOVEMENT", "©mvi"),
    _field("movement_total", "TXXX:MOVEMENTTOTAL", "MOVEMENTTOTAL", "©mvc"),
    _field("compilation", "TCMP", "COMPILATION", "cpil", "WM/IsCompilation"),
    _field("track", "TRCK", "TRACKNUMBER, TRACK, PART_NUMBER", "trkn", "WM/TrackNumber"),
    _field(
        "track_total", "TXXX:TRACKTOTAL", "TRACKTOTAL, TOTALTRACKS, TOTAL_PARTS", "trkn/total",
        "TrackTotal",
    ),
    _field("disc", "TPOS", "DISCNUMBER, DISC", "disk", "WM/PartOfSet"),
    _field("disc_total", "TXXX:DISCTOTAL", "DISCTOTAL, TOTALDISCS", "disk/total"),
    _field("disc_subtitle", "TSST", "DISCSUBTITLE", "I:DISCSUBTITLE", "WM/SetSubTitle"),
    _field("lyrics", "USLT", "LYRICS, UNSYNCEDLYRICS", "©lyr", "WM/Lyrics", join="\n\n"),
    *(
        _field(name, f"TXXX:{name}", name.upper(), f"I:{name}", name)
        for name in (
            "replaygain_track_gain", "replaygain_track_peak", "replaygain_album_gain",
            "replaygain_album_peak", "replaygain_reference_loudness",
        )
    ),
    _field("title_sort", "TSOT", "TITLESORT", "sonm", "WM/TitleSortOrder"),
    _field("artist_sort", "TSOP", "ARTISTSORT", "soar", "WM/ArtistSortOrder"),
    _field("album_artist_sort", "TSO2", "ALBUMARTISTSORT", "soaa", "WM/AlbumArtistSortOrder"),
    _field("album_sort", "TSOA", "ALBUMSORT", "soal", "WM/AlbumSortOrder"),
    _field("composer_sort", "TSOC", "COMPOSERSORT", "soco", "WM/ComposerSortOrder"),
    _field("copyright", "TCOP", "COPYRIGHT", "cprt", "Copyright"),
    _field("mood", "TMOO", "MOOD", "I:MOOD", "WM/Mood"),
    _field("media", "TMED", "MEDIA", "I:MEDIA", "WM/Media"),
    _field("language", "TLAN", "LANGUAGE", "I:LANGUAGE", "WM/Language"),
    _field("script", "TXXX:SCRIPT", "SCRIPT", "I:SCRIPT", "WM/Script"),
    _field("barcode", "TXXX:BARCODE", "BARCODE", "I:BARCODE", "WM/Barcode"),
    _field("asin", "TXXX:ASIN", "ASIN", "I:ASIN", "ASIN"),
    _field("lyricist", "TEXT", "LYRICIST", "I:LYRICIST", "WM/Writer"),
    _field("conductor", "TPE3", "CONDUCTOR", "I:CONDUCTOR", "WM/Conductor"),
    _field("original_artist", "TOPE", "ORIGINALARTIST", "I:ORIGINALARTIST", "WM/OriginalArtist"),
    _field("original_album", "TOAL", "ORIGINALALBUM", "I:ORIGINALALBUM", "WM/OriginalAlbumTitle"),
    _field("website", "WOAR", "WEBSITE", "I:WEBSITE", "WM/AuthorURL"),
    _field("advisory", "TXXX:ITUNESADVISORY", "ITUNESADVISORY", "rtng"),
    _field(
        "musicbrainz_recording", "UFID:http://musicbrainz.org, TXXX:MusicBrainz Track Id",
        "MUSICBRAINZ_TRACKID", "I:MusicBrainz Track Id", "MusicBrainz/Track Id",
    ),
    _musicbrainz("musicbrainz_album", "MusicBrainz Album Id", "MUSICBRAINZ_ALBUMID"),
    _musicbrainz("musicbrainz_artist", "MusicBrainz Artist Id", "MUSICBRAINZ_ARTISTID"),
    _musicbrainz(
        "musicbrainz_album_artist", "MusicBrainz Album Artist Id", "MUSICBRAINZ_ALBUMARTISTID"
    ),
    _musicbrainz(
        "musicbrainz_release_group", "MusicBrainz Release Group Id", "MUSICBRAINZ_RELEASEGROUPID"
    ),
    _musicbrainz(
        "musicbrainz_release_track", "MusicBrainz Release Track Id", "MUSICBRAINZ_RELEASETRACKID"
    ),
    _musicbrainz("musicbrainz_work", "MusicBrainz Work Id", "MUSICBRAINZ_WORKID"),
    _musicbrainz("musicbrainz_disc", "MusicBrainz Disc Id", "MUSICBRAINZ_DISCID"),
    _musicbrainz("musicbrainz_status", "MusicBrainz Album Status", "RELEASESTATUS"),
    _musicbrainz("musicbrainz_type", "MusicBrainz Album Type", "RELEASETYPE"),
    _musicbrainz("musicbrainz_country", "MusicBrainz Album Release Country", "RELEASECOUNTRY"),
    _musicbrainz("acoustid", "Acoustid Id", "ACOUSTID_ID"),
    _musicbrainz("acoustid_fingerprint", "Acoustid Fingerprint", "ACOUSTID_FINGERPRINT"),
)  # fmt: skip
"""All fields, in the order of the table."""

_DROPPED = frozenset(
    """
    itunsmpb itunnorm itunpgap itunmovi itunes_cddb_1 itunes_cddb_ids itunes_cddb_tracknumber
    encoder encoded_by encoded-by encodedby encodersettings encoder_options encoding|params
    encodingtime encoded|by traktor4 length duration vendor audiotype replaygain_undo
    waveformatextensible_channel_mask metadata_block_picture coverart coverartmime
    major_brand minor_version compatible_brands creation_time handler_name isvbr
    deviceconformancetemplate peakvalue averagelevel
    www.amazon.com google/originalclientid google/storeid google/storelabelcode
    tsse tenc tlen tden tdtg tflt tsiz tdly tofn ncon pcnt
    ©too ©enc pgap apid ownr purd akid xid| flvr taut purl egid
    """.replace("\n", " ").split()
)
_MISSED = frozenset({"traktor4"})
_NATIVE_TEXTS = ("desc", "ldes", "catg", "keyw", "tvsh", "sosn")
_DROPPED_PREFIXES = (
    "mp3gain_", "wmfsdk", "wm/enc", "wm/provider", "wm/mediaclass", "wm/wmc",
    "wm/unique", "wm/tool", "_statistics", "aspectratio", "wm/mcdi", "com.apple.streaming",
)  # fmt: skip
_DROPPED_WORDS = frozenset(word.replace("|", " ") for word in _DROPPED)


def is_dropped(key: str) -> bool:
    """Return whether ``key`` is never carried over, and, but for `is_missed`, never missed.

    These are notes of an encoder, a shop or a player about the source file itself: they would be
    wrong in another file (``iTunSMPB`` moves the audio of a stem).
    """
    folded = key.rpartition(":")[2].casefold()
    return folded in _DROPPED_WORDS or folded.startswith(_DROPPED_PREFIXES)


def is_missed(key: str) -> bool:
    """Return whether ``key`` is never carried over, and somebody may miss it: what Traktor keeps.

    It holds cues and grid of Traktor in a form of its own, for this one file.
    """
    return key.rpartition(":")[2].casefold() in _MISSED


def is_native_text(key: str) -> bool:
    """Return whether ``key``, which has no field, is a text of iTunes all the same."""
    return (key.startswith("©") and len(key) == 4) or key in _NATIVE_TEXTS


def is_private_comment(description: str) -> bool:
    """Return whether a comment with this description belongs to a player, not to people."""
    return description.casefold().startswith(("itun", "mp3gain"))


def is_custom_comment(description: str) -> bool:
    """Return whether a comment with this description is a field of its own, as of MediaMonkey."""
    return description.casefold().startswith("songs-db")


def _by_name(column: str) -> dict[str, tuple[Field, int]]:
    return {
        name.casefold(): (field, rank)
        for field in reversed(FIELDS)
        for rank, name in enumerate(getattr(field, column))
    }


_COLUMNS = {column: _by_name(column) for column in ("id3", "vorbis", "mp4", "asf")}
_LAST_RANK = 50


def find_field(column: str, key: str) -> tuple[Field, int] | None:
    """Return the field that ``key`` names in a column of the table, and its rank there.

    Case does not matter. The free-form keys of ID3 and MP4 may also use the name that the field
    has in Vorbis comments, with a rank behind all others.
    """
    folded = key.casefold()
    found = _COLUMNS[column].get(folded)
    if found is not None:
        return found
    for prefix in ("txxx:", FREEFORM.casefold()):
        if folded.startswith(prefix):
            other = _COLUMNS["vorbis"].get(folded.removeprefix(prefix))
            return None if other is None else (other[0], other[1] + _LAST_RANK)
    return None
