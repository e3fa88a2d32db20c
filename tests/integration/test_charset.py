"""Servers that write file names in Latin-1: right names on both sides."""
import os

from lib.fixtures import sftp_endpoint
from lib.wait import wait_for

LATIN_1, UTF_8 = "Grüße.txt".encode("latin-1"), "Grüße.txt".encode("utf-8")


def names(directory):
    return sorted(n for n in os.listdir(os.fsencode(directory)) if not n.startswith(b"."))


def test_charset__a_fetched_name_is_utf_8_here(ferryd, partner, route_in):
    source, destination = route_in
    ferryd.endpoints["partner"] = sftp_endpoint(partner, charset="latin-1")
    (source / os.fsdecode(LATIN_1)).write_bytes(b"abc")
    ferryd.start()
    wait_for(lambda: names(destination) == [UTF_8], lambda: f"the file; {names(destination)}")
    wait_for(lambda: names(source) == [], "the source to be deleted under its own name")


def test_charset__a_pushed_name_is_latin_1_there(ferryd, partner, route_out):
    source, destination = route_out
    ferryd.endpoints["partner"] = sftp_endpoint(partner, charset="latin-1")
    (source / os.fsdecode(UTF_8)).write_bytes(b"abc")
    ferryd.start()
    wait_for(lambda: names(destination) == [LATIN_1], lambda: f"the file; {names(destination)}")


def test_charset__what_is_appended_goes_to_the_latin_1_name(ferryd, partner, route_out):
    source, destination = route_out
    ferryd.endpoints["partner"] = sftp_endpoint(partner, charset="latin-1")
    ferryd.routes["out"]["to"][0]["exists"] = "append"
    there = destination / os.fsdecode(LATIN_1)
    there.write_bytes(b"abc")
    (source / os.fsdecode(UTF_8)).write_bytes(b"def")
    ferryd.start()
    wait_for(lambda: there.read_bytes() == b"abcdef", lambda: f"the bytes; {names(destination)}")
    assert names(destination) == [LATIN_1]


def test_charset__a_name_that_has_no_place_there_is_told(ferryd, partner, route_out):
    source, destination = route_out
    ferryd.endpoints["partner"] = sftp_endpoint(partner, charset="latin-1")
    (source / "日本.txt").write_bytes(b"abc")
    (source / "good.txt").write_bytes(b"abc")
    ferryd.start()
    wait_for(lambda: names(destination) == [b"good.txt"], "the other file")
    ferryd.wait_told("NAME-CHARSET")
