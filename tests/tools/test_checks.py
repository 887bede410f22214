#!/usr/bin/env python3
"""test_checks.py - the checks of tools/ catch what they are for, and let good code through

Each row is a small tree of files and what the tool must say about it. Words that the tools would find in this very file
are written in two pieces.
"""
import os
import subprocess
import sys
import tempfile

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools")
PATH_OF_A_HOST = "/wo" + "rk/tree/x"
UNFINISHED = "TO" + "DO"

GOOD = """/* good.c - says memcpy() and // in a comment, and "strcpy(" in a string, which is allowed */
#include "base/bytes.h"

static const char *url = "http://example.net/ strcpy(a, b)";
"""

# (name, {path: content}, a text that must be printed; None if the tool must be content)
STYLE = [
    ("good code passes", {"src/xlat/good.c": GOOD}, None),
    ("base may touch memory", {"src/base/bytes.c": "void f(void) { memcpy(a, b, 1); }\n"}, None),
    ("raw memcpy", {"src/xlat/a.c": "void f(void) { memcpy(a, b, 1); }\n"}, "a.c:1: raw-memory"),
    ("raw memset on a later line", {"src/ctl/a.c": "\n\nint x = memset (a, 0, 1);\n"}, "a.c:3: raw-memory"),
    ("strcpy", {"tests/a.c": "int f(void) { strcpy(a, b); }\n"}, "unbounded-string"),
    ("sprintf but not snprintf", {"src/cmd/a.c": "int f(void) { return sprintf(a, b); }\n"}, "unbounded-string"),
    ("snprintf passes", {"src/cmd/a.c": "int f(void) { return snprintf(a, 1, b); }\n"}, None),
    ("atoi", {"src/conf/a.c": "int x = atoi(s);\n"}, "unchecked-number"),
    ("rand", {"bench/a.c": "int x = rand();\n"}, "weak-random"),
    ("operand( is not rand(", {"bench/a.c": "int x = operand();\n"}, None),
    ("line comment", {"bpf/a.c": "int x; // why\n"}, "line-comment"),
    ("line comment after a string", {"bpf/a.c": 'char *x = "/*"; // why\n'}, "line-comment"),
    ("packet cast", {"src/nat64/a.c": "x = (const struct ip6_hdr *)p;\n"}, "packet-cast"),
    ("packet cast in a BPF program passes", {"bpf/a.c": "x = (struct iphdr *)p;\n"}, None),
    ("other cast passes", {"src/nat64/a.c": "x = (const struct nat64 *)p;\n"}, None),
    ("literal protocol", {"src/xlat/a.c": "if (h.next == 58)\n"}, "literal-protocol"),
    ("literal protocol in hex", {"src/xlat/a.c": "if (proto != 0x06)\n"}, "literal-protocol"),
    ("named protocol passes", {"src/xlat/a.c": "if (h.next == IPPROTO_TCP)\n"}, None),
    ("long file", {"src/xlat/a.c": "int x;\n" * 801}, "file-length"),
    ("file just short enough", {"src/xlat/a.c": "int x;\n" * 800}, None),
    ("unfinished", {"docs/a.md": UNFINISHED + " later\n"}, "todo-without-issue"),
    ("unfinished, with its issue", {"docs/a.md": UNFINISHED + " (#12) later\n"}, None),
    ("path of a host", {"docs/a.md": "see " + PATH_OF_A_HOST + "\n"}, "work-tree-path"),
    ("dead code", {"src/addr/a.c": "#if 0\nint x;\n#endif\n"}, "dead-code"),
    ("space at the end", {"README.md": "word \n"}, "trailing-space"),
]

LAYERS = [
    ("downward", {"src/xlat/a.c": '#include "base/bytes.h"\n#include "addr/addr.h"\n#include "pkt.h"\n'}, None),
    ("upward", {"src/addr/a.c": '#include "xlat/pkt.h"\n'}, "a.c:1: \"xlat/pkt.h\" points upward"),
    ("sibling", {"src/state/a.h": '#include "xlat/pkt.h"\n'}, "is a sibling of state"),
    ("conf and ctl are siblings", {"src/ctl/a.c": '#include "conf/conf.h"\n'}, "is a sibling of ctl"),
    ("unknown module", {"src/cmd/a.c": '#include "common/all.h"\n'}, "names no module"),
    ("folder outside the layers", {"src/common/a.c": "int x;\n"}, "is in no layer"),
    ("climbing", {"src/cmd/a.c": '#include "../base/bytes.h"\n'}, "climbs out"),
    ("pure module reads a clock", {"src/state/a.c": "#include <time.h>\n"}, "which is pure"),
    ("pure module makes system calls", {"src/xlat/a.c": "#include <sys/socket.h>\n"}, "which is pure"),
    ("pure module writes", {"src/xlat/a.c": '#include <stdio.h>\nvoid f(void) { puts("x"); }\n'}, "a.c:2: puts() in xlat"),
    ("pure module formats", {"src/addr/a.c": '#include <stdio.h>\nvoid f(void) { snprintf(a, b, c); }\n'}, None),
    ("pure module logs", {"src/nat64/a.c": '#include "base/log.h"\n'}, "writes no log"),
    ("system calls elsewhere", {"src/loop/a.c": "#include <sys/epoll.h>\n"}, None),
    ("BPF header for the data plane", {"src/dataplane/a.c": '#include "bpf/abi.h"\n'}, None),
    ("BPF header for the resolver", {"src/dns64/a.c": '#include "bpf/abi.h"\n'}, None),
    ("BPF header elsewhere", {"src/bindlog/a.c": '#include "bpf/abi.h"\n'}, "belongs to dataplane, dns64"),
    ("no source at all", {"README.md": "x\n"}, "no source file found"),
]


