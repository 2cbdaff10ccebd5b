"""Jacobians, Hessians and Hessian-vector products: srcdiff, JAX, PyTorch, Autograd and finite differences.

    python benchmarks/derivatives.py [--only hessian,...] [--seconds 2] [--json FILE]

All contenders of a task must agree (finite differences roughly) before any is timed, in turns, in one process; those
that are not installed are left out. The table gives the median time of srcdiff and how many times longer the others
take. The last column is the cost in units of the function, for Hessian-vector products in units of the gradient.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np

import srcdiff
from timing import (
    Contender,
    keep_freed_pages,
    keep_to_one_thread,
    median_ratio,
    pin_to_one_core,
    time_interleaved,
)

RANDOM = np.random.default_rng(20_24)


# ------------------------------------------------------------------------------------------------ programs


def reprojections(cameras, points, camera_of, point_of, seen):
    """Bundle adjustment: Rodrigues' rotation, translation, focal length, two coefficients of distortion."""
    residuals = np.empty((len(camera_of), 2))
    for k in range(len(camera_of)):
        c, q = camera_of[k], point_of[k]
        rx, ry, rz = cameras[c, 0], cameras[c, 1], cameras[c, 2]
        px, py, pz = points[q, 0], points[q, 1], points[q, 2]
        angle = math.sqrt(rx * rx + ry * ry + rz * rz)
        kx, ky, kz = rx / angle, ry / angle, rz / angle
        cosine, sine = math.cos(angle), math.sin(angle)
        along = (kx * px + ky * py + kz * pz) * (1.0 - cosine)
        x = px * cosine + (ky * pz - kz * py) * sine + kx * along + cameras[c, 3]
        y = py * cosine + (kz * px - kx * pz) * sine + ky * along + cameras[c, 4]
        z = pz * cosine + (kx * py - ky * px) * sine + kz * along + cameras[c, 5]
        u, v = -x / z, -y / z
        r = u * u + v * v
        scale = cameras[c, 6] * (1.0 + r * (cameras[c, 7] + r * cameras[c, 8]))
        residuals[k, 0] = scale * u - seen[k, 0]
        residuals[k, 1] = scale * v - seen[k, 1]
    return residuals


def curve(p, t, y):
    """Residuals of a sum of three decays."""
    r = np.empty(len(t))
    for i in range(len(t)):
        r[i] = (
            p[0] * math.exp(-p[1] * t[i])
            + p[2] * math.exp(-p[3] * t[i])
            + p[4] * math.exp(-p[5] * t[i])
            - y[i]
        )
    return r


def logistic(w, X, y):
    """The mean loss of a logistic regression."""
    total = 0.0
    for i in range(X.shape[0]):
        z = 0.0
        for j in range(X.shape[1]):
            z += X[i, j] * w[j]
        total += math.log1p(math.exp(-y[i] * z))
    return total / X.shape[0]


def k_means(centres, X):
    """The sum of the squared distances to the nearest centre."""
    total = 0.0
    for i in range(X.shape[0]):
        best = np.inf
        for c in range(centres.shape[0]):
            distance = 0.0
            for j in range(X.shape[1]):
                distance += (X[i, j] - centres[c, j]) ** 2
            if distance < best:
                best = distance
        total += best
    return total


# ------------------------------------------------------------------------------- the same in whole arrays


def in_arrays(xp: Any) -> dict[str, Callable[..., Any]]:
    """The programs as their users write them for JAX, Autograd and PyTorch."""

    def one_reprojection(camera, point, seen):
        r = camera[:3]
        angle = xp.sqrt(xp.sum(r * r))
        k = r / angle
        cosine, sine = xp.cos(angle), xp.sin(angle)
        cross = xp.linalg.cross if xp.__name__ == "torch" else xp.cross
        moved = point * cosine + cross(k, point) * sine + k * xp.sum(k * point) * (1.0 - cosine) + camera[3:6]
        u = -moved[:2] / moved[2]
        r2 = xp.sum(u * u)
        return camera[6] * (1.0 + r2 * (camera[7] + r2 * camera[8])) * u - seen

    def curve(p, t, y):
        return p[0] * xp.exp(-p[1] * t) + p[2] * xp.exp(-p[3] * t) + p[4] * xp.exp(-p[5] * t) - y

    def logistic(w, X, y):
        return xp.mean(xp.log1p(xp.exp(-y * (X @ w))))

    def k_means(centres, X):
        squares = xp.sum((X[:, None, :] - centres[None, :, :]) ** 2, 2)
        return xp.sum(xp.min(squares, 1)) if xp.__name__ != "torch" else xp.sum(xp.amin(squares, 1))

    return {"one_reprojection": one_reprojection, "curve": curve, "logistic": logistic, "k_means": k_means}


# --------------------------------------------------------------------------------------------------- tasks


