#!/usr/bin/env python3
"""test_run_tests.py - tools/run-tests counts what programs say, and does not believe those that lie or die"""
import importlib.machinery
import importlib.util
import os
import sys

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "run-tests")

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("run_tests", PATH)
run_tests = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
loader.exec_module(run_tests)

# (name, shell script, seconds, (passed, failed, skipped))
ROWS = [
    ("summary is believed", "echo 3 passed, 0 failed, 1 skipped", 10, (3, 0, 1)),
    ("summary without skipped", "echo 3 passed, 0 failed", 10, (3, 0, 0)),
    ("last summary wins", "echo 1 passed, 0 failed; echo 5 passed, 0 failed", 10, (5, 0, 0)),
    ("failures are counted", "echo 3 passed, 2 failed, 0 skipped; exit 1", 10, (3, 2, 0)),
    ("a crash without summary is one failure", "kill -SEGV $$", 10, (0, 1, 0)),
    ("exit 1 without summary is one failure", "echo hello; exit 1", 10, (0, 1, 0)),
    ("exit 0 without summary is one failure", "true", 10, (0, 1, 0)),
    ("exit 77 without summary is one skipped", "exit 77", 10, (0, 0, 1)),
    ("a sanitizer's exit after a clean summary is a failure", "echo 3 passed, 0 failed; exit 23", 10, (3, 1, 0)),
    ("a program without end is one failure", "sleep 60", 1, (0, 1, 0)),
    ("colours do not hide the summary", "printf '\\033[32m2 passed, 0 failed, 0 skipped\\033[0m\\n'", 10, (2, 0, 0)),
    ("a summary inside a line is none", "echo it said 2 passed, 0 failed; exit 0", 10, (0, 1, 0)),
]


def main():
    passed = failed = 0
    for name, script, seconds, want in ROWS:
        r = run_tests.run(run_tests.Program("row", ["sh", "-c", script], {}, "/", seconds, False))
        got = (r.passed, r.failed, r.skipped)
        print(f"{'ok  ' if got == want else 'FAIL'} {name}" + ("" if got == want else f": {got}, should be {want}"))
        passed += got == want
        failed += got != want
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
