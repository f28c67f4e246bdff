"""`make mutants`: changes one thing at a time in the rules that matter, and lists what no test noticed.

Cosmic Ray makes the changes. Two kinds that it lacks and that matter most here are added below: a call that is
left out, and a keyword argument that is left out. The changes are made in two copies of the tree, each with a
test database of its own, so the tree itself stays as it is. What survived is printed, and kept in
build/mutants.txt. It takes hours: name modules to try these alone.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from functools import partial
from pathlib import Path
from queue import Queue

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from parso.python.tree import Name

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
#: Its rounds of real connections take minutes, and it is about moments, not about rules.
SLOW = "tests/access/test_at_the_same_moment.py"
#: Seconds after which a change has made the tests hang, which counts as noticed.
PATIENCE = 400

#: Modules (or packages) that decide, change or write, and the tests that ought to notice a change in them.
TESTS = {
    "access/policy": [
        "tests/access",
        "tests/customers/test_disclosure.py",
        "tests/customers/test_sideways.py",
    ],
    "access/lifecycle.py": ["tests/access"],
    "access/granting.py": ["tests/access"],
    "access/revoking.py": ["tests/access"],
    "access/reconcile.py": ["tests/access"],
    "customers/reading.py": ["tests/customers", "tests/access/test_refusals.py"],
    "customers/shown.py": ["tests/customers"],
    "audit/recording.py": ["tests/audit", "tests/access/test_refusals.py"],
    "audit/sealing.py": ["tests/audit/test_sealing.py", "tests/audit/test_tampering.py"],
    "audit/verifying.py": ["tests/audit/test_sealing.py", "tests/audit/test_tampering.py"],
    "audit/proof.py": ["tests/audit/test_proof.py", "tests/audit/test_seal_pages.py"],
}

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
    """A module's path, its changed code, and the change for people to read."""

    path: str
    code: str
    change: str


def mutants_of(path: str) -> Iterator[Mutant]:
    """Every change of a module, one at a time."""
    code = (ROOT / path).read_text()
    operators = [plugins.get_operator(f"core/{name}") for name in OPERATORS]
    for operator in (LeaveOutCall, LeaveOutArgument, *operators):
        places = (place for node in ast_nodes(get_ast(code)) for place in operator().mutation_positions(node))
        for occurrence, _place in enumerate(places):
            changed = mutate_code(code, operator(), occurrence)
            if changed:
                lines = unified_diff(
                    code.splitlines(), changed.splitlines(), path, operator.__name__, "", "", 0, ""
                )
                yield Mutant(path, changed, "\n".join(lines))


def survives(mutant: Mutant, tree: Path, tests: Iterable[str]) -> bool:
    """Whether the tests pass with the change made in a copy of the tree."""
    file = tree / mutant.path
    file.write_text(mutant.code)
    try:
        return _tests_pass(tree, tests)
    finally:
        file.write_text((ROOT / mutant.path).read_text())


def _tests_pass(tree: Path, tests: Iterable[str]) -> bool:
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "--reuse-db",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
    ]
    environment = os.environ | {
        "DATABASE_URL": os.environ["DATABASE_URL"] + tree.name,
        "PYTHONDONTWRITEBYTECODE": "1",  # else a change within the same second is not seen
    }
    run = subprocess.Popen(
        [*pytest, "-m", "not long and not journey", f"--ignore={SLOW}", *tests],
        cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        return run.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return False


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
    chosen = {module: tests for module, tests in TESTS.items() if not wanted or module in wanted}
    trees: Queue[Path] = Queue()
    for name in ("1", "2"):
        trees.put(copy_of_the_tree(name))
    survivors = 0
    with ThreadPoolExecutor(trees.qsize()) as pool, open(BUILD / "mutants.txt", "w") as report:

        def tried(mutant: Mutant | None, tests: list[str]) -> bool:
            tree = trees.get()
            try:
                return survives(mutant, tree, tests) if mutant else _tests_pass(tree, tests)
            finally:
                trees.put(tree)

        for module, tests in chosen.items():
            if not tried(None, tests):
                print(f"{module}: its tests fail as it is", file=sys.stderr)
                return 2
            here = ROOT / module
            paths = sorted(here.rglob("*.py")) if here.is_dir() else [here]
            mutants = [one for path in paths for one in mutants_of(str(path.relative_to(ROOT)))]
            alive = 0
            outcomes = pool.map(partial(tried, tests=tests), mutants)
            for mutant, survived in zip(mutants, outcomes, strict=True):
                if survived:
                    alive += 1
                    print(mutant.change, end="\n\n", file=report, flush=True)
            print(f"{module}: {alive} of {len(mutants)} changes survived", flush=True)
            survivors += alive
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
