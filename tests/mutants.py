"""`make mutants`: changes one thing at a time in the rules that matter, and lists what no test noticed.

Cosmic Ray makes the changes. Two kinds that it lacks and that matter most here are added below: a call that is
left out, and a keyword argument that is left out. First all tests run once, and coverage.py writes down which of
them runs which line; a change is then tried with tests that run its line. All this happens in two copies of the
tree, each with a test database of its own, so the tree itself stays as it is. What survived is printed, and kept
in build/mutants.txt. It takes hours: name modules to try these alone.
"""

import ast
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from queue import Queue

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from coverage import CoverageData
from parso.python.tree import Name

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
#: Its rounds of real connections take minutes, and it is about moments, not about rules.
SLOW = "tests/access/test_at_the_same_moment.py"
#: What the two copies of the tree run at first, each a part, to see which test runs which line.
PARTS = {"1": ["tests/access"], "2": ["tests/customers", "tests/audit", "tests/config"]}
#: Tests for one change: those that are most about its module, and some of the others.
NEAR, OTHERS = 30, 15
#: And those that ask for much at once, or run a program in a process of its own: by what a module's path begins with.
BESIDES = {
    "access/": ["tests/audit/test_every_entry.py", "tests/access/test_clauses.py"],
    "audit/recording": ["tests/audit/test_every_entry.py"],
    "audit/proof": ["tests/audit/test_proof.py", "tests/audit/test_seal_pages.py"],
}
#: Seconds after which a change has made the tests hang, which counts as noticed.
PATIENCE = 150

#: The modules (or packages) that decide, change or write.
MODULES = (
    "access/policy",
    "access/lifecycle.py",
    "access/granting.py",
    "access/revoking.py",
    "access/reconcile.py",
    "customers/reading.py",
    "customers/shown.py",
    "audit/recording.py",
    "audit/sealing.py",
    "audit/verifying.py",
    "audit/proof.py",
)

#: Of Cosmic Ray's operators those whose changes no rule may survive; the rest would try each sign for each other.
OPERATORS = (
    "AddNot", "ReplaceUnaryOperator_Delete_Not", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd", "ReplaceAndWithOr", "RemoveDecorator", "ZeroIterationForLoop", "ExceptionReplacer",
    "ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_Gt_GtE", "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceBinaryOperator_BitAnd_BitOr", "ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add",
)  # fmt: skip


class LeaveOut(Operator):
    """An operator that puts what does nothing in the place of a piece of code."""

    nothing: str

    def mutate(self, node, index):
        return Name(self.nothing, node.start_pos, prefix=node.get_first_leaf().prefix)

    @classmethod
    def examples(cls):
        return ()


class LeaveOutCall(LeaveOut):
    """A call whose value nobody uses: a check, a lock, an entry of the history, a notice."""

    nothing = "pass"

    def mutation_positions(self, node):
        if node.type == "atom_expr" and node.parent.type == "simple_stmt" and node.get_last_leaf() == ")":
            yield node.start_pos, node.end_pos


class LeaveOutArgument(LeaveOut):
    """A keyword argument: a condition of a query, a column of an entry."""

    nothing = "**{}"

    def mutation_positions(self, node):
        if node.type == "argument" and node.children[1] == "=":
            yield node.start_pos, node.end_pos


@dataclass(frozen=True)
class Mutant:
    """A module's path, its code, the first line that changes, the changed code, and the change for people to read."""

    path: str
    code: str
    line: int
    changed: str
    change: str


def mutants_in(module: str) -> list[Mutant]:
    """Every change of a module, or of the modules of a package."""
    here = ROOT / module
    paths = sorted(here.rglob("*.py")) if here.is_dir() else [here]
    return [one for path in paths for one in mutants_of(str(path.relative_to(ROOT)))]


def mutants_of(path: str) -> Iterator[Mutant]:
    """Every change of a module, one at a time."""
    code = (ROOT / path).read_text()
    operators = [plugins.get_operator(f"core/{name}") for name in OPERATORS]
    for operator in (LeaveOutCall, LeaveOutArgument, *operators):
        places = [place for node in ast_nodes(get_ast(code)) for place in operator().mutation_positions(node)]
        for occurrence, ((line, _column), _end) in enumerate(places):
            if code.splitlines()[line - 1].startswith("@dataclass"):
                continue  # frozen or not, the program does the same
            changed = mutate_code(code, operator(), occurrence)
            if changed:
                lines = unified_diff(
                    code.splitlines(), changed.splitlines(), path, operator.__name__, "", "", 0, ""
                )
                yield Mutant(path, code, line, changed, "\n".join(lines))


