"""What a file of a library is by its name: a track, something else, or what only it can tell."""

import fnmatch
import re
from collections.abc import Collection

from libsep.config import ScanConfig
from libsep.library.reasons import Reason
from libsep.library.sniff import FOREIGN
from libsep.media.atomic import is_temporary
from libsep.media.stems import EXTENSIONS as STEM_EXTENSIONS

TRACK_EXTENSIONS = frozenset(ScanConfig().extensions)
"""Extensions of what libsep converts unless it is configured otherwise."""


Why = tuple[Reason, str]
"""Why something is left out, and its extension or name; empty where that says no more."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SYSTEM_NAMES = _words("""
    $recycle.bin #recycle #snapshot @eadir @recycle @recently-snapshot @sharebin @tmp recycler
    recycled lost+found __macosx .appledb .appledesktop .appledouble .apdisk .ds_store .fseventsd
    .localized .metadata_never_index .temporaryitems .volumeicon.icns .@__thumb .@upload_cache
    .streams .stfolder .stignore .stversions .sync .syncignore .dropbox .dropbox.cache
    .dropbox.attr .tmp.drivedownload .tmp.driveupload .git .gitignore .gitattributes .svn .hg .bzr
    .cache .config .local .mozilla .wine .venv .tox .idea .npm .vscode .thumbnails .thumbs
    .directory .nomedia .picasa.ini .picasaoriginals .snapshot .snapshots .zfs .~tmp~ .libsep
    thumbs.db desktop.ini
""") | {"system volume information", "network trash folder", "temporary items"}
"""Names, in lower case, under which systems and programs keep their own, or what was deleted."""

_SYSTEM_PATTERN = re.compile(
    r"\._|\.trash(es|-\d+|$)|\.spotlight-v|\.documentrevisions-v|\.com\.apple\.|\.nfs[0-9a-f]{12}"
    r"|\.fuse_hidden|\.smbdelete|\.~lock\.|\.sync_[0-9a-f]+\.db|\._?owncloud|\.nextcloudsync"
)

_UNFINISHED_PATTERN = re.compile(
    r"\.goutputstream-|\.syncthing\.|~syncthing~|incomplete~"
    # rsync writes .NAME.abcDEF before it renames to NAME.
    rf"|\..+\.({'|'.join(map(re.escape, sorted(TRACK_EXTENSIONS)))})\.[a-z0-9]{{6}}$"
)

_UNFINISHED = _words("""
    !bt !qb !sync !ut aria2 bc! bts crdownload dctmp download dtapart fdmdownload filepart icloud
    incomplete jc! met ob! opdownload part partial td temp tmp unfinished xltd
""")

_BACKUP = _words("bak orig")

_OTHER_AUDIO = _words("""
    669 aa aax aaxc ay dls ds2 dss dvf gbs gym hes it kar kss la mid midi minipsf mmf mod mptm msv
    mtm nsf nsfe ofr ofs pac psf rex rka rmi rns rx2 s3m sap sf2 sf3 sfark sid spc stm umx usf vgm
    vgz vqf xm
