"""Picks sample photos out of source archives and makes variations of them.

Called by `cargo xtask samples` as `curate.py DOWNLOADS TARGET`. Fills TARGET with `photos/`, `formats/`, `damaged/`
and `LICENCES.md`; see docs/samples.md. The same archives always give the same files. Needs Pillow and pillow_heif.
"""

import datetime
import fnmatch
import io
import os
import pathlib
import random
import struct
import sys
import tarfile
import zipfile
import zlib

from PIL import Image, ImageOps
import pillow_heif

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None
DOWNLOADS, TARGET = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])

# Archive prefix -> (where it is from, licence, [(pattern below the archive's top folder, folder in TARGET)]).
# The first pattern that fits a file decides; "" leaves it out.
SOURCES = {
    "lomiri-wallpapers": ("Debian source package lomiri-wallpapers", "see the list of authors below", [
        ("*/analogpattern*", ""), ("*/umang*", ""), ("*/Fossa*", ""), ("*/Painting*", ""),
        ("1?.04/*.jpg", "photos/lomiri"), ("2?.04/*.jpg", "photos/lomiri"),
    ]),
    "mate-backgrounds": ("Debian source package mate-backgrounds", "GPL-2.0-or-later; authors below", [
        ("nature/Wood.jpg", ""), ("nature/*.jpg", "photos/mate"), ("abstract/Elephants_3840x2160.jpg", "photos/mate"),
        ("abstract/Arc-Colors-Transparent-Wallpaper.png", "formats/mate"),
    ]),
    "exiv2": ("Debian source package exiv2, folder test/data", "GPL-2.0-or-later", [
        ("test/data/2021-02-13-1929.heic", "photos/exiv2"), ("test/data/ReaganLargeJpg.jpg", "photos/exiv2"),
        ("test/data/exiv2-bug1199.webp", "photos/exiv2"), ("test/data/exiv2-bug922.jpg", "photos/exiv2"),
        ("test/data/exiv2-bug922a.jpg", "photos/exiv2"), ("test/data/heic.heic", "photos/exiv2"),
        ("test/data/IMG_3578.heic", "formats/exiv2"),
        ("test/data/*poc*", "damaged/exiv2"), ("test/data/*issue*", "damaged/exiv2"),
        ("test/data/*overflow*", "damaged/exiv2"), ("test/data/*CVE*", "damaged/exiv2"),
        ("test/data/*.*", "formats/exiv2"),
    ]),
    "libimage-exiftool-perl": ("Debian source package libimage-exiftool-perl, folder t/images",
        "GPL-1.0-or-later or Artistic-1.0-Perl", [("t/images/*", "formats/exiftool")]),
    "libheif": ("Debian source package libheif", "LGPL-3.0-or-later", [
        ("examples/example.heic", ""), ("fuzzing/corpus/*.heic", "damaged/libheif"),
    ]),
    "pillow_heif": ("PyPI source package pillow_heif, folder tests/images", "BSD-3-Clause", [
        ("*/heif_other/pug.heic", "photos/pillow_heif"),
        ("*/heif_other/empty_icc.heic", "photos/pillow_heif"),
        ("*/nokia/alpha.heic", "formats/heic"), ("*/nokia/bird_burst.heic", "photos/pillow_heif"),
        ("*/nokia/stereo_1200x800.heic", "photos/pillow_heif"),
        ("*/heif_other/spatial_photo.heic", "photos/pillow_heif"),
        ("*/heif_special/aux_YCbCr.heic", "photos/pillow_heif"), ("*/heif_special/xiaomi.heic", "photos/pillow_heif"),
        ("*/heif_corrupted/*", "damaged/pillow_heif"), ("*/heif_truncated/*", "damaged/pillow_heif"),
        ("tests/images/heif*/*", "formats/heic"), ("tests/images/non_heif/*", "formats/pillow_heif"),
    ]),
    "pillow-": ("PyPI source package Pillow, folder Tests/images", "MIT-CMU", [
        ("Tests/images/flower.jpg", "photos/pillow"), ("Tests/images/fujifilm.mpo", "photos/pillow"),
        ("Tests/images/frozenpond.mpo", "photos/pillow"), ("Tests/images/sugarshack.mpo", "photos/pillow"),
        ("Tests/images/icc_profile_big.jpg", "photos/pillow"), ("Tests/images/xmp_test.jpg", "photos/pillow"),
        ("Tests/images/junk_jpeg_header.jpg", "photos/pillow"),
        ("Tests/images/broken*", "damaged/pillow"), ("Tests/images/truncated*", "damaged/pillow"),
        ("Tests/images/decompression_bomb*", "damaged/pillow"), ("Tests/images/*bad*", "damaged/pillow"),
        ("Tests/images/*no_data*", "damaged/pillow"), ("Tests/images/*invalid-exif*", "damaged/pillow"),
        ("Tests/images/*typeerror*", "damaged/pillow"), ("Tests/images/photoshop-200dpi-broken*", "damaged/pillow"),
        ("Tests/images/*/*", ""), ("Tests/images/*", "formats/pillow"),
    ]),
    "piexif": ("PyPI source package piexif, folder tests/images", "MIT", [
        ("tests/images/02.jpg", "photos/piexif"), ("tests/images/L01.jpg", "photos/piexif"),
        ("tests/images/L02.jpg", "photos/piexif"), ("tests/images/large.jpg", "photos/piexif"),
        ("tests/images/*.jpg", "formats/piexif"),
    ]),
}