class Coverage:
    """Which test runs which line of the tree."""

    def __init__(self, trees: list[Path]):
        self.tests: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.lines: dict[str, Counter[str]] = defaultdict(Counter)  # of a module, how many each test runs
        for tree in trees:
            data = CoverageData(str(tree / ".coverage"))
            data.read()
            for file in data.measured_files():
                for line, contexts in data.contexts_by_lineno(file).items():
                    # What runs while modules are imported has no test of its own.
                    tests = {context.rpartition("|")[0] for context in contexts} - {""}
                    self.tests[str(Path(file).relative_to(tree))][line] |= tests
                    self.lines[str(Path(file).relative_to(tree))].update(tests)
        self.total = sum(self.lines.values(), Counter())

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests to try a change with: of the statement, or else of the smallest thing around it that any run."""
        lines, here = self.tests[mutant.path], self.lines[mutant.path]
        besides = [test for path, tests in BESIDES.items() if mutant.path.startswith(path) for test in tests]
        for first, last in _around(mutant.code, mutant.line):
            found = {test for line in range(first, last + 1) for test in lines.get(line, ())}
            if found:
                ordered = sorted(found, key=lambda test: (-here[test] / self.total[test], test))
                others = ordered[NEAR:]
                return ordered[:NEAR] + others[:: max(1, -(-len(others) // OTHERS))] + besides
        return besides


def _around(code: str, line: int) -> list[tuple[int, int]]:
    """First and last line of the statement at a line, and of all that it stands in, from the inside out."""
    module = ast.parse(code)
    found = [(1, len(code.splitlines()))]
    for node in ast.walk(module):  # the outer nodes come first
        if not isinstance(node, ast.stmt | ast.excepthandler) or not node.lineno <= line <= node.end_lineno:
            continue
        found.append((node.lineno, node.end_lineno))
        body = getattr(node, "body", None)
        if body and line < body[0].lineno:
            found.append((node.lineno, body[0].lineno - 1))  # the condition alone
    return found[::-1]


def tried(mutant: Mutant, tree: Path, tests: list[str]) -> int | None:
    """pytest's exit code with the change made in a copy of the tree; None if the tests hang."""
    file = tree / mutant.path
    file.write_text(mutant.changed)
    listed = tree / "tests.txt"
    listed.write_text("\n".join(tests))
    try:
        return _pytest(tree, "-x", f"@{listed}", patience=PATIENCE)
    finally:
        file.write_text(mutant.code)


def _pytest(tree: Path, *arguments: str, patience: float | None = None) -> int | None:
    """Its exit code, or None after so many seconds."""
    environment = os.environ | {
        "DATABASE_URL": os.environ["DATABASE_URL"] + tree.name,
        "COVERAGE_FILE": str(tree / ".coverage"),
        "COVERAGE_CORE": "ctrace",
        "PYTHONDONTWRITEBYTECODE": "1",  # else a change within the same second is not seen
    }
    with open(tree / "pytest.txt", "w") as printed:
        run = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-q", "--reuse-db", "-p", "no:randomly"),
                *("-p", "no:cacheprovider", "-m", "not long and not journey", f"--ignore={SLOW}", *arguments),
            ],
            cwd=tree, env=environment, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        return run.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return None


def copy_of_the_tree(name: str) -> Path:
    """A copy of what git knows, and of the compiled translations."""
    tree = BUILD / "mutants" / name
    shutil.rmtree(tree, ignore_errors=True)
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    for path in [*listed, "locale/ja/LC_MESSAGES/django.mo"]:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, tree / path)
    return tree


def main(wanted: list[str]) -> int:
    """Tries the modules wanted (none: all). Returns 1 if a change survived, 2 if the tests fail without one."""
    trees = [copy_of_the_tree(name) for name in PARTS]
    # All of them from the code as it is now, like the copies: whoever goes on working meanwhile changes neither
    mutants = {module: mutants_in(module) for module in MODULES if not wanted or module in wanted}
    packages = sorted({f"--cov={module.partition('/')[0]}" for module in MODULES})
    with ThreadPoolExecutor(len(trees)) as pool:
        covered = [*packages, "--cov-context=test", "--cov-report="]
        if any(list(pool.map(lambda tree: _pytest(tree, *covered, *PARTS[tree.name]), trees))):
            print(f"the tests fail as the tree is: see pytest.txt in {BUILD / 'mutants'}", file=sys.stderr)
            return 2
        coverage = Coverage(trees)
        free: Queue[Path] = Queue()
        for tree in trees:
            free.put(tree)

        def outcome(mutant: Mutant) -> int | None:
            tests = coverage.tests_of(mutant)
            tree = free.get()
            try:
                return tried(mutant, tree, tests) if tests else 0
            finally:
                free.put(tree)

        survivors = 0
        with open(BUILD / "mutants.txt", "w") as report:
            for module, changes in mutants.items():
                alive = 0
                for mutant, code in zip(changes, pool.map(outcome, changes), strict=True):
                    if code == 0:
                        alive += 1
                        print(mutant.change, end="\n\n", file=report, flush=True)
                    elif code not in (1, None):
                        # The module cannot be imported any more, or this tool is wrong
                        print(f"pytest ended with {code}:\n{mutant.change}\n", file=report, flush=True)
                print(f"{module}: {alive} of {len(changes)} changes survived", flush=True)
                survivors += alive
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