""")

_NOT_AUDIO = (
    _words("""
        ai arw avif bmp cr2 cr3 dng eps gif heic heif ico icns jpe jpeg jpg jxl nef pcx png psd raw
        svg tga tif tiff webp
    """)
    | _words("""
        azw3 cbr cbz csv diz doc docx epub htm html json jsonl log md mht mobi nfo odt pdf plist
        ppt pptx rtf tex toml txt url webloc xls xlsx xml xmp xsl yaml yml
    """)
    # playlists, checksums, images of discs, lyrics
    | _words("""
        accurip asx b4s ccd cdg cue ffp fpl iso itl itlp lrc m3u m3u8 md5 mds mdf nrg par2 pls sfv
        sha1 sha256 smi srt ssa sub toc vtt wpl xspf zpl
    """)
    # archives and programs
    | _words("""
        7z apk app bat bz2 cab class com css dll dmg dylib exe gz h ini jar js lha lnk lua msi nzb
        php pkg pl py pyc rar sh so sql tar tgz torrent ttf otf vbs woff xz zip zst
    """)
    # what programs for music and pictures keep beside the sound
    | _words("""
        adg adv als asd aup aup3 band bundle bwproject cpr cwp db db3 dbf flp gp5 gpx itc itdb
        logicx mscz musicdb musx nki nkm nml npr ofc pek pkf ptx reapeaks rpp sesx sfap0 sfk sfl
        sfz sib sqlite strings thm wvc
    """)
)

_MAX_EXTENSION = 16


def extension_of(name: str) -> str:
    """Return the extension of a file's name, in lower case and without the dot; perhaps empty.

    Spaces and dots behind it do not count, as in ``track.mp3 ``, and neither does a dot in front.
    """
    stem, dot, extension = name.rstrip(" .").rpartition(".")
    return extension.lower() if dot and stem.strip(" .") else ""


def without_extension(name: str) -> str:
    """Return a track's name without its extension; all of it where that is only part of a title.

    ``01. Mr. Title`` has none: what stands behind the last dot is the extension of no audio.
    """
    extension = extension_of(name)
    return name.rstrip(" .")[: -len(extension) - 1] if extension in TRACK_EXTENSIONS else name


def why_not_any(source: str, exclude: Collection[str]) -> Why | None:
    """Return why neither a file nor a folder is looked at; None if it is.

    Names that begin with a dot are names like others (``...And Justice for All``): only those that
    systems and programs are known to use are left out.

    Parameters
    ----------
    source
        Its path, relative to the library, with ``/`` between folders.
    exclude
        Glob patterns (``*`` matches ``/`` too).
    """
    name = source.rpartition("/")[2]
    folded = name.lower()
    if folded in SYSTEM_NAMES:
        return Reason.SYSTEM, name
    if match := _SYSTEM_PATTERN.match(folded):
        return Reason.SYSTEM, name if match.group() == folded else f"{match.group()}*"
    if folded.endswith(".download") or is_temporary(name) or _UNFINISHED_PATTERN.match(folded):
        return Reason.UNFINISHED, shown_extension(name)
    if any(fnmatch.fnmatchcase(source, pattern) for pattern in exclude):
        return Reason.EXCLUDED, ""
    return None


def is_track_name(name: str, extensions: Collection[str]) -> bool:
    """Return whether a file is a track by its name alone, whatever it contains."""
    return extension_of(name) in extensions and not name.lower().endswith(STEM_EXTENSIONS)


def why_not_file(name: str) -> Why | None:
    """Return why a file is no track that has no name of one; None if only its content can tell."""
    if name.lower().endswith(STEM_EXTENSIONS):
        return Reason.STEMS, ""
    if name.endswith("~"):
        return Reason.BACKUP, ""
    extension = extension_of(name)
    for extensions, reason in _BY_EXTENSION:
        if extension in extensions:
            return reason, extension
    return None


def why_not_content(name: str, kind: str | None) -> Why | None:
    """Return why a file is no track by what `libsep.library.sniff.sniff` took its content for."""
    if kind is None:
        return Reason.NOT_AUDIO, shown_extension(name)
    return (Reason.OTHER_AUDIO, kind) if kind in FOREIGN else None


def shown_extension(name: str) -> str:
    """Return how files of a name are counted together: by extension, if it looks like one."""
    extension = extension_of(name)
    return extension if len(extension) <= _MAX_EXTENSION and " " not in extension else ""


_BY_EXTENSION = (
    (_UNFINISHED, Reason.UNFINISHED),
    (_BACKUP, Reason.BACKUP),
    (_OTHER_AUDIO, Reason.OTHER_AUDIO),
    (TRACK_EXTENSIONS, Reason.NOT_CHOSEN),
    (_NOT_AUDIO, Reason.NOT_AUDIO),
)
