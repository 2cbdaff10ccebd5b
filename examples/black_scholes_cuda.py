"""Greeks of European call options on a GPU: a scalar formula, batched, one thread for each option.

`python examples/black_scholes_cuda.py gpu` prices ten million options on a GPU; without `gpu` a few are priced in the
emulator, which also looks for races.

Prints:

    40 options in single precision
    strike   price   delta    vega   theta
      80.0  21.429   0.960    6.05   -3.45
      89.2  13.399   0.837   17.41   -5.59
      99.5   6.634   0.584   27.58   -7.07
     109.7   2.679   0.315   25.13   -5.89
     120.0   0.891   0.133   15.19   -3.41
    rho of one option, on average: 24.06

    block: summed by thread, then by block, then one atomic addition
"""

import math
import sys
from contextlib import nullcontext

import numpy as np

from srcdiff.cuda import batch, emulated


def call_price(spot, strike, years, volatility, rate):
    """F. Black and M. Scholes, The Pricing of Options and Corporate Liabilities (1973)."""
    spread = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    d2 = d1 - spread
    below1 = 0.5 * (1.0 + math.erf(d1 / math.sqrt(2.0)))
    below2 = 0.5 * (1.0 + math.erf(d2 / math.sqrt(2.0)))
    return spot * below1 - strike * math.exp(-rate * years) * below2


def main(on_gpu: bool) -> None:
    count = 10_000_000 if on_gpu else 40
    strike = np.linspace(80.0, 120.0, count, dtype=np.float32)
    spot, years, volatility = (np.full(count, x, np.float32) for x in (100.0, 0.5, 0.2))
    prices = batch(call_price, shared=("rate",))
    with nullcontext() if on_gpu else emulated():
        price, (delta, _, theta, vega, rho) = prices.value_and_grad(
            spot, strike, years, volatility, np.float32(0.03)
        )
    print(f"{count:,} options in single precision")
    print("strike   price   delta    vega   theta")
    for k in np.linspace(0, count - 1, 5).astype(int):
        print(f"{strike[k]:6.1f}  {price[k]:6.3f}  {delta[k]:6.3f}  {vega[k]:6.2f}  {-theta[k]:6.2f}")
    print(f"rho of one option, on average: {rho / count:.2f}\n")
    print(prices.report(spot, strike, years, volatility, np.float32(0.03)).accumulation["rate"])


if __name__ == "__main__":
    main("gpu" in sys.argv[1:])
