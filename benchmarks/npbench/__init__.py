"""Whole programs of the kind that NPBench and PolyBench collect, written anew, one a file.

A program has `make(size, rng)` for its arguments, the positions `ARGNUMS` to differentiate by, a `SMALL` size for the
tests, four `SIZES` that double the work, `REPORT_SIZES`, and the same function in up to three ways: `slices` (NumPy
expressions and slice stores), `loops` (one number at a time), and `jax_loss`, which makes its steps on whole arrays and
in `lax` loops. Where a routine of LAPACK can stand for the whole program, `lapack_loss` is JAX with that. Some have
`hand`, the value and gradient as a person would write them for Numba, with what is known of the mathematics: the
adjoint of a solution is a solution of the transposed system. The result is a sum of the outputs under random weights.
Programs write into their arguments where such programs do.

A. N. Ziogas et al., "NPBench: A Benchmarking Suite for High-Performance NumPy", ICS 2021; L.-N. Pouchet and T. Yuki,
PolyBench/C 4.2.
"""