# What may lie in formats/ and photos/; anything may lie in damaged/.
EXTENSIONS = {".jpg", ".jpeg", ".mpo", ".png", ".gif", ".webp", ".heic", ".heif", ".hif"}


def members(archive):
    """Yields (path below the archive's top folder, bytes, time of change) of every file in an archive."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as files:
            for info in files.infolist():
                if not info.is_dir():
                    when = datetime.datetime(*info.date_time, tzinfo=datetime.timezone.utc).timestamp()
                    yield info.filename.partition("/")[2], lambda i=info: files.read(i), when
    else:
        with tarfile.open(archive) as files:
            for info in files:
                if info.isfile():
                    yield info.name.partition("/")[2], lambda i=info: files.extractfile(i).read(), info.mtime


def write(path, data, when=None):
    """Writes a file below TARGET, in folders made as needed."""
    path = TARGET / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if when is not None:
        os.utime(path, (when, when))


def unpack(archive, rules):
    """Copies the files of an archive that its rules name; returns how many."""
    count = 0
    for name, read, when in members(archive):
        folder = next((folder for pattern, folder in rules if fnmatch.fnmatchcase(name, pattern)), "")
        extension = pathlib.PurePath(name).suffix.lower()
        if not folder or (extension not in EXTENSIONS and not (folder.startswith("damaged") and extension != ".md")):
            continue
        if folder.startswith("damaged") and extension in {".ico", ".gpl", ".bin", ".p7", ".msp", ".py", ".txt"}:
            continue
        write(pathlib.PurePath(folder) / pathlib.PurePath(name).name, read(), when)
        count += 1
    return count


def exif(taken, offset, orientation=1, place=None, caption=None):
    """An EXIF block as the `exif` argument of Pillow's `save`."""
    block = Image.Exif()
    block[0x010F], block[0x0110] = "Heirloom", "Sample variations"
    block[0x0112], block[0x0132] = orientation, taken.strftime("%Y:%m:%d %H:%M:%S")
    if caption:
        block[0x010E] = caption
    details = block.get_ifd(0x8769)
    details[0x9003] = details[0x9004] = taken.strftime("%Y:%m:%d %H:%M:%S")
    details[0x9011] = offset
    details[0x9291] = f"{taken.microsecond // 1000:03}"
    if place:
        def parts(degrees):
            minutes = abs(degrees) % 1 * 60
            return (float(int(abs(degrees))), float(int(minutes)), round(minutes % 1 * 60, 2))
        latitude, longitude = place
        block.get_ifd(0x8825).update({
            1: "N" if latitude >= 0 else "S", 2: parts(latitude), 3: "E" if longitude >= 0 else "W", 4: parts(longitude),
        })
    return block


