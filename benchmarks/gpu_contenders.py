"""The same gradients from other libraries on the same device: Warp, JAX and PyTorch.

Each function takes arrays of NumPy and gives a `Run`, which computes the gradients once more. A library is imported
only when its function is called; what is missing raises `Missing`.
"""

import functools
import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Run:
    """A computation: `start` gives its results before they are there, `wait` waits for such results."""

    start: Callable[[], Any]
    wait: Callable[[Any], Any]

    def __call__(self) -> Any:
        found = self.start()
        self.wait(found)
        return found


class Missing(Exception):
    """Why a contender does not run."""


def imported(name: str, title: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Missing(f"{title} is not installed") from None


# ----------------------------------------------------------------------------------------------------- Warp


@functools.cache
def warp_kernels() -> dict[str, Any]:
    """The kernels of `tests/cuda/primals.py`, and the formula of Black and Scholes, in Warp."""
    wp = imported("warp", "Warp")
    wp.config.quiet = True
    f32, f64 = wp.array(dtype=wp.float32), wp.array(dtype=wp.float64)
    real = wp.float64

    @wp.kernel
    def chain(x: f64, h: f64, y: f64):
        i = wp.tid()
        a = x[i]
        b = wp.sin(a) * wp.exp(-a * a)
        e = (wp.log(real(1.0) + b * b) + wp.tanh(a * b)) / wp.sqrt(real(1.0) + a * a)
        for _ in range(4):
            e = e + wp.cos(e * a) * h[0]
        y[i] = e

    @wp.kernel
    def duffing(x: f64, h: f64, y: f64):
        i = wp.tid()
        y[i] = x[i] * (h[0] - x[i] * x[i])

    @wp.kernel
    def saxpy_loss(a: f64, x: f64, y: f64, loss: f64):
        i = wp.tid()
        z = a[0] * x[i] + y[i]
        wp.atomic_add(loss, 0, real(0.5) * z * z)

    @wp.kernel
    def heat(u: f64, c: f64, out: f64):
        i = wp.tid()
        n = u.shape[0]
        if i > 0 and i < n - 1:
            out[i] = u[i] + c[0] * (u[i - 1] - real(2.0) * u[i] + u[i + 1])
        elif i == 0 or i == n - 1:
            out[i] = u[i]

    @wp.kernel
    def black_scholes(spot: f32, strike: f32, time: f32, volatility: f32, rate: f32, value: f32):
        i = wp.tid()
        root = volatility[i] * wp.sqrt(time[i])
        drift = (rate[0] + 0.5 * volatility[i] * volatility[i]) * time[i]
        d1 = (wp.log(spot[i] / strike[i]) + drift) / root
        d2 = d1 - root
        n1 = 0.5 * (1.0 + wp.erf(d1 / wp.sqrt(2.0)))
        n2 = 0.5 * (1.0 + wp.erf(d2 / wp.sqrt(2.0)))
        value[i] = spot[i] * n1 - strike[i] * wp.exp(-rate[0] * time[i]) * n2

    return {
        "duffing": duffing,
        "chain": chain,
        "saxpy_loss": saxpy_loss,
        "heat": heat,
        "black_scholes": black_scholes,
    }


def warp_adjoint(
    name: str,
    inputs: Sequence[Any],
    output: Any,
    count: int,
    with_value: bool = False,
    device: str = "cuda:0",
) -> Run:
    """The adjoint of one of the kernels, over `count` threads, for a seed of ones.

    It gives what is owed to each input, and before those the output if it is computed as well.
    """
    wp = imported("warp", "Warp")
    wp.config.quiet = True
    if device != "cpu" and not wp.is_cuda_available():
        raise Missing("Warp finds no GPU")
    kernel = warp_kernels()[name]
    given = [wp.array(x, device=device, requires_grad=True) for x in inputs]
    out = wp.array(output, device=device, requires_grad=True)

    def start() -> tuple[Any, ...]:
        for x in given:
            x.grad.zero_()
        out.grad.fill_(1.0)  # Warp uses it up
        if with_value:
            wp.launch(kernel, dim=count, inputs=given, outputs=[out], device=device)
        wp.launch(
            kernel,
            dim=count,
            inputs=given,
            outputs=[out],
            adj_inputs=[x.grad for x in given],
            adj_outputs=[out.grad],
            adjoint=True,
            device=device,
        )
        found = [x.grad for x in given]
        return (out, *found) if with_value else tuple(found)

    return Run(start, lambda _: wp.synchronize_device(device))


# ---------------------------------------------------------------------------------------------------- JAX


def jax_black_scholes(columns: Sequence[Any], rate: float, device: str = "gpu") -> Run:
    """`jit(vmap(value_and_grad))`, with the gradient by the rate summed."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    jax = imported("jax", "JAX")
    if jax.default_backend() != device:
        raise Missing("JAX finds no GPU")
    jnp, erf = jax.numpy, jax.scipy.special.erf

    def price(spot, strike, time, volatility, rate):
        root = volatility * jnp.sqrt(time)
        d1 = (jnp.log(spot / strike) + (rate + 0.5 * volatility * volatility) * time) / root
        d2 = d1 - root
        n1, n2 = (0.5 * (1.0 + erf(d / 2.0**0.5)) for d in (d1, d2))
        return spot * n1 - strike * jnp.exp(-rate * time) * n2

    rows = jax.vmap(jax.value_and_grad(price, argnums=(0, 1, 2, 3, 4)), (0, 0, 0, 0, None))

    @jax.jit
    def greeks(*args):
        value, gradients = rows(*args)
        return value, *gradients[:4], gradients[4].sum()

    given = [jnp.asarray(c) for c in columns]
    return Run(lambda: greeks(*given, np.float32(rate)), jax.block_until_ready)


# ------------------------------------------------------------------------------------------------- PyTorch


def torch_black_scholes(columns: Sequence[Any], rate: float, device: str = "cuda") -> Run:
    """The gradient of a sum, of a function under `torch.compile`."""
    torch = imported("torch", "PyTorch")
    if device == "cuda" and not torch.cuda.is_available():
        raise Missing("PyTorch finds no GPU")

    @torch.compile
    def price(spot, strike, time, volatility, rate):
        root = volatility * torch.sqrt(time)
        d1 = (torch.log(spot / strike) + (rate + 0.5 * volatility * volatility) * time) / root
        d2 = d1 - root
        n1, n2 = (0.5 * (1.0 + torch.erf(d / 2.0**0.5)) for d in (d1, d2))
        return spot * n1 - strike * torch.exp(-rate * time) * n2

    given = [torch.tensor(c, device=device, requires_grad=True) for c in columns]
    given.append(torch.tensor(rate, dtype=torch.float32, device=device, requires_grad=True))

    def start() -> tuple[Any, ...]:
        value = price(*given)
        return value, *torch.autograd.grad(value.sum(), given)

    return Run(start, lambda _: torch.cuda.synchronize() if device == "cuda" else None)
