"""Objects travel: pickled, to processes that multiprocessing, joblib and Dask start."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numba
import numpy as np
import pytest

import srcdiff
from srcdiff import differentiate, grad, hvp, jacobian, value_and_grad
from tests import pickled

FACTOR = 3.0
DATA = np.arange(3.0)


def helper(x):
    return x * x


@numba.njit
def compiled_helper(x):
    return x + 1.0


@differentiate
def decorated(x):
    return helper(x) * FACTOR


def objects():
    """Each with its value at 2.0."""
    k = 5.0

    @differentiate
    def inner(x):
        return k * x * compiled_helper(x)

    return [
        (pickled.cube, 8.0),
        (pickled.cube.grad, 12.0),
        (pickled.square_slope, 4.0),
        (decorated, 12.0),
        (decorated.grad, 12.0),
        (decorated.hessian, 6.0),
        (value_and_grad(lambda x: FACTOR * helper(x) * np.sum(DATA)), (36.0, 36.0)),
        (grad(functools.partial(lambda a, x: a * x * x, 2.0)), 8.0),
        (jacobian(lambda x: (x, helper(x))), (1.0, 4.0)),
        (inner, 30.0),
        (inner.value_and_grad, (30.0, 25.0)),
        (functools.partial(hvp(lambda x: x**3), 2.0), 24.0),
    ]


@pytest.mark.parametrize("module", [pickle, cloudpickle])
def test_there_and_back(module):
    for made, want in objects():
        again = module.loads(module.dumps(made))
        assert again(2.0) == want == made(2.0)


def test_what_can_be_imported_travels_by_name():
    for made in (pickled.cube, pickled.cube.grad, pickled.cube.hvp):
        data = pickle.dumps(made)
        assert pickle.loads(data) is made
        assert len(data) < 100


def test_the_same_bytes_give_the_same_object():
    """What was compiled for one task is there for the next."""
    data = pickle.dumps(grad(lambda x: x * x))
    assert pickle.loads(data) is pickle.loads(data)


def test_what_it_compiled_stays_behind():
    slope = grad(lambda x: x * x)
    before = len(pickle.dumps(slope))
    slope(1.0)
    assert len(pickle.dumps(slope)) == before


def test_captured_values_are_those_of_the_time_of_sending():
    k = 2.0
    slope = grad(lambda x: k * x * x)
    first = pickle.dumps(slope)
    k = 3.0
    assert pickle.loads(first)(1.0) == 4.0
    assert pickle.loads(pickle.dumps(slope))(1.0) == 6.0 == slope(1.0)


WORKER = """\
import pickle, sys
from pathlib import Path
for path in sorted(Path(sys.argv[1]).glob("*.pkl")):
    f = pickle.loads(path.read_bytes())
    print(f(2.0))
    try:
        f(2)
    except Exception as error:
        assert type(error).__name__ == "NotDifferentiable" and ", line " in str(error), error
"""
SENDER = """\
import sys
from pathlib import Path
import numpy as np
from srcdiff import differentiate, grad, value_and_grad

SCALE = 3.0

def helper(x):
    return x * x

@differentiate
def f(x):
    return helper(x) * SCALE

made = [f.grad, value_and_grad(lambda x: SCALE * x), grad(lambda x: helper(x) + f(x))]
for protocol in ("pickle", "cloudpickle"):
    module = __import__(protocol)
    for number, one in enumerate(made):
        Path(sys.argv[1], f"{protocol}{number}.pkl").write_bytes(module.dumps(one))
"""


def run(program: Path, folder: Path) -> str:
    path = [str(Path(srcdiff.__file__).parents[1]), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, str(program), str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_the_file(tmp_path):
    """A function of a script or a notebook carries its text."""
    for name, text in (("sender", SENDER), ("worker", WORKER)):
        (tmp_path / f"{name}.py").write_text(text)
    run(tmp_path / "sender.py", tmp_path)
    (tmp_path / "sender.py").unlink()
    assert run(tmp_path / "worker.py", tmp_path).split("\n")[:-1] == ["12.0", "(6.0, 3.0)", "16.0"] * 2


def test_multiprocessing():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(pickled.call, [(made, 2.0) for made, _ in objects()])
    assert found == [want for _, want in objects()]


def test_joblib():
    joblib = pytest.importorskip("joblib")
    made = objects()
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(one)(2.0) for one, _ in made)
    assert found == [want for _, want in made]


def test_dask():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        made = objects()
        futures = [client.submit(one, 2.0, pure=False) for one, _ in made]
        assert client.gather(futures) == [want for _, want in made]