# Orientation -> how upright pixels must be stored so that it turns them upright again.
STORED = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def save(path, image, orientation=1, **options):
    """Saves an upright image, stored as its orientation wants it."""
    stored = image if STORED[orientation] is None else image.transpose(STORED[orientation])
    buffer = io.BytesIO()
    stored.save(buffer, **options)
    write(path, buffer.getvalue())


def convert():
    """Makes JPEGs of good photos in a format that Heirloom can't show whole yet, with the camera's own EXIF."""
    for name in ("cat.hif", "guitar_cw90.hif"):
        path = TARGET / "formats/heic" / name
        if path.is_file():
            with Image.open(path) as image:
                block = image.getexif()
                block[0x0112] = 1
                picture = image.convert("RGB")
                picture.thumbnail((4240, 4240))
                save(f"photos/converted/{path.stem}.jpg", picture, format="JPEG", quality=90, exif=block)


# Places and their offsets from UTC, for variations that pretend to be travel photos.
PLACES = [
    ((48.52, 9.057), "+01:00"), ((43.20, -4.84), "+02:00"), ((45.87, 6.17), "+02:00"), ((51.18, -1.83), "+01:00"),
    ((59.51, 17.75), "+02:00"), ((37.75, -119.59), "-07:00"), ((-33.92, 18.42), "+02:00"), ((35.01, 135.77), "+09:00"),
    ((64.15, -21.94), "+00:00"), ((27.72, 85.32), "+05:45"), (None, "+01:00"), (None, "+01:00"),
]


def vary(count):
    """Makes `count` crops and mirror images of the photos, with dates over eleven years; returns their names.

    Dates come in bursts, as people's do: a few days with several photos each, then weeks without any.
    """
    sources = []
    for path in sorted((TARGET / "photos").rglob("*")):
        if path.is_file() and "200MP" not in path.name:
            try:
                with Image.open(path) as image:
                    if min(image.size) >= 700 and image.size[0] * image.size[1] < 60e6:
                        sources.append(path)
            except OSError:
                pass
    if not sources:
        return []
    dice = random.Random(20260101)
    names, day = [], datetime.datetime(2016, 2, 6)
    opened = {}
    while len(names) < count:
        day += datetime.timedelta(days=dice.choice([1, 1, 2, 60, 130, 200, 240]))
        if day.year > 2026:
            day = datetime.datetime(2016, 5, 14) + datetime.timedelta(days=dice.randrange(30))
        place, offset = dice.choice(PLACES)
        moment = day + datetime.timedelta(hours=dice.randrange(8, 17), minutes=dice.randrange(60))
        for path in dice.sample(sources, min(len(sources), dice.randrange(2, 6))):
            if path not in opened:
                with Image.open(path) as image:
                    upright = ImageOps.exif_transpose(image).convert("RGB")
                    upright.thumbnail((3200, 3200))
                    opened[path] = upright
            names.append(crop(opened[path], path, moment, offset, place, dice, len(names)))
            moment += datetime.timedelta(seconds=dice.randrange(7, 2400), milliseconds=dice.randrange(1000))
    return names


def crop(image, path, moment, offset, place, dice, number):
    """Saves one variation and returns its line for LICENCES.md."""
    ratio = dice.choice([4 / 3, 4 / 3, 3 / 2, 16 / 9, 1, 3 / 4, 2 / 3])
    share = dice.uniform(0.55, 0.9)
    width, height = image.size
    wide = min(width, height * ratio) * share
    left, top = dice.uniform(0, width - wide), dice.uniform(0, height - wide / ratio)
    part = image.crop((int(left), int(top), int(left + wide), int(top + wide / ratio)))
    part.thumbnail((1800, 1800), Image.Resampling.LANCZOS)
    if dice.random() < 0.3:
        part = ImageOps.mirror(part)
    orientation = dice.choice([1, 1, 1, 1, 6, 8])
    spot = place and (place[0] + dice.uniform(-0.02, 0.02), place[1] + dice.uniform(-0.02, 0.02))
    name = f"photos/variations/{moment.year}/IMG_{number + 1001}.jpg"
    save(name, part, orientation, format="JPEG", quality=86, exif=exif(moment, offset, orientation, spot))
    os.utime(TARGET / name, (moment.timestamp(), moment.timestamp()))
    return f"{name}: {path.relative_to(TARGET).as_posix()}"