@dataclass
class Task:
    """What is computed: `args` of `function`, by the first ones of them; `unit` is what the cost is measured in."""

    name: str
    kind: str
    function: Any
    args: tuple[Any, ...]
    argnums: Any = 0


def tasks() -> list[Task]:
    cameras, points, views = 49, 7_776, 31_843  # the sizes of `ladybug-49` of the BAL data sets
    made = np.column_stack(
        [
            0.3 * RANDOM.normal(size=(cameras, 3)),
            RANDOM.normal(size=(cameras, 3)),
            500.0 + RANDOM.normal(size=cameras),
            1e-2 * RANDOM.normal(size=(cameras, 2)),
        ]
    )
    scene = RANDOM.normal(size=(points, 3)) + np.array([0.0, 0.0, -8.0])
    of_camera, of_point = RANDOM.integers(0, cameras, views), RANDOM.integers(0, points, views)
    seen = RANDOM.normal(size=(views, 2))
    t = np.linspace(0.0, 4.0, 5_000)
    decays = np.array([1.0, 0.3, 2.0, 1.1, 0.5, 2.3])
    X, y = RANDOM.normal(size=(2_000, 30)), np.sign(RANDOM.normal(size=2_000))
    w = 0.1 * RANDOM.normal(size=30)
    clustered = RANDOM.normal(size=(5_000, 4))
    return [
        Task("bundle adjustment", "sparse", reprojections, (made, scene, of_camera, of_point, seen), (0, 1)),
        Task("curve fit", "jacobian", curve, (decays, t, np.cos(t))),
        Task("logistic", "hessian", logistic, (w, X, y)),
        Task("k-means", "hessian", k_means, (clustered[:6].copy(), clustered)),
        Task("logistic", "hvp", logistic, (w, X, y)),
        Task("k-means", "hvp", k_means, (clustered[:6].copy(), clustered)),
    ]


def direction(task: Task) -> np.ndarray:
    return np.cos(np.arange(task.args[0].size, dtype=float)).reshape(task.args[0].shape)


def blocks_of(task: Task, jacobian: Any) -> np.ndarray:
    """The blocks of a sparse Jacobian of bundle adjustment, as others give them: views, coordinates, parameters."""
    cameras, _, of_camera, of_point, _ = task.args
    views = len(of_camera)
    columns = np.concatenate(
        [of_camera[:, None] * 9 + np.arange(9), cameras.size + of_point[:, None] * 3 + np.arange(3)], axis=1
    )
    rows = np.repeat(np.arange(2 * views), 12)
    found = jacobian[rows, np.repeat(columns, 2, axis=0).ravel()]
    return np.asarray(found).reshape(views, 2, 12)


# -------------------------------------------------------------------------------------------- contenders


def with_srcdiff(task: Task) -> Callable[[], Any]:
    makers = {
        "sparse": srcdiff.sparse_jacobian,
        "jacobian": srcdiff.jacobian,
        "hessian": srcdiff.hessian,
        "hvp": srcdiff.hvp,
    }
    call = makers[task.kind](task.function, task.argnums)
    args = (*task.args, direction(task)) if task.kind == "hvp" else task.args
    return lambda: call(*args)


