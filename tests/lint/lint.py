#!/usr/bin/python3
"""Checks that the house keeps its plan: which room may know which, and how large things may grow.

Usage: lint.py [ROOT]. Exit status 1 when a rule is broken; warnings only print.

The rules, each a function below that yields problems:
  rooms        includes point down only; adapters know nothing of routes, config of no adapter
  libraries    each third-party header is included in its own room only
  cycles       no header includes itself through others
  own_header   foo.c includes foo.h first, headers begin with a comment and have `#pragma once`
  functions    at most 60 lines (error), at most 5 parameters, no bool parameters in headers (warnings)
  files        at most 500 lines (warning), no file is called util, misc, common or helper
  codes        each code of an error has a row in daemon/control/codes_*.c, and each row is in use
  words        no notes about unfinished work, no functions that are wrong more often than right
  layout       clang-format agrees, where the version the tree is written with is installed
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

MOST_FUNCTION_LINES = 60
MOST_PARAMETERS = 5
MOST_FILE_LINES = 500
CLANG_FORMAT_MAJOR = 14

BASE, RUNTIME, STORE = "daemon/base", "daemon/runtime", "daemon/store"
ADAPTERS, ROUTE, CONTROL = "adapters", "daemon/route", "daemon/control"
LOW = {BASE, RUNTIME}
# A room may include its own headers and those of the rooms named here; "config!" stands for the two
# headers of config that describe settings and secrets.
MAY_KNOW = {
    BASE: set(),
    RUNTIME: {BASE},
    "config": {BASE},
    STORE: LOW,
    ADAPTERS: LOW | {"config!"},
    "adapters/sftp": LOW | {"config!", ADAPTERS},
    "adapters/ftps": LOW | {"config!", ADAPTERS},
    "adapters/local": LOW | {"config!", ADAPTERS},
    ROUTE: LOW | {STORE, "config", ADAPTERS},
    CONTROL: LOW | {STORE, "config", ADAPTERS, ROUTE},
    "daemon": LOW | {STORE, "config", ADAPTERS, ROUTE, CONTROL},
}
CONFIG_FOR_ADAPTERS = {"config/config.h", "config/secret.h"}
# daemon/store reads the migrations that the build embeds.
GENERATED = {"schema_embedded.h": {STORE}}

# Header pattern -> the places (prefixes of a path) that may include it.
LIBRARIES = [
    (r"yaml\.h", ["config/node.c"]),
    (r"sqlite3\.h", ["daemon/store/"]),
    (r"libssh2.*", ["adapters/sftp/"]),
    (r"jansson\.h", ["daemon/control/"]),
    (r"openssl/.*", ["daemon/base/digest.c", "daemon/base/checksum.c", "adapters/sftp/", "adapters/ftps/"]),
    (r"uv\.h", ["daemon/runtime/"]),
    (r"pcre2\.h", ["daemon/base/regex.c"]),
    (r"systemd/.*", ["daemon/main.c", "daemon/notify.c"]),
    (r"curl/.*", ["adapters/ftps/"]),
]

BANNED = r"""strcpy strcat sprintf vsprintf gets strtok atoi atol atoll gmtime localtime tmpnam mktemp
    system popen alloca sqlite3_mprintf sqlite3_get_table""".split()
BAD_NAMES = {"util", "utils", "misc", "common", "helper", "helpers"}
UNFINISHED = re.compile(r"\b(%s)\b" % "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]))
TEXT_SUFFIXES = {".c", ".h", ".py", ".sh", ".cmake", ".sql", ".yaml", ".service", ".md", ".txt"}


class Source:
    """One C file, with comments and string contents blanked out for the rules that read code."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.code = blank_out(self.text)
        self.includes = re.findall(r'^\s*#\s*include\s+([<"][^>"]+[>"])', self.text, re.M)

    @property
    def room(self):
        return self.path.rpartition("/")[0]

    @property
    def is_product(self):
        return self.path.startswith(("daemon/", "adapters/", "config/"))


def blank_out(text):
    """The same text, line for line, without comments and without the inside of literals."""
    token = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] * 2
        return re.sub(r"[^\n]", " ", found)

    return token.sub(blank, text)


