"""The benchmark kernels, one per file.

Each module has

    primal(*args)   plain Python loops with a scalar result: what a user would write
    ARGNUMS         the positions of the differentiated arguments
    hand(*args)     (value, gradients): the reverse-mode adjoint as a person would write it for Numba
    make(size, rng) arguments for one size, with random weights: a plain-sum loss on symmetric data
                    lets a transposed gradient pass
    SIZES           four sizes, each doubling the work of the last
    REPORT_SIZES    the sizes of the comparison table

and, where it makes sense, `jax_loss`, `torch_loss` and `autograd_loss`: the same function as a competent
user of that tool would write it. They import their tool inside, so that a kernel loads without it.
`primal` and `hand` are undecorated; the harness compiles them with `numba.njit(error_model="numpy")`.
"""