def oddities():
    """Makes unusual but sound files."""
    source = next((p for p in sorted((TARGET / "photos").rglob("*.jpg")) if p.stat().st_size > 300_000), None)
    if source is None:
        return
    image = ImageOps.exif_transpose(Image.open(source)).convert("RGB")
    image.thumbnail((1200, 1200))
    noon = datetime.datetime(2024, 5, 12, 12, 30, 15, 250_000)
    for orientation in STORED:
        block = exif(noon, "+02:00", orientation)
        save(f"formats/turned/orientation_{orientation}.jpg", image, orientation, format="JPEG", exif=block)
        save(f"formats/turned/orientation_{orientation}.png", image, orientation, format="PNG", exif=block)
        save(f"formats/turned/orientation_{orientation}.webp", image, orientation, format="WEBP", exif=block)
    save("formats/made/progressive.jpg", image, format="JPEG", progressive=True)
    save("formats/made/full_chroma.jpg", image, format="JPEG", subsampling=0)
    save("formats/made/grey.jpg", image.convert("L"), format="JPEG")
    save("formats/made/cmyk.jpg", image.convert("CMYK"), format="JPEG")
    save("formats/made/palette.png", image.quantize(64), format="PNG")
    save("formats/made/grey.png", image.convert("L"), format="PNG")
    save("formats/made/transparent.png", with_alpha(image), format="PNG")
    save("formats/made/transparent.webp", with_alpha(image), format="WEBP")
    save("formats/made/lossless.webp", image, format="WEBP", lossless=True)
    frames = [image.resize((320, 240)), ImageOps.mirror(image.resize((320, 240)))]
    for kind in ("gif", "webp", "png"):
        save(f"formats/made/animated.{kind}", frames[0], format=kind.upper(), save_all=True, append_images=frames[1:])
    save("formats/made/panorama.jpg", image.resize((12_000, 500)), format="JPEG")
    save("formats/made/one_pixel.png", image.resize((1, 1)), format="PNG")
    save("formats/made/one_pixel.jpg", image.resize((1, 1)), format="JPEG")
    save("formats/made/thin.png", image.resize((3000, 1)), format="PNG")
    phone = next(iter(sorted((TARGET / "photos").rglob("pug.heic"))), None)
    if phone:
        with Image.open(phone) as shot:
            profile = shot.info.get("icc_profile")
            part = shot.convert("RGB").resize((1008, 756))
        for kind in ("jpg", "png", "webp"):
            save(f"formats/made/display_p3.{kind}", part, format={"jpg": "JPEG"}.get(kind, kind.upper()), icc_profile=profile)


def with_alpha(image):
    """The image fading to transparent from left to right."""
    image = image.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").rotate(90).resize(image.size))
    return image