def rooms(sources):
    for s in sources:
        if not s.is_product:
            continue
        if s.room not in MAY_KNOW:
            yield f"{s.path}: the folder {s.room} is no room of the house"
            continue
        for include in s.includes:
            target = include.strip('<>"')
            if include[0] == '"' and not may_include(s.room, target):
                yield f"{s.path}: {s.room} must not know {target}"


def may_include(room, target):
    if target in GENERATED:
        return room in GENERATED[target]
    known = MAY_KNOW[room]
    there = target.rpartition("/")[0]
    if there == room or there in known:
        return True
    if there == "config" and "config!" in known:
        return target in CONFIG_FOR_ADAPTERS
    return False


def libraries(sources):
    for s in sources:
        if not s.is_product:
            continue
        for include in s.includes:
            for pattern, places in LIBRARIES:
                if re.fullmatch(pattern, include.strip('<>"')) and not s.path.startswith(tuple(places)):
                    yield f"{s.path}: {include} belongs to {', '.join(places)} only"


def cycles(sources):
    graph = {s.path: [i.strip('<>"') for i in s.includes] for s in sources}
    done = set()

    def visit(path, trail):
        if path in trail:
            yield "include cycle: " + " -> ".join(trail[trail.index(path):] + [path])
        elif path in graph and path not in done:
            for target in graph[path]:
                yield from visit(target, trail + [path])
            done.add(path)

    for path in sorted(graph):
        yield from visit(path, [])


def own_header(sources):
    known = {s.path for s in sources}
    for s in sources:
        if s.path.endswith(".h"):
            if "#pragma once" not in s.text:
                yield f"{s.path}: no `#pragma once`"
            if not s.text.lstrip().startswith("/*"):
                yield f"{s.path}: a header opens with a comment that says what it is"
        elif s.path[:-2] + ".h" in known:
            if not s.includes or s.includes[0] != f'"{s.path[:-2]}.h"':
                yield f"{s.path}: must include its own header first"


def function_bodies(s):
    """(name, parameters, first line, number of lines) of each function definition."""
    lines = s.code.splitlines()
    start = None
    for number, line in enumerate(lines):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            head = signature_above(lines, start)
            found = re.search(r"(\w+)\s*\((.*)\)[^)]*$", head, re.S)
            if found:
                yield found.group(1), found.group(2), start + 1, number - start + 1
            start = None


def signature_above(lines, start):
    first = start
    while first > 0 and lines[first - 1].strip() and not lines[first - 1].startswith(("}", "#")) \
            and not lines[first - 1].rstrip().endswith(";"):
        first -= 1
    return " ".join(lines[first:start])


def count_parameters(text):
    text = text.strip()
    if text in ("", "void"):
        return 0
    depth = 0
    count = 1
    for c in text:
        depth += (c == "(") - (c == ")")
        count += c == "," and depth == 0
    return count


def functions(sources):
    for s in sources:
        if not s.path.endswith(".c"):
            continue
        for name, _, line, length in function_bodies(s):
            if length > MOST_FUNCTION_LINES:
                yield f"{s.path}:{line}: {name} has {length} lines, at most {MOST_FUNCTION_LINES}"


CODE = re.compile(r'"((?:[A-Z][A-Z0-9]*)(?:-[A-Z0-9]+)+)"')
CODE_FAMILY = re.compile(r"(AUTH|CERT|CONFIG|CONTENT|CONTROL|CTL|DATA|DELIVER|DNS|EXEC|FILE|FTPS?|JOB|LIST|LOCAL|NAME|NET|OBJ|"
                         r"OPERATOR|PATH|PROXY|ROUTE|SECRET|SFTP|SOCKS|SPOOL|SSH|STATE|STORE|TLS|TRACE|TRUST|TUNNEL|VERIFY|ZONE)-")
NO_CODES = {"NAME-OK"}
CODE_TABLE = re.compile(r"daemon/control/codes_\w+\.c")