def with_jax(task: Task) -> Callable[[], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    programs = in_arrays(jax.numpy)
    args = [jax.numpy.asarray(arg) for arg in task.args]
    if task.kind == "sparse":
        one = jax.jacfwd(
            lambda camera, point, seen: programs["one_reprojection"](camera, point, seen), (0, 1)
        )
        each = jax.vmap(one)
        run = jax.jit(lambda c, p, ci, pi, seen: jax.numpy.concatenate(each(c[ci], p[pi], seen), axis=2))
    elif task.kind == "jacobian":
        run = jax.jit(jax.jacfwd(programs["curve"]))
    else:
        f = programs[task.function.__name__]
        vector = jax.numpy.asarray(direction(task))
        if task.kind == "hessian":
            run = jax.jit(jax.hessian(f))
        else:
            run = jax.jit(lambda x, *others: jax.jvp(lambda u: jax.grad(f)(u, *others), (x,), (vector,))[1])
    return lambda: jax.block_until_ready(run(*args))


def with_torch(task: Task) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    programs = in_arrays(torch)
    args = [torch.as_tensor(arg) for arg in task.args]
    if task.kind == "sparse":
        each = torch.func.vmap(torch.func.jacfwd(programs["one_reprojection"], (0, 1)))
        cameras, points, of_camera, of_point, seen = args
        return lambda: torch.cat(each(cameras[of_camera], points[of_point], seen), 2).numpy()
    if task.kind == "jacobian":
        return lambda: torch.func.jacfwd(programs["curve"])(*args).numpy()
    f = programs[task.function.__name__]
    x, *others = args
    if task.kind == "hessian":
        return lambda: torch.func.hessian(f)(x, *others).numpy()
    vector = torch.as_tensor(direction(task))
    gradient = torch.func.grad(lambda u: f(u, *others))
    return lambda: torch.func.jvp(gradient, (x,), (vector,))[1].numpy()


def with_autograd(task: Task) -> Callable[[], Any] | None:
    import autograd
    import autograd.numpy

    if task.kind == "sparse":
        return None  # one Python call for each view
    f = in_arrays(autograd.numpy)[task.function.__name__]
    if task.kind == "hvp":
        product = autograd.hessian_vector_product(f)
        vector = direction(task)
        return lambda: product(*task.args, vector)
    run = autograd.hessian(f) if task.kind == "hessian" else autograd.jacobian(f)
    return lambda: run(*task.args)


def with_differences(task: Task) -> Callable[[], Any]:
    """Forward differences of the compiled function or, for second derivatives, of its exact gradient."""
    x, *others = task.args
    if task.kind == "sparse":
        # The columns of one camera parameter are moved together; so are those of one coordinate of all points.
        primal = numba.njit(task.function, error_model="numpy")
        cameras, points, *rest = task.args
        step = 1e-7

        def blocks() -> np.ndarray:
            base = primal(cameras, points, *rest)
            found = np.empty((*base.shape, 12))
            for k in range(9):
                moved = cameras.copy()
                moved[:, k] += step
                found[:, :, k] = (primal(moved, points, *rest) - base) / step
            for k in range(3):
                moved = points.copy()
                moved[:, k] += step
                found[:, :, 9 + k] = (primal(cameras, moved, *rest) - base) / step
            return found

        return blocks
    of = (
        numba.njit(task.function, error_model="numpy")
        if task.kind == "jacobian"
        else srcdiff.grad(task.function)
    )
    step = 1e-6
    if task.kind == "hvp":
        vector = direction(task)
        return lambda: (of(x + step * vector, *others) - of(x - step * vector, *others)) / (2 * step)

    def columns() -> np.ndarray:
        base = of(x, *others)
        found = np.empty((*base.shape, x.size))
        flat = x.ravel()
        for k in range(x.size):
            moved = flat.copy()
            moved[k] += step
            found[..., k] = (of(moved.reshape(x.shape), *others) - base) / step
        return found.reshape(*base.shape, *x.shape)

    return columns


CONTENDERS: dict[str, Callable[[Task], Any]] = {
    "srcdiff": with_srcdiff,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "differences": with_differences,
}


def unit_of(task: Task) -> Callable[[], Any]:
    if task.kind == "hvp":
        gradient = srcdiff.grad(task.function)
        return lambda: gradient(*task.args)
    primal = numba.njit(task.function, error_model="numpy")
    return lambda: primal(*task.args)


def built(task: Task) -> dict[str, Callable[[], Any]]:
    """The contenders that are installed and agree."""
    calls: dict[str, Callable[[], Any]] = {"unit": unit_of(task)}
    calls["unit"]()
    truth: Any = None
    for name, build in CONTENDERS.items():
        try:
            call = build(task)
        except ImportError:
            continue
        if call is None:
            continue
        result = call()
        if task.kind == "sparse" and name == "srcdiff":
            result = blocks_of(task, result)
        result = np.asarray(result)
        truth = result if truth is None else truth
        scale = np.max(np.abs(truth))
        tolerance = 1e-4 if name == "differences" else 1e-9
        if not np.allclose(result, truth, rtol=tolerance, atol=tolerance * scale):
            print(f"{task.name}, {task.kind}: {name} differs and is left out")
            continue
        calls[name] = call
    return calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="kinds, separated by commas")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each task")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    keep_to_one_thread()
    pin_to_one_core()
    keep_freed_pages()
    kinds = set(filter(None, options.only.split(",")))
    names = [name for name in CONTENDERS if name != "srcdiff"]
    print(f"{'task':<28}{'srcdiff':>12}" + "".join(f"{name:>13}" for name in names) + f"{'cost':>8}")
    rows = []
    for task in tasks():
        if kinds and task.kind not in kinds:
            continue
        contenders = [Contender(name, call, 0.0, None) for name, call in built(task).items()]
        times = time_interleaved(contenders, options.seconds)
        medians = {name: statistics.median(taken) for name, taken in times.items()}
        ratios = {name: median_ratio(times[name], times["srcdiff"]) for name in names if name in times}
        cost = median_ratio(times["srcdiff"], times["unit"])
        title = f"{task.kind} of {task.name}"
        line = "".join(f"{ratios[name]:>12.2f}x" if name in ratios else f"{'-':>13}" for name in names)
        print(f"{title:<28}{medians['srcdiff'] * 1e6:>10.1f}us{line}{cost:>8.2f}")
        rows.append({"task": title, "seconds": medians, "ratios": ratios, "cost": cost})
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