def chunk(kind, data):
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows):
    """A PNG file of grey pixels, one bit each, with `rows` rows of black in it."""
    pack = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(pack.compress(row) for _ in range(rows)) + pack.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def damage():
    """Makes broken, cut and oversized files."""
    write("damaged/made/empty.jpg", b"")
    write("damaged/made/zeros.jpg", bytes(4096))
    write("damaged/made/text.jpg", b"This is not a picture at all.\n" * 20)
    write("damaged/made/page.heic", b"<!DOCTYPE html><title>404</title>")
    write("damaged/made/bomb_claim.png", png(65_535, 65_535, 1))
    write("damaged/made/bomb_real.png", png(30_000, 30_000, 30_000))
    write("damaged/made/bomb_claim.gif", b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b"," + bytes(9) + b"\x02\x02L\x01\x00;")
    write("damaged/made/bomb_claim.webp", b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xfe\xff\xff\xfe\xff\xff" + b"VP8 \0\0\0\0")
    picks = [
        ("jpg", "photos/mate/Storm.jpg"), ("jpg", "photos/pillow/xmp_test.jpg"), ("mpo", "photos/pillow/frozenpond.mpo"),
        ("heic", "photos/exiv2/heic.heic"), ("heic", "photos/pillow_heif/empty_icc.heic"), ("heic", "photos/pillow_heif/pug.heic"),
        ("png", "formats/made/transparent.png"), ("png", "formats/made/palette.png"), ("webp", "formats/made/lossless.webp"),
        ("webp", "formats/turned/orientation_6.webp"), ("gif", "formats/made/animated.gif"),
        ("jpg", "formats/made/progressive.jpg"),
    ]
    dice = random.Random(7)
    for extension, name in picks:
        path = TARGET / name
        if not path.is_file():
            continue
        data = path.read_bytes()
        stem = f"{path.parent.name}_{path.stem}"
        for percent in (1, 10, 50, 95):
            write(f"damaged/cut/{stem}_{percent:02}.{extension}", data[: len(data) * percent // 100])
        for number in range(3):
            broken = bytearray(data)
            for _ in range(max(4, len(data) // 20_000)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            write(f"damaged/flipped/{stem}_{number}.{extension}", bytes(broken))
    storm = TARGET / "photos/mate/Storm.jpg"
    if storm.is_file():
        write("damaged/made/wrong_extension.png", storm.read_bytes())
        data = storm.read_bytes()
        at = data.rfind(b"\xff\xc0\x00\x11", 0, 200_000)  # The last frame header: the first is the EXIF thumbnail's.
        if at > 0:
            huge = data[: at + 5] + struct.pack(">HH", 65_500, 65_500) + data[at + 9 :]
            write("damaged/made/bomb_claim.jpg", huge)


AUTHORS = """
Authors of the photos in `photos/lomiri` stand in the file names; their licences, by file: CC-BY-4.0 for those by
Aitzol Berasategi, freespace and Jakub Mede; CC-BY-SA-4.0 for those by Peter Nerlich, Sander Klootwijk and Bolly;
CC0-1.0 for the one by Clemens Engelhardt; CC-BY-SA-3.0 for those by Aury88 and Lukas Baubkus.

Authors of the photos in `photos/mate` (all GPL-2.0-or-later), as in that package's AUTHORS file: Charles Barbin (Aqua,
Garden, LadyBird, YellowFlower), Lennart Poettering and Andrea Cimitan (Blinds), Marco Cogoni and Hylke Bons (Dune), Jens
Ansorg (FreshFlower), Timothy Schellhase and Lapo Calamandrei (GreenMeadow), Wyng Stancikaite (Elephants, a photo of a
painting), and others named there (RainDrops, Storm, TwoWings).

`photos/pillow_heif/bird_burst.heic` and `stereo_1200x800.heic` are Nokia's HEIF examples, as shipped in that package.
"""


def main():
    lines = ["# Where these files are from, and their licences", "",
             "Gathered by `cargo xtask samples` for trying and testing Heirloom. Not part of its repository.", ""]
    for prefix, (origin, licence, rules) in SOURCES.items():
        archives = sorted(path for path in DOWNLOADS.iterdir() if path.name.startswith(prefix))
        count = sum(unpack(archive, rules) for archive in archives)
        state = ", ".join(archive.name for archive in archives) if archives else "not gathered: the source was out of reach"
        lines.append(f"- {origin}: {licence}. {count} files ({state})")
        print(f"  {prefix.rstrip('-')}: {count} files")
    convert()
    names = vary(150)
    oddities()
    damage()
    lines += [AUTHORS, "## Made here", "",
              "`formats/turned`, `formats/made` and `damaged/{made,cut,flipped}` are made from the files above.", "",
              "`photos/converted` are JPEGs made of the camera's HIF files in `formats/heic`, with the camera's EXIF.", "",
              "`photos/variations` are **not photos as they were taken**: they are crops and mirror images of the photos",
              "above, under the licence of each, with **invented dates and places**, so that a timeline has something",
              "to show. Each with its source:", ""]
    lines += [f"- {name}" for name in names]
    write("LICENCES.md", ("\n".join(lines) + "\n").encode())


main()