def codes(sources):
    used, told = {}, {}
    for s in sources:
        if not s.is_product:
            continue
        code = re.sub(r"/\*.*?\*/", "", s.text, flags=re.S)
        if CODE_TABLE.fullmatch(s.path):
            for found in re.findall(r'^\s+\{"([^"]+)",', code, re.M):
                if found in told:
                    yield f"{s.path}: {found} has a row in {told[found]} already"
                told[found] = s.path
            continue
        for found in CODE.findall(code):
            if CODE_FAMILY.match(found) and found not in NO_CODES:
                used.setdefault(found, s.path)
        for found in re.findall(r'\\"code\\":\\"([A-Z0-9-]+)\\"', code):
            used.setdefault(found, s.path)
        for found in re.findall(r'err_(?:set|errno)\([^;]*?,\s*ERR_\w+,\s*"([A-Z0-9-]+)"', code):
            used.setdefault(found, s.path)
    for code in sorted(set(used) - set(told)):
        yield f"{used[code]}: {code} is explained nowhere; add a row to daemon/control/codes_*.c (codes.h)"
    for code in sorted(set(told) - set(used)):
        yield f"{told[code]}: {code} is used nowhere"


def parameters(sources):
    for s in sources:
        if not s.is_product:
            continue
        for name, text, line, _ in function_bodies(s):
            count = count_parameters(text)
            if count > MOST_PARAMETERS:
                yield f"{s.path}:{line}: {name} takes {count} parameters, better {MOST_PARAMETERS}"
        if s.path.endswith(".h"):
            for found in re.finditer(r"^\w[\w *]*?(\w+)\(([^;{]*\bbool (?!\*)[^;{]*)\)[^;{]*;", s.code, re.M):
                yield f"{s.path}: {found.group(1)} takes a bool; an enum reads better"


def files(sources):
    for s in sources:
        if s.is_product and len(s.lines) > MOST_FILE_LINES:
            yield f"{s.path}: {len(s.lines)} lines, better {MOST_FILE_LINES}"


def names(sources):
    for s in sources:
        stem = Path(s.path).stem
        if stem in BAD_NAMES:
            yield f"{s.path}: {stem} says nothing; name it by the thing or the operation"


def banned(sources):
    word = re.compile(r"(?<![\w>.])(%s)\s*\(" % "|".join(BANNED))
    for s in sources:
        if not s.is_product:
            continue
        for number, line in enumerate(s.code.splitlines(), 1):
            found = word.search(line)
            if found:
                yield f"{s.path}:{number}: {found.group(1)}() is banned"


def unfinished(root):
    for path in tree(root, TEXT_SUFFIXES):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{path.relative_to(root)}:{number}: unfinished work: {line.strip()}"


def layout(root, sources):
    tool = shutil.which(f"clang-format-{CLANG_FORMAT_MAJOR}") or shutil.which("clang-format")
    if not tool:
        print("SKIP layout: clang-format is not installed")
        return
    version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
    major = re.search(r"version (\d+)", version)
    if not major or int(major.group(1)) != CLANG_FORMAT_MAJOR:
        print(f"SKIP layout: the tree is laid out by clang-format {CLANG_FORMAT_MAJOR}, here is {version.strip()}")
        return
    # Headers hold tables that are laid out by hand.
    code = [s.path for s in sources if s.path.endswith(".c")]
    run = subprocess.run([tool, "--dry-run", "-Werror", "--ferror-limit=1"] + code,
                         cwd=root, capture_output=True, text=True)
    for line in run.stderr.splitlines():
        if ": error:" in line:
            yield f"{line.split(': error:')[0]}: not as clang-format lays it out"


def tree(root, suffixes):
    for path in sorted(root.rglob("*")):
        top = path.relative_to(root).parts[0]
        if top.startswith((".git", "build")) or top == "ferryd-quickstart" or "__pycache__" in path.parts:
            continue
        if path.is_file() and path.suffix in suffixes:
            yield path


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    sources = [Source(root, p) for p in tree(root, {".c", ".h"})]
    errors = []
    for rule in (rooms, libraries, cycles, own_header, functions, names, banned, codes):
        errors += [f"{rule.__name__}: {problem}" for problem in rule(sources)]
    errors += [f"unfinished: {problem}" for problem in unfinished(root)]
    errors += [f"layout: {problem}" for problem in layout(root, sources)]
    for rule in (parameters, files):
        for problem in rule(sources):
            print(f"warning: {rule.__name__}: {problem}")
    for problem in errors:
        print(f"error: {problem}")
    print(f"{len(sources)} C files, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
