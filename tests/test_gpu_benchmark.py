"""What `benchmarks/gpu.py` measures, without a GPU: the same gradients from all contenders, a clock that is made up."""

import importlib
import json
import re

import numpy as np
import pytest

from srcdiff.cuda import CudaUnavailable, emulated
from srcdiff.cuda.device import Gpu

gpu = importlib.import_module("benchmarks.gpu")
others = importlib.import_module("gpu_contenders")


def is_missing():
    try:
        Gpu()
    except CudaUnavailable:
        return True
    return False


@pytest.mark.skipif(not is_missing(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_written(capsys):
    before = sorted(gpu.HERE.iterdir())
    gpu.main(["--gib", "0.5", "--no-checks"])
    assert re.fullmatch(r"did not run: .+\n", capsys.readouterr().out)
    assert sorted(gpu.HERE.iterdir()) == before
    with pytest.raises(SystemExit):
        gpu.main(["--gib", "large"])


def test_measurements_and_their_table(tmp_path):
    def clock(run, rounds):
        run.start()
        return 1e-6 * rounds, 1e-7

    with emulated():
        rows = gpu.measured(gpu.kernels(300), 2, clock) + gpu.measured(gpu.batches(40), 4, clock)
    by_name = {row["name"]: row for row in rows}
    assert set(gpu.GOALS) <= set(by_name)
    assert by_name["copy"]["bytes_per_second"] == pytest.approx(16 * 300 / 2e-6)
    assert by_name["chain adjoint"]["share_of_copy"] == pytest.approx(1.5)
    absent = [row["did_not_run"] for row in rows if "did_not_run" in row]
    assert all(re.search("is not installed|finds no GPU", reason) for reason in absent)
    lines = gpu.table(rows)
    assert len(lines) == len(rows)
    wanted = r"^map adjoint +0\.002 ms +150\.0%  +0 us to start  \(goal 85%\)$"
    assert any(re.search(wanted, line) for line in lines)
    file = gpu.written(tmp_path, "NVIDIA H100", {"gib": 1.0, "rows": rows})
    assert re.fullmatch(r"gpu_NVIDIA_H100_\d{4}-\d\d-\d\d\.json", file.name)
    assert json.loads(file.read_text())["rows"] == rows
    assert "numpy" in gpu.versions()


FORMULA = [np.linspace(a, b, 40).astype(np.float32) for a, b in ((90, 110), (95, 99), (0.4, 0.6), (0.1, 0.3))]


def check_greeks(run):
    """Against our own."""
    with emulated():
        greeks = gpu.batch(gpu.black_scholes, shared=("rate",))
        value, gradients = greeks.value_and_grad(*FORMULA, np.float32(gpu.RATE))
    run()
    for got, want in zip(run(), (value, *gradients), strict=True):
        found = np.asarray(got.numpy() if hasattr(got, "numpy") else got)
        np.testing.assert_allclose(found.reshape(np.shape(want)), want, rtol=2e-4, atol=1e-4)


def test_jax():
    pytest.importorskip("jax")
    check_greeks(others.jax_black_scholes(FORMULA, gpu.RATE, device="cpu"))


def test_torch():
    pytest.importorskip("torch")
    check_greeks(others.torch_black_scholes(FORMULA, gpu.RATE, device="cpu"))


def test_warp_formula():
    pytest.importorskip("warp")
    inputs = [*FORMULA, np.full(1, gpu.RATE, np.float32)]
    check_greeks(others.warp_adjoint("black_scholes", inputs, np.zeros(40, np.float32), 40, True, "cpu"))


@pytest.mark.parametrize(
    ("function", "place"),
    [(gpu.duffing, 2), (gpu.chain, 1), (gpu.saxpy_loss, 3), (gpu.heat, 2)],
    ids=["duffing", "chain", "saxpy", "heat"],
)
def test_warp_kernels(function, place):
    pytest.importorskip("warp")
    x, y = np.random.default_rng(0).standard_normal((2, 40))
    args = {
        gpu.duffing: [x, np.full(1, 0.5), np.zeros(40)],
        gpu.chain: [x, np.zeros(40), np.full(1, 0.5)],
        gpu.saxpy_loss: [np.full(1, 0.7), x, y, np.zeros(1)],
        gpu.heat: [x, np.full(1, 0.2), np.zeros(40)],
    }[function]
    shadows = [np.ones_like(a) if k == place else np.zeros_like(a) for k, a in enumerate(args)]
    takes_number = function in (gpu.duffing, gpu.chain)
    given = [a[0] if takes_number and a.shape == (1,) else a for a in args]
    with emulated():
        gpu.kernel(function).adjoint[2, 32](*given, *shadows)
    inputs = [a for k, a in enumerate(args) if k != place]
    run = others.warp_adjoint(function.__name__, inputs, args[place], 40, device="cpu")
    run()
    for got, want in zip(run(), (s for k, s in enumerate(shadows) if k != place), strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-9, atol=1e-12)