def run_row(tool, files, wanted):
    """What went wrong; None if nothing."""
    with tempfile.TemporaryDirectory() as root:
        for path, content in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as f:
                f.write(content)
        extra = ["--no-format"] if tool == "check-style" else []
        r = subprocess.run([os.path.join(TOOLS, tool), "--root", root] + extra, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, check=False)
    out = r.stdout.decode()
    if wanted is None and r.returncode != 0:
        return f"should be content, but exit status {r.returncode}:\n{out}"
    if wanted is not None and (r.returncode != 1 or wanted not in out):
        return f"should exit 1 and say {wanted!r}, but exit status {r.returncode}:\n{out}"
    return None


def install_deps(fake_installed, *args):
    """Run install-deps in a world where dpkg-query lists just these packages; (status, output)."""
    with tempfile.TemporaryDirectory() as bin_dir:
        fake = os.path.join(bin_dir, "dpkg-query")
        with open(fake, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\ncat <<END\n" + "".join(f"ii {p}  \n" for p in fake_installed) + "END\n")
        os.chmod(fake, 0o755)
        env = dict(os.environ, PATH=bin_dir + ":" + os.environ["PATH"])
        r = subprocess.run([os.path.join(TOOLS, "install-deps"), "--check", *args], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, check=False, env=env)
    return r.returncode, r.stdout.decode()


def install_deps_names_what_is_missing():
    status, out = install_deps(["gcc", "meson"])
    if status != 1 or "libunbound-dev" not in out or " gcc " in out or "nginx" in out:
        return f"status {status}: {out}"
    status, out = install_deps(["gcc"], "--lab")
    return None if status == 1 and "nginx-light" in out else f"with --lab, status {status}: {out}"


def install_deps_is_content_when_all_is_there():
    _, out = install_deps([], "--lab")
    everything = out.split("missing:")[1].split()
    status, out = install_deps(everything, "--lab")
    return None if status == 0 and out == "" else f"status {status}: {out}"


REQUIREMENTS = "tests/conformance/requirements/rfc0001"
TRACE = [
    ("no such symbol", {REQUIREMENTS: '# RFC 0001: X\ns1 "MUST x"\n\tcode src/a.c:absent\n\ttest t\n', "src/a.c": "int x;\n"},
     "src/a.c has no absent"),
    ("no such file", {REQUIREMENTS: '# RFC 0001: X\ns1 "MUST x"\n\tcode src/b.c\n\ttest t\n'}, "there is no file src/b.c"),
    ("no such test", {REQUIREMENTS: '# RFC 0001: X\ns1 "MUST x"\n\tcode src/a.c\n\ttest absent\n', "src/a.c": "int x;\n"},
     "there is no test absent"),
    ("code without a test", {REQUIREMENTS: '# RFC 0001: X\ns1 "MUST x"\n\tcode src/a.c\n', "src/a.c": "int x;\n"},
     "neither code and a test, nor an exception"),
    ("nothing at all", {REQUIREMENTS: '# RFC 0001: X\ns1 "MUST x"\n'}, "neither code and a test, nor an exception"),
    ("a line of another kind", {REQUIREMENTS: "# RFC 0001: X\nMUST x\n"}, "cannot be read"),
    ("pages that are not written anew", {REQUIREMENTS: '# RFC 0001: X\ns1 "MUST x"\n\texcept because\n'}, "docs/rfc/rfc0001.md is not"),
]


def main():
    passed = failed = 0
    rows = [("check-style: " + n, lambda f=f, w=w: run_row("check-style", f, w)) for n, f, w in STYLE]
    rows += [("check-layers: " + n, lambda f=f, w=w: run_row("check-layers", f, w)) for n, f, w in LAYERS]
    rows += [("rfc-trace: " + n, lambda f=f, w=w: run_row("rfc-trace", f, w)) for n, f, w in TRACE]
    rows += [("install-deps: names what is missing", install_deps_names_what_is_missing),
             ("install-deps: is content when all is there", install_deps_is_content_when_all_is_there)]
    for name, run in rows:
        fault = run()
        print(f"{'FAIL' if fault else 'ok  '} {name}" + (f"\n{fault}" if fault else ""))
        passed += fault is None
        failed += fault is not None
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
